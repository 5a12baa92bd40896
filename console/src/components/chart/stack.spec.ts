import { describe, expect, it } from 'vitest';
import { bucketText, heightOf, stacked, tickText } from './stack.ts';

describe('a stacked chart', () => {
  it('draws the sums of the layers, the highest first', () => {
    expect(
      stacked([
        [1, 2],
        [0, 3],
        [4, 0],
      ]),
    ).toEqual([
      [5, 5],
      [1, 5],
      [1, 2],
    ]);
  });
  it('is a little higher than the highest bar, and never without height', () => {
    expect(
      heightOf([
        [10, 0],
        [90, 0],
      ]),
    ).toBeCloseTo(108);
    expect(heightOf([[0], [0]])).toBeGreaterThan(0);
    expect(heightOf([])).toBeGreaterThan(0);
  });
  it('says the time of day under it, and the day where one begins', () => {
    const minute = 60_000;
    expect(tickText(Date.parse('2026-05-04T10:30:00Z'), 30 * minute, 'UTC')).toBe('10:30');
    expect(tickText(Date.parse('2026-05-04T00:00:00Z'), 240 * minute, 'UTC')).toBe('4 May');
    expect(tickText(Date.parse('2026-05-04T00:00:00Z'), minute, 'UTC')).toBe('00:00');
    expect(tickText(Date.parse('2026-05-04T12:00:00Z'), 2_880 * minute, 'UTC')).toBe('4 May');
  });
  it('says from when until when a bar is', () => {
    const text = bucketText(Date.parse('2026-05-04T10:15:00Z'), Date.parse('2026-05-04T10:30:00Z'), 'UTC');
    expect(text.replaceAll(/\s/g, ' ')).toBe('4 May, 10:15–10:30');
  });
});
