// Finding things over GraphQL: search, filters, orders and counts.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startApi, type ApiServer } from './api-server.ts';
import { recordFailure } from './record-failure.ts';

let api: ApiServer;
const shown = async () => expect(await api.views.reached((await api.store.tip())!, 30_000)).toBe(true);

type Endpoints = { endpoints: { nodes: { id: string; name: string }[]; count: { value: number; exact: boolean } } };
const endpointsBy = async (args: string, key = api.keys.ADMIN) => {
  const { endpoints } = await api.query<Endpoints>(`{ endpoints(${args}) { nodes { id name } count { value exact } } }`, {}, key);
  expect(endpoints.count).toEqual({ value: endpoints.nodes.length, exact: true });
  return endpoints.nodes.map(({ name }) => name);
};
const refused = async (query: string) => {
  const { errors } = await api.ask(query);
  const [error] = errors ?? [];
  return { code: error?.extensions.code, paths: error?.extensions.issues?.map(({ path }) => path) };
};

const made: Record<string, string> = {};
const failing: { deliveryId: string; messageId: string } = { deliveryId: '', messageId: '' };

beforeAll(async () => {
  api = await startApi();
  const create = async (input: Record<string, unknown>, key = api.keys.ADMIN) => {
    const { createEndpoint } = await api.query<{ createEndpoint: { id: string } }>(
      'mutation ($input: EndpointInput!) { createEndpoint(input: $input) { id } }',
      { input },
      key,
    );
    return createEndpoint.id;
  };
  made['alpha'] = await create({ name: 'alpha 100%_x', url: 'https://hooks.example/alpha', eventTypes: ['order.*'] });
  made['bravo'] = await create({
    name: 'Bravo',
    url: 'https://bravo.example/in?token=s3cretvalue',
    eventTypes: ['invoice.paid', 'order.made'],
  });
  made['charlie'] = await create({
    name: 'Charlie',
    url: 'https://hooks.example/c',
    eventTypes: ['billing'],
    secret: 'whsec-charlie-0123456789',
  });
  await create({ name: 'Alpha of others', url: 'https://hooks.example/Alpha' }, api.keys.OTHER);
  await api.query('mutation { defineEventType(input: { name: "invoice.paid", group: "billing" }) { name } }');
  const { body } = await api.publish({ id: 'order-4711', type: 'invoice.paid', data: { amount: 5 }, orderingKey: 'customer-7' });
  failing.messageId = (body as unknown as { messages: { id: string }[] }).messages[0]!.id;
  await api.publish([
    { id: 'nowhere', type: 'unknown.type', data: {} },
    { type: 'order.made', data: {} },
  ]);
  await shown();
  failing.deliveryId = await recordFailure(api, failing.messageId, made['bravo']);
  await shown();
});
afterAll(() => api.close());

describe('endpoints', () => {
  it.each([
    ['search: "ALPHA"', ['alpha 100%_x']],
    ['search: "bravo.EXAMPLE"', ['Bravo']],
    ['search: "hooks.example/"', ['Charlie', 'alpha 100%_x']],
    ['search: "100%_X"', ['alpha 100%_x']],
    ['search: "%"', ['alpha 100%_x']],
    ['search: "s3cretvalue"', []],
    ['search: "charlie-0123456789"', []],
    ['search: "  "', ['Charlie', 'Bravo', 'alpha 100%_x']],
    ['eventType: "order.made"', ['Bravo', 'alpha 100%_x']],
    ['eventType: "order.made.again"', ['alpha 100%_x']],
    ['eventType: "invoice.paid"', ['Charlie', 'Bravo']],
    ['eventType: "invoice.paid", search: "char"', ['Charlie']],
    ['orderBy: NAME', ['alpha 100%_x', 'Bravo', 'Charlie']],
    ['orderBy: FAILING_FIRST', ['Bravo', 'Charlie', 'alpha 100%_x']],
    ['orderBy: FAILING_FIRST, health: HEALTHY', ['Charlie', 'alpha 100%_x']],
    ['orderBy: NAME, health: FAILING', ['Bravo']],
  ])('%s', async (args, names) => expect(await endpointsBy(args)).toEqual(names));

  it('are found by what they subscribe to now, and not once they are deleted', async () => {
    const update = 'mutation ($id: ID!) { updateEndpoint(id: $id, input: { eventTypes: ["shipment.*"] }) { id } }';
    await api.query(update, { id: made['charlie'] });
    expect(await endpointsBy('eventType: "invoice.paid"')).toEqual(['Bravo']);
    expect(await endpointsBy('eventType: "shipment.sent"')).toEqual(['Charlie']);
    await api.query('mutation ($id: ID!) { deleteEndpoint(id: $id) }', { id: made['charlie'] });
    await shown();
    expect(await endpointsBy('eventType: "shipment.sent"')).toEqual([]);
    expect(await endpointsBy('search: "charlie"')).toEqual([]);
  });
});

describe('messages', () => {
  type Messages = { messages: { nodes: { clientId: string | null }[]; count: { value: number; exact: boolean } } };
  const by = async (args: string, key = api.keys.ADMIN) => {
    const { messages } = await api.query<Messages>(`{ messages(${args}) { nodes { clientId } count { value exact } } }`, {}, key);
    expect(messages.count).toEqual({ value: messages.nodes.length, exact: true });
    return messages.nodes.map(({ clientId }) => clientId);
  };
  it.each([
    ['filter: { clientId: "order-4711" }', ['order-4711']],
    ['filter: { clientId: "order-4711", eventTypes: ["order.made"] }', []],
    ['filter: { eventTypes: ["order.made", "unknown.type"] }', [null, 'nowhere']],
    ['filter: { orderingKey: "customer-7" }', ['order-4711']],
    ['filter: { unrouted: true }', ['nowhere']],
    ['eventType: "order.made", filter: { eventTypes: ["invoice.paid"] }', []],
    ['since: "2020-01-01T00:00:00Z", filter: { until: "2020-01-02T00:00:00Z" }', []],
  ])('%s', async (args, ids) => expect(await by(args)).toEqual(ids));
  it('are found by content, within the rest of the filter', async () => {
    const cart = '{"type":"cart.filled","data":{"customer":{"id":"c-1"},"total":90071992547409931,"token":"tok-abc"}}';
    await api.post('/v1/messages', `[${cart},{"type":"cart.filled","data":{"customer":{"id":"c-2"},"total":5}}]`);
    await shown();
    type Found = {
      messages: { nodes: { data: unknown }[]; pageInfo: { hasNextPage: boolean }; searchedUntil: string | null; count: unknown };
    };
    const find = async (filter: string, key = api.keys.ADMIN) => {
      const fields = '{ nodes { data } pageInfo { hasNextPage } searchedUntil count { value exact } }';
      return (await api.query<Found>(`{ messages(filter: { ${filter} }) ${fields} }`, {}, key)).messages;
    };
    const whole = { pageInfo: { hasNextPage: false }, searchedUntil: null };
    expect(await find('data: { customer: { id: "c-2" } }')).toEqual({
      ...whole,
      nodes: [{ data: { customer: { id: 'c-2' }, total: 5 } }],
      count: { value: 1, exact: true },
    });
    expect((await find('data: { total: 90071992547409931 }, eventTypes: ["cart.filled"]')).nodes).toHaveLength(1);
    expect((await find('data: { total: 90071992547409930 }')).nodes).toHaveLength(0);
    expect((await find('data: { amount: { exists: true } }, eventTypes: ["cart.filled"]')).nodes).toHaveLength(0);
    // What is masked for a viewer can't be found out by asking for it.
    expect((await find('data: { token: { prefix: "tok-a" } }')).nodes).toHaveLength(1);
    expect((await find('data: { token: { prefix: "tok-a" } }', api.keys.VIEWER)).nodes).toHaveLength(0);
    expect((await find('data: { customer: { id: "c-1" } }', api.keys.VIEWER)).nodes).toHaveLength(1);
    expect((await find('data: { customer: { id: "c-1" } }', api.keys.OTHER)).nodes).toHaveLength(0);
  });
  it('are refused by path where the pattern is none', async () => {
    const paths = async (pattern: string) => (await refused(`{ messages(filter: { data: ${pattern} }) { nodes { id } } }`)).paths;
    expect(await paths('{ a: { _x: [] } }')).toEqual(['filter.data.a._x']);
    expect(await paths('"text"')).toEqual(['filter.data']);
    expect(await paths('{}')).toEqual(['filter.data']);
  });
  it('of another organization are not found by the same id', async () =>
    expect(await by('filter: { clientId: "order-4711" }', api.keys.OTHER)).toEqual([]));
});

describe('deliveries', () => {
  type Deliveries = { deliveries: { nodes: { id: string }[]; count: { value: number } } };
  const by = async (filter: string) => {
    const { deliveries } = await api.query<Deliveries>(`{ deliveries(filter: { ${filter} }) { nodes { id } count { value } } }`);
    expect(deliveries.count.value).toBe(deliveries.nodes.length);
    return deliveries.nodes.map(({ id }) => id);
  };
  it("are found by the publisher's id, the failure and several types together", async () => {
    const { deliveryId } = failing;
    expect(await by('failure: [CONNECTION, DNS]')).toEqual([deliveryId]);
    expect(await by('failure: [TIMEOUT]')).toEqual([]);
    expect(
      await by(`clientId: "order-4711", endpointIds: ["${made['bravo']}"], eventTypes: ["invoice.paid", "order.made"], test: false`),
    ).toEqual([deliveryId]);
    expect(await by('responseCodeFrom: 200, responseCodeUntil: 599')).toEqual([]);
    expect(await by('responseCodeFrom: 300, responseCodeUntil: 200')).toEqual([]);
    expect(await by('failure: []')).toEqual([]);
  });
  it('of an endpoint are those of it only, whatever endpoint the filter names', async () => {
    const ask = async (filter: string) => {
      const query = `query ($id: ID!) { endpoint(id: $id) { deliveries(filter: { ${filter} }) { nodes { id } count { value } } } }`;
      const { endpoint } = await api.query<{ endpoint: Deliveries }>(query, { id: made['bravo'] });
      return endpoint.deliveries;
    };
    expect((await ask('failure: [CONNECTION]')).nodes).toEqual([{ id: failing.deliveryId }]);
    expect(await ask(`endpointId: "${made['alpha']}"`)).toEqual({ nodes: [], count: { value: 0 } });
  });
  it('that match are retried in bulk, and the job says what was asked', async () => {
    const { retryDeliveries } = await api.query<{ retryDeliveries: { matched: number; filter: unknown } }>(
      'mutation { retryDeliveries(filter: { status: [RETRYING], failure: [CONNECTION], clientId: "order-4711" }) { matched filter } }',
    );
    expect(retryDeliveries).toEqual({ matched: 1, filter: { status: ['RETRYING'], failure: ['CONNECTION'], clientId: 'order-4711' } });
    expect(await refused('mutation { retryDeliveries(filter: { clientId: "never" }) { matched } }')).toMatchObject({ code: 'NOT_FOUND' });
  });
});

it('what is too much is refused by its path', async () => {
  const many = JSON.stringify(Array.from({ length: 101 }, (_, i) => `t${i}`));
  expect(await refused(`{ deliveries(filter: { endpointIds: ${many} }) { nodes { id } } }`)).toEqual({
    code: 'BAD_USER_INPUT',
    paths: ['filter.endpointIds'],
  });
  expect(await refused(`{ messages(filter: { eventTypes: ${many} }) { nodes { id } } }`)).toEqual({
    code: 'BAD_USER_INPUT',
    paths: ['filter.eventTypes'],
  });
  expect(await refused('{ messages { count(max: 0) { value } } }')).toEqual({ code: 'BAD_USER_INPUT', paths: ['max'] });
  expect(await refused('{ messages { count(max: 100001) { value } } }')).toEqual({ code: 'BAD_USER_INPUT', paths: ['max'] });
  expect(await refused('{ endpoints(eventType: "not a type") { nodes { id } } }')).toEqual({
    code: 'BAD_USER_INPUT',
    paths: ['eventType'],
  });
});

describe('figures over time', () => {
  type Stats = { start: string; accepted: number; attempts: number; failedAttempts: number; p50Ms: number | null }[];
  const fields = '{ start accepted attempts failedAttempts p50Ms }';
  it('are of the organization, of an endpoint, and of a type, in equal buckets', async () => {
    const since = new Date(Date.now() - 3_600_000).toISOString();
    const until = new Date(Date.now() + 60_000).toISOString();
    const { all, own, theirs } = await api.query<{ all: Stats; own: Stats; theirs: Stats }>(
      `{ all: deliveryStats(since: "${since}", until: "${until}", buckets: 3) ${fields}
         own: deliveryStats(since: "${since}", until: "${until}", buckets: 1, endpointId: "${made['bravo']}", eventType: "invoice.paid") ${fields}
         theirs: deliveryStats(since: "${since}", until: "${until}", buckets: 1, endpointId: "${made['alpha']}", eventType: "invoice.paid") ${fields} }`,
    );
    expect(all.map(({ start }) => start)[0]).toBe(since);
    expect(all).toHaveLength(3);
    expect(all.reduce((sum, { accepted }) => sum + accepted, 0)).toBeGreaterThan(2);
    expect(own).toMatchObject([{ accepted: 1, attempts: 1, failedAttempts: 1 }]);
    expect(Math.abs((own[0]?.p50Ms ?? 0) - 3)).toBeLessThan(0.6);
    expect(theirs).toMatchObject([{ accepted: 0, attempts: 0, p50Ms: null }]);
    const nothing = await api.query<{ deliveryStats: Stats }>(
      `{ deliveryStats(since: "${since}", buckets: 1) ${fields} }`,
      {},
      api.keys.OTHER,
    );
    expect(nothing.deliveryStats).toMatchObject([{ accepted: 0, attempts: 0 }]);
  });
  it.each([
    ['since: "2026-01-02T00:00:00Z", until: "2026-01-01T00:00:00Z"', 'until'],
    ['since: "2026-01-01T00:00:00Z", buckets: 0', 'buckets'],
    ['since: "2026-01-01T00:00:00Z", buckets: 501', 'buckets'],
  ])('of %s are refused by their path', async (args, path) =>
    expect(await refused(`{ deliveryStats(${args}) { start } }`)).toEqual({ code: 'BAD_USER_INPUT', paths: [path] }),
  );
});

describe('figures on failures', () => {
  const since = new Date(Date.now() - 3_600_000).toISOString();
  const until = new Date(Date.now() + 3_600_000).toISOString();
  type Failures = {
    key: string;
    attempts: number;
    deliveries: number;
    example: { number: number; failure: string; error: string } | null;
  }[];
  const failures = async (args: string, key?: string) => {
    const query = `{ failureStats(since: "${since}", until: "${until}", ${args}) { key attempts deliveries example { number failure error } } }`;
    return (await api.query<{ failureStats: Failures }>(query, {}, key)).failureStats;
  };
  const session = async (input: Record<string, unknown>) => {
    const mutation = 'mutation ($i: PortalSessionInput!) { createPortalSession(input: $i) { token } }';
    const variables = { i: { subject: 'anna', ...input } };
    return (await api.query<{ createPortalSession: { token: string } }>(mutation, variables)).createPortalSession.token;
  };
  const example = { number: 1, failure: 'CONNECTION' };
  it('say what failed, by reason, endpoint and type, each with an example', async () => {
    const one = { attempts: 1, deliveries: 1, example };
    expect(await failures('by: REASON')).toMatchObject([{ key: 'CONNECTION', ...one }]);
    expect(await failures('by: ENDPOINT, top: 1')).toMatchObject([{ key: made['bravo'], ...one }]);
    expect(await failures(`by: EVENT_TYPE, endpointId: "${made['bravo']}"`)).toMatchObject([{ key: 'invoice.paid', ...one }]);
    expect(await failures('by: CODE')).toEqual([]); // no receiver answered
    expect(await failures('by: REASON, eventType: "order.made"')).toEqual([]);
    expect(await failures('by: REASON', api.keys.OTHER)).toEqual([]);
  });
  it('show a portal session its own endpoints, without addresses inside the network', async () => {
    const [found] = await failures('by: ENDPOINT', await session({}));
    expect(found).toMatchObject({ key: made['bravo'], example });
    expect(found?.example?.error).not.toContain('10.1.2.3');
    const ofAlpha = await session({ endpointIds: [made['alpha']] });
    expect(await failures('by: REASON', ofAlpha)).toEqual([]);
    expect(await failures('by: REASON', await session({ endpointIds: [made['bravo']] }))).toMatchObject([{ key: 'CONNECTION' }]);
    const { errors } = await api.ask(`{ failureStats(since: "${since}", by: CODE, endpointId: "${made['bravo']}") { key } }`, {}, ofAlpha);
    expect(errors?.[0]?.extensions.code).toBe('NOT_FOUND');
  });
  it.each([
    ['since: "2026-01-02T00:00:00Z", until: "2026-01-01T00:00:00Z"', 'until'],
    ['since: "2026-01-01T00:00:00Z", top: 0', 'top'],
    ['since: "2026-01-01T00:00:00Z", top: 101', 'top'],
  ])('of %s are refused by their path', async (args, path) =>
    expect(await refused(`{ failureStats(${args}, by: CODE) { key } }`)).toEqual({ code: 'BAD_USER_INPUT', paths: [path] }),
  );
});
