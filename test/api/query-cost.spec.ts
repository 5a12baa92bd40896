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
    expect(Math.min(...times)).toBeLessThan(150); // some ten on a machine that does nothing else
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

describe('an accepted operation', () => {
  const whatIf = 'whatIf(endpoint: { name: "n", url: "https://hooks.example/in" }, limit: 1000)';
  const repeated = (count: number, field: string) => `{ ${Array.from({ length: count }, (_, n) => `a${n}: ${field}`).join(' ')} }`;
  let large = '';
  beforeAll(async () => {
    const text = 'x'.repeat(20_000);
    const { body } = await api.publish({ type: 'cost.read', data: { text } });
    large = (body as unknown as { messages: { id: string }[] }).messages[0]!.id;
    await api.publish(Array.from({ length: 600 }, (_, n) => ({ type: 'cost.read', data: { n } })));
    await api.views.reached((await api.store.tip())!, 30_000);
  });

  it('reads a bounded number of events, and says what to ask instead', async () => {
    const { message, extensions } = await overHttp(repeated(20, `${whatIf} { looked }`));
    expect(message).toMatch(/^The query needs more than 10000 events of the log; ask for fewer rows/);
    expect(extensions).toMatchObject({ code: 'BAD_USER_INPUT' });
    expect((await api.ask(`{ ${whatIf} { looked complete } }`)).errors).toBeUndefined();
  });

  it('answers a bounded number of bytes, however few were read', async () => {
    const { message, extensions } = await overHttp(
      `{ ${Array.from({ length: 120 }, (_, n) => `a${n}: message(id: "${large}") { ${Array.from({ length: 8 }, (_, m) => `d${m}: data`).join(' ')} }`).join(' ')} }`,
    );
    expect(message).toMatch(/^The query needs more than an answer of 12 MiB/);
    expect(extensions).toMatchObject({ code: 'BAD_USER_INPUT' });
  });

  it('lets others be served meanwhile', async () => {
    let longest = 0;
    const cpu = () => {
      const { user, system } = process.threadCpuUsage();
      return (user + system) / 1000;
    };
    let last = cpu();
    const timer = setInterval(() => {
      longest = Math.max(longest, cpu() - last);
      last = cpu();
    }, 1);
    const answer = await api.ask(repeated(10, `${whatIf} { looked messages { body } }`));
    clearInterval(timer);
    expect(answer.errors).toBeUndefined();
    expect(longest).toBeLessThan(250);
  });
});
