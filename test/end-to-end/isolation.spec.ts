// Isolation, generated from introspection: no query, mutation, subscription or route tells a caller of one organization anything of another's, nor a portal
// session of some endpoints anything of the others. What exists elsewhere is answered exactly as what never was.
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import {
  buildClientSchema,
  getIntrospectionQuery,
  getNamedType,
  isInputObjectType,
  isObjectType,
  isRequiredArgument,
  isUnionType,
  type GraphQLField,
  type GraphQLObjectType,
  type GraphQLSchema,
  type IntrospectionQuery,
} from 'graphql';
import { createClient } from 'graphql-ws';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { Client, type Role } from '../support/client.ts';
import { startServer, type Server } from '../support/server.ts';

const roles = ['ADMIN', 'OPERATOR', 'VIEWER', 'AUDITOR', 'PUBLISHER'] as const satisfies readonly Role[];
const capabilities = ['VIEW_PAYLOADS', 'MANAGE_ENDPOINTS', 'VIEW_SECRETS', 'SEND_TESTS', 'RETRY'];

/** What an organization holds. `marker` is in everything that is its own. */
type Tenant = { id: string; marker: string; admin: Client; ids: string[]; kinds: string[]; names: string[]; endpointIds: string[] };

let server: Server;
let schema: GraphQLSchema;
let a: Tenant;
let b: Tenant;
/** Callers of A, by what they are. */
const callers = new Map<string, Client>();

const openPortal = async (admin: Client, input: Record<string, unknown>): Promise<string> => {
  const mutation = 'mutation ($i: PortalSessionInput!) { createPortalSession(input: $i) { token } }';
  return (await admin.query<{ token: string }>(mutation, { i: input })).token;
};

const makeTenant = async (spanning: Client, id: string): Promise<Tenant> => {
  const marker = `mark${id}`;
  await spanning.query('mutation ($i: OrganizationInput!) { createOrganization(input: $i) { id } }', {
    i: { id: `org-${marker}`, name: `Organization ${marker}`, metadata: { note: marker } },
  });
  const admin = new Client(server, server.adminKey, `org-${marker}`);
  const endpointIds: string[] = [];
  // Nobody listens there: the attempts fail, so there are errors to read, and deliveries that wait.
  for (const name of ['first', 'second'])
    endpointIds.push(
      await admin.createEndpoint({
        name: `${marker} ${name}`,
        url: `http://127.0.0.1:9/${marker}`,
        eventTypes: [`${marker}.${name}`],
        secret: `secret-${marker}`,
      }),
    );
  await admin.query('mutation ($i: EventTypeInput!) { defineEventType(input: $i) { name } }', {
    i: { name: `${marker}.first`, sample: { s: marker } },
  });
  const publish = 'mutation ($m: [MessageInput!]!) { publishMessages(messages: $m) { id } }';
  const published = await admin.query<{ id: string }[]>(publish, {
    m: ['first', 'second'].map((name) => ({ type: `${marker}.${name}`, data: { content: `${marker} ${name}` } })),
  });
  const messageIds = published.map((message) => message.id);
  const deliveries = await admin.deliveries({});
  const issued = await admin.issueKey('VIEWER');
  const bulk = await admin.query<{ id: string }>('mutation { retryDeliveries(filter: { status: [SUCCEEDED] }) { id } }');
  const replay = await admin.query<{ id: string }>(
    'mutation ($id: ID!) { replayMessages(endpointId: $id, filter: { eventType: "none.such" }) { id } }',
    { id: endpointIds[0] },
  );
  const ids = [...endpointIds, ...messageIds, ...deliveries.map((delivery) => delivery.id), issued.id, bulk.id, replay.id];
  const kinds = [endpointIds[0]!, messageIds[0]!, deliveries[0]!.id, issued.id, bulk.id, replay.id];
  return { id: `org-${marker}`, marker, admin, ids, kinds, names: [`${marker}.first`, `org-${marker}`], endpointIds };
};

beforeAll(async () => {
  server = await startServer({ env: { HOOKLEDGER_ALLOW_PRIVATE_NETWORKS: 'true' } });
  const spanning = new Client(server);
  a = await makeTenant(spanning, 'alpha');
  b = await makeTenant(spanning, 'beta');
  for (const role of roles) callers.set(role, (await a.admin.issueKey(role)).client);
  callers.set('a spanning key that acts for it', a.admin);
  const open = async (name: string, input: Record<string, unknown>) =>
    callers.set(name, new Client(server, await openPortal(a.admin, { subject: 'anna', ...input })));
  await open('a portal session', {});
  await open('a portal session of one endpoint', { endpointIds: [a.endpointIds[0]] });
  for (const capability of capabilities) await open(`a portal session with ${capability}`, { capabilities: [capability] });
  const { data } = await spanning.ask(getIntrospectionQuery());
  schema = buildClientSchema(data as unknown as IntrospectionQuery);
});
afterAll(() => server.dispose());

const selectionOf = (type: GraphQLObjectType, depth: number): string => {
  const fields = Object.values(type.getFields()).flatMap((field) => {
    if (field.args.some(isRequiredArgument)) return [];
    const inner = getNamedType(field.type);
    if (isUnionType(inner)) return `${field.name} { __typename }`;
    if (!isObjectType(inner)) return field.name;
    const selection = depth === 0 ? '' : selectionOf(inner, depth - 1);
    return selection === '' ? [] : `${field.name} ${selection}`;
  });
  return fields.length === 0 ? '' : `{ ${fields.join(' ')} }`;
};

const answered = ({ type }: GraphQLField<unknown, unknown>, depth: number): string => {
  const named = getNamedType(type);
  return isUnionType(named) ? '{ __typename }' : isObjectType(named) ? selectionOf(named, depth) : '';
};

const required: Readonly<Record<string, string>> = {
  'EndpointInput!': '{ name: "probe", url: "https://a.example" }',
  'MessageInput!': '{ type: "probe.now", data: {} }',
  'DateTime!': '"2026-01-01T00:00:00Z"',
  'FailureGrouping!': 'REASON',
};

/** Arguments that name something: by an id, by a name, or by a filter with one. */
const named = (field: GraphQLField<unknown, unknown>) =>
  field.args.filter(
    ({ name, type }) => /(^id|Id|Ids)$/.test(name) || String(type) === 'DeliveryFilter!' || (name === 'name' && field.args.length === 1),
  );

/** The operation with what it takes named as `value`, and the rest as little as it may be. */
const operation = (kind: 'query' | 'mutation', field: GraphQLField<unknown, unknown>, value: string | undefined, depth: number): string => {
  const naming = new Set(value === undefined ? [] : named(field));
  const args = field.args.flatMap((arg) => {
    const type = String(arg.type);
    if (naming.has(arg)) return type === 'DeliveryFilter!' ? `${arg.name}: { endpointId: "${value}" }` : `${arg.name}: "${value}"`;
    if (!isRequiredArgument(arg)) return [];
    if (isInputObjectType(getNamedType(arg.type))) return `${arg.name}: ${required[type] ?? '{}'}`;
    return `${arg.name}: ${required[type] ?? '"x"'}`;
  });
  return `${kind} { ${field.name}${args.length > 0 ? `(${args.join(', ')})` : ''} ${answered(field, depth)} }`;
};

const queries = () => Object.values(schema.getQueryType()!.getFields());
const mutations = () => Object.values(schema.getMutationType()!.getFields());

/** Without what differs between any two requests. */
const comparable = (answer: unknown, id: string): string =>
  JSON.stringify(answer)
    .replaceAll(id, '<named>')
    .replaceAll(/"requestId":"[^"]*"/g, '')
    .replaceAll(/"(position|routedAt)":"[^"]*"/g, '')
    .replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, '<time>');

/** One id of each kind, and the names. */
const foreign = () => [...b.kinds, ...b.names];
/** The callers that ask two levels deep as well. */
const asDeep = new Set(['ADMIN', 'AUDITOR', 'a portal session']);

/** Every operation that names something answers each of `ids` as it answers an id that never was. */
const expectNothing = async (
  kind: 'query' | 'mutation',
  fields: readonly GraphQLField<unknown, unknown>[],
  client: Client,
  ids: readonly string[],
) => {
  const differences = await Promise.all(
    fields
      .filter((field) => named(field).length > 0)
      .map(async (field) => {
        const ask = async (id: string) => comparable(await client.ask(operation(kind, field, id, 0)), id);
        const never = await ask(randomUUID());
        const answers = await Promise.all(ids.map(async (id) => [id, await ask(id)] as const));
        return answers.filter(([, answer]) => answer !== never).map(([id, answer]) => `${field.name} ${id}: ${answer}, and not ${never}`);
      }),
  );
  expect(differences.flat()).toEqual([]);
};

const leaksIn = (text: string, { marker, ids }: Pick<Tenant, 'marker' | 'ids'>) =>
  [marker, ...ids].filter((secret) => text.includes(secret));

describe('a caller of one organization', () => {
  it.each([2, 1])('reads nothing of another’s, whatever it asks, %i levels deep', async (depth) => {
    for (const [name, client] of callers) {
      if (depth > 1 && !asDeep.has(name)) continue;
      const leaks = await Promise.all(
        queries().map(async (field) => {
          // A spanning key may list them.
          if (name.startsWith('a spanning') && field.name === 'organizations') return [];
          const query = operation('query', field, undefined, depth);
          return leaksIn(JSON.stringify(await client.ask(query)), b).map((secret) => `${name}: ${query} → ${secret}`);
        }),
      );
      expect(leaks.flat()).toEqual([]);
    }
  });

  it.each([
    ['query', queries],
    ['mutation', mutations],
  ] as const)('gets for what exists elsewhere, by every %s, the very answer for what never was', async (kind, fields) => {
    for (const name of ['ADMIN', 'a spanning key that acts for it', 'a portal session'])
      // A spanning key may name another organization.
      await expectNothing(
        kind,
        fields().filter((field) => !name.startsWith('a spanning') || !/^(organization|.*Organization)$/.test(field.name)),
        callers.get(name)!,
        foreign(),
      );
  });

  it('may name no other organization over HTTP, and publishes into none', async () => {
    for (const role of ['ADMIN', 'PUBLISHER'] as const) {
      const { key } = await a.admin.issueKey(role);
      const response = await new Client(server, key, b.id).post('/v1/messages', { type: 'probe.now', data: {} });
      expect([response.status, leaksIn(await response.text(), b)]).toEqual([403, []]);
      const named = await new Client(server, key).post('/v1/messages', { type: 'probe.now', data: {}, organization: b.id });
      expect([named.ok, leaksIn((await named.text()).replaceAll(b.id, ''), b)]).toEqual([false, []]);
    }
  });

  it('reads no metrics, and of readiness and health nothing but that', async () => {
    for (const [name, client] of callers) {
      if (name.startsWith('a spanning')) continue;
      const [metrics, ready] = [await client.get('/metrics'), await client.get('/health/ready')];
      expect([name, metrics.status, Object.keys((await ready.json()) as object)]).toEqual([name, 403, ['status']]);
    }
    expect(leaksIn(await (await new Client(server).get('/metrics')).text(), { marker: 'mark', ids: [...a.ids, ...b.ids] })).toEqual([]);
  });

  it('hears nothing of another’s deliveries', async () => {
    const { key } = await a.admin.issueKey('VIEWER');
    for (const token of [key, await openPortal(a.admin, { subject: 'anna' })]) {
      const client = createClient({
        url: `${server.url.replace('http', 'ws')}/graphql`,
        webSocketImpl: WebSocket,
        connectionParams: { authorization: `Bearer ${token}` },
        retryAttempts: 0,
      });
      const heard: string[] = [];
      const stop = client.subscribe(
        { query: 'subscription { deliveryChanged { id message { id eventType } endpoint { name } } }' },
        { next: (result) => heard.push(JSON.stringify(result)), error: (error) => heard.push(String(error)), complete: () => undefined },
      );
      const publish = 'mutation ($t: String!) { publishMessages(messages: [{ type: $t, data: {} }]) { id } }';
      while (!heard.some((result) => result.includes(a.marker))) {
        await b.admin.query(publish, { t: `${b.marker}.first` });
        await a.admin.query(publish, { t: `${a.marker}.first` });
        await delay(20);
      }
      stop();
      await client.dispose();
      expect(heard.filter((result) => !result.includes(a.marker) || result.includes(b.marker))).toEqual([]);
    }
  });

  it('has changed nothing of the other’s', async () => {
    const read = `{ endpoints { nodes { id name status revision } } }`;
    const { data } = await b.admin.ask(read);
    expect(data).toEqual({
      endpoints: {
        nodes: ['second', 'first'].map((name, i) => ({
          id: b.endpointIds[1 - i],
          name: `${b.marker} ${name}`,
          status: 'ENABLED',
          revision: 0,
        })),
      },
    });
    expect((await b.admin.query<{ name: string; retired: boolean }[]>('{ eventTypes { name retired } }'))[0]).toEqual({
      name: `${b.marker}.first`,
      retired: false,
    });
  });
});

it('a portal session of one endpoint reads nothing of the others of its own organization', async () => {
  const client = callers.get('a portal session of one endpoint')!;
  const { nodes } = await a.admin.query<{ nodes: { id: string; message: { id: string } }[] }>(
    'query ($id: ID!) { deliveries(filter: { endpointId: $id }) { nodes { id message { id } } } }',
    { id: a.endpointIds[1] },
  );
  const hidden = { marker: `${a.marker} second`, ids: [a.endpointIds[1]!, nodes[0]!.id, nodes[0]!.message.id] };
  for (const depth of [2, 1]) {
    const leaks = await Promise.all(
      queries().map(async (field) => {
        const query = operation('query', field, undefined, depth);
        return leaksIn(JSON.stringify(await client.ask(query)), hidden).map((secret) => `${query} → ${secret}`);
      }),
    );
    expect(leaks.flat()).toEqual([]);
  }
  await expectNothing('query', queries(), client, hidden.ids);
  await expectNothing('mutation', mutations(), client, hidden.ids);
});
