import { expect, it } from 'vitest';
import { Turnstile } from './turnstile.ts';

/** Works that end when they are told to. */
const works = (turnstile: Turnstile) => {
  const running = new Map<string, () => void>();
  const begin = (name: string, weight: number) =>
    turnstile.pass(weight, () => new Promise<void>((resolve) => running.set(name, resolve))).finally(() => running.delete(name));
  return { begin, names: () => [...running.keys()], end: (name: string) => running.get(name)?.() };
};

it('lets in as much as there is room for, in order, and what is too large alone', async () => {
  const { begin, names, end } = works(new Turnstile(10));
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

it('gives the room back when the work fails', async () => {
  const turnstile = new Turnstile(1);
  await expect(turnstile.pass(1, () => Promise.reject(new Error('no')))).rejects.toThrow('no');
  await expect(turnstile.pass(1, () => Promise.resolve('yes'))).resolves.toBe('yes');
});
