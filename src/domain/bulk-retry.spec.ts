import { describe, it } from 'vitest';
import { organizationId } from '../../test/support/samples.ts';
import { bulkRetry, type BulkRetryCommand, type BulkRetryEvent, type BulkRetryFilter } from './bulk-retry.ts';
import { given } from './given.ts';
import type { DeliveryId, EndpointId } from './ids.ts';

const now = new Date('2026-01-01T13:00:00.000Z');
const about = { organizationId, at: now.toISOString() };
const filter: BulkRetryFilter = { status: ['FAILED'] };
const request: BulkRetryCommand = { type: 'Request', now, organizationId, filter, matched: 9 };
const requested: BulkRetryEvent = { type: 'bulkretry.requested', data: { ...about, filter, matched: 9 } };
const [e1, e2] = ['e1' as EndpointId, 'e2' as EndpointId];
const [d1, d2] = ['d1' as DeliveryId, 'd2' as DeliveryId];
const progress = (step: number, endpointId: EndpointId, after: DeliveryId): BulkRetryCommand => ({
  type: 'Progress',
  now,
  step,
  endpointId,
  after,
  retried: 3,
});
const progressed = (endpointId: EndpointId, after: DeliveryId, retried: number): BulkRetryEvent => ({
  type: 'bulkretry.progressed',
  data: { ...about, endpointId, after, retried },
});
const cancel: BulkRetryCommand = { type: 'Cancel', now, reason: 'enough' };
const cancelled: BulkRetryEvent = { type: 'bulkretry.cancelled', data: { ...about, reason: 'enough' } };
const finished: BulkRetryEvent = { type: 'bulkretry.finished', data: { ...about, retried: 3 } };

describe('a bulk retry', () => {
  const history = given(bulkRetry);

  it('is requested once', () => history().when(request).then(requested));
  it('counts what it retried at all endpoints together', () => {
    history(requested)
      .when(progress(0, e1, d1))
      .then(progressed(e1, d1, 3));
    history(requested, progressed(e1, d1, 3))
      .when(progress(1, e2, d2))
      .then(progressed(e2, d2, 6));
  });
  it('counts nothing that was chosen before another process progressed', () =>
    history(requested, progressed(e1, d1, 3))
      .when(progress(0, e2, d2))
      .thenNothing());
  it('finishes', () =>
    history(requested, progressed(e1, d1, 3))
      .when({ type: 'Finish', now })
      .then(finished));
  it('is cancelled while it runs, and retries nothing more', () => {
    history(requested).when(cancel).then(cancelled);
    history(requested, cancelled)
      .when(progress(0, e1, d1))
      .thenNothing();
    history(requested, cancelled).when({ type: 'Finish', now }).thenNothing();
  });
  it('is not cancelled once it has finished', () =>
    history(requested, progressed(e1, d1, 3), finished)
      .when(cancel)
      .thenRefused('CONFLICT', /has finished already/));
  it('is not found before it is requested', () =>
    history()
      .when(cancel)
      .thenRefused('NOT_FOUND', /no such bulk retry/));
});
