// Where messages went and why, for every endpoint, and where one would go.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startApi, type ApiServer } from './api-server.ts';

let api: ApiServer;
const ids: Record<string, string> = {};
let message: string;
beforeAll(async () => {
  api = await startApi();
  const create = async (name: string, input: Record<string, unknown>) => {
    const { createEndpoint } = await api.query<{ createEndpoint: { id: string } }>(
      'mutation ($input: EndpointInput!) { createEndpoint(input: $input) { id } }',
      { input: { name, url: 'https://hooks.example/in', ...input } },
    );
    ids[name] = createEndpoint.id;
  };
  await create('All', {});
  await create('Other', { eventTypes: ['other.type'] });
  await create('Critical', { filter: { severity: ['critical'] } });
  await create('Off', { disabled: true });
  await create('Gone', {});
  await api.query('mutation ($id: ID!) { deleteEndpoint(id: $id) }', { id: ids.Gone });
  const { publishMessages } = await api.query<{ publishMessages: { id: string }[] }>(
    'mutation { publishMessages(messages: [{ type: "alert.created", data: { severity: "warning" } }]) { id } }',
  );
  message = publishMessages[0]!.id;
  await create('Later', {});
});
afterAll(() => api.close());

type Routing = {
  nodes: { endpoint: { name: string }; routed: boolean; reason: string; failedConditions: unknown[] }[];
  pageInfo: { hasNextPage: boolean; endCursor: string };
};
const fields = '{ nodes { endpoint { name } routed reason failedConditions { path asks found } } pageInfo { hasNextPage endCursor } }';
const routing = async (args = '(first: 50)', key = api.keys.ADMIN) =>
  (
    await api.query<{ message: { routing: Routing } }>(
      `query ($id: ID!) { message(id: $id) { routing${args} ${fields} } }`,
      { id: message },
      key,
    )
  ).message.routing;
const would = async (data: Record<string, unknown>, args = 'first: 50') =>
  (
    await api.query<{ wouldReceive: Routing }>(`query ($message: MessageInput!) { wouldReceive(message: $message, ${args}) ${fields} }`, {
      message: { type: 'alert.created', data },
    })
  ).wouldReceive;
const named = ({ nodes }: Routing) => nodes.map(({ endpoint: { name }, routed }) => [name, routed]);

describe('the routing of a message', () => {
  it('has every endpoint that there was, and says why', async () => {
    const found = await routing();
    expect(named(found)).toEqual([
      ['Off', false],
      ['Critical', false],
      ['Other', false],
      ['All', true],
    ]);
    const [off, critical, other, all] = found.nodes.map(({ reason }) => reason);
    expect(off).toContain('it was disabled: the message was skipped');
    expect(critical).toContain('`severity` is "warning"');
    expect(other).toContain('none of which is "alert.created"');
    expect(all).toBe('"All" subscribed to it by "*".');
    const condition = { path: 'severity', asks: ['critical'], found: 'warning' };
    expect(found.nodes.map(({ failedConditions }) => failedConditions)).toEqual([[], [condition], [], []]);
  });
  it('shows only those where it went, or did not', async () => {
    expect(named(await routing('(routed: true)'))).toEqual([['All', true]]);
    expect(named(await routing('(routed: false, first: 2)'))).toEqual([
      ['Off', false],
      ['Critical', false],
    ]);
  });
  it('comes in pages', async () => {
    const first = await routing('(first: 3)');
    expect(first.pageInfo.hasNextPage).toBe(true);
    const rest = await routing(`(first: 3, after: "${first.pageInfo.endCursor}")`);
    expect([named(rest), rest.pageInfo.hasNextPage]).toEqual([[['All', true]], false]);
  });
  it('repeats no value of the data to whom payloads are masked', async () => {
    const { nodes } = await routing('(first: 50)', api.keys.VIEWER);
    expect(JSON.stringify(nodes)).not.toContain('warning');
    expect(nodes.flatMap(({ failedConditions }) => failedConditions)).toEqual([]);
  });
});

describe('who would receive a message', () => {
  it('is every endpoint of now, with the reason; nothing is published', async () => {
    const tip = await api.store.tip();
    const found = await would({ severity: 'critical' });
    expect(named(found)).toEqual([
      ['Later', true],
      ['Off', false],
      ['Critical', true],
      ['Other', false],
      ['All', true],
    ]);
    expect(found.nodes[2]?.reason).toBe('"Critical" subscribes to it by "*", and its filter lets it pass.');
    expect(await api.store.tip()).toBe(tip);
  });
  it('comes in pages of those that would', async () => {
    const first = await would({ severity: 'critical' }, 'first: 2, routed: true');
    expect([named(first), first.pageInfo.hasNextPage]).toEqual([
      [
        ['Later', true],
        ['Critical', true],
      ],
      true,
    ]);
    const rest = await would({ severity: 'critical' }, `first: 2, routed: true, after: "${first.pageInfo.endCursor}"`);
    expect([named(rest), rest.pageInfo.hasNextPage]).toEqual([[['All', true]], false]);
  });
  it('says which conditions do not hold, and that nothing is there', async () => {
    const { nodes } = await would({});
    expect(nodes[2]?.failedConditions).toEqual([{ path: 'severity', asks: ['critical'], found: null }]);
  });
  it('is refused for a message that could not be published', async () => {
    const { errors } = await api.ask('query { wouldReceive(message: { type: "no type", data: {} }) { nodes { routed } } }');
    expect(errors?.[0]?.extensions).toMatchObject({ code: 'BAD_USER_INPUT', issues: [{ path: 'message.type' }] });
  });
});

it('tells how many deliveries of a message ended how', async () => {
  const { messages } = await api.query<{ messages: { nodes: { outcome: Record<string, number> }[] } }>(
    '{ messages { nodes { outcome { succeeded failed open cancelled skipped } } } }',
  );
  expect(messages.nodes).toEqual([{ outcome: { succeeded: 0, failed: 0, open: 1, cancelled: 0, skipped: 1 } }]);
  await api.query('mutation ($id: ID!) { cancelDelivery(id: $id) { id } }', {
    id: (await api.query<{ deliveries: { nodes: { id: string }[] } }>('{ deliveries { nodes { id } } }')).deliveries.nodes[0]!.id,
  });
  const { message: after } = await api.query<{ message: { outcome: Record<string, number> } }>(
    'query ($id: ID!) { message(id: $id) { outcome { succeeded failed open cancelled skipped } } }',
    { id: message },
  );
  expect(after.outcome).toEqual({ succeeded: 0, failed: 0, open: 0, cancelled: 1, skipped: 1 });
});
