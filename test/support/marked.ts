// A server with a marker in every secret field, and requests that ask for everything that an answer can hold.
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  buildClientSchema,
  getIntrospectionQuery,
  getNamedType,
  isObjectType,
  isRequiredArgument,
  type GraphQLField,
  type GraphQLObjectType,
  type GraphQLSchema,
  type IntrospectionQuery,
} from 'graphql';
import { Client, type Role } from './client.ts';
import { startReceiver, type Receiver } from './receiver.ts';
import { startServer, type Server } from './server.ts';

export const marker = 'mkz7q4';
/** The part of a URL below the receiver's. */
export const markedPath = `/services/T0/B0/${marker}-path?token=${marker}-query`;
export const routingKey = `${marker}routingkeyroutingkey`.padEnd(32, '0');
/** What admins see of an endpoint as it is now, or of where an attempt went. */
const shownToAdmins = new RegExp(`${marker}-(path|query|secret|signing)`, 'g');

export const roles = ['OPERATOR', 'VIEWER', 'AUDITOR', 'PUBLISHER', 'ADMIN'] as const satisfies readonly Role[];

export type Marked = {
  readonly server: Server;
  readonly receiver: Receiver;
  /** Of the endpoint with the routing key. */
  readonly pager: Receiver;
  readonly admin: Client;
  readonly clients: ReadonlyMap<Role, Client>;
  /** The keys that were issued, besides the admin key, which holds the marker. */
  readonly keys: ReadonlyMap<Role, string>;
  readonly schema: GraphQLSchema;
  readonly endpointId: string;
  readonly pagerDutyId: string;
  readonly messageId: string;
  readonly deliveryId: string;
};

export const endpointInput = (receiver: Receiver) => ({
  name: 'Marked',
  url: `${receiver.url}${markedPath}`,
  eventTypes: ['marked.*'],
  secret: `${marker}-secret`,
  headers: [{ name: 'X-Odd', value: `${marker}-odd-value` }],
  formatOptions: { constants: { tenant: 'blue', api_key: `${marker}-constant`, auth: { user: `${marker}-inner` } } },
  retryPolicy: { delaysSeconds: [0] },
});

export const startMarked = async (opened: AsyncDisposableStack): Promise<Marked> => {
  const dataDir = mkdtempSync(join(tmpdir(), 'hookledger-marked-'));
  const server = await startServer({ dataDir, adminKey: `${marker}-admin-key-0123456789`, env: { HOOKLEDGER_LOG_LEVEL: 'debug' } });
  opened.defer(() => server.dispose());
  const receiver = await startReceiver();
  opened.use(receiver);
  const pager = await startReceiver();
  opened.use(pager);
  // The receivers repeat what they get, and set credentials of their own.
  pager.answer({ status: 400, headers: { 'x-key': routingKey }, body: `no such key: ${routingKey}, ${marker}-signing-key ${markedPath}` });
  const echo = JSON.stringify({ odd: `${marker}-odd-value`, at: markedPath, same: `${marker}-secret` });
  const headers = { 'set-cookie': `s=${marker}-cookie`, 'x-refresh-token': `${marker}-refresh`, 'x-echo': `${marker}-odd-value` };
  receiver.answer({ status: 302, headers: { ...headers, location: `http://127.0.0.1/?code=${marker}-code` }, body: echo });

  const admin = new Client(server);
  const clients = new Map<Role, Client>([['ADMIN', admin]]);
  const keys = new Map<Role, string>();
  for (const role of roles) {
    const { key, client } = await admin.issueKey(role);
    keys.set(role, key);
    if (role !== 'ADMIN') clients.set(role, client);
  }
  await admin.query('mutation ($key: String) { resetSigningKey(key: $key) { id } }', { key: `${marker}-signing-key` });
  const endpointId = await admin.createEndpoint(endpointInput(receiver));
  const pagerDutyId = await admin.createEndpoint({
    name: 'Pager',
    url: `${pager.url}${markedPath}`,
    eventTypes: ['marked.*'],
    format: 'PAGERDUTY',
    formatOptions: { routingKey },
    signature: 'WEBHOOK_SHA256',
    useOrganizationKey: true,
    retryPolicy: { delaysSeconds: [0] },
  });
  const messageId = await admin.publish('marked.now', { n: 1 });
  await admin.delivery(messageId, 'FAILED', pagerDutyId);
  const { id: deliveryId } = await admin.delivery(messageId, 'FAILED', endpointId);
  const { data } = await admin.ask(getIntrospectionQuery());
  const schema = buildClientSchema(data as unknown as IntrospectionQuery);
  return { server, receiver, pager, admin, clients, keys, schema, endpointId, pagerDutyId, messageId, deliveryId };
};

/** What of the answer must not have left the server to that role: the marker, and the keys that were issued. */
export const leaksIn = (answer: unknown, role: Role, { keys }: Pick<Marked, 'keys'>): string[] => {
  const text = typeof answer === 'string' ? answer : JSON.stringify(answer);
  const judged = role === 'ADMIN' ? text.replaceAll(shownToAdmins, '') : text;
  return [marker, ...keys.values()].flatMap((secret) => {
    const at = judged.indexOf(secret);
    return at < 0 ? [] : [judged.slice(Math.max(0, at - 200), at + 100)];
  });
};

/** Every field without arguments that must be given, so many levels deep, but those named. */
export const selectionOf = (field: GraphQLField<unknown, unknown>, depth: number, without: readonly string[] = []): string => {
  const type = getNamedType(field.type);
  return isObjectType(type) ? fieldsOf(type, depth, without) : '';
};

const fieldsOf = (type: GraphQLObjectType, depth: number, without: readonly string[]): string => {
  const fields = Object.values(type.getFields()).flatMap((field) => {
    if (field.args.some(isRequiredArgument) || without.includes(field.name)) return [];
    const inner = getNamedType(field.type);
    if (!isObjectType(inner)) return 'getFields' in inner ? [] : [field.name];
    if (depth === 0) return [];
    const selection = fieldsOf(inner, depth - 1, without);
    return selection === '' ? [] : [`${field.name} ${selection}`];
  });
  return fields.length === 0 ? '' : `{ ${fields.join(' ')} }`;
};
