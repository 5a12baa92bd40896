import { expect, it } from 'vitest';
import { fieldTimeOf, timeInField } from './field-time.ts';
import { durationInWords, exactTime, milliseconds, relativeTime } from './time.ts';

const now = Date.parse('2026-01-01T12:00:00.000Z');
const at = (secondsFromNow: number) => new Date(now + secondsFromNow * 1_000).toISOString();

it('says how long ago, and how soon', () => {
  expect(relativeTime(at(0.4), now)).toBe('now');
  expect(relativeTime(at(-59), now)).toBe('59 sec. ago');
  expect(relativeTime(at(-119), now)).toBe('1 min. ago');
  expect(relativeTime(at(7_200), now)).toBe('in 2 hr.');
  expect(relativeTime(at(-2 * 86_400), now)).toBe('2 days ago');
});

it('says the exact time, with its zone', () => {
  expect(exactTime('2026-01-01T12:00:00.250Z', 'UTC')).toBe('2026-01-01 12:00:00.250 UTC');
  expect(exactTime('2026-01-01T12:00:00.250Z', 'local')).toMatch(/^2026-01-0[12] \d\d:\d\d:00\.250 UTC[+-]\d\d:\d\d$/);
});

it('says durations in words', () => {
  expect([0, 0.5, 59, 90, 7_200, 432_000, 90_061].map((seconds) => durationInWords(seconds))).toEqual([
    '0 s',
    '0.5 s',
    '59 s',
    '1 min 30 s',
    '2 h',
    '5 d',
    '1 d 1 h 1 min 1 s',
  ]);
  expect([12.4, 1_250].map((ms) => milliseconds(ms))).toEqual(['12 ms', '1.25 s']);
});

it('never says 60 s where it rounds', () => {
  expect(durationInWords(119.7)).toBe('2 min');
  expect(durationInWords(59.999)).toBe('1 min');
});

it('reads and writes the browser’s field in either zone', () => {
  expect(fieldTimeOf('2026-01-01T12:34:56.789Z', 'UTC')).toBe('2026-01-01T12:34');
  expect(timeInField('2026-01-01T12:34', 'UTC')).toBe('2026-01-01T12:34:00.000Z');
  expect(timeInField(fieldTimeOf('2026-01-01T12:34:00.000Z', 'local'), 'local')).toBe('2026-01-01T12:34:00.000Z');
  expect(fieldTimeOf(undefined, 'UTC')).toBe('');
  for (const text of ['', '2026-13-01T00:00']) expect(timeInField(text, 'local')).toBeUndefined();
});
