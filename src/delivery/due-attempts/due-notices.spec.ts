import { expect, it } from 'vitest';
import { subject } from '../../../test/support/samples.ts';
import type { DeliveryId, EndpointId } from '../../domain/ids.ts';
import { ScheduleAttempt } from '../saga/saga-commands.ts';
import { DueNotices } from './due-notices.ts';

const now = 1_000;
const attempt = (endpointId: string, dueAt: number) =>
  new ScheduleAttempt('d' as DeliveryId, { ...subject, endpointId: endpointId as EndpointId }, 1, 0, 'no-stream', dueAt, {
    causationId: 'event',
  });
const noticesOf = (...attempts: ScheduleAttempt[]) => {
  const notices = new DueNotices();
  for (const each of attempts) notices.scheduled(each, now);
  return notices.take([]);
};

it('each endpoint with due attempts is named once, with the time when the next one becomes due', () => {
  expect(noticesOf(attempt('e1', now), attempt('e2', 0), attempt('e1', 0), attempt('e3', 3_000), attempt('e4', 2_000))).toEqual([
    { due: ['e1', 'e2'], next: 2_000 },
  ]);
});

it('the time of the next one is told when nothing is due', () => {
  expect(noticesOf(attempt('e1', 2_000))).toEqual([{ due: [], next: 2_000 }]);
});

it('more endpoints than fit into ten notices make one notice that says to look everywhere', () => {
  const of = (endpoints: number) => noticesOf(...Array.from({ length: endpoints }, (_, i) => attempt(`e${i}`, now)));
  expect(of(1_000)).toHaveLength(10);
  expect(of(1_001)).toEqual([{}]);
});

it('what was told is not told again', () => {
  const notices = new DueNotices();
  notices.released('e1' as EndpointId);
  const cancelled = { endpointId: 'e2' as EndpointId, ids: ['d2' as DeliveryId], cancelled: true };
  expect(notices.take([cancelled])).toEqual([{ due: ['e1'] }, { from: 'e2', withdrawn: ['d2'] }]);
  expect(notices.take([])).toEqual([]);
});
