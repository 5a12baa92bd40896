import { expect, it } from 'vitest';
import { hourOf } from '../views/tables/delivery-counts.ts';
import { firstHourOf, successRate } from './success-rate.ts';

it.each([
  [0, 0, '–'],
  [245, 250, '98% (245/250)'],
  [999, 1000, '99% (999/1000)'],
  [1000, 1000, '100% (1000/1000)'],
  [0, 3, '0% (0/3)'],
])('%i of %i reads %s', (succeeded, total, label) => {
  expect(successRate(succeeded, total).label).toBe(label);
});

it('begins a window with a whole hour', () => {
  const now = new Date('2026-01-01T12:40:00.000Z');
  expect(firstHourOf('LAST_HOUR', now)).toBe(hourOf(Date.parse('2026-01-01T11:00:00.000Z')));
  expect(firstHourOf('LAST_DAY', now)).toBe(hourOf(Date.parse('2025-12-31T12:00:00.000Z')));
});
