import { expect, it } from 'vitest';
import type { EndpointId } from '../domain/ids.ts';
import { BulkRetryPace, largestPage } from './bulk-retry-pace.ts';

const [fast, slow] = ['fast' as EndpointId, 'slow' as EndpointId];

it('gives an endpoint that gets through ever more, up to a bound', () => {
  const pace = new BulkRetryPace([fast]);
  const given = Array.from({ length: 8 }, () => pace.room(fast, 0));
  expect(given).toEqual([50, 100, 200, 400, 800, 1000, 1000, 1000]);
  expect(largestPage).toBe(1000);
});

it('gives an endpoint nothing while more than half of it waits, and then less', () => {
  const pace = new BulkRetryPace([fast, slow]);
  expect(pace.room(slow, 0)).toBe(50); // the next is twice as many
  expect(pace.room(slow, 50)).toBe(50);
  expect(pace.room(slow, 51)).toBe(0);
  expect(pace.room(slow, 30)).toBe(45); // of 75
  const rooms = Array.from({ length: 9 }, () => pace.room(slow, 1_000));
  expect(new Set(rooms)).toEqual(new Set([0]));
  expect([pace.room(slow, 9), pace.room(slow, 8)]).toEqual([0, 8]); // of the fewest, 16
  expect(pace.room(fast, 0)).toBe(50);
});

it('takes the endpoints in rounds until they have finished', () => {
  const pace = new BulkRetryPace([fast, slow]);
  expect([...pace.rounds(1)]).toEqual([[fast], [slow]]);
  pace.finished(fast);
  expect([pace.size, ...pace.rounds(50)]).toEqual([1, [slow]]);
});
