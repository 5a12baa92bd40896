import { describe, expect, it } from 'vitest';
import { ConcurrencyLimit } from './concurrency-limit.ts';

describe('the concurrency limit', () => {
  it('begins with 8, or with its maximum', () => {
    expect(new ConcurrencyLimit(64).current).toBe(8);
    expect(new ConcurrencyLimit(3).current).toBe(3);
  });

  it('grows by one for each answer, up to its maximum', () => {
    const limit = new ConcurrencyLimit(10);
    for (const expected of [9, 10, 10]) {
      limit.observe('answers');
      expect(limit.current).toBe(expected);
    }
  });

  it('halves when the receiver struggles, down to one', () => {
    const limit = new ConcurrencyLimit(64);
    for (const expected of [4, 2, 1, 1]) {
      limit.observe('struggles');
      expect(limit.current).toBe(expected);
    }
  });

  it('stays when nothing is known of the receiver', () => {
    const limit = new ConcurrencyLimit(64);
    limit.observe('unknown');
    expect(limit.current).toBe(8);
  });
});
