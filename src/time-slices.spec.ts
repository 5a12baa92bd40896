// Long work gives way, however many operations run at once.
import { setImmediate } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { giveWay, mapInSlices } from './time-slices.ts';

const compute = (ms: number) => {
  const from = process.threadCpuUsage();
  while (process.threadCpuUsage(from).user < ms * 1000);
};

/** How often the event loop turned while `work` ran. */
const turnsDuring = async (work: () => Promise<unknown>): Promise<number> => {
  let turns = 0;
  const ending = new AbortController();
  const count = async () => {
    while (!ending.signal.aborted) {
      await setImmediate();
      turns++;
    }
  };
  const counting = count();
  await work();
  ending.abort();
  await counting;
  return turns;
};

it('lets the event loop turn between the parts of one long work', async () => {
  const numbers = Array.from({ length: 80 }, (_, n) => n);
  const double = (n: number) => {
    compute(1);
    return 2 * n;
  };
  let doubled: number[] = [];
  expect(await turnsDuring(async () => (doubled = await mapInSlices(numbers, double)))).toBeGreaterThan(5);
  expect(doubled).toEqual(numbers.map((n) => 2 * n));
});

it('lets it turn between many works that wait together', async () => {
  const work = async () => {
    await giveWay();
    compute(1);
  };
  compute(30); // the slice is over
  expect(await turnsDuring(() => Promise.all(Array.from({ length: 80 }, work)))).toBeGreaterThan(5);
});

it('costs no turn while a slice lasts', async () => {
  await setImmediate();
  await giveWay();
  expect(giveWay()).toBeUndefined();
});
