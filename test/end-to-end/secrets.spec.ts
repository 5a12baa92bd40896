// A marker in every secret field: none of them leaves the server, by whatever way out, but in the requests to the receiver.
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import type { GraphQLField } from 'graphql';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { leaksIn, marker, markedPath, roles, routingKey, selectionOf, startMarked, type Marked } from '../support/marked.ts';
import { builtServer } from '../support/server.ts';

const opened = new AsyncDisposableStack();
let marked: Marked;
beforeAll(async () => {
  marked = await startMarked(opened);
});
afterAll(() => opened.disposeAsync());

const filesIn = (folder: string): string[] =>
  readdirSync(folder).flatMap((name) => {
    const path = join(folder, name);
    return statSync(path).isDirectory() ? filesIn(path) : [path];
  });

/** Values of arguments that must be given, by their type. */
const message = '{ type: "marked.now", data: { n: 1 } }';
const required: Readonly<Record<string, string>> = {
  'EndpointInput!': `{ name: "Preview", url: "http://127.0.0.1:1${markedPath}", secret: "${marker}-secret", headers: [{ name: "X-Odd", value: "${marker}-odd-value" }], formatOptions: { constants: { api_key: "${marker}-constant" } } }`,
  'MessageInput!': message,
  '[MessageInput!]!': `[${message}]`,
  'DateTime!': '"2026-01-01T00:00:00Z"',
};

/** A query of the field at several depths, for each endpoint where one is meant. */
const queriesOf = (field: GraphQLField<unknown, unknown>): string[] => {
  const { endpointId, pagerDutyId, messageId, deliveryId } = marked;
  const candidates = field.name === 'message' ? [messageId] : field.name === 'delivery' ? [deliveryId] : [endpointId, pagerDutyId];
  return candidates.flatMap((id) => {
    const args = field.args.flatMap(({ name, type }) => {
      if (name === 'id' || name === 'endpointId') return [`${name}: "${id}"`];
      if (name === 'messageId') return [`messageId: "${messageId}"`];
      if (name === 'first') return ['first: 20'];
      return String(type).endsWith('!') ? [`${name}: ${required[String(type)] ?? '{}'}`] : [];
    });
    return [3, 2, 1].map((depth) => `{ ${field.name}${args.length > 0 ? `(${args.join(', ')})` : ''} ${selectionOf(field, depth)} }`);
  });
};

it('the receiver gets them', async () => {
  const [request] = await marked.receiver.received(1);
  expect(request).toMatchObject({ path: markedPath, headers: { 'x-odd': `${marker}-odd-value` } });
  expect(JSON.parse(request?.body ?? '')).toMatchObject({
    tenant: 'blue',
    api_key: `${marker}-constant`,
    auth: { user: `${marker}-inner` },
  });
  const [alert] = await marked.pager.received(1);
  expect(alert?.body).toContain(routingKey);
});

it.each(roles)('no answer to %s holds one', async (role) => {
  const client = marked.clients.get(role)!;
  const answered = new Set<string>();
  const leaks: string[] = [];
  for (const field of Object.values(marked.schema.getQueryType()!.getFields()))
    for (const query of queriesOf(field)) {
      const answer = await client.ask(query);
      if (answer.data) answered.add(field.name);
      // An admin's own preview shows what it was given, as the receiver would get it.
      if (field.name === 'previewEndpoint' && role === 'ADMIN') continue;
      leaks.push(...leaksIn(answer, role, marked).map((text) => `${query} → ${text}`));
    }
  expect(leaks).toEqual([]);
  expect([...answered]).toEqual(expect.arrayContaining(role === 'PUBLISHER' ? [] : ['endpoint', 'endpoints', 'delivery', 'message']));
});

it.each(roles)('neither the metrics nor readiness tell %s one', async (role) => {
  for (const path of ['/metrics', '/health/ready', '/health/live', '/', '/no-such-page'])
    expect(leaksIn(await (await marked.clients.get(role)!.get(path)).text(), role, marked)).toEqual([]);
});

it('neither the log, nor the views, nor the lines of the server at debug level, nor an export, nor the history command holds one', async () => {
  const { server, keys } = marked;
  const run = (...args: string[]) =>
    execFileSync(process.execPath, [builtServer, ...args, '--data-dir', server.dataDir], { encoding: 'utf8', maxBuffer: 1e8 });
  const file = join(server.dataDir, 'export.ndjson.gz');
  run('export', file);
  const history = run('history', '--json');
  expect(history).toContain('endpoint.registered');
  const secrets = [marker, ...keys.values()];
  const files = filesIn(server.dataDir).map((path) => [path, readFileSync(path)] as const);
  const holders = (secret: string) => [
    ...(gunzipSync(readFileSync(file)).includes(secret) ? ['export'] : []),
    ...(history.includes(secret) ? ['history'] : []),
    ...(server.logs.some((line) => line.includes(secret)) ? ['lines'] : []),
    ...files.filter(([, content]) => content.includes(secret)).map(([path]) => path),
  ];
  expect(secrets.flatMap(holders)).toEqual([]);
});
