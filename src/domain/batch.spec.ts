import { describe, it } from 'vitest';
import { organizationId, record } from '../../test/support/samples.ts';
import { batch, type BatchCommand, type BatchEvent, type BatchSubject } from './batch.ts';
import { given } from './given.ts';
import type { EndpointId, MessageId } from './ids.ts';

const endpointId = 'e1' as EndpointId;
const messages = ['m1', 'm2'] as MessageId[];
const subject: BatchSubject = { organizationId, endpointId, size: 2 };
const now = new Date('2026-01-01T13:00:00.000Z');
const policy = { delaysSeconds: [0, 60], jitter: 0 };
const close: BatchCommand = { type: 'Close', organizationId, endpointId, number: 1, messages };
const closed: BatchEvent = { type: 'batch.closed', data: { organizationId, endpointId, number: 1, messages } };
const fail = (attempt: number): BatchCommand => ({
  type: 'RecordFailure',
  subject,
  record: record(attempt),
  failure: 'HTTP_STATUS',
  error: 'It answered 500.',
  policy,
  random: 0,
});
const failed = (attempt: number, failuresInSeries: number, retryAt?: string): BatchEvent => ({
  type: 'batch.attempt-failed',
  data: {
    ...subject,
    ...record(attempt),
    failure: 'HTTP_STATUS',
    error: 'It answered 500.',
    failuresInSeries,
    ...(retryAt === undefined ? {} : { retryAt }),
  },
});

describe('a batch', () => {
  const history = given(batch);

  it('is closed over its messages', () => history().when(close).then(closed));
  it('stays as it was closed', () =>
    history(closed)
      .when({ ...close, messages: ['m3' as MessageId] })
      .thenNothing());
  it('is closed and cancelled in one step, and stays as it is if it was closed before', () => {
    const closeCancelled: BatchCommand = { ...close, cancelled: { now, reason: 'by hand' } };
    history()
      .when(closeCancelled)
      .then(
        { type: 'batch.closed', data: { ...closed.data, cancelled: true } },
        {
          type: 'batch.cancelled',
          data: { ...subject, at: now.toISOString(), reason: 'by hand' },
        },
      );
    history(closed).when(closeCancelled).thenNothing();
  });
  it('is attempted only when it is closed', () =>
    history()
      .when(fail(1))
      .thenRefused('NOT_FOUND', /no such batch/));
  it('is retried as one, by the policy of its endpoint', () =>
    history(closed)
      .when(fail(1))
      .then(failed(1, 1, '2026-01-01T12:01:01.000Z')));
  it('has failed when its policy has no more attempts', () =>
    history(closed, failed(1, 1, 'x'))
      .when(fail(2))
      .then(failed(2, 2), { type: 'batch.exhausted', data: { ...subject, attempts: 2, at: '2026-01-01T12:00:01.000Z' } }));
  it('costs no step of its schedule where the receiver asks for patience, as a delivery', () => {
    const [heldUntil, seriesSince] = [new Date('2026-01-01T12:00:31.000Z'), '2026-01-01T11:00:00.000Z'];
    const putOff = { ...failed(1, 0, heldUntil.toISOString()).data, heldUntil: heldUntil.toISOString(), seriesSince };
    history(closed)
      .when({ ...fail(1), heldUntil, seriesSince } as BatchCommand)
      .then({ type: 'batch.attempt-failed', data: putOff } as BatchEvent);
  });
  it('ends with its first success', () =>
    history(closed)
      .when({ type: 'RecordSuccess', subject, record: record(1) })
      .then({ type: 'batch.attempt-succeeded', data: { ...subject, ...record(1) } }));
  it('begins a new series when a person asks', () =>
    history(closed, { type: 'batch.attempt-succeeded', data: { ...subject, ...record(1) } })
      .when({ type: 'RequestRetry', subject, now })
      .then({
        type: 'batch.retry-requested',
        data: {
          ...subject,
          at: now.toISOString(),
          attempt: 2,
          reopened: { status: 'succeeded', endedAt: '2026-01-01T12:00:01.000Z' },
        },
      }));
  it('is cancelled as one', () =>
    history(closed)
      .when({ type: 'Cancel', subject, now, reason: 'by hand' })
      .then({ type: 'batch.cancelled', data: { ...subject, at: now.toISOString(), reason: 'by hand' } }));
});
