import { describe, expect, it } from 'vitest';
import type { Position } from '../../domain/ids.ts';
import { Progress } from './progress.ts';

const at = (n: number) => String(n).padStart(4, '0') as Position;

describe('progress', () => {
  it('answers at once for a position already reached', async () => {
    const progress = new Progress();
    progress.advance(at(5));
    expect(progress.position).toBe(at(5));
    expect(await progress.reached(at(5), 0)).toBe(true);
    expect(await progress.reached(at(4), 0)).toBe(true);
  });

  it('wakes those who wait for the position or an earlier one, and no one else', async () => {
    const progress = new Progress();
    const reached: number[] = [];
    const waits = [3, 5, 7].map(async (n) => {
      if (await progress.reached(at(n), 5000)) reached.push(n);
    });
    progress.advance(at(6));
    await Promise.all(waits.slice(0, 2));
    expect(new Set(reached)).toEqual(new Set([3, 5]));
    progress.advance(at(7));
    await waits[2];
    expect(reached).toContain(7);
  });

  it('answers false after the time limit', async () => expect(await new Progress().reached(at(1), 1)).toBe(false));

  it('answers false to everyone who waits when it ends', async () => {
    const progress = new Progress();
    const waits = [progress.reached(at(1), 60_000), progress.reached(at(2), 60_000)];
    progress.end();
    expect(await Promise.all(waits)).toEqual([false, false]);
  });
});
