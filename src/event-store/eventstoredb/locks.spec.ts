// Stream locks: in any sequence of appends, exclusive holders of a stream run alone, nobody else is delayed, and all finish.
import { array, assert, asyncProperty, boolean, record, subarray } from 'fast-check';
import { expect, it } from 'vitest';
import { StreamLocks } from './locks.ts';

type Append = { readonly streams: readonly string[]; readonly exclusive: boolean };
const excludes = (a: Append, b: Append) => (a.exclusive || b.exclusive) && a.streams.some((stream) => b.streams.includes(stream));
const appends = array(record({ streams: subarray(['a', 'b', 'c', 'd'], { minLength: 1 }), exclusive: boolean() }), { maxLength: 30 });

it('runs exclusive holders of a stream alone, in order, and everybody in the end', () =>
  assert(
    asyncProperty(appends, async (all) => {
      const locks = new StreamLocks();
      const inside = new Set<(typeof all)[number]>();
      const order: number[] = [];
      await Promise.all(
        all.map((append, i) =>
          locks.run(append.streams, append, async () => {
            expect(Array.from(inside).filter((other) => excludes(append, other))).toEqual([]);
            inside.add(append);
            order.push(i);
            for (let turn = 0; turn < i % 4; turn += 1) await Promise.resolve();
            inside.delete(append);
          }),
        ),
      );
      expect(order.toSorted((a, b) => a - b)).toEqual(all.map((_, i) => i));
      // Of two that exclude each other, the first to arrive ran first.
      const pairs = all.flatMap((a, i) => all.slice(i + 1).map((b, j) => ({ a, b, i, j: i + 1 + j })));
      const overtaken = pairs.filter(({ a, b, i, j }) => excludes(a, b) && order.indexOf(i) > order.indexOf(j));
      expect(overtaken).toEqual([]);
    }),
  ));

it('does not delay appends that share a stream, or use other streams', async () => {
  const locks = new StreamLocks();
  const never = new Promise<never>(() => {});
  void locks.run(['a'], { exclusive: false }, () => never);
  expect(await locks.run(['a'], { exclusive: false }, async () => 'at once')).toBe('at once');
  void locks.run(['a', 'b'], { exclusive: true }, () => never); // waits for the first
  expect(await locks.run(['c'], { exclusive: true }, async () => 'elsewhere')).toBe('elsewhere');
});

it('releases the stream after a failure', async () => {
  const locks = new StreamLocks();
  const failing = locks.run(['a'], { exclusive: true }, async () => {
    throw new Error('refused');
  });
  const next = locks.run(['a'], { exclusive: true }, async () => 'next');
  await expect(failing).rejects.toThrow('refused');
  expect(await next).toBe('next');
});
