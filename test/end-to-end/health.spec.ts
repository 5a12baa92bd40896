// The health of endpoints, seen from outside.
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { Client, eventually } from '../support/client.ts';
import { startReceiver, type Receiver } from '../support/receiver.ts';
import { startServer, type Server } from '../support/server.ts';

let server: Server;
let client: Client;
let receiver: Receiver;
beforeAll(async () => {
  server = await startServer();
  client = new Client(server);
});
afterAll(() => server.dispose());
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
