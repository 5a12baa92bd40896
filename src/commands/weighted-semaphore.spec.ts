import { expect, it } from 'vitest';
import { WeightedSemaphore } from './weighted-semaphore.ts';

/** Tasks that end when the test says so. */
const tasks = (semaphore: WeightedSemaphore) => {
  const running = new Map<string, () => void>();
  const begin = (name: string, weight: number) =>
    semaphore.run(weight, () => new Promise<void>((resolve) => running.set(name, resolve))).finally(() => running.delete(name));
  return { begin, names: () => [...running.keys()], end: (name: string) => running.get(name)?.() };
};

it('runs as much as there is room for, in order of arrival, and alone what exceeds the capacity', async () => {
  const { begin, names, end } = tasks(new WeightedSemaphore(10));
  const all = [begin('a', 6), begin('b', 4), begin('c', 1), begin('huge', 25), begin('d', 1)];
  await expect.poll(names).toEqual(['a', 'b']);
  end('b');
  await expect.poll(names).toEqual(['a', 'c']);
  end('a');
  end('c');
  await expect.poll(names).toEqual(['huge']);
  end('huge');
  await expect.poll(names).toEqual(['d']);
  end('d');
  await Promise.all(all);
});

it('releases the capacity when the work fails', async () => {
  const semaphore = new WeightedSemaphore(1);
  await expect(semaphore.run(1, () => Promise.reject(new Error('no')))).rejects.toThrow('no');
  await expect(semaphore.run(1, () => Promise.resolve('yes'))).resolves.toBe('yes');
});
