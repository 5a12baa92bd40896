// The health of endpoints, seen from outside.
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { Client, eventually } from '../support/client.ts';
import { startReceiver, type Receiver } from '../support/receiver.ts';
import { startServer, type Server } from '../support/server.ts';
import { SteppedClock } from '../support/stepped-clock.ts';

const clock = new SteppedClock();
let server: Server;
let client: Client;
let receiver: Receiver;
beforeAll(async () => {
  server = await startServer(clock.options);
  client = new Client(server);
});
afterAll(async () => {
  await server.dispose();
  clock.dispose();
});
beforeEach(async () => {
  receiver = await startReceiver();
  return () => receiver.close();
});

type Health = {
  state: string;
  since: string | null;
  consecutiveFailures: number;
  nextProbeAt: string | null;
  lastError: string | null;
  lastSuccessAt: string | null;
};
const healthOf = (id: string) =>
  client
    .query<{ health: Health }>(
      'query ($id: ID!) { endpoint(id: $id) { health { state since consecutiveFailures nextProbeAt lastError lastSuccessAt } } }',
      { id },
    )
    .then(({ health }) => health);
const idsOf = async (health: string) => {
  const query = 'query ($health: HealthState) { endpoints(health: $health) { nodes { id } } }';
  return (await client.query<{ nodes: { id: string }[] }>(query, { health })).nodes.map(({ id }) => id);
};

it('an endpoint is healthy until an attempt fails, fails until one succeeds, and is found by it', async () => {
  const id = await client.createEndpoint({
    url: receiver.url,
    eventTypes: ['health'],
    retryPolicy: { delaysSeconds: [0, 0.05, 0.05, 3_600] },
  });
  const untried = { state: 'HEALTHY', since: null, consecutiveFailures: 0, nextProbeAt: null, lastError: null, lastSuccessAt: null };
  expect(await healthOf(id)).toEqual(untried);
  expect([await idsOf('HEALTHY'), await idsOf('FAILING'), await idsOf('OPEN')]).toEqual([[id], [], []]);
  receiver.answer({ status: 500 });
  const messageId = await client.publish('health');
  const failing = await eventually(
    () => healthOf(id),
    ({ consecutiveFailures }) => consecutiveFailures === 3,
  );
  expect(failing).toEqual({
    ...untried,
    state: 'FAILING',
    since: expect.any(String) as string,
    consecutiveFailures: 3,
    lastError: 'The receiver answered 500 Internal Server Error.',
  });
  expect([await idsOf('HEALTHY'), await idsOf('FAILING')]).toEqual([[], [id]]);
  expect(await (await fetch(`${server.url}/metrics`, { headers: { authorization: `Bearer ${server.adminKey}` } })).text()).toContain(
    'hookledger_circuits{state="failing"} 1',
  );
  receiver.answer({});
  const { id: deliveryId } = await client.delivery(messageId, 'RETRYING');
  await client.act('retryDelivery', deliveryId);
  const healthy = await eventually(
    () => healthOf(id),
    ({ state }) => state === 'HEALTHY',
  );
  expect(healthy).toMatchObject({ consecutiveFailures: 0, since: healthy.lastSuccessAt });
  expect([await idsOf('HEALTHY'), await idsOf('FAILING')]).toEqual([[id], []]);
});

it('a circuit opens after a minute of failures, lets out one probe after 10 s, closes when that arrives, and drains slowly at first', async () => {
  const id = await client.createEndpoint({
    url: receiver.url,
    eventTypes: ['circuit'],
    retryPolicy: { delaysSeconds: [0, ...Array<number>(40).fill(0.1)] },
  });
  receiver.answer({ status: 500 });
  await server.publish(Array.from({ length: 5 }, (_, n) => ({ type: 'circuit', data: { n } })));
  await receiver.received(25);
  expect(await healthOf(id)).toMatchObject({ state: 'FAILING' }); // more than 20 failures, in less than a minute
  await clock.pass(61);
  const open = await eventually(
    () => healthOf(id),
    ({ state }) => state === 'OPEN',
  );
  expect(Date.parse(open.nextProbeAt ?? '') - Date.parse(open.since ?? '')).toBeGreaterThanOrEqual(10_000);
  // What was in flight when it opened has ended by now. Nothing else goes out.
  await server.publish(Array.from({ length: 40 }, (_, n) => ({ type: 'circuit', data: { n } })));
  const sentBefore = receiver.requests.length;
  receiver.answer({});
  await receiver.received(sentBefore + 45);
  const [probe, ...rest] = receiver.requests.slice(sentBefore).map(({ at }) => at.getTime());
  const inFirstSecond = rest.filter((at) => at < (probe ?? 0) + 1_000).length;
  expect(inFirstSecond).toBeLessThan(30); // five a second at first, twice that a second later
  const closed = await eventually(
    () => healthOf(id),
    ({ state }) => state === 'HEALTHY',
  );
  expect(closed).toMatchObject({ consecutiveFailures: 0, nextProbeAt: null });
  const openedAt = receiver.requests[sentBefore - 1]?.at.getTime() ?? 0;
  expect((probe ?? 0) - openedAt).toBeGreaterThan(9_000);
});
