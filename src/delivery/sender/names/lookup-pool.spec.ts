import { expect, it } from 'vitest';
import { LookupLate, LookupPool, type NameState } from './lookup-pool.ts';

const given = (pool = new LookupPool({ all: 3, unproven: 2, failing: 1 })) => {
  const begun: string[] = [];
  const ends = new Map<string, () => void>();
  const run = (name: string, state: NameState, ms = 10_000) =>
    pool.run(state, ms, () => {
      begun.push(name);
      return new Promise<string>((resolve) => ends.set(name, () => resolve(name)));
    });
  return { begun, run, end: (name: string) => ends.get(name)?.() };
};

it('names that fail get one place and new ones two, so that one is left for names that answer', async () => {
  const { begun, run, end } = given();
  const runs = [
    run('failing 1', 'failing'),
    run('failing 2', 'failing'),
    run('new 1', 'new'),
    run('new 2', 'new'),
    run('answering 1', 'answering'),
    run('answering 2', 'answering'),
  ];
  expect(begun).toEqual(['failing 1', 'new 1', 'answering 1']);
  end('failing 1');
  await expect.poll(() => begun).toEqual(['failing 1', 'new 1', 'answering 1', 'answering 2']);
  end('answering 1');
  await expect.poll(() => begun.at(-1)).toBe('new 2');
  end('new 1');
  await expect.poll(() => begun.at(-1)).toBe('failing 2');
  for (const name of ['answering 2', 'new 2', 'failing 2']) end(name);
  expect(await Promise.all(runs)).toHaveLength(6);
});

it('a late look-up says so, keeps its place until it ends, and one that was late before its turn never begins', async () => {
  const { begun, run, end } = given();
  await expect(run('hangs', 'failing', 20)).rejects.toThrow(LookupLate);
  await expect(run('waits', 'failing', 20)).rejects.toThrow(LookupLate);
  const third = run('third', 'failing');
  expect(begun).toEqual(['hangs']);
  end('hangs');
  await expect.poll(() => begun).toEqual(['hangs', 'third']);
  end('third');
  expect(await third).toBe('third');
});
