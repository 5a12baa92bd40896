// Live lists over WebSockets: deliveries in bunches, and endpoints.
import { createClient, type Client } from 'graphql-ws';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { startApi, type ApiServer } from './api-server.ts';

let api: ApiServer;
let clients: Client[] = [];
beforeAll(async () => {
  api = await startApi();
});
afterEach(async () => {
  for (const client of clients) await client.dispose();
  clients = [];
});
afterAll(() => api.close());

const follow = <T>(query: string, key = api.keys.VIEWER) => {
  const url = `${api.url.replace('http', 'ws')}/graphql`;
  const client = createClient({ url, webSocketImpl: WebSocket, connectionParams: { authorization: `Bearer ${key}` }, retryAttempts: 0 });
  clients.push(client);
  return client.iterate<T>({ query });
};
const create = async (name: string, key = api.keys.ADMIN) => {
  const { createEndpoint } = await api.query<{ createEndpoint: { id: string } }>(
    'mutation ($input: EndpointInput!) { createEndpoint(input: $input) { id } }',
    { input: { name, url: 'https://a.example', eventTypes: [`${name}.now`] } },
    key,
  );
  return createEndpoint.id;
};
const publish = (type: string, count: number, key = api.keys.ADMIN) =>
  api.publish(
    Array.from({ length: count }, () => ({ type, data: {} })),
    key,
  );

describe('deliveriesChanged', () => {
  type Bunch = { deliveriesChanged: { changed: { id: string; status: string; endpoint: { name: string } }[]; more: boolean } };
  const fields = '{ changed { id status endpoint { name } } more }';
  const listen = async (args: string, key?: string) => {
    await expect.poll(() => api.live.subscriberCount, { timeout: 10_000 }).toBe(0);
    const results = follow<Bunch>(`subscription { deliveriesChanged${args} ${fields} }`, key);
    const next = async () => ((await results.next()).value as { data: Bunch } | undefined)!.data.deliveriesChanged;
    const first = next();
    await expect.poll(() => api.live.subscriberCount, { timeout: 10_000 }).toBe(1);
    return { first, next, end: () => results.return?.() };
  };

  it('tells what changed in bunches, and that there was more than fits', async () => {
    const id = await create('bunch');
    const { first, next, end } = await listen(`(filter: { endpointId: "${id}" }, everyMs: 300, atMost: 3)`);
    await publish('bunch.now', 2);
    const changed = [...(await first).changed];
    const since = performance.now();
    await publish('bunch.now', 5);
    let more = false;
    while (!more) {
      const bunch = await next();
      expect(bunch.changed.length).toBeLessThanOrEqual(3);
      changed.push(...bunch.changed);
      more = bunch.more;
    }
    expect(performance.now() - since).toBeGreaterThan(100);
    expect(changed.map(({ endpoint }) => endpoint.name)).toEqual(changed.map(() => 'bunch'));
    await end();
    await expect.poll(() => api.live.subscriberCount).toBe(0);
  });

  it('tells what matches the filter only', async () => {
    const id = await create('cancelled');
    const { first, end } = await listen('(filter: { status: [CANCELLED], eventTypes: ["cancelled.now"] }, everyMs: 100)');
    await publish('cancelled.now', 1);
    const { deliveries } = await api.query<{ deliveries: { nodes: { id: string }[] } }>(
      `{ deliveries(filter: { endpointId: "${id}" }) { nodes { id } } }`,
    );
    const [delivery] = deliveries.nodes;
    await api.query('mutation ($id: ID!) { cancelDelivery(id: $id) { id } }', { id: delivery!.id });
    expect((await first).changed).toEqual([{ id: delivery!.id, status: 'CANCELLED', endpoint: { name: 'cancelled' } }]);
    await end();
  });

  it('tells nothing of another organization', async () => {
    const { first, end } = await listen('(everyMs: 100)', api.keys.OTHER);
    await create('apart');
    await publish('apart.now', 1);
    await create('theirs', api.keys.OTHER);
    await publish('theirs.now', 1, api.keys.OTHER);
    expect((await first).changed.map(({ endpoint }) => endpoint.name)).toEqual(['theirs']);
    await end();
  });

  it('is refused with bounds that are none', async () => {
    for (const [args, path] of [
      ['(everyMs: 5)', 'everyMs'],
      ['(atMost: 0)', 'atMost'],
      ['(filter: { since: "2026-01-02T00:00:00Z", until: "2026-01-01T00:00:00Z" })', 'filter.until'],
    ] as const) {
      const results = follow(`subscription { deliveriesChanged${args} { more } }`);
      const answer = (await results.next()).value as { errors: { extensions: { issues: { path: string }[] } }[] };
      expect(answer.errors[0]?.extensions.issues[0]?.path).toBe(path);
    }
  });
});

describe('endpointChanged', () => {
  type Changed = { endpointChanged: { id: string; name: string; status: string; revision: number } };
  it('tells an endpoint when its configuration or status has changed', async () => {
    const [id, other] = [await create('watched'), await create('unwatched')];
    const results = follow<Changed>(`subscription { endpointChanged(id: "${id}") { id name status revision } }`);
    const next = async () => ((await results.next()).value as { data: Changed }).data.endpointChanged;
    const first = next();
    const rename = (each: string, name: string) =>
      api.query('mutation ($id: ID!, $name: String) { updateEndpoint(id: $id, input: { name: $name }) { id } }', { id: each, name });
    await rename(other, 'Not this');
    // When the server listens is not seen from outside.
    let revision = 0;
    const renaming = setInterval(() => void rename(id, `Renamed ${++revision}`), 100);
    const seen = await first;
    clearInterval(renaming);
    expect(seen).toMatchObject({ id, name: expect.stringContaining('Renamed'), status: 'ENABLED' });
    await api.query('mutation ($id: ID!) { pauseEndpoint(id: $id) { id } }', { id });
    let last = seen;
    while (last.status !== 'PAUSED') last = await next();
    expect(last).toMatchObject({ id });
    expect(last.revision).toBeGreaterThan(seen.revision);
    await results.return?.();
  });
});
