// The log on a cluster, over two doubles that take turns at leading: what the end of a node costs those who append. `npm run test:cluster` measures
// the same on real nodes.
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { LogUnavailable } from '../../src/event-store/event-store.ts';
import { EventStoreDbEventStore, type EventStoreDbOptions } from '../../src/event-store/eventstoredb/eventstoredb-event-store.ts';
import { LogServerDouble } from '../support/log-server/double.ts';
import { waitFor } from '../support/wait-for.ts';
import { renamed, write } from './append-pairs.ts';

let first: LogServerDouble;
let second: LogServerDouble;
let store: EventStoreDbEventStore;
let lines: string[];

beforeAll(async () => {
  [first, second] = await Promise.all([LogServerDouble.start(), LogServerDouble.start()]);
});
afterAll(() => Promise.all([first.stop(), second.stop()]));
beforeEach(() => {
  lines = [];
});
afterEach(async () => {
  await store.close();
  await Promise.all([first.call('heal'), second.call('heal')]);
});

/** `undefined`: they elect. */
const lead = (leader: LogServerDouble | undefined) => {
  const members = [first, second].map(({ port }) => ({ address: '127.0.0.1', port, leads: port === leader?.port }));
  return Promise.all([first, second].map((node) => node.call('setMembers', members)));
};

const open = async (query = '', options: Partial<EventStoreDbOptions> = {}) => {
  const url = `esdb://127.0.0.1:${first.port},127.0.0.1:${second.port}?tls=false${query}`;
  const say = (line: string) => lines.push(line);
  const prefix = `t${randomUUID().slice(0, 8)}_`;
  store = await EventStoreDbEventStore.open({ url, prefix, log: { info: say, warn: say }, timeoutMs: 15_000, ...options });
};

const append = () => store.append([write(`endpoint-${randomUUID()}`, 'no-stream', renamed('x'))]);
const appendsOf = async (node: LogServerDouble) => (await node.call('counts')).appends;

/** Appends one event after the other until told to stop. */
const keepAppending = () => {
  const stopping = new AbortController();
  let slowestMs = 0;
  const running = (async () => {
    while (!stopping.signal.aborted) {
      const began = performance.now();
      await append();
      slowestMs = Math.max(slowestMs, performance.now() - began);
      await sleep(2);
    }
  })();
  return {
    async stop() {
      stopping.abort();
      await running;
      return slowestMs;
    },
  };
};

it('a leader that shuts down gets appends for as long as it takes them, though nothing can be read', async () => {
  await lead(first);
  await open('', { patienceMs: 200 });
  await append();
  const appending = keepAppending();
  await first.call('shutDown', 4_000);
  // Its end begins with those who need a new call.
  await waitFor(() => expect(store.readStream('endpoint-x')).rejects.toThrow(LogUnavailable));
  const before = await appendsOf(first);
  await waitFor(async () => expect(await appendsOf(first)).toBeGreaterThan(before + 5));
  // Then the next one leads.
  await lead(second);
  const atSecond = await appendsOf(second);
  await waitFor(async () => expect(await appendsOf(second)).toBeGreaterThan(atSecond + 5));
  await appending.stop();
  await waitFor(() => expect(lines.at(-1)).toMatch(/is back after/));
  expect(lines.filter((line) => line.includes('is unavailable')).length).toBeLessThan(3);
});

it('is found by asking the nodes themselves: what they say of each other is old', async () => {
  await lead(first);
  await open();
  await append();
  await first.call('kill');
  // The second names the first for a while, as does a node that has not noticed yet; then both elect.
  const appending = append();
  await waitFor(() => expect(lines.join()).toMatch(/is unavailable/));
  await lead(undefined);
  await sleep(300);
  await lead(second);
  await expect(appending).resolves.toMatchObject([{ revision: 0 }]);
  expect(await store.tip()).toBeUndefined(); // the second double has a log of its own
});

it("a follower's end delays no append, also where everything is read from it", async () => {
  await lead(second);
  await open('&nodePreference=follower');
  const ending = new AbortController();
  const followed = (async () => {
    for await (const _ of store.follow(undefined, { signal: ending.signal })); // whatever comes
  })();
  await waitFor(async () => expect((await first.call('counts')).subscriptions).toBeGreaterThan(0));
  const appending = keepAppending();
  await sleep(100);
  await first.call('endCalls', { code: 13, details: 'Received RST_STREAM with code 0' });
  await first.call('kill');
  await waitFor(() => expect(lines.join()).toMatch(/is unavailable/));
  await waitFor(() => expect(lines.join()).toMatch(/is back/));
  expect(await appending.stop()).toBeLessThan(1_000);
  ending.abort();
  await followed;
});
