// Isolation, made from the schema: whatever anyone of one organization asks or does with the ids of another's, nothing of the other appears or changes,
// and the answer is the one that ids of nobody get. Every query, mutation, subscription and route is called by every kind of caller, and every field is
// asked for: what is added is tested without a line here, and a field that nobody can be shown to read fails the first test.
import { randomUUID } from 'node:crypto';
import type { GraphQLSchema } from 'graphql';
import { createClient } from 'graphql-ws';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { servedRoutes } from '../../src/api/http/served-paths.ts';
import { Client, eventually } from '../support/client.ts';
import {
  allFields,
  answerTo,
  fieldsIn,
  operationsOf,
  readSchema,
  requestOf,
  takesIds,
  type Operation,
} from '../support/every-operation.ts';
import { callerOf, furnish, spanningCallers, type Caller, type Furnished } from '../support/furnished.ts';
import { LogServerDouble } from '../support/log-server/double.ts';
import { startServer, type Server } from '../support/server.ts';

let double: LogServerDouble;
let server: Server;
let platform: Client;
let schema: GraphQLSchema;
let a: Furnished;
let b: Furnished;
let spanning: Caller[];

beforeAll(async () => {
  double = await LogServerDouble.start();
  server = await startServer({ env: { HOOKLEDGER_EVENTSTORE_URL: double.url(), HOOKLEDGER_RATE_LIMIT: '100000' } });
  platform = new Client(server);
  [a, b] = (await Promise.all(['org-a', 'org-b'].map((id) => furnish(server, double, id)))) as [Furnished, Furnished];
  spanning = await spanningCallers(server, 'org-a');
  schema = await readSchema(platform);
  const skipped = 'query ($id: ID!) { skippedEvents(sourceId: $id) { nodes { id } } }';
  for (const { admin, ids } of [a, b])
    await eventually(
      () => admin.client.query<{ nodes: unknown[] }>(skipped, { id: ids.source }),
      ({ nodes }) => nodes.length > 0,
    );
}, 120_000);
afterAll(async () => {
  await server.dispose();
  await double.stop();
});

/** What stands only in data of the organization, and what the caller did not say itself. */
const shownOf = ({ id, ids }: Furnished, answer: string, said: string): string[] => {
  const others = answer.replaceAll(said, '');
  return [`-of-${id}`, ...Object.values(ids)].filter((each) => each !== said && others.includes(each));
};

/** Of the same kind, and nobody's. */
const nobodys = (id: string) => (id.startsWith('org-') ? 'org-0' : /^[0-9a-f-]{36}$/.test(id) ? randomUUID() : `of-nobody-${id.length}`);

/** What a caller does to its own organization with these is no matter of another. */
const endsItsCallers = new Set(['revokeApiKey', 'endPortalSessions', 'deleteOrganization']);
/** Keys that span may name organizations in these, wherever they act. */
const ofTheInstallation = /^(organizations?|search|publishMessages|(create|update|suspend|resume|delete)Organization)$/;

const stateOf = async ({ id }: Furnished) =>
  (
    await new Client(server, server.adminKey, id).ask(
      `{ organization { id name status signingKey limits { endpoints } } endpoints { nodes { id name status url revision } } eventTypes { name retired }
         messages { nodes { id } } deliveries { nodes { id status attemptCount } } apiKeys { nodes { id revokedAt } } sources { id status name }
         replays { nodes { id status } } bulkRetries { nodes { id status } } portalSettings { name } }`,
    )
  ).data;

/** Of an operation that is about something: the ids of its kind, by the name of the operation and of its arguments; else that of the endpoint. */
const idsAbout = (operation: Operation, { ids }: Furnished): string[] => {
  const words = [operation.name, ...operation.field.args.map(({ name }) => name)].join().toLowerCase();
  const named = Object.entries(ids).filter(([kind]) => words.includes(kind.toLowerCase()));
  return named.length > 0 ? named.map(([, id]) => id) : [ids.endpoint];
};
/** All of them for one admin: what others may not do is refused before any id is looked at. */
const idsFor = (caller: Caller, operation: Operation, of: Furnished): string[] => {
  if (!takesIds(operation)) return [''];
  return caller === a.admin ? Object.values(of.ids) : idsAbout(operation, of);
};

it('its own admin, and one that spans, read every field of the schema but few, so what is asked for below is what there is', async () => {
  const read = new Set<string>();
  const shown = new Set<string>();
  const spans = callerOf(server, 'admin that spans, for B', server.adminKey, 'ADMIN', 'org-b');
  const take = (data: unknown, said: string) => {
    for (const field of fieldsIn(data)) read.add(field);
    for (const each of shownOf(b, JSON.stringify(data ?? ''), said)) shown.add(each);
  };
  for (const operation of operationsOf(schema, 'query')) {
    const { client } = /^(organizations?|system)$/.test(operation.name) ? spans : b.admin;
    const [about = ''] = idsAbout(operation, b);
    const idIn = (name: string) => Object.entries(b.ids).find(([kind]) => name.startsWith(kind))?.[1] ?? about;
    take((await answerTo(client, operation, idIn, 3, true)).data, '');
  }
  expect(new Set(['-of-org-b', ...Object.values(b.ids)]).difference(shown)).toEqual(new Set());
  expect(allFields(schema).filter((field) => !read.has(field) && !answeredByMutations.test(field))).toEqual([]);
}, 120_000);
/** Types of the schema that no query answers. */
const answeredByMutations =
  /^(DeliveriesChanged|EndpointPreview|IssuedApiKey|PortalSession|PublishedMessage|TestResult|WouldBeReceived|\w*EncryptionKey\w*)\./;

// Before anything is changed: what callers do with the ids of others is theirs from then on.
describe('subscriptions', () => {
  /** What comes, as it comes, over one WebSocket: of each operation, without arguments or with each of these ids. */
  const subscribe = (caller: Caller, all: readonly Operation[], ids: readonly (string | undefined)[] = [undefined]) => {
    const client = createClient({
      url: `${server.url.replace('http', 'ws')}/graphql`,
      webSocketImpl: WebSocket,
      connectionParams: { authorization: `Bearer ${caller.key}`, organization: caller.organization },
      retryAttempts: 0,
    });
    const listened = all.flatMap((operation) =>
      ids.map((id) => {
        const heard: string[] = [];
        const { query, variables } = requestOf(operation, id ?? '', 1);
        const hear = (answer: unknown) => heard.push(JSON.stringify(answer));
        client.subscribe({ query, variables: id === undefined ? {} : variables }, { next: hear, error: hear, complete: () => undefined });
        return { name: `${caller.name}: ${operation.name}(${id ?? ''})`, said: id ?? '', heard };
      }),
    );
    return { listened, end: () => void client.dispose() };
  };
  /** Changes something that each subscription tells of. */
  const change = async ({ id, ids }: Furnished, round: number) => {
    const client = new Client(server, server.adminKey, id);
    await client.post('/v1/messages', { type: `type-of-${id}.made`, data: {} });
    await client.updateEndpoint(ids.endpoint, { name: `round-${round}-of-${id}` });
  };

  it('tell callers of A, and those that span and act for A, of changes in A, and of none in B', async () => {
    const all = operationsOf(schema, 'subscription');
    expect(all.length).toBeGreaterThan(2);
    const mayListen = ({ role }: Caller) => role !== 'PUBLISHER';
    const listeners = [...a.callers, ...spanning.filter(({ organization }) => organization !== undefined)].filter(mayListen);
    const opened = listeners.map((caller) => subscribe(caller, all));
    const ofB = subscribe(b.admin, all);
    const withIds = subscribe(a.admin, all.filter(takesIds), [b.ids.endpoint, b.ids.message]);
    const isTold = ({ heard }: { readonly heard: readonly string[] }) => heard.length > 0;
    const listened = opened.flatMap((each) => each.listened);
    for (let round = 0; !ofB.listened.every(isTold) || !listened.every(isTold); round++) {
      await change(ofB.listened.every(isTold) ? a : b, round);
      await new Promise((resolve) => setTimeout(resolve, 100 * (round + 1))); // ever more rarely: each change takes time from what it waits for
    }
    for (const { name, heard } of listened) expect([name, heard[0]]).toEqual([name, expect.stringContaining('"data"')]);
    const found = [...listened, ...withIds.listened].flatMap(({ name, said, heard }) =>
      shownOf(b, heard.join(), said).map((each) => `${name} shows ${each}`),
    );
    expect(found).toEqual([]);
    for (const { end } of [...opened, ofB, withIds]) end();
  }, 120_000);
});

/** What each caller finds of an organization that is not its own. */
const problemsOfAll = async (callers: readonly Caller[], of: Furnished, all: readonly Operation[]): Promise<string[]> => {
  const found = callers.map(async (caller) => {
    const problems: string[] = [];
    for (const operation of all) problems.push(...(await problemsOf(caller, operation, of)));
    return problems;
  });
  return (await Promise.all(found)).flat();
};

describe.each(['query', 'mutation'] as const)('by every %s, with the ids of the other organization,', (kind) => {
  const all = () => operationsOf(schema, kind).filter(({ name }) => !endsItsCallers.has(name));

  it.each([
    ['callers of A', () => a, () => b],
    ['callers of B', () => b, () => a],
  ])(
    '%s learn nothing of it, are answered as with ids of nobody, and change nothing of it',
    async (_, own, other) => {
      const before = await stateOf(other());
      expect(all().length).toBeGreaterThan(25);
      expect(await problemsOfAll(own().callers, other(), all())).toEqual([]);
      expect(await stateOf(other())).toEqual(before);
    },
    120_000,
  );

  it('keys that span learn of B, and change it, only where they name it', async () => {
    const before = await stateOf(b);
    const operations = all().filter(({ name }) => !ofTheInstallation.test(name));
    expect(await problemsOfAll(spanning, b, operations)).toEqual([]);
    expect(await stateOf(b)).toEqual(before);
  }, 120_000);
});

it.each([
  ['callers of A', () => a, () => b],
  ['callers of B', () => b, () => a],
])(
  '%s are shown nothing of the other by any route',
  async (_, own, other) => {
    const found: string[] = [];
    for (const caller of own().callers) found.push(...(await routeProblemsOf(caller, other())));
    expect(found).toEqual([]);
  },
  60_000,
);

it('the metrics of the installation name no organization, and nothing of one', async () => {
  for (const caller of spanning.filter(({ role }) => role !== 'PUBLISHER')) {
    const metrics = await (await caller.client.get('/metrics')).text();
    expect([...shownOf(a, metrics, ''), ...shownOf(b, metrics, '')]).toEqual([]);
  }
});

const problemsOf = async (caller: Caller, operation: Operation, of: Furnished): Promise<string[]> => {
  const found: string[] = [];
  for (const id of idsFor(caller, operation, of)) {
    const answer = JSON.stringify(await answerTo(caller.client, operation, id, 1));
    for (const each of shownOf(of, answer, id)) found.push(`${caller.name}: ${operation.name}(${id}) shows ${each}`);
    if (id === '' || !comparing.test(caller.name)) continue;
    const nobody = nobodys(id);
    const ofNobody = JSON.stringify(await answerTo(caller.client, operation, nobody, 1));
    const isSame = operation.kind === 'query' ? plain(answer, id) === plain(ofNobody, nobody) : codeIn(answer) === codeIn(ofNobody);
    if (!isSame) found.push(`${caller.name}: ${operation.name}(${id}) answers ${answer}, and for nobody's ${ofNobody}`);
  }
  return found;
};

/** Those who may do most. What others may not do is refused before any id is looked at. */
const comparing = /^(ADMIN of org-a|portal of org-a with VIEW_PAYLOADS,.*)$/;

const codeIn = (answer: string) => /"code":"(\w+)"/.exec(answer)?.[1];

/** Without what differs from one answer to the next. */
const plain = (answer: string, said: string) =>
  (said === '' ? answer : answer.replaceAll(said, 'ID'))
    .replaceAll(/"requestId":"[^"]+"/g, '')
    .replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z|\d+\.\d+/g, 'N');

const routeProblemsOf = async ({ name, key, role }: Caller, of: Furnished): Promise<string[]> => {
  const found: string[] = [];
  const { organization, clientId } = of.ids;
  for (const [path, { methods }] of servedRoutes.filter(([, { key: needed }]) => needed !== 'not needed' || role === 'ADMIN'))
    for (const method of methods)
      for (const named of [undefined, organization, nobodys(organization)]) {
        const body = JSON.stringify({ type: 'a.b', data: {}, id: clientId, ...(named !== undefined && { organization: named }), key });
        const response = await fetch(`${server.url}${path.replace(/:name|\*/, 'none')}`, {
          method,
          headers: {
            authorization: `Bearer ${key}`,
            'content-type': 'application/json',
            ...(named !== undefined && { 'hookledger-organization': named }),
          },
          ...(method === 'POST' && { body }),
        });
        const answer = `${response.status} ${JSON.stringify([...response.headers])} ${await response.text()}`;
        for (const each of shownOf(of, answer, named ?? ''))
          found.push(`${name}: ${method} ${path} for ${named ?? 'its own'} shows ${each}`);
        if (path === '/metrics' && response.status !== 403) found.push(`${name}: reads ${path}, status ${response.status}`);
        if (path !== '/health/ready' && named !== undefined && response.ok && answer.includes('"messages"'))
          found.push(`${name}: published for ${named}`);
      }
  return found;
};

it('a publisher may use the ids that publishers of others use, and is not told of theirs', async () => {
  const response = await a.admin.client.post('/v1/messages', { id: b.ids.clientId, type: 'a.b', data: {} });
  expect(response.status).toBe(202);
  expect(await response.json()).toMatchObject({ messages: [{ id: expect.not.stringMatching(b.ids.message) as string, duplicate: false }] });
});
