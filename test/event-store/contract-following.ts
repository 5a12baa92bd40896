// What every log must do for those who follow it: a part of the contract suite.
import { randomUUID } from 'node:crypto';
import v8 from 'node:v8';
import vm from 'node:vm';
import { describe, expect, it } from 'vitest';
import type { Position } from '../../src/domain/ids.ts';
import { UndecodableEvent, type RecordedEvent } from '../../src/event-store/event-store.ts';
import { renamed, write } from './append-pairs.ts';
import { newStream, ids, take, log, store, start, reopenLog } from './contract-log.ts';

const heapUsed = () => {
  v8.setFlagsFromString('--expose-gc');
  vm.runInNewContext('gc')();
  return process.memoryUsage().heapUsed;
};

/** @param sleptThrough events that come while a follower sleeps */
export const describeFollowing = (sleptThrough: number) =>
  describe('following', () => {
    const appendMany = async (count: number, size = 1) => {
      const streams = Array.from({ length: count }, newStream);
      await Promise.all(
        streams.map((stream) => store.append([write(stream, 'no-stream', ...Array.from({ length: size }, () => renamed('x')))])),
      );
      return streams;
    };

    it('gives every event in one order, in which positions sort and times do not go back', async () => {
      await appendMany(150, 2);
      const events = await take(store, start, 300);
      expect(events).toHaveLength(300);
      const positions = events.map(({ position }) => position);
      expect(positions).toEqual(positions.toSorted());
      expect(new Set(positions).size).toBe(300);
      const times = events.map(({ recordedAt }) => recordedAt);
      expect(times).toEqual(times.toSorted());
      expect(await take(store, start, 300)).toEqual(events);
    });

    it('has what was acknowledged first before what was appended then', async () => {
      const [a, b] = [newStream(), newStream()];
      const [first] = await store.append([write(a, 'no-stream', renamed('a'))]);
      const [second] = await store.append([write(b, 'no-stream', renamed('b'))]);
      expect(String(first?.position) < String(second?.position)).toBe(true);
    });

    it('starts at the very beginning when no position is given', async () => {
      const [stream] = await appendMany(1);
      const ending = new AbortController();
      const seen: string[] = [];
      for await (const batch of store.follow(undefined, { signal: ending.signal })) {
        seen.push(...batch.map((event) => event.stream));
        if (seen.includes(String(stream))) ending.abort();
      }
      expect(seen.at(-1)).toBe(stream);
    });

    it('goes on after any position without loss or repeat, also in a log that was reopened', async () => {
      await appendMany(40, 2);
      const all = await take(store, start, 80);
      for (const reopen of [false, true]) {
        if (reopen) {
          await store.close();
          await reopenLog();
        }
        for (const i of [0, 1, 39, 78]) expect(await take(store, all[i]?.position, 79 - i)).toEqual(all.slice(i + 1));
      }
    });

    it('gives live what is appended later', async () => {
      const following = take(store, start, 3);
      const stream = newStream();
      await store.append([write(stream, 'no-stream', renamed('a'))]);
      await store.append([write(stream, 0, renamed('b'), renamed('c'))]);
      expect((await following).map(({ revision }) => revision)).toEqual([0, 1, 2]);
    });

    it('gives batches of all that is there, up to the size asked for', async () => {
      await appendMany(1, 25);
      const ending = new AbortController();
      const sizes: number[] = [];
      for await (const batch of store.follow(start, { signal: ending.signal, batchSize: 10 })) {
        sizes.push(batch.length);
        if (sizes.reduce((sum, size) => sum + size) === 25) ending.abort();
      }
      expect(Math.max(...sizes)).toBeLessThanOrEqual(10);
    });

    it('gives the configuration alone where only that is asked for, and says once that the end was reached', async () => {
      const streams = [`message-${randomUUID()}`, newStream(), `delivery-${randomUUID()}`, newStream()];
      for (const stream of streams) await store.append([write(stream, 'no-stream', renamed('one'))]);
      const late = newStream();
      const ending = new AbortController();
      const seen: string[] = [];
      for await (const batch of store.followConfiguration(start, { signal: ending.signal })) {
        seen.push(...batch.map(({ stream }) => stream));
        if (batch.length === 0) {
          seen.push('end');
          await store.append([write(`message-${randomUUID()}`, 'no-stream', renamed('one'))]);
          await store.append([write(late, 'no-stream', renamed('one'))]);
        }
        if (seen.includes(late)) ending.abort();
      }
      expect(seen).toEqual([streams[1], streams[3], 'end', late]);
    });

    it('serves many followers, each at its own pace', async () => {
      const followers = Array.from({ length: 30 }, (_, i) => take(store, start, 200, i + 1));
      await appendMany(100, 2);
      const [first, ...others] = await Promise.all(followers);
      for (const other of others) expect(ids(other).slice(0, 200)).toEqual(ids(first ?? []).slice(0, 200));
    });

    it('keeps nothing in memory for a follower that sleeps, and gives it all when it wakes', async () => {
      const woken = Promise.withResolvers<void>();
      const ending = new AbortController();
      const seen: Position[] = [];
      const count = sleptThrough;
      const sleeper = (async () => {
        for await (const batch of store.follow(start, { signal: ending.signal })) {
          if (seen.length === 0) await woken.promise;
          seen.push(...batch.map(({ position }) => position));
          if (seen.length === count + 1) ending.abort();
        }
      })();
      await store.append([write(newStream(), 'no-stream', renamed('the one it sleeps on'))]);
      const before = heapUsed();
      for (let i = 0; i < count; i += 250)
        await store.append([write(newStream(), 'no-stream', ...Array.from({ length: 250 }, () => renamed(`${i}`.padEnd(2000, 'x'))))]);
      expect(heapUsed() - before).toBeLessThan(count * 1000); // of more than twice as much
      woken.resolve();
      await sleeper;
      expect(seen).toEqual(seen.toSorted());
      expect(new Set(seen).size).toBe(count + 1);
    });

    it('ends when aborted: while it waits, between batches, and before it began', async () => {
      const ending = new AbortController();
      const waiting = (async () => {
        let batches = 0;
        for await (const batch of store.follow(start, { signal: ending.signal })) batches += batch.length > 0 ? 1 : 0;
        return batches;
      })();
      await appendMany(1);
      await take(store, start, 1); // so that the other has had its batch as well
      ending.abort();
      expect(await waiting).toBeLessThanOrEqual(1);
      expect(await take(store, start, 1)).toHaveLength(1);
      for await (const _ of store.follow(start, { signal: AbortSignal.abort() })) expect.unreachable('it was aborted before');
    });

    it('stops at an event that cannot be read, after all that precedes it', async (context) => {
      if (!log.writeUnreadable) return context.skip();
      const [before] = await appendMany(1, 3);
      await store.close();
      const stream = newStream();
      await log.writeUnreadable(stream);
      await reopenLog();
      await store.append([write(newStream(), 'no-stream', renamed('after'))]);
      const seen: RecordedEvent[] = [];
      const following = (async () => {
        for await (const batch of store.follow(start, { signal: new AbortController().signal })) seen.push(...batch);
      })();
      await expect(following).rejects.toBeInstanceOf(UndecodableEvent);
      await expect(following).rejects.toMatchObject({ stream });
      expect(seen.map((event) => event.stream)).toEqual([before, before, before]);
      await expect(store.readStream(stream)).rejects.toBeInstanceOf(UndecodableEvent);
      const [poison] = await Promise.allSettled([following]);
      const after = poison.status === 'rejected' && poison.reason instanceof UndecodableEvent ? poison.reason.position : undefined;
      expect(await take(store, after, 1)).toMatchObject([{ data: { name: 'after' } }]);
    });

    it('gives what cannot be read among the configuration in its place, and goes on', async (context) => {
      if (!log.writeUnreadable) return context.skip();
      const [before] = await appendMany(1, 2);
      await store.close();
      const stream = newStream();
      await log.writeUnreadable(stream);
      await reopenLog();
      const after = newStream();
      await store.append([write(after, 'no-stream', renamed('after'))]);
      const ending = new AbortController();
      const seen: string[] = [];
      const errors: UndecodableEvent[] = [];
      for await (const batch of store.followConfiguration(start, { signal: ending.signal })) {
        if (batch.length === 0) ending.abort();
        seen.push(...batch.map((event) => `${event instanceof UndecodableEvent ? 'unreadable ' : ''}${event.stream}`));
        errors.push(...batch.filter((event) => event instanceof UndecodableEvent));
      }
      expect(seen).toEqual([before, before, `unreadable ${stream}`, after]);
      expect(errors[0]?.message).toContain(stream);
      expect(await take(store, errors[0]?.position, 1)).toMatchObject([{ stream: after }]);
    });
  });
