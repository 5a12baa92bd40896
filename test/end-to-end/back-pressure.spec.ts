// Receivers that ask for patience: 429 and 503 with Retry-After, seen from outside.
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Client, eventually } from '../support/client.ts';
import { startReceiver, type Receiver } from '../support/receiver.ts';
import { startServer, type Server } from '../support/server.ts';

let server: Server;
let client: Client;
beforeAll(async () => {
  server = await startServer();
  client = new Client(server);
});
afterAll(() => server.dispose());
let types = 0;
const publishMany = async (type: string, count: number) => {
  await server.publish(Array.from({ length: count }, (_, n) => ({ type, data: { n } })));
};

/** Answers 429 to all beyond so many in a second. */
const takeOnly = (receiver: Receiver, perSecond: number) => {
  const taken: number[] = [];
  let refused = 0;
  receiver.answer(() => {
    const now = performance.now();
    if (taken.filter((at) => at > now - 1_000).length >= perSecond) {
      refused++;
      return { status: 429, headers: { 'retry-after': '1' } };
    }
    taken.push(now);
    return {};
  });
  return { taken, refused: () => refused };
};

const statuses = async (endpointId: string) => {
  const shown = await client.query<{ successRate: { succeeded: number; total: number } }>(
    'query ($id: ID!) { endpoint(id: $id) { successRate { succeeded total } } }',
    { id: endpointId },
  );
  return shown.successRate;
};

// They wait more than they work, so they run side by side.
it.concurrent.each([
  { perSecond: 10, messages: 50, fewerThan: 30 },
  { perSecond: 1, messages: 6, fewerThan: 6 },
])('a receiver that takes $perSecond a second gets all of $messages', async ({ perSecond, messages, fewerThan }) => {
  await using receiver = await startReceiver();
  const { taken, refused } = takeOnly(receiver, perSecond);
  const type = `paced.n${types++}`;
  const id = await client.createEndpoint({
    url: receiver.url,
    eventTypes: [type],
    retryPolicy: { delaysSeconds: [0, 4, 4, 4, 4] },
  });
  await publishMany(type, messages);
  await eventually(
    () => taken.length,
    (count) => count === messages,
  );
  expect(
    await eventually(
      () => statuses(id),
      ({ succeeded }) => succeeded === messages,
    ),
  ).toEqual({ succeeded: messages, total: messages });
  expect(refused()).toBeLessThan(fewerThan);
});

it.concurrent('a receiver that asks for patience is left alone until then, also after a restart, and a test goes out at once', async () => {
  await using receiver = await startReceiver();
  const own = await startServer();
  try {
    const its = new Client(own);
    receiver.answer({ status: 503, headers: { 'retry-after': '7' } });
    const id = await its.createEndpoint({ url: receiver.url, eventTypes: ['held'], retryPolicy: { delaysSeconds: [0] } });
    await own.publish({ type: 'held', data: {} });
    const [first] = await receiver.received(1);
    await eventually(
      () => its.deliveries({ status: ['RETRYING'] }),
      (all) => all.length === 1,
    );
    await own.publish(Array.from({ length: 20 }, (_, n) => ({ type: 'held', data: { n } })));
    await own.restart();
    const isInTime = Date.now() - (first?.at.getTime() ?? 0) < 5_000; // else this machine was too slow to see the test come first
    receiver.answer({});
    await its.query('mutation ($id: ID!) { testEndpoint(id: $id) { id } }', { id });
    const [, test] = await receiver.received(2);
    const [, , next] = await receiver.received(3);
    const after = (request: typeof first) => (request?.at.getTime() ?? 0) - (first?.at.getTime() ?? 0);
    expect(isInTime ? after(test) : 0).toBeLessThan(6_900);
    expect(after(next)).toBeGreaterThanOrEqual(6_990);
    await receiver.received(23);
    expect(await its.deliveries({ status: ['FAILED'] })).toEqual([]);
  } finally {
    await own.dispose();
  }
});

it.concurrent('what a receiver asked for does not bind the one at another URL', async () => {
  await using receiver = await startReceiver();
  receiver.answer(({ path }) => (path === '/old' ? { status: 429, headers: { 'retry-after': '3600' } } : {}));
  const type = `moved.n${types++}`;
  const id = await client.createEndpoint({ url: `${receiver.url}/old`, eventTypes: [type] });
  await publishMany(type, 1);
  await receiver.received(1);
  await eventually(
    () => client.deliveries({ status: ['RETRYING'], endpointId: id }),
    (all) => all.length === 1,
  );
  await publishMany(type, 20);
  await client.updateEndpoint(id, { url: `${receiver.url}/new` });
  await eventually(
    () => receiver.requests.filter(({ path }) => path === '/new').length,
    (count) => count === 20,
  );
});
