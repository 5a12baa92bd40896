import { describe, expect, it } from 'vitest';
import { ConcurrencyLimit } from './concurrency-limit.ts';

describe('the concurrency limit', () => {
  it('begins with 2, or with its maximum', () => {
    expect(new ConcurrencyLimit(() => 64).current).toBe(2);
    expect(new ConcurrencyLimit(() => 1).current).toBe(1);
  });

  it('grows by one for each answer, up to its maximum', () => {
    const limit = new ConcurrencyLimit(() => 4);
    for (const expected of [3, 4, 4]) {
      limit.observe('answers');
      expect(limit.current).toBe(expected);
    }
  });

  it.each(['refuses', 'silent'] as const)('halves when the receiver %s, down to one', (receiver) => {
    const limit = new ConcurrencyLimit(() => 64);
    for (let i = 0; i < 6; i++) limit.observe('answers');
    for (const expected of [4, 2, 1, 1]) {
      limit.observe(receiver);
      expect(limit.current).toBe(expected);
    }
  });

  it('stays when nothing is known of the receiver', () => {
    const limit = new ConcurrencyLimit(() => 64);
    limit.observe('unknown');
    expect(limit.current).toBe(2);
  });

  it('is the maximum of now, as an endpoint may change it', () => {
    let max = 10;
    const limit = new ConcurrencyLimit(() => max);
    for (let i = 0; i < 8; i++) limit.observe('answers');
    expect(limit.current).toBe(10);
    max = 3;
    expect(limit.current).toBe(3);
  });
});
