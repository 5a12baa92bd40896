import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { FairGroups, FairQueue } from './fair-queue.ts';

type Item = { readonly key: string; readonly weight: number; readonly number: number };

const queueOf = (perTurn: number, items: readonly Item[]) => {
  const queue = new FairQueue<Item>(perTurn);
  for (const item of items) queue.push(item.key, item.weight, item);
  return queue;
};

const takeAll = (queue: FairQueue<Item>, mayGo: (key: string, weight: number) => boolean = () => true): Item[] => {
  const taken: Item[] = [];
  for (let next = queue.take(mayGo); next; next = queue.take(mayGo)) taken.push(next);
  return taken;
};

const many = (key: string, weight: number, count: number): Item[] =>
  Array.from({ length: count }, (_, number) => ({ key, weight, number }));

it('gives a key its turn whatever others have queued before it', () => {
  const taken = takeAll(queueOf(10, [...many('flood', 10, 100), ...many('small', 1, 1)]));
  expect(taken.findIndex(({ key }) => key === 'small')).toBeLessThanOrEqual(1);
});

it('takes as much weight of each key, however it is cut up', () => {
  const taken = takeAll(queueOf(10, [...many('large', 100, 5), ...many('small', 1, 500)]));
  const half = taken.slice(0, taken.findIndex(({ key, number }) => key === 'large' && number === 2) + 1);
  const small = half.filter(({ key }) => key === 'small').length;
  expect(small).toBeGreaterThanOrEqual(280);
  expect(small).toBeLessThanOrEqual(310);
});

it('passes over keys that may not go, and they keep their turns', () => {
  const queue = queueOf(10, [...many('held', 1, 2), ...many('free', 1, 2)]);
  expect(takeAll(queue, (key) => key !== 'held').map(({ key }) => key)).toEqual(['free', 'free']);
  expect(queue.length).toBe(2);
  expect(takeAll(queue).map(({ key, number }) => `${key}${number}`)).toEqual(['held0', 'held1']);
});

it('gives everything back once, in order within its key', () => {
  const item = fc.record({ key: fc.constantFrom('a', 'b', 'c'), weight: fc.integer({ min: 1, max: 50 }) });
  fc.assert(
    fc.property(fc.array(item), fc.integer({ min: 1, max: 20 }), (given, perTurn) => {
      const items = given.map((each, number) => ({ ...each, number }));
      const queue = queueOf(perTurn, items);
      const removed = queue.remove(({ number }) => number % 5 === 0);
      const taken = takeAll(queue);
      expect(queue.length).toBe(0);
      expect([...removed, ...taken].map(({ number }) => number).toSorted((a, b) => a - b)).toEqual(items.map(({ number }) => number));
      for (const key of ['a', 'b', 'c']) {
        const numbers = taken.filter((each) => each.key === key).map(({ number }) => number);
        expect(numbers).toEqual(numbers.toSorted((a, b) => a - b));
      }
    }),
  );
});

// ── Groups ──

const groupsOf = (perTurn: number, items: readonly Item[]) => {
  const groups = new FairGroups<Item>(perTurn, (key) => key.split('/', 1)[0] ?? '');
  for (const item of items) groups.push(item.key, item.weight, item);
  return groups;
};

const takeAllOf = (groups: FairGroups<Item>): Item[] => {
  const taken: Item[] = [];
  for (let next = groups.take(() => true); next; next = groups.take(() => true)) taken.push(next);
  return taken;
};

it('gives groups equal turns, however many keys each has', () => {
  const keys = Array.from({ length: 20 }, (_, n) => many(`large/${n}`, 10, 5)).flat();
  const taken = takeAllOf(groupsOf(10, [...keys, ...many('small/1', 10, 5), ...many('other/1', 10, 5)]));
  const first = taken.slice(0, 15).map(({ key }) => key.split('/', 1)[0]);
  for (const group of ['large', 'small', 'other']) expect(first.filter((each) => each === group)).toHaveLength(5);
});

it('gives the keys of a group turns within it', () => {
  const taken = takeAllOf(groupsOf(10, [...many('a/flood', 10, 100), ...many('a/one', 1, 1), ...many('b/one', 10, 3)]));
  expect(taken.findIndex(({ key }) => key === 'a/one')).toBeLessThanOrEqual(3);
});

it('gives everything of all groups back once, in order within its key', () => {
  const item = fc.record({ key: fc.constantFrom('a/1', 'a/2', 'b/1', 'c/1'), weight: fc.integer({ min: 1, max: 50 }) });
  fc.assert(
    fc.property(fc.array(item), fc.integer({ min: 1, max: 20 }), (given, perTurn) => {
      const items = given.map((each, number) => ({ ...each, number }));
      const groups = groupsOf(perTurn, items);
      const removed = groups.remove(({ number }) => number % 5 === 0);
      expect(groups.length).toBe(items.length - removed.length);
      const taken = takeAllOf(groups);
      expect(groups.length).toBe(0);
      expect([...removed, ...taken].map(({ number }) => number).toSorted((a, b) => a - b)).toEqual(items.map(({ number }) => number));
      for (const key of ['a/1', 'a/2', 'b/1', 'c/1']) {
        const numbers = taken.filter((each) => each.key === key).map(({ number }) => number);
        expect(numbers).toEqual(numbers.toSorted((a, b) => a - b));
      }
    }),
  );
});
