// What a log server and its client package can do to us, one rule for each trap, over the double.
import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { ConfigurationEvent } from '../../src/domain/catalog.ts';
import type { Position } from '../../src/domain/ids.ts';
import {
  LogUnavailable,
  StreamDamaged,
  UndecodableEvent,
  WrongExpectedRevision,
  type RecordedEvent,
} from '../../src/event-store/event-store.ts';
import { EventStoreDbEventStore, type EventStoreDbOptions } from '../../src/event-store/eventstoredb/eventstoredb-event-store.ts';
import { LogServerDouble } from '../support/log-server/double.ts';
import { renamed, write } from './append-pairs.ts';
import { take } from './contract-log.ts';
import { waitFor } from '../support/wait-for.ts';

let double: LogServerDouble;
let other: LogServerDouble;
let prefix: string;
let lines: string[];
const opened: EventStoreDbEventStore[] = [];

beforeAll(async () => {
  [double, other] = await Promise.all([LogServerDouble.start(), LogServerDouble.start()]);
});
afterAll(() => Promise.all([double.stop(), other.stop()]));
beforeEach(() => {
  prefix = `t${randomUUID().slice(0, 8)}_`;
  lines = [];
});
afterEach(async () => {
  await Promise.all([double.call('heal'), other.call('heal')]);
  await Promise.all(opened.splice(0).map((store) => store.close()));
});

const open = async (options: Partial<EventStoreDbOptions> = {}) => {
  const say = (line: string) => lines.push(line);
  const log = { info: say, warn: say };
  const store = await EventStoreDbEventStore.open({ url: double.url(), prefix, log, timeoutMs: 15_000, tryTimeoutMs: 5_000, ...options });
  opened.push(store);
  return store;
};
const newStream = () => `endpoint-${randomUUID()}`;
const one = (name = 'x') => [write(newStream(), 'no-stream', renamed(name))];
const names = (events: readonly RecordedEvent[]) => events.map(({ data }) => ('name' in data ? data.name : ''));
/** The rejection of a promise, and how long it took. */
const rejection = async (promise: Promise<unknown>) => {
  const began = Date.now();
  const error: unknown = await promise.then(
    () => expect.unreachable('it was taken'),
    (reason: unknown) => reason,
  );
  return { error, ms: Date.now() - began };
};

describe('appending', () => {
  it('sends hundreds of appends before the first is answered, and reads nothing for it', async () => {
    const store = await open();
    const before = await double.call('counts');
    await double.call('set', { holdAnswers: true });
    const appending = Promise.all(Array.from({ length: 300 }, () => store.append(one())));
    await waitFor(async () => expect((await double.call('counts')).unanswered).toBe(300));
    await double.call('set', { holdAnswers: false });
    expect(await appending).toHaveLength(300);
    expect((await double.call('counts')).streamReads).toBe(before.streamReads);
  });

  it('has appends in the log in the order in which they were sent, also the first ones', async () => {
    const store = await open();
    const expected = Array.from({ length: 100 }, (_, i) => `${i}`);
    await Promise.all(expected.map((name) => store.append(one(name))));
    expect(names(await take(store, undefined, 100))).toEqual(expected);
  });

  it('looks at the streams of an append of several, unless it knows that they are new', async () => {
    const store = await open();
    const before = await double.call('counts');
    await store.append([one(), one(), one()].flat().map((each) => ({ ...each, isNew: true })));
    const [known] = one();
    const [first, second] = await store.append([...one().map((each) => ({ ...each, isNew: true })), ...(known ? [known] : [])]);
    expect([first, second]).toMatchObject([{ revision: 0 }, { revision: 0 }]);
    expect((await double.call('counts')).streamReads).toBe(before.streamReads);
    await store.append([...one(), ...one()]);
    expect((await double.call('counts')).streamReads).toBe(before.streamReads + 2);
  });

  it('writes nothing beside a conflict that it finds first, though it did not look', async () => {
    const store = await open();
    const [taken = expect.unreachable()] = one();
    await store.append([taken]);
    const [beside = expect.unreachable()] = one();
    const again = { ...taken, events: [renamed('another')] };
    await expect(store.append([{ ...beside, isNew: true }, again])).rejects.toThrow(WrongExpectedRevision);
    expect(await store.readStream(beside.stream)).toEqual([]);
  });

  it('lets an append of several streams and one of a single stream take turns', async () => {
    const store = await open();
    const [a = expect.unreachable(), b = expect.unreachable()] = [...one(), ...one()];
    await double.call('set', { holdAnswers: true });
    const single = store.append([{ ...a, events: [renamed('single')] }]);
    const several = rejection(store.append([a, b]));
    await double.call('set', { holdAnswers: false });
    await single;
    expect((await several).error).toBeInstanceOf(WrongExpectedRevision);
    expect(await store.readStream(b.stream)).toEqual([]);
  });

  it('is repeated to the letter when its answer was lost, and written once', async () => {
    const store = await open({ tryTimeoutMs: 1_000 });
    await double.call('set', { loseAnswers: 3 });
    const writes = [one('a'), one('b'), one('c'), one('d')];
    const appended = await Promise.all(writes.map((each) => store.append(each)));
    expect(appended.flat().map(({ deduplicated }) => deduplicated)).toEqual([false, false, false, false]);
    expect(names(await take(store, undefined, 4)).toSorted()).toEqual(['a', 'b', 'c', 'd']);
    for (const [each = expect.unreachable()] of writes) expect(await store.readStream(each.stream)).toHaveLength(1);
  });

  it('is written once when the connection breaks under hundreds of large appends, and nothing is left to nobody', async () => {
    const store = await open();
    const big = 'x'.repeat(50_000);
    const streams = Array.from({ length: 200 }, newStream);
    const appending = Promise.all(streams.map((stream) => store.append([write(stream, 'no-stream', renamed(big))])));
    await waitFor(async () => expect((await double.call('counts')).appends).toBeGreaterThan(20));
    await double.call('breakConnections');
    await appending;
    expect(new Set((await take(store, undefined, 200)).map(({ stream }) => stream))).toEqual(new Set(streams));
  });

  it('is refused while more than it may is on its way, and taken afterwards', async () => {
    const store = await open({ maxBytesInFlight: 10_000 });
    const append = () => store.append(one('x'.repeat(4_000)));
    const outcomes = await Promise.allSettled([append(), append(), append()]);
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'rejected']);
    expect(outcomes[2]).toMatchObject({ reason: { name: 'LogUnavailable' } });
    await append();
  });

  it('is refused before it is sent when the server would not take its size', async () => {
    const store = await open();
    const before = await double.call('counts');
    const large = write(newStream(), 'no-stream', ...Array.from({ length: 10 }, () => renamed('x'.repeat(100_000))));
    await expect(store.append([large])).rejects.toThrow(/at most 900000 bytes/);
    await expect(store.append([write('elsewhere-1', 'no-stream', renamed('x'))])).rejects.toThrow(/must begin with one of organization-, /);
    expect((await double.call('counts')).appends).toBe(before.appends);
  });

  it('goes on after an answer that came twice, which nothing in the client expects', async () => {
    const store = await open();
    await double.call('set', { repeatAnswers: 1 });
    const appended = await Promise.all(Array.from({ length: 20 }, (_, i) => store.append(one(`${i}`))));
    expect(appended).toHaveLength(20);
    expect(new Set(names(await take(store, undefined, 20))).size).toBe(20);
  });

  it('goes on after a server that ended the call in peace, which leaves the client waiting for ever', async () => {
    const store = await open({ tryTimeoutMs: 1_000 });
    await store.append(one('before'));
    await double.call('endCalls');
    await store.append(one('after'));
    expect(names(await take(store, undefined, 2))).toEqual(['before', 'after']);
  });

  it('waits for a server that is not ready', async () => {
    const store = await open();
    await double.call('set', { notReady: true });
    const appending = store.append(one());
    await waitFor(() => expect(lines.join()).toMatch(/is unavailable: Server Is Not Ready\./));
    await double.call('set', { notReady: false });
    await appending;
  });

  it('is repeated, and holds nobody up, when the server drops what is repeated until the first is replicated', async () => {
    const store = await open();
    const repeated = one();
    await store.append(repeated);
    await double.call('set', { dropRepeats: 1 });
    expect(await store.append(repeated)).toMatchObject([{ deduplicated: true }]);
    expect(lines).toEqual([]);
  });

  it('finds out where a repeated append stands when the server does not say', async () => {
    const store = await open();
    const writes = [write(newStream(), 'no-stream', renamed('a'), renamed('b'))];
    const [first] = await store.append(writes);
    await double.call('set', { repeatsWithoutPosition: true });
    expect(await store.append(writes)).toEqual([{ ...first, deduplicated: true }]);
  });

  it('knows what another process wrote before, as far as it has seen it', async () => {
    const [here, there] = await Promise.all([open(), open()]);
    const writes = one();
    await here.append(writes);
    await there.tip();
    expect(await there.append(writes)).toMatchObject([{ deduplicated: true }]);
  });

  it.each(['softDelete', 'tombstone'] as const)('says so when it meets a stream that was deleted on the server (%s)', async (remove) => {
    const store = await open();
    const [first = expect.unreachable()] = one();
    await store.append([first]);
    await double.call(remove, prefix + first.stream);
    const { error } = await rejection(store.append([{ ...first, events: [renamed('anew')] }]));
    expect(error).toBeInstanceOf(StreamDamaged);
    expect(String(error)).toMatch(/was deleted or truncated on the server.*[Rr]estore/);
    await expect(store.readStream(first.stream)).rejects.toBeInstanceOf(StreamDamaged);
  });
});

describe('while the server is away', () => {
  it('refuses appends in bounded time, at once after a while, and takes them when it is back', async () => {
    const store = await open({ timeoutMs: 1_500, patienceMs: 500 });
    await store.append(one('before'));
    await double.call('kill');
    const first = await rejection(store.append(one('lost')));
    expect(first.error).toBeInstanceOf(LogUnavailable);
    expect(first.ms).toBeLessThan(10_000);
    expect(String(first.error)).toMatch(/log server esdb:\/\/127\.0\.0\.1:\d+ is unavailable: connect ECONNREFUSED/);
    await waitFor(async () => expect((await rejection(store.append(one()))).ms).toBeLessThan(400));
    await expect(store.readStream(newStream())).rejects.toBeInstanceOf(LogUnavailable);
    await expect(store.tip()).rejects.toMatchObject({ name: 'LogUnavailable', retryAfterSeconds: expect.any(Number) });
    await double.call('comeBack');
    await waitFor(() => store.append(one('after')));
    await waitFor(() => expect(lines.at(-1)).toMatch(/is back after \d+\.\d s/));
    expect(lines.filter((line) => line.includes('is unavailable'))).toHaveLength(1);
  });

  it('goes on by itself with what was on its way when it came back in time', async () => {
    const store = await open();
    const following = take(store, undefined, 60);
    await store.append(one('0'));
    await double.call('kill');
    const appending = Promise.all(Array.from({ length: 59 }, (_, i) => store.append(one(`${i + 1}`))));
    await waitFor(() => expect(lines).toHaveLength(1));
    await double.call('comeBack');
    await appending;
    expect(names(await following).toSorted((a, b) => Number(a) - Number(b))).toEqual(Array.from({ length: 60 }, (_, i) => `${i}`));
  });

  it('notices a server that hangs, and writes nothing twice when it goes on', async () => {
    const store = await open({ timeoutMs: 2_000, tryTimeoutMs: 1_000 });
    const writes = one('once');
    await double.call('freeze');
    const { error, ms } = await rejection(store.append(writes));
    expect(String(error)).toMatch(/did not answer within 1 s.*not known whether it was written/);
    expect(ms).toBeLessThan(10_000);
    await double.call('thaw');
    await waitFor(() => store.append(writes));
    expect(names(await take(store, undefined, 1))).toEqual(['once']);
    expect(await store.readStream(writes[0]?.stream ?? '')).toHaveLength(1);
  });

  it('does not mind what happens to another server in the same process', async () => {
    const here = await open({ timeoutMs: 500 });
    const there = await open({ url: other.url() });
    const lost = Promise.allSettled(Array.from({ length: 100 }, () => here.append(one())));
    const kept = Array.from({ length: 100 }, () => there.append(one()));
    await double.call('kill');
    await lost;
    expect(await Promise.all([...kept, ...Array.from({ length: 100 }, () => there.append(one()))])).toHaveLength(200);
  });
});

describe('following', () => {
  it.each([
    ['the connection breaks', () => double.call('breakConnections')],
    ['the server stops, with an error', () => double.call('endCalls', { code: 13, details: 'Received RST_STREAM with code 0' })],
    ['the server stops, in peace', () => double.call('endCalls')],
    ['the server is killed and comes back', () => double.call('kill').then(() => double.call('comeBack'))],
  ])('loses and repeats nothing when %s', async (_, happens) => {
    const store = await open({ tryTimeoutMs: 1_000 });
    const total = 300;
    const ending = new AbortController();
    const seen: string[] = [];
    const following = (async () => {
      for await (const batch of store.follow(undefined, { signal: ending.signal, batchSize: 7 })) {
        seen.push(...names(batch));
        if (seen.length >= total) ending.abort();
      }
    })();
    const expected = Array.from({ length: total }, (__, i) => `${i}`);
    for (const [i, name] of expected.entries()) {
      const appending = store.append(one(name));
      if (i % 100 === 50) await happens();
      await appending;
    }
    await following;
    expect(seen).toEqual(expected);
  });

  it('goes on after it was dropped for being slow, without a word to anybody', async () => {
    const store = await open();
    await double.call('set', { mostUnread: 50 });
    const ending = new AbortController();
    const seen: string[] = [];
    const woken = Promise.withResolvers<void>();
    const following = (async () => {
      for await (const batch of store.follow(undefined, { signal: ending.signal })) {
        seen.push(...names(batch).map((name) => name.slice(0, 4)));
        if (seen.length === 1) await woken.promise;
        if (seen.length === 1_001) ending.abort();
      }
    })();
    await store.append(one('0000'));
    const expected = Array.from({ length: 1_001 }, (_, i) => `${i}`.padStart(4, '0'));
    for (let i = 1; i < expected.length; i += 100) {
      const events = expected.slice(i, i + 100).map((name) => renamed(name.padEnd(5_000, 'x')));
      await store.append([write(newStream(), 'no-stream', ...events)]);
    }
    woken.resolve();
    await following;
    expect(seen).toEqual(expected);
    expect(lines).toEqual([]);
  });

  it('leaves no call behind, however often it is left early', async () => {
    const store = await open();
    await store.append(one());
    for (let i = 0; i < 150; i += 1) for await (const _ of store.follow(undefined, { signal: new AbortController().signal })) break;
    await Promise.all(Array.from({ length: 150 }, () => store.tip()));
    await waitFor(async () => expect((await double.call('counts')).openReads).toBe(0));
    expect(await store.readStream(newStream())).toEqual([]);
  });

  it('sees only what is ours: no system events, nothing of other services, nothing of other installations', async () => {
    await double.call('writeForeign', { stream: 'order-1', count: 20 });
    await double.call('writeForeign', { stream: `${prefix}endpoints-1`, count: 5 });
    const [store, neighbour] = [await open(), await open({ prefix: `x${prefix}` })];
    expect([await store.tip(), await neighbour.tip()]).toEqual([undefined, undefined]);
    const [ours] = await store.append(one('ours'));
    await neighbour.append(one('theirs'));
    await double.call('writeForeign', { stream: 'order-1', count: 200 });
    expect(await store.tip()).toBe(ours?.position);
    await store.append(one('ours too'));
    expect(names(await take(store, undefined, 2))).toEqual(['ours', 'ours too']);
    expect(await take(neighbour, undefined, 1)).toMatchObject([{ stream: expect.stringMatching(/^endpoint-/), data: { name: 'theirs' } }]);
  });

  it('begins at the beginning of the log, not of the server', async () => {
    await double.call('writeForeign', {
      stream: `${prefix}endpoint-1`,
      count: 1,
      type: 'endpoint.renamed',
      data: '{"name":"before the log was one"}',
      metadata: '{"v":1,"actor":"x"}',
    });
    const store = await open();
    await store.append(one('first'));
    expect(names(await take(store, undefined, 1))).toEqual(['first']);
  });

  it.each([
    ['says where a subscription stands that has caught up', {}],
    ['does not', { withoutCaughtUp: true }],
  ])('knows the end of the configuration among much else, on a server that %s', async (_, faults) => {
    await double.call('set', faults);
    const store = await open();
    await store.append([write(`message-${randomUUID()}`, 'no-stream', ...Array.from({ length: 1_000 }, () => renamed('m')))]);
    await store.append(one('configuration'));
    await store.append([write(`message-${randomUUID()}`, 'no-stream', ...Array.from({ length: 1_500 }, () => renamed('m')))]);
    await double.call('writeForeign', { stream: 'order-2', count: 10 });
    const ending = new AbortController();
    const seen: string[] = [];
    for await (const batch of store.followConfiguration(undefined, { signal: ending.signal })) {
      const readable = batch.filter((event): event is RecordedEvent<ConfigurationEvent> => !(event instanceof UndecodableEvent));
      seen.push(...(batch.length === 0 ? ['end'] : names(readable)));
      if (batch.length === 0) void store.append(one('later'));
      if (seen.includes('later')) ending.abort();
    }
    expect(seen).toEqual(['configuration', 'end', 'later']);
  });

  it('says at once that an empty log has no configuration', async () => {
    const store = await open();
    const ending = new AbortController();
    for await (const batch of store.followConfiguration(undefined, { signal: ending.signal })) {
      expect(batch).toEqual([]);
      ending.abort();
    }
  });

  it('refuses a position that is not one of this log', async () => {
    const store = await open();
    await store.append(one());
    const later = await open({ url: other.url() });
    await expect(take(later, await store.tip(), 1)).rejects.toThrow(/is past the end of this log/);
    await expect(take(store, '0000000000000007' as Position, 1)).rejects.toThrow(/"0000000000000007" is not a position of this log/);
  });
});
