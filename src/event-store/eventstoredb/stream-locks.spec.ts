// Turns at streams: any run of appends keeps whoever wants a stream alone from everybody else there, and holds nobody else up.
import { array, assert, asyncProperty, boolean, record, subarray } from 'fast-check';
import { expect, it } from 'vitest';
import { StreamLocks } from './stream-locks.ts';

type Append = { readonly streams: readonly string[]; readonly alone: boolean };
const excludes = (a: Append, b: Append) => (a.alone || b.alone) && a.streams.some((stream) => b.streams.includes(stream));
const appends = array(record({ streams: subarray(['a', 'b', 'c', 'd'], { minLength: 1 }), alone: boolean() }), { maxLength: 30 });

it('never lets two at a stream of which one wants it alone, and lets everybody through in the end', () =>
  assert(
    asyncProperty(appends, async (all) => {
      const turns = new StreamLocks();
      const inside = new Set<(typeof all)[number]>();
      const order: number[] = [];
      await Promise.all(
        all.map((append, i) =>
          turns.run(append.streams, append, async () => {
            expect(Array.from(inside).filter((other) => excludes(append, other))).toEqual([]);
            inside.add(append);
            order.push(i);
            for (let turn = 0; turn < i % 4; turn += 1) await Promise.resolve();
            inside.delete(append);
          }),
        ),
      );
      expect(order.toSorted((a, b) => a - b)).toEqual(all.map((_, i) => i));
      // Of those that exclude each other, who came first went first.
      const pairs = all.flatMap((a, i) => all.slice(i + 1).map((b, j) => ({ a, b, i, j: i + 1 + j })));
      const overtaken = pairs.filter(({ a, b, i, j }) => excludes(a, b) && order.indexOf(i) > order.indexOf(j));
      expect(overtaken).toEqual([]);
    }),
  ));

it('holds up nobody who shares', async () => {
  const turns = new StreamLocks();
  const never = new Promise<never>(() => {});
  void turns.run(['a'], { alone: false }, () => never);
  expect(await turns.run(['a'], { alone: false }, async () => 'at once')).toBe('at once');
  void turns.run(['a', 'b'], { alone: true }, () => never); // waits for the first
  expect(await turns.run(['c'], { alone: true }, async () => 'elsewhere')).toBe('elsewhere');
});

it('goes on after work that failed', async () => {
  const turns = new StreamLocks();
  const failing = turns.run(['a'], { alone: true }, async () => {
    throw new Error('refused');
  });
  const next = turns.run(['a'], { alone: true }, async () => 'next');
  await expect(failing).rejects.toThrow('refused');
  expect(await next).toBe('next');
});
