// What every log must do, whatever it is built on: the contract suite of the port in src/event-store/event-store.ts.
// An adapter's spec calls describeEventStore with what opens its log; events and streams are named afresh by each rule.
import { describe, expect, it } from 'vitest';
import {
  LogUnavailable,
  WrongExpectedRevision,
  type ExpectedRevision,
  type NewEvent,
  type Write,
} from '../../src/event-store/event-store.ts';
import { pairStreams, renamed, write } from './append-pairs.ts';
import { describeFollowing } from './contract-following.ts';
import { type LogUnderTest, type SmallDisk, newStream, take, log, store, start, setUp, reopenLog } from './contract-log.ts';

export const describeEventStore = (
  name: string,
  create: () => Promise<LogUnderTest>,
  { smallDisk, sleptThrough = 30_000 }: { smallDisk?: (() => Promise<SmallDisk>) | undefined; sleptThrough?: number } = {},
) =>
  describe(`${name}, as an event store`, () => {
    setUp(create);

    describe('appending', () => {
      it('takes a new stream under no-stream, and answers the last revision and position', async () => {
        const stream = newStream();
        const [appended] = await store.append([write(stream, 'no-stream', renamed('a'), renamed('b'))]);
        expect(appended).toMatchObject({ revision: 1, deduplicated: false });
        expect(appended?.position).toBe(await store.tip());
      });

      it('gives back what was appended, with where and when it was recorded', async () => {
        const stream = newStream();
        const event = renamed('Überwachung \u{1F514} "quoted" \\ \u0000 \uD800');
        const [appended] = await store.append([write(stream, 'no-stream', event)]);
        const [read] = await store.readStream(stream);
        const recorded = { ...event, stream, revision: 0, position: appended?.position, recordedAt: read?.recordedAt };
        expect(new Date(read?.recordedAt ?? '').toISOString()).toBe(read?.recordedAt);
        expect(await store.readStream(stream)).toStrictEqual([recorded]);
        expect(await take(store, start, 1)).toStrictEqual([recorded]);
        await store.close();
        await reopenLog();
        expect(await take(store, start, 1)).toStrictEqual([recorded]);
      });

      it('goes on where the stream is, when the revision is exact', async () => {
        const stream = newStream();
        await store.append([write(stream, 'no-stream', renamed('a'), renamed('b'))]);
        expect(await store.append([write(stream, 1, renamed('c'))])).toMatchObject([{ revision: 2 }]);
      });

      it.each<[string, number, ExpectedRevision, ExpectedRevision]>([
        ['a stream that is there, under no-stream', 2, 'no-stream', 1],
        ['a stale revision', 3, 0, 2],
        ['a revision that is still to come', 1, 5, 0],
        ['a revision of a stream that is missing', 0, 0, 'no-stream'],
      ])('refuses %s', async (_, length, expected, actual) => {
        const stream = newStream();
        if (length > 0) await store.append([write(stream, 'no-stream', ...Array.from({ length }, () => renamed('x')))]);
        const appending = store.append([write(stream, expected, renamed('y'))]);
        await expect(appending).rejects.toBeInstanceOf(WrongExpectedRevision);
        await expect(appending).rejects.toMatchObject({ conflicts: [{ stream, expected, actual }] });
        expect(await store.readStream(stream)).toHaveLength(length);
      });

      it('appends to several streams at once, and answers in the order of the writes', async () => {
        const [a, b] = [newStream(), newStream()];
        await store.append([write(b, 'no-stream', renamed('b0'))]);
        const appended = await store.append([write(a, 'no-stream', renamed('a0'), renamed('a1')), write(b, 0, renamed('b1'))]);
        expect(appended).toMatchObject([{ revision: 1 }, { revision: 1 }]);
        expect([await store.readStream(a), await store.readStream(b)].map((events) => events.length)).toEqual([2, 2]);
      });

      it('writes nothing of an append of which one write is refused, and names every stream that is elsewhere', async () => {
        const [a, b, c] = [newStream(), newStream(), newStream()];
        await store.append([write(b, 'no-stream', renamed('b0')), write(c, 'no-stream', renamed('c0'))]);
        const tip = await store.tip();
        const appending = store.append([
          write(a, 'no-stream', renamed('a0')),
          write(b, 'no-stream', renamed('b1')),
          write(c, 7, renamed('c1')),
        ]);
        await expect(appending).rejects.toMatchObject({
          conflicts: [
            { stream: b, expected: 'no-stream', actual: 0 },
            { stream: c, expected: 7, actual: 0 },
          ],
        });
        expect(await store.readStream(a)).toEqual([]);
        expect(await store.tip()).toBe(tip);
      });

      it('lets exactly one of many concurrent writers of a stream win', async () => {
        const [stream, losers] = [newStream(), Array.from({ length: 20 }, newStream)];
        await store.append([write(stream, 'no-stream', renamed('first'))]);
        const outcomes = await Promise.allSettled(
          losers.map((other) => store.append([write(stream, 0, renamed('second')), write(other, 'no-stream', renamed('beside'))])),
        );
        expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
        const refused = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [String(outcome.reason)] : []));
        expect(new Set(refused)).toEqual(new Set([`WrongExpectedRevision: ${stream}: expected 0, found 1`]));
        expect(await store.readStream(stream)).toHaveLength(2);
        const beside = await Promise.all(losers.map((other) => store.readStream(other)));
        expect(beside.flat()).toHaveLength(1);
      });

      it.each<[string, (stream: string) => Write[], RegExp]>([
        ['a revision below zero', (stream) => [write(stream, -1, renamed('x'))], /-1/],
        ['a revision that is no whole number', (stream) => [write(stream, 0.5, renamed('x'))], /0\.5/],
        ['a write without events', (stream) => [write(stream, 'no-stream')], /at least one event/],
        [
          'two writes to one stream',
          (stream) => [write(stream, 'no-stream', renamed('x')), write(stream, 0, renamed('y'))],
          /only one write per stream/,
        ],
        [
          'an event that is not what the catalog says',
          // A mistake that the compiler would catch.
          (stream) => [write(stream, 'no-stream', { ...renamed('x'), data: { name: 5 } } as unknown as NewEvent)],
          /endpoint\.renamed can't be written: data\.name/,
        ],
      ])('refuses %s before it is sent, and takes what else is on its way', async (_, writes, sentence) => {
        const [stream, other] = [newStream(), newStream()];
        const before = store.append([write(other, 'no-stream', renamed('x'))]);
        await expect(store.append(writes(stream))).rejects.toThrow(sentence);
        expect(await before).toMatchObject([{ revision: 0 }]);
        expect(await store.readStream(stream)).toEqual([]);
      });

      it.each([
        ['a BigInt', { sum: 5n }],
        ['a cycle', Object.assign([], { 0: undefined }) as unknown[]],
      ])('refuses %s, which JSON cannot hold', async (kind, value) => {
        const sample: Record<string, unknown> = { value };
        if (kind === 'a cycle') sample['value'] = sample;
        const event = {
          ...renamed(''),
          type: 'organization.event-type-defined',
          data: { name: 'a', group: 'a', description: null, sample },
        } as unknown as NewEvent; // a mistake that the compiler would catch
        const stream = newStream();
        await expect(store.append([write(stream, 'no-stream', event)])).rejects.toThrow(/can't be written/);
        expect(await store.readStream(stream)).toEqual([]);
      });
    });

    describe('appending again', () => {
      it('changes nothing, and answers what was recorded', async () => {
        const [a, b] = [newStream(), newStream()];
        const writes = [write(a, 'no-stream', renamed('a0'), renamed('a1')), write(b, 'no-stream', renamed('b0'))];
        const first = await store.append(writes);
        await store.append([write(a, 1, renamed('a2'))]);
        const tip = await store.tip();
        expect(await store.append(writes)).toEqual(first.map(({ revision, position }) => ({ revision, position, deduplicated: true })));
        expect(await store.tip()).toBe(tip);
      });

      it('changes nothing when the same append is on its way twice at once', async () => {
        const stream = newStream();
        const writes = [write(stream, 'no-stream', renamed('a'), renamed('b'))];
        const [first, second] = await Promise.all([store.append(writes), store.append(writes)]);
        expect(first).toMatchObject([{ deduplicated: false }]);
        expect(second).toEqual([{ ...first[0], deduplicated: true }]);
      });

      it('takes a prefix of what was written as repeated, with the revision of the prefix', async () => {
        const stream = newStream();
        const [a, b] = [renamed('a'), renamed('b')];
        await store.append([write(stream, 'no-stream', a, b)]);
        const [recorded] = await store.readStream(stream);
        expect(await store.append([write(stream, 'no-stream', a)])).toEqual([
          { revision: 0, position: recorded?.position, deduplicated: true },
        ]);
      });

      it('refuses the same events and one more, and the same revisions with another event', async () => {
        const stream = newStream();
        const [a, b] = [renamed('a'), renamed('b')];
        await store.append([write(stream, 'no-stream', a, b)]);
        await expect(store.append([write(stream, 'no-stream', a, b, renamed('c'))])).rejects.toThrow(WrongExpectedRevision);
        await expect(store.append([write(stream, 'no-stream', a, renamed('c'))])).rejects.toThrow(WrongExpectedRevision);
        await expect(store.append([write(stream, 0, a)])).rejects.toThrow(WrongExpectedRevision);
        expect(await store.readStream(stream)).toHaveLength(2);
      });

      it('writes only what is new, when one append repeats some writes and brings others', async () => {
        const [a, b] = [newStream(), newStream()];
        const repeated = write(a, 'no-stream', renamed('a0'), renamed('a1'));
        const [first] = await store.append([repeated]);
        const [again, added] = await store.append([repeated, write(b, 'no-stream', renamed('b0'), renamed('b1'))]);
        expect(again).toEqual({ ...first, deduplicated: true });
        expect(added).toMatchObject({ revision: 1, deduplicated: false, position: await store.tip() });
        const events = await take(store, start, 4);
        expect(events.map(({ stream, revision }) => [stream, revision])).toEqual([
          [a, 0],
          [a, 1],
          [b, 0],
          [b, 1],
        ]);
      });
    });

    describe('reading a stream', () => {
      it('gives the range asked for, oldest first', async () => {
        const stream = newStream();
        const events = Array.from({ length: 6 }, (_, i) => renamed(`${i}`));
        await store.append([write(stream, 'no-stream', ...events)]);
        const revisions = async (range?: { from?: number; upTo?: number }) =>
          (await store.readStream(stream, range)).map(({ revision }) => revision);
        expect(await revisions()).toEqual([0, 1, 2, 3, 4, 5]);
        expect(await revisions({ from: 4 })).toEqual([4, 5]);
        expect(await revisions({ upTo: 1 })).toEqual([0, 1]);
        expect(await revisions({ from: 2, upTo: 3 })).toEqual([2, 3]);
        expect(await revisions({ from: 9 })).toEqual([]);
      });

      it('is empty for a stream that is missing', async () => expect(await store.readStream(newStream())).toEqual([]));
    });

    describeFollowing(sleptThrough);

    describe('closing', () => {
      it('finishes what was appended before, and refuses what comes later', async () => {
        const streams = Array.from({ length: 50 }, newStream);
        const appending = streams.map((stream) => store.append([write(stream, 'no-stream', renamed('x'))]));
        await store.close();
        expect((await Promise.all(appending)).flat()).toHaveLength(50);
        await expect(store.append([write(newStream(), 'no-stream', renamed('x'))])).rejects.toBeInstanceOf(LogUnavailable);
        await reopenLog();
        expect(await take(store, start, 50)).toHaveLength(50);
      });
    });

    it('has all that was acknowledged, and nothing torn, after kill -9', async (context) => {
      if (!log.appendPairsUntilKilled) return context.skip();
      await store.close();
      const acknowledged = await log.appendPairsUntilKilled();
      await reopenLog();
      expect(acknowledged.length).toBeGreaterThan(0);
      const ending = new AbortController();
      const lengths = new Map<string, number>();
      const tip = await store.tip();
      for await (const batch of store.follow(start, { signal: ending.signal })) {
        for (const { stream, revision } of batch) {
          expect(revision).toBe(lengths.get(stream) ?? 0);
          lengths.set(stream, revision + 1);
        }
        if (batch.at(-1)?.position === tip) ending.abort();
      }
      for (const pair of acknowledged) for (const stream of pairStreams(pair)) expect(lengths.get(stream)).toBe(2);
      expect(new Set(lengths.values())).toEqual(new Set([2])); // no stream has one of its two events …
      const pairs = new Set(Array.from(lengths.keys(), (stream) => stream.slice(0, -1)));
      expect(lengths.size).toBe(pairs.size * 2); // … and no pair one of its two streams
      expect(await store.append([write(newStream(), 'no-stream', renamed('goes on'))])).toMatchObject([{ revision: 0 }]);
    });

    it.skipIf(!smallDisk)('refuses appends while the disk is full, and takes them when there is room', async () => {
      const disk = await smallDisk?.();
      if (!disk) return;
      const onDisk = await disk.open();
      try {
        const big = () => write(newStream(), 'no-stream', renamed('x'.repeat(100_000)));
        await onDisk.append([big()]);
        await disk.fill();
        let acknowledged = 1;
        let refused: Write[] = [];
        const failure = await (async () => {
          for (;;) {
            refused = [big(), big()];
            try {
              await onDisk.append(refused);
              acknowledged += 2;
            } catch (error) {
              return error;
            }
          }
        })();
        expect(failure).toBeInstanceOf(LogUnavailable);
        expect(String(failure)).toMatch(/disk .* is full.*[Ff]ree/s);
        await expect(onDisk.append([big(), big(), big()])).rejects.toBeInstanceOf(LogUnavailable); // still up, still full
        expect(await take(onDisk, undefined, acknowledged)).toHaveLength(acknowledged); // reading works; nothing refused is seen

        await disk.free();
        expect(await onDisk.append(refused)).toMatchObject([{ deduplicated: false }, { deduplicated: false }]);
        expect(await take(onDisk, undefined, acknowledged + 2)).toHaveLength(acknowledged + 2);
      } finally {
        await onDisk.close();
        await disk.discard();
      }
    });
  });
