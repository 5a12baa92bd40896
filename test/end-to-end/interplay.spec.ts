// What endpoints, receivers and people do to each other: order by keys, batches, rates, holds, open circuits, pauses, cancellations, retries of one and of
// many, tests and kill -9, mixed at random. In the end every delivery has ended, in order, and the log and its tables agree.
// HOOKLEDGER_SEED repeats a run as far as its timing allows; HOOKLEDGER_SECONDS makes it a longer one.
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { seededRandom } from '../crash/traffic.ts';
import { Client, eventually } from '../support/client.ts';
import { runToEnd } from '../support/process.ts';
import { startReceiver, type Answer, type Receiver } from '../support/receiver.ts';
import { conservation, startServer, type Server } from '../support/server.ts';
import { SteppedClock } from '../support/stepped-clock.ts';

const seed = Number(process.env['HOOKLEDGER_SEED'] ?? Math.floor(Math.random() * 1e9));
const seconds = Number(process.env['HOOKLEDGER_SECONDS'] ?? 5);
const random = seededRandom(seed);
const below = (n: number) => Math.floor(random() * n);

const clock = new SteppedClock();
let server: Server;
let client: Client;
let receiver: Receiver;
beforeAll(async () => {
  server = await startServer(clock.options);
  client = new Client(server);
  receiver = await startReceiver();
});
afterAll(async () => {
  await server.dispose();
  await receiver.close();
  clock.dispose();
});

const retryPolicy = { delaysSeconds: [0, 0.1, 0.3, 0.3, 0.5] };
const batch = { format: 'ARRAY', batch: { maxSize: 5, maxWaitMs: 50 } };
const kinds: Readonly<Record<string, Record<string, unknown>>> = {
  rated: { ordering: 'PER_KEY', rateLimit: { perSecond: 60, burst: 5 }, ...batch },
  holding: { ordering: 'PER_KEY', onExhausted: 'HOLD', retryPolicy: { delaysSeconds: [0, 0.1] } },
  strict: { ordering: 'STRICT', ...batch },
  narrow: { maxConcurrency: 2 },
};

const badUntil = new Map<string, number>();
let isBad = true;

const namesIn = (body: string): string[] => {
  const parsed = JSON.parse(body) as { data: { name?: string } } | { data: { name?: string } }[];
  return [parsed].flat().map(({ data }) => data.name ?? 'test');
};

/** Answers with 429 for a while, now and then, else with 500 at times. */
const answerTo = (path: string): Answer => {
  if (!isBad) return {};
  const now = performance.now();
  if (now < (badUntil.get(path) ?? 0)) return { status: 429, headers: { 'retry-after': '1' } };
  if (random() < 0.02) badUntil.set(path, now + 300);
  if (random() < 0.15) return { status: 500 };
  return { delayMs: below(20) };
};

/** After a start, the views may still be built. */
const nodesOf = async (endpointId: string, status: readonly string[]) =>
  eventually(
    () =>
      client.query<{ nodes: { id: string; status: string }[] }>(
        'query ($filter: DeliveryFilter) { deliveries(filter: $filter, first: 50) { nodes { id status } } }',
        { filter: { endpointId, status } },
      ),
    () => true,
  );
const retryAll = (filter: Record<string, unknown>) =>
  client.query('mutation ($filter: DeliveryFilter!) { retryDeliveries(filter: $filter) { id } }', { filter });

const tablesLeft = () => {
  const folder = join(server.dataDir, 'views');
  const file = readdirSync(folder, { recursive: true, encoding: 'utf8' }).find((name) => /delivery-saga[^/]*\.db$/.test(name)) ?? '';
  const db = new DatabaseSync(join(folder, file), { readOnly: true });
  try {
    const count = (table: string) => Number(db.prepare(`SELECT count(*) AS n FROM ${table}`).get()?.['n']);
    return { due: count('due_attempts'), ordered: count('ordered_deliveries'), circuits: count('circuits') };
  } finally {
    db.close();
  }
};

const checkLogAndTables = async () => {
  expect(await server.stop()).toBe(0);
  const env = { HOOKLEDGER_DATA_DIR: server.dataDir, HOOKLEDGER_ADMIN_KEY: server.adminKey };
  for (const command of ['verify', 'rebuild']) {
    const { code, output } = await runToEnd([command], env);
    if (code !== 0) throw new Error(`${command} ended with ${code}: ${output}`);
  }
};

it(`nothing is lost, stuck or out of order, whatever happens together (HOOKLEDGER_SEED=${seed})`, async () => {
  receiver.answer(({ path }) => answerTo(path));
  const ids = new Map<string, string>();
  for (const [kind, settings] of Object.entries(kinds))
    ids.set(kind, await client.createEndpoint({ url: `${receiver.url}/${kind}`, eventTypes: ['mixed'], retryPolicy, ...settings }));
  let published = 0;
  const publish = async () => {
    const batchOf = Array.from({ length: 1 + below(15) }, (_, i) => {
      const key = `k${below(6)}`;
      return { name: `${key}-${published + i}`, key };
    });
    published += batchOf.length;
    await server.publish(batchOf.map(({ name, key }) => ({ id: name, type: 'mixed', data: { name }, orderingKey: key })));
  };
  const anyDelivery = async (id: string, status: string[]) => {
    const { nodes } = await nodesOf(id, status);
    return nodes[below(nodes.length)]?.id;
  };
  const tolerant = async (work: Promise<unknown>) => {
    await work.catch((error: Error) => {
      if (!/CONFLICT|409|fetch failed|BULK/.test(error.message)) throw error;
    });
  };
  const act = async () => {
    const id = [...ids.values()][below(ids.size)] ?? '';
    const dice = below(10);
    if (dice === 0) {
      await client.act('pauseEndpoint', id);
      await pause(200);
      await client.act('resumeEndpoint', id);
    } else if (dice === 1) {
      await client.act('disableEndpoint', id);
      await pause(50);
      await client.act('enableEndpoint', id);
    } else if (dice < 4) {
      const delivery = await anyDelivery(id, ['RETRYING', 'HELD', 'PENDING', 'FAILED']);
      if (delivery !== undefined) await tolerant(client.act('cancelDelivery', delivery));
    } else if (dice < 6) {
      const delivery = await anyDelivery(id, ['RETRYING', 'HELD', 'FAILED', 'SUCCEEDED']);
      if (delivery !== undefined) await tolerant(client.act('retryDelivery', delivery));
    } else if (dice === 6) {
      await tolerant(retryAll({ endpointId: id, status: ['FAILED', 'RETRYING', 'HELD'] }));
    } else if (dice === 7) {
      await tolerant(client.act('testEndpoint', id));
    } else await publish();
  };
  const end = performance.now() + seconds * 1_000;
  for (let round = 0; performance.now() < end; round++) {
    await publish();
    await act();
    await pause(below(120));
    if (round % 15 === 14) {
      await server.kill9();
      await server.start();
    }
  }
  // From now on all receivers answer. A new start has not learned how few requests they took before.
  isBad = false;
  await server.kill9();
  await server.start();
  const settled = async () => {
    for (const id of ids.values()) {
      const { nodes } = await nodesOf(id, ['FAILED']);
      if (nodes.length > 0) await tolerant(retryAll({ endpointId: id, status: ['FAILED'] }));
    }
    await pause(300);
    return conservation(server);
  };
  // A busy machine may take long. One on which nothing ends any more for half a minute is stuck.
  const ends = ({ open, balanced, failed }: Awaited<ReturnType<typeof settled>>) => open === 0 && failed === 0 && balanced;
  let after = await settled();
  while (!ends(after)) {
    const { succeeded, cancelled } = after;
    after = await eventually(settled, (now) => ends(now) || now.succeeded + now.cancelled > succeeded + cancelled);
  }
  expect(after).toMatchObject({ open: 0, balanced: true, failed: 0 });
  await eventually(tablesLeft, ({ due, ordered }) => due === 0 && ordered === 0);
}, 150_000);

it('an open circuit keeps the order of keys through retries, cancellations, pauses, kill -9 and the end of its endpoint', async () => {
  isBad = false;
  let answer: Answer = { status: 500 };
  receiver.answer(({ path }) => (path === '/open' ? answer : {}));
  const endpoint = {
    url: `${receiver.url}/open`,
    eventTypes: ['open'],
    retryPolicy: { delaysSeconds: [0, ...Array<number>(40).fill(0.2)] },
  };
  const id = await client.createEndpoint({ ...endpoint, ordering: 'PER_KEY', onExhausted: 'HOLD' });
  await client.createEndpoint({ url: `${receiver.url}/healthy`, eventTypes: ['healthy'] });
  const publish = async (...names: string[]) =>
    (await server.publish(names.map((name) => ({ type: 'open', data: { name }, orderingKey: name.charAt(0) })))).map((each) => each.id);
  const at = (path: string) => receiver.requests.filter((request) => request.path === path).flatMap(({ body }) => namesIn(body));
  const state = async () => {
    const query = 'query ($id: ID!) { endpoint(id: $id) { health { state } } }';
    return (await client.query<{ health: { state: string } }>(query, { id })).health.state;
  };
  const opens = async () => {
    await clock.pass(61);
    await eventually(state, (now) => now === 'OPEN');
    let count = 0;
    do {
      count = receiver.requests.length;
      await pause(500);
    } while (receiver.requests.length > count);
  };
  const [a1 = '', a2 = ''] = await publish('a1', 'a2', 'a3', 'b1', 'b2', 'c1', 'd1');
  await receiver.received(receiver.requests.length + 25);
  await opens();
  const [first, second] = [await client.delivery(a1, 'RETRYING'), await client.delivery(a2, 'HELD')];
  const refused = await client.refusal('mutation ($id: ID!) { retryDelivery(id: $id) { id } }', { id: second.id });
  expect(refused.extensions.code).toBe('CONFLICT');
  // A person's retry is in flight when somebody cancels its delivery. Nothing else goes out, also of its key.
  answer = 'hang';
  const before = at('/open').length;
  const openSince = performance.now();
  const probes = () => Math.floor((performance.now() - openSince) / 9_000);
  await client.act('retryDelivery', first.id);
  await eventually(
    () => at('/open').slice(before),
    (names) => names.length === 1,
  );
  await client.act('cancelDelivery', first.id);
  answer = { status: 500 };
  await client.delivery(a1, 'CANCELLED');
  await pause(300);
  expect(at('/open').slice(before)).toEqual(['a1']);
  // Others are not affected.
  const began = performance.now();
  for (let i = 0; i < 50; i++)
    await server.publish([
      { type: 'healthy', data: { name: String(i) } },
      { type: 'open', data: { name: '-' } },
    ]);
  await eventually(
    () => at('/healthy'),
    (names) => names.length === 50,
  );
  expect(performance.now() - began).toBeLessThan(20_000); // what waits for a probe of the other, or for its timeout, waits longer
  // It is open after kill -9, too, and a resumed endpoint is probed once. A new process may begin with a probe.
  await server.kill9();
  await server.start();
  await eventually(
    () => state().catch(() => 'not known yet'),
    (now) => now === 'OPEN',
  );
  expect(at('/open').slice(before).length).toBeLessThanOrEqual(2 + probes());
  await client.act('pauseEndpoint', id);
  await client.act('resumeEndpoint', id);
  await eventually(
    () => at('/open').slice(before),
    (names) => names.length >= 2,
  );
  await pause(300);
  expect(at('/open').slice(before).length).toBeLessThanOrEqual(3 + probes());
  // The next probe succeeds, and the rest goes out in the order of the keys.
  answer = {};
  const since = at('/open').length;
  await client.act('pauseEndpoint', id);
  await client.act('resumeEndpoint', id);
  const arrived = await eventually(
    () => at('/open').slice(since),
    (names) => ['a3', 'b2', 'c1', 'd1'].every((name) => names.includes(name)),
  );
  expect(arrived.filter((name) => name.startsWith('a'))).toEqual(['a2', 'a3']);
  expect(arrived.filter((name) => name.startsWith('b'))).toEqual(['b1', 'b2']);
  await eventually(
    () => conservation(server),
    ({ open }) => open === 0,
  );
  // What waits for a deleted endpoint does not wait for its circuit.
  answer = { status: 500 };
  const failing = receiver.requests.length;
  const [e1 = '', e2 = ''] = await publish('e1', 'e2', 'f1', 'g1', 'h1');
  await receiver.received(failing + 25);
  await opens();
  await client.act('deleteEndpoint', id);
  await Promise.all([e1, e2].map((message) => client.delivery(message, 'CANCELLED')));
  expect(
    await eventually(
      () => conservation(server),
      ({ open }) => open === 0,
    ),
  ).toMatchObject({ balanced: true });
  await eventually(tablesLeft, ({ due, ordered }) => due === 0 && ordered === 0);
}, 120_000);

it('ends in time after all that, and its log and its tables are right', checkLogAndTables);
