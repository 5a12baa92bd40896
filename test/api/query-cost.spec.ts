// What a query may cost: refused before it runs, or bounded while it does.
import { createClient } from 'graphql-ws';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { startApi, type ApiServer } from './api-server.ts';

let api: ApiServer;
beforeAll(async () => {
  api = await startApi();
  await api.query('{ __typename }'); // what is compiled at the first query is not the query's cost
});
afterAll(() => api.close());

type Refusal = { readonly message: string; readonly extensions: { readonly code?: unknown; readonly issues?: unknown } };

const overHttp = async (query: string, variables: Record<string, unknown> = {}): Promise<Refusal> => {
  const { errors } = await api.ask(query, variables);
  expect(errors, 'no error').toBeDefined();
  return errors![0]!;
};
const overWebSocket = async (query: string, variables: Record<string, unknown> = {}): Promise<Refusal> => {
  const client = createClient({
    url: `${api.url.replace('http', 'ws')}/graphql`,
    webSocketImpl: WebSocket,
    connectionParams: { authorization: `Bearer ${api.keys.ADMIN}` },
    retryAttempts: 0,
  });
  try {
    await client.iterate({ query: '{ __typename }' }).next();
    const answer = await client
      .iterate({ query, variables })
      .next()
      .catch((errors: unknown) => ({ value: { errors } }));
    const { errors } = answer.value as { errors?: Refusal[] };
    expect(errors, 'no error').toBeDefined();
    return errors![0]!;
  } finally {
    await client.dispose();
  }
};

/** `levels` fragments, each of which has `body` with the next one's name for every `…`. */
const levels = (count: number, type: string, body: string, last: string) =>
  Array.from({ length: count }, (_, n) => `fragment F${n} on ${type} { ${body.replaceAll('…', `...F${n + 1}`)} }`).join(' ') +
  ` fragment F${count} on ${type} { ${last} }`;

const costly: Record<string, string> = {
  'fragments that double at each level': `{ endpoints { ...F0 } } ${levels(40, 'EndpointConnection', '… …', '__typename')}`,
  'fragments that double under aliases': `{ endpoints { nodes { ...F0 } } } ${levels(9, 'Endpoint', 'a: retryPolicy { __typename } … b: batch { __typename } …', '__typename')}`,
  'fragments that double through fields': `{ endpoints(first: 1) { nodes { ...F0 } } } ${levels(30, 'Endpoint', 'a: deliveries(first: 1) { nodes { endpoint { … } } } b: deliveries(first: 1) { nodes { endpoint { … } } }', 'id')}`,
  'a fragment spread 300 times': `{ ${'...F0 '.repeat(300)} } ${levels(1, 'Query', 'eventTypes { name }', '__typename')}`,
  '300 fragments with the same field': `{ ${Array.from({ length: 300 }, (_, n) => `...F${n}`).join(' ')} } ${Array.from({ length: 300 }, (_, n) => `fragment F${n} on Query { endpoints { nodes { id } } }`).join(' ')}`,
  'one field 2,000 times': `{ ${'__typename '.repeat(2_000)} }`,
  'one field with fields 1,000 times': `{ ${'eventTypes { name } '.repeat(1_000)} }`,
  'inline fragments in one another': `{ ${'... { '.repeat(1_500)} __typename ${'} '.repeat(1_500)} }`,
  '`__typename` in lists of lists': `{ ${Array.from({ length: 10 }, (_, n) => `a${n}: endpoints(first: 200) { nodes { deliveries(first: 50) { nodes { __typename } } } }`).join(' ')} }`,
  'introspection under 100 aliases': `{ ${Array.from({ length: 100 }, (_, n) => `a${n}: __schema { types { fields { name type { name } args { name } } } }`).join(' ')} }`,
};

describe.each([
  ['HTTP', (query: string, variables?: Record<string, unknown>) => overHttp(query, variables)],
  ['WebSocket', (query: string, variables?: Record<string, unknown>) => overWebSocket(query, variables)],
] as const)('over %s', (_, refused) => {
  it.each(Object.keys(costly))('%s are refused, at once', async (name) => {
    // The first call may wait for a compiler or a collector.
    const times: number[] = [];
    for (let i = 0; i < 3; i++) {
      const from = process.cpuUsage();
      const { message, extensions } = await refused(costly[name] ?? '');
      const { user, system } = process.cpuUsage(from);
      times.push((user + system) / 1000);
      expect(extensions.code).toBe('BAD_USER_INPUT');
      expect(message).toMatch(/braces within braces|selects fields that it has selected already|nested more than|may answer more than/);
    }
    expect(Math.min(...times)).toBeLessThan(50);
  });

  it.each([0, -1, 201])('`first: %d` is refused by its path', async (first) => {
    const issues = (path: string) => ({
      extensions: { code: 'BAD_USER_INPUT', issues: [{ path, message: expect.any(String) as string }] },
    });
    expect(await refused(`{ endpoints(first: ${first}) { nodes { id } } }`)).toMatchObject(issues('endpoints.first'));
    const nested =
      'query ($n: Int) { mine: endpoints { ...E } } fragment E on EndpointConnection { nodes { deliveries(first: $n) { nodes { id } } } }';
    expect(await refused(nested, { n: first })).toMatchObject(issues('mine.nodes.deliveries.first'));
    expect(await refused(nested.replace('$n: Int', `$n: Int = ${first}`))).toMatchObject(issues('mine.nodes.deliveries.first'));
  });
});

it('what clients write is accepted: introspection, composed fragments, every field of a page', async () => {
  const { getIntrospectionQuery } = await import('graphql');
  const composed = `{ endpoints { nodes { ${Array.from({ length: 30 }, (_, n) => `...F${n}`).join(' ')} } } }
    ${Array.from({ length: 30 }, (_, n) => `fragment F${n} on Endpoint { id __typename name retryPolicy { jitter } }`).join(' ')}`;
  for (const query of [getIntrospectionQuery(), composed, '{ history(first: 200) { nodes { id data } edges { cursor } } }'])
    expect((await api.ask(query)).errors).toBeUndefined();
});
