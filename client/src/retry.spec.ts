import { expect, it } from 'vitest';
import { isTransient, pauseMs, retryAfterSecondsOf } from './retry.ts';

it('retries temporary failures', () =>
  expect([200, 400, 401, 403, 404, 409, 413, 429, 500, 501, 502, 503, 504, 505].filter(isTransient)).toEqual([429, 502, 503, 504]));

it('doubles the pause up to 10 s, half of it random', () => {
  expect([1, 2, 3, 4, 5, 6, 7, 20].map((attempt) => pauseMs(attempt, undefined, 1))).toEqual([
    250, 500, 1000, 2000, 4000, 8000, 10_000, 10_000,
  ]);
  expect(pauseMs(3, undefined, 0)).toBe(500);
});

it('never waits less than asked, and not at all if asked for too long', () => {
  expect(pauseMs(1, 7, 0.5)).toBe(7000);
  expect(pauseMs(7, 0, 1)).toBe(10_000);
  expect(pauseMs(1, 60, 0)).toBe(60_000);
  expect(pauseMs(1, 61, 0)).toBeUndefined();
});

it.each([
  ['5', 5],
  [' 120 ', 120],
  ['Thu, 01 Jan 2026 12:00:30 GMT', 30],
  ['Thu, 01 Jan 2026 11:00:00 GMT', 0],
  ['soon', undefined],
  ['-1', undefined],
  ['2026', 2026],
  [null, undefined],
])('reads Retry-After: %j is %j s', (value, seconds) =>
  expect(retryAfterSecondsOf(value, Date.parse('2026-01-01T12:00:00Z'))).toBe(seconds),
);
