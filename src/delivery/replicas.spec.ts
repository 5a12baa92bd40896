// Whole replicas of delivery on one log, one table and one receiver: the bound of requests that they share, and a new version beside an older one.
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { harmlessUrl } from '../../test/support/samples.ts';
import { waitFor } from '../../test/support/wait-for.ts';
import { e1, leases, setUp, startReceiver, build } from '../../test/support/given-replicas.ts';

setUp();

it('replicas with a bound that they share send all of it, and together no more at one time than the bound; batches and single ones', async () => {
  const [single, batched] = [await startReceiver(15), await startReceiver(30)];
  const endpoints = [{ url: harmlessUrl(single.url) }, { url: harmlessUrl(batched.url), batch: { maxSize: 5, maxWaitMs: 50 } }];
  const { replica, publish } = await build({ bound: 4, endpoints });
  const replicas = [await replica('a'), await replica('b'), await replica('c')] as const;
  const messages: string[] = [];
  for (let i = 0; i < 6; i++) {
    messages.push(...(await publish(30)));
    await delay(60);
  }
  await waitFor(async () => expect([new Set(single.ids).size, await replicas[0].waiting()]).toEqual([180, []]));
  expect([...single.ids].sort()).toEqual([...messages].sort());
  expect([single.most(), batched.most()]).toEqual([4, expect.any(Number)]);
  expect(single.senders.size).toBeGreaterThan(1);
  expect(batched.most()).toBeLessThanOrEqual(4);
  expect(batched.ids.length).toBeGreaterThanOrEqual(36);
  expect(new Set(batched.ids).size).toBe(batched.ids.length);
  expect(replicas.map(({ repeats }) => repeats())).toEqual([0, 0, 0]);
});

it('replicas have the slots of one that died when its leases end, and not before', async () => {
  leases.timeoutMs = -3_000; // a lease of three seconds
  const receiver = await startReceiver(undefined);
  const { replica, publish } = await build({ bound: 2, endpoints: [{ url: harmlessUrl(receiver.url) }] });
  const a = await replica('a');
  const under = await publish(2);
  await waitFor(() => expect([...receiver.ids].sort()).toEqual([...under].sort()));
  const b = await replica('b');
  await publish(3);
  await delay(400);
  expect(receiver.open.size).toBe(2);
  const since = Date.now();
  const killed = a.kill();
  receiver.lose('a');
  await killed;
  await waitFor(() => expect(b.state()).toBe('live'));
  const areLeased = Date.now() - since < 1_500; // else this machine was too slow to look in time
  expect(areLeased ? [receiver.open.size, b.slots.held(e1)] : [0, 0]).toEqual([0, 0]); // three are due, and none goes
  await waitFor(() => expect(receiver.open.size).toBe(2));
  expect(Date.now() - since).toBeGreaterThan(1_500);
  receiver.answerAll();
  await waitFor(async () => expect([new Set(receiver.ids).size, await b.waiting()]).toEqual([5, []]));
  expect(receiver.most()).toBe(2);
});

it('replicas keep the rate and the concurrency of an endpoint together', async () => {
  const [paced, narrow] = [await startReceiver(0), await startReceiver(10)];
  const rateLimit = { perSecond: 25, burst: 1 };
  const endpoints = [
    { url: harmlessUrl(paced.url), rateLimit },
    { url: harmlessUrl(narrow.url), maxConcurrency: 2 },
  ];
  const { replica, publish } = await build({ endpoints });
  const replicas = [await replica('a'), await replica('b'), await replica('c')] as const;
  const stalls = monitorEventLoopDelay({ resolution: 5 });
  stalls.enable();
  for (let i = 0; i < 4; i++) {
    await publish(25);
    await delay(50);
  }
  await waitFor(async () => expect([new Set(paced.ids).size, await replicas[0].waiting()]).toEqual([100, []]));
  expect([paced.ids.length, narrow.most()]).toEqual([100, 2]);
  stalls.disable();
  const lateMs = 250 + stalls.max / 1e6; // late timers are made up for within 250 ms, and this machine may be late itself
  for (const from of paced.times) {
    const inTwoSeconds = paced.times.filter((at) => at >= from && at < from + 2_000).length;
    expect(inTwoSeconds).toBeLessThanOrEqual(51 + (25 * lateMs) / 1_000);
  }
  const took = Math.max(...paced.times) - Math.min(...paced.times);
  expect(took).toBeLessThan(9_000); // 4 s, and what a busy machine is late; one replica's share alone would take 12 s
  expect(paced.senders.size).toBeGreaterThan(1);
});

it('replicas have the slots of one that is stopped at once', async () => {
  const receiver = await startReceiver(20);
  const { replica, publish } = await build({ bound: 1, endpoints: [{ url: harmlessUrl(receiver.url) }] });
  const [a, b] = [await replica('a'), await replica('b')];
  await publish(12);
  await waitFor(() => expect(receiver.ids.length).toBeGreaterThan(1));
  const [holder, other] = a.slots.held(e1) > 0 ? [a, b] : [b, a];
  await holder.end();
  await waitFor(() => expect(other.slots.held(e1)).toBe(1), { timeout: 2_500 });
  await waitFor(() => expect(new Set(receiver.ids).size).toBe(12));
  expect(receiver.most()).toBe(1);
});

it('replicas of an older version are replaced one by one: all is sent meanwhile, each once', async () => {
  const receiver = await startReceiver(10);
  const { replica, publish } = await build({ endpoints: [{ url: harmlessUrl(receiver.url) }] });
  const older = [await replica('a', 5), await replica('b', 5)];
  const messages: string[] = [];
  const over = new AbortController();
  const publishing = (async () => {
    while (!over.signal.aborted) {
      messages.push(...(await publish(5)));
      await delay(20);
    }
  })();
  const newer: Awaited<ReturnType<typeof replica>>[] = [];
  for (const [i, old] of older.entries()) {
    newer.push(await replica(`new ${i}`, 6));
    await delay(400);
    expect(newer.map(({ state }) => state())).toEqual(newer.map(() => 'elsewhere')); // nothing is sent by them
    await old.end();
  }
  await waitFor(() => expect(newer.map(({ state }) => state())).toContain('live'));
  await delay(200);
  over.abort();
  await publishing;
  const [last] = newer;
  await waitFor(async () => expect([new Set(receiver.ids).size, await last?.waiting()]).toEqual([messages.length, []]));
  expect([...receiver.ids].sort()).toEqual([...messages].sort());
  expect([...older, ...newer].map(({ repeats }) => repeats())).toEqual([0, 0, 0, 0]);
});
