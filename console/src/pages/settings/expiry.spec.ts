import { expect, it } from 'vitest';
import { expiresAt } from './expiry.ts';

const now = Date.parse('2026-01-01T12:00:00.000Z');

it('says when a key ends', () => {
  expect(expiresAt('never', '', now)).toBeNull();
  expect(expiresAt('30', '', now)).toBe('2026-01-31T12:00:00.000Z');
  expect(expiresAt('date', '2026-02-28', now)).toBe('2026-03-01T00:00:00.000Z');
  for (const date of ['', '2026-2-1', '2026-13-01', 'tomorrow']) expect(expiresAt('date', date, now)).toBeUndefined();
});
