// A marker in every secret field of an endpoint: none of them leaves the server, by whatever way out, but in the requests to the receiver.
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import {
  buildClientSchema,
  getIntrospectionQuery,
  getNamedType,
  isObjectType,
  isRequiredArgument,
  type GraphQLField,
  type GraphQLObjectType,
  type IntrospectionQuery,
} from 'graphql';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Client, type Role } from '../support/client.ts';
import { startReceiver } from '../support/receiver.ts';
import { builtServer, startServer, type Server } from '../support/server.ts';

const marker = 'mkz7q4';
/** What only admins see of an endpoint as it is now, or of where an attempt went. */
const url = `/services/T0/B0/${marker}-path?token=${marker}-query`;
const shownToAdmins = new RegExp(`${marker}-(path|query|secret)`, 'g');

let server: Server;
let receiver: Awaited<ReturnType<typeof startReceiver>>;
let ids: Readonly<Record<string, unknown>>;
const keys = new Map<Role, Client>();

beforeAll(async () => {
  server = await startServer({ env: { HOOKLEDGER_LOG_LEVEL: 'debug' } });
  receiver = await startReceiver();
  // The receiver repeats what it gets, and sets credentials of its own.
  const echo = JSON.stringify({ odd: `${marker}-odd-value`, at: url });
  const headers = { 'set-cookie': `s=${marker}-cookie`, 'x-refresh-token': `${marker}-refresh`, 'x-echo': `${marker}-odd-value` };
  receiver.answer({ status: 302, headers: { ...headers, location: `http://127.0.0.1/?code=${marker}-code` }, body: echo });
  const admin = new Client(server);
  keys.set('ADMIN', admin);
  for (const role of ['VIEWER', 'AUDITOR', 'PUBLISHER'] as const) {
    const issue = 'mutation ($name: String!, $role: ApiKeyRole!) { issueApiKey(name: $name, role: $role) { key } }';
    keys.set(role, new Client(server, (await admin.query<{ key: string }>(issue, { name: role, role })).key));
  }
  const endpointId = await admin.createEndpoint({
    name: 'Marked',
    url: `${receiver.url}${url}`,
    eventTypes: ['marked.*'],
    secret: `${marker}-secret`,
    headers: [{ name: 'X-Odd', value: `${marker}-odd-value` }],
    retryPolicy: { delaysSeconds: [0] },
  });
  const messageId = await admin.publish('marked.now', { n: 1 });
  const delivery = await admin.delivery(messageId, 'FAILED', endpointId);
  ids = { id: endpointId, endpointId, messageId, deliveryId: delivery.id };
});
afterAll(async () => {
  await receiver[Symbol.asyncDispose]();
  await server.dispose();
});

const filesIn = (folder: string): string[] =>
  readdirSync(folder).flatMap((name) => {
    const path = join(folder, name);
    return statSync(path).isDirectory() ? filesIn(path) : [path];
  });

/** Every field without arguments that must be given, four levels deep. */
const selectionOf = (type: GraphQLObjectType, depth: number): string => {
  const fields = Object.values(type.getFields()).flatMap((field) => {
    if (field.args.some(isRequiredArgument)) return [];
    const inner = getNamedType(field.type);
    if (!isObjectType(inner)) return 'getFields' in inner ? [] : [field.name];
    if (depth === 0) return [];
    const selection = selectionOf(inner, depth - 1);
    return selection === '' ? [] : [`${field.name} ${selection}`];
  });
  return fields.length === 0 ? '' : `{ ${fields.join(' ')} }`;
};

/** A query of the field, one for each id that could be meant. */
const queriesOf = (field: GraphQLField<unknown, unknown>): string[] => {
  const type = getNamedType(field.type);
  const selection = (depth: number) => (isObjectType(type) ? selectionOf(type, depth) : '');
  const candidates = field.name === 'message' ? [ids['messageId']] : field.name === 'delivery' ? [ids['deliveryId']] : [ids['id']];
  return candidates.flatMap((id) => {
    const args = field.args.flatMap(({ name, type: of }) => {
      if (name === 'id' || name === 'endpointId') return [`${name}: "${String(id)}"`];
      if (name === 'messageId') return [`messageId: "${String(ids['messageId'])}"`];
      if (name === 'first') return ['first: 20'];
      return String(of).endsWith('!') ? [`${name}: {}`] : [];
    });
    return [3, 2, 1].map((depth) => `{ ${field.name}${args.length > 0 ? `(${args.join(', ')})` : ''} ${selection(depth)} }`);
  });
};

it('the receiver gets them', async () => {
  const [request] = await receiver.received(1);
  expect(request).toMatchObject({ path: url, headers: { 'x-odd': `${marker}-odd-value` } });
});

it.each(['VIEWER', 'AUDITOR', 'PUBLISHER', 'ADMIN'] as const)('no answer to %s holds one', async (role) => {
  const client = keys.get(role)!;
  const { data } = await keys.get('ADMIN')!.ask(getIntrospectionQuery());
  const schema = buildClientSchema(data as unknown as IntrospectionQuery);
  const answered = new Set<string>();
  const leaks: string[] = [];
  for (const field of Object.values(schema.getQueryType()!.getFields()))
    for (const query of queriesOf(field)) {
      const answer = await client.ask(query);
      if (answer.data) answered.add(field.name);
      const text = JSON.stringify(answer);
      if ((role === 'ADMIN' ? text.replaceAll(shownToAdmins, '') : text).includes(marker)) leaks.push(query);
    }
  expect(leaks).toEqual([]);
  expect([...answered]).toEqual(expect.arrayContaining(role === 'PUBLISHER' ? [] : ['endpoint', 'endpoints', 'delivery', 'message']));
});

it('neither the log, nor the views, nor the lines of the server at debug level, nor an export, nor the history command holds one', async () => {
  const run = (...args: string[]) =>
    execFileSync(process.execPath, [builtServer, ...args, '--data-dir', server.dataDir], { encoding: 'utf8', maxBuffer: 1e8 });
  const file = join(server.dataDir, 'export.ndjson.gz');
  run('export', file);
  expect(gunzipSync(readFileSync(file)).toString()).not.toContain(marker);
  const history = run('history', '--json');
  expect(history).toContain('endpoint.registered');
  expect(history).not.toContain(marker);
  expect(server.logs.join('\n')).not.toContain(marker);
  expect(filesIn(server.dataDir).filter((path) => readFileSync(path).includes(marker))).toEqual([]);
});
