// Large appends to the embedded log: they come in parts, and neither they nor what reads them take much memory at once.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { randomBytes, randomUUID } from 'node:crypto';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { WrongExpectedRevision, type NewEvent } from '../../src/event-store/event-store.ts';
import { SqliteEventStore } from '../../src/event-store/sqlite/sqlite-event-store.ts';
import { renamed, write } from './append-pairs.ts';
import { take } from './contract-log.ts';

let directory: string;
let store: SqliteEventStore;
beforeEach(async () => {
  directory = await mkdtemp(path.join(tmpdir(), 'hookledger-log-'));
  store = await SqliteEventStore.open({ directory });
});
afterEach(async () => {
  await store.close();
  await rm(directory, { recursive: true });
});

const newStream = () => `endpoint-${randomUUID()}`;
const large = (last: number | 'no-stream') => {
  const writes = Array.from({ length: 40 }, (_, n) => write(newStream(), 'no-stream', renamed(`${n}${'x'.repeat(100_000)}`)));
  return [...writes, write(newStream(), last, renamed('last'))];
};

it('takes a large append in parts: all of it or none, with the event loop turning meanwhile', async () => {
  const writes = large('no-stream');
  const small = write(newStream(), 'no-stream', renamed('beside'));
  const [appended, beside] = await Promise.all([
    store.append(writes),
    store.append([small]),
    expect(store.append(large(3))).rejects.toThrow(WrongExpectedRevision),
    expect(
      store.append([...large('no-stream'), write(newStream(), 'no-stream', { ...renamed('x'), data: {} } as NewEvent)]),
    ).rejects.toThrow(TypeError),
  ]);
  expect([appended.length, beside.length]).toEqual([41, 1]);
  expect((await store.append(writes)).every(({ deduplicated }) => deduplicated)).toBe(true);
  const all = await take(store, undefined, 42);
  expect(new Set(all.map(({ stream }) => stream))).toEqual(new Set([...writes, small].map(({ stream }) => stream)));
  expect(await store.tip()).toBe('0000000000000042');
});

it.each([
  ['was', (n: number) => `${n} ${'é'.repeat(n)} ${'x'.repeat(100_000)}`],
  ['was not worth being', (n: number) => `${n} ${randomBytes(75_000).toString('base64')}`],
])('reads what %s deflated while the rest of the append was on its way', async (_, make) => {
  const texts = Array.from({ length: 120 }, (__, n) => make(n));
  const text = (n: number) => texts[n] ?? '';
  const writes = Array.from({ length: 120 }, (_, n) => write(newStream(), 'no-stream', renamed(text(n))));
  await store.append(writes);
  const events = await take(store, undefined, 120);
  expect(events.map(({ data }) => 'name' in data && data.name)).toEqual(writes.map((_, n) => text(n)));
});

it('lets live followers read a large append from the file instead of keeping it in memory for them, and goes on after it', async () => {
  const [following, other] = [take(store, undefined, 42), take(store, undefined, 42)];
  const writes = large('no-stream');
  await store.append(writes);
  await store.append([write(newStream(), 'no-stream', renamed('after'))]);
  const [events, others] = [await following, await other];
  expect(events.map(({ data }) => 'name' in data && data.name)).toEqual([
    ...writes.map(({ events: [event] }) => event?.data && 'name' in event.data && event.data.name),
    'after',
  ]);
  expect(events.slice(0, writes.length).filter(({ data }, i) => data === others[i]?.data)).toEqual([]);
});

it('reads a page of large events that is not much larger than one of small ones', async () => {
  const length = 100_000;
  await store.append(Array.from({ length: 100 }, () => write(newStream(), 'no-stream', renamed('x'.repeat(length)))));
  const batches: number[] = [];
  for await (const batch of store.follow(undefined, { signal: AbortSignal.timeout(60_000) })) {
    batches.push(batch.length);
    if (batch.at(-1)?.position === (await store.tip())) break;
  }
  expect(batches.reduce((sum, count) => sum + count)).toBe(100);
  expect(Math.max(...batches) * length).toBeLessThan(2_000_000);
});
