import { describe, expect, it } from 'vitest';
import { record, subject } from '../../test/support/samples.ts';
import { nextAttemptAt, testPolicy } from './attempts.ts';
import { delivery, type DeliveryCommand, type DeliveryEvent } from './delivery.ts';
import { given } from './given.ts';
import type { BulkRetryId, ReplayId } from './ids.ts';

type Failure = DeliveryCommand & { type: 'RecordFailure' };
const now = new Date('2026-01-01T13:00:00.000Z');
const policy = { delaysSeconds: [0, 60, 300], jitter: 0 };
const error = 'It answered 500.';

const fail = (attempt: number, more: Partial<Failure> = {}): Failure => ({
  type: 'RecordFailure',
  subject,
  record: record(attempt),
  failure: 'HTTP_STATUS',
  error,
  policy,
  random: 0,
  ...more,
});
const succeed = (attempt: number): DeliveryCommand => ({ type: 'RecordSuccess', subject, record: record(attempt) });
const retry: DeliveryCommand = { type: 'RequestRetry', subject, now };
const cancel: DeliveryCommand = { type: 'Cancel', subject, now, reason: 'by hand' };

const failed = (attempt: number, failuresInSeries: number, retryAt?: string): DeliveryEvent => ({
  type: 'delivery.attempt-failed',
  data: { ...subject, ...record(attempt), failure: 'HTTP_STATUS', error, failuresInSeries, ...(retryAt === undefined ? {} : { retryAt }) },
});
const succeeded = (attempt: number): DeliveryEvent => ({ type: 'delivery.attempt-succeeded', data: { ...subject, ...record(attempt) } });
const ended = '2026-01-01T12:00:01.000Z';
const exhausted = (attempts: number): DeliveryEvent => ({ type: 'delivery.exhausted', data: { ...subject, attempts, at: ended } });
const held = (attempts: number): DeliveryEvent => ({
  type: 'delivery.exhausted',
  data: { ...subject, attempts, at: ended, holdsKey: true },
});
const requested = (attempt: number, status?: 'succeeded' | 'failed' | 'cancelled', endedAt = ended): DeliveryEvent => ({
  type: 'delivery.retry-requested',
  data: { ...subject, at: now.toISOString(), attempt, ...(status === undefined ? {} : { reopened: { status, endedAt } }) },
});
const cancelled: DeliveryEvent = { type: 'delivery.cancelled', data: { ...subject, at: now.toISOString(), reason: 'by hand' } };

describe('a delivery', () => {
  const history = given(delivery);
  const inAMinute = '2026-01-01T12:01:01.000Z';

  it('ends with its first success', () => history().when(succeed(1)).then(succeeded(1)));
  it('waits as long as its policy says, from the end of the attempt on', () =>
    history()
      .when(fail(1))
      .then(failed(1, 1, inAMinute)));
  it('waits longer after the second failure', () =>
    history(failed(1, 1, 'x'))
      .when(fail(2))
      .then(failed(2, 2, '2026-01-01T12:05:01.000Z')));
  it('has failed when its policy has no more attempts', () =>
    history(failed(1, 1, 'x'), failed(2, 2, 'x'))
      .when(fail(3))
      .then(failed(3, 3), exhausted(3)));
  it('has failed at once by a policy of one attempt', () =>
    history()
      .when(fail(1, { policy: { delaysSeconds: [0], jitter: 0 } }))
      .then(failed(1, 1), exhausted(1)));
  it('ignores an outcome that is recorded already', () => {
    history(failed(1, 1, 'x'))
      .when(fail(1))
      .thenNothing();
    history(succeeded(1)).when(succeed(1)).thenNothing();
    history(succeeded(1)).when(fail(1)).thenNothing();
  });
  it('ignores an attempt whose turn has not come', () =>
    history(failed(1, 1, 'x'))
      .when(succeed(3))
      .thenNothing());

  describe('and a retry by hand', () => {
    it('starts a fresh series', () =>
      history(failed(1, 1), exhausted(1), requested(2, 'failed'))
        .when(fail(2))
        .then(failed(2, 1, inAMinute)));
    it('opens one that failed', () => history(failed(1, 1), exhausted(1)).when(retry).then(requested(2, 'failed')));
    it('opens one that succeeded', () => history(succeeded(1)).when(retry).then(requested(2, 'succeeded')));
    it('opens one that was cancelled', () =>
      history(failed(1, 1, 'x'), cancelled)
        .when(retry)
        .then(requested(2, 'cancelled', now.toISOString())));
    it('hurries one that waits', () =>
      history(failed(1, 1, 'x'))
        .when(retry)
        .then(requested(2)));
    it('by a bulk retry happens once, however the delivery ends', () => {
      const bulkRetryId = 'b1' as BulkRetryId;
      const again: DeliveryCommand = { type: 'RequestRetry', subject, now, bulkRetryId };
      const told = requested(2, 'failed');
      const byBulkRetry = { ...told, data: { ...told.data, bulkRetryId } } as DeliveryEvent;
      history(failed(1, 1), exhausted(1)).when(again).then(byBulkRetry);
      history(failed(1, 1), exhausted(1), byBulkRetry, failed(2, 1), exhausted(2)).when(again).thenNothing();
      history(failed(1, 1), exhausted(1), byBulkRetry, failed(2, 1), exhausted(2)).when(retry).then(requested(3, 'failed'));
    });
    it('is not needed where the next attempt is due now', () => history().when(retry).thenNothing());
    it('hurries a first attempt that the policy delays, once', () => {
      const hurry = { ...retry, isDelayed: true } as DeliveryCommand;
      history().when(hurry).then(requested(1));
      history(requested(1)).when(hurry).thenNothing();
    });
  });

  describe('and a cancellation', () => {
    it('ends one that waits', () =>
      history(failed(1, 1, 'x'))
        .when(cancel)
        .then(cancelled));
    it('ends one that was not attempted', () => history().when(cancel).then(cancelled));
    it.each([[[succeeded(1)]], [[failed(1, 1), exhausted(1)]], [[cancelled]]])('changes nothing that has ended', (before) =>
      history(...before)
        .when(cancel)
        .thenNothing(),
    );
    it('ends one that holds its ordering key, and says when it had failed', () =>
      history(failed(1, 1), held(1))
        .when(cancel)
        .then({ ...cancelled, data: { ...cancelled.data, failedAt: ended } }));
    it('that an attempt overtook: its success is recorded', () => history(cancelled).when(succeed(1)).then(succeeded(1)));
    it('that an attempt overtook: its failure is recorded and not retried', () => history(cancelled).when(fail(1)).then(failed(1, 0)));
  });
});

describe('a delivery that takes turns', () => {
  const history = given(delivery);
  const last = fail(1, { policy: { delaysSeconds: [0], jitter: 0 }, holdsKey: true });
  const requestedInTurn: DeliveryEvent = {
    type: 'delivery.retry-requested',
    data: { ...subject, at: now.toISOString(), attempt: 2, reopened: { status: 'failed', endedAt: ended, holdsKey: true } },
  };
  it('holds its key when it is out of attempts', () => history().when(last).then(failed(1, 1), held(1)));
  it('holds nothing while another attempt follows', () =>
    history()
      .when(fail(1, { holdsKey: true }))
      .then(failed(1, 1, '2026-01-01T12:01:01.000Z')));
  it('holds its key still when a person asks for it again, and when that fails', () => {
    history(failed(1, 1), held(1)).when(retry).then(requestedInTurn);
    history(failed(1, 1), held(1), requestedInTurn)
      .when({ ...last, record: record(2) })
      .then(failed(2, 1), held(2));
  });
  it('holds no key once its turn has ended', () => {
    history(failed(1, 1), exhausted(1), requested(2, 'failed'))
      .when({ ...last, record: record(2) })
      .then(failed(2, 1), exhausted(2));
    history(failed(1, 1), held(1), cancelled, requested(2, 'cancelled', now.toISOString()))
      .when({ ...last, record: record(2) })
      .then(failed(2, 1), exhausted(2));
  });
});

describe('the next attempt', () => {
  const at = (more: Partial<Failure>, failures = 1) => nextAttemptAt(fail(1, more), failures);

  it('is delayed further by the share of jitter that chance gives', () => {
    const jittered = { delaysSeconds: [0, 100], jitter: 0.2 };
    expect(at({ policy: jittered, random: 0 })).toBe('2026-01-01T12:01:41.000Z');
    expect(at({ policy: jittered, random: 0.5 })).toBe('2026-01-01T12:01:51.000Z');
  });
  it('is no earlier than the receiver asked', () => {
    expect(at({ notBefore: new Date('2026-01-01T14:00:00Z') })).toBe('2026-01-01T14:00:00.000Z');
    expect(at({ notBefore: new Date('2026-01-01T12:00:02Z') })).toBe('2026-01-01T12:01:01.000Z');
  });
  it('is none when the policy ends, whatever the receiver asked', () =>
    expect(at({ notBefore: new Date('2026-01-01T14:00:00Z') }, 3)).toBeUndefined());
});

describe('a receiver that asks for patience', () => {
  const history = given(delivery);
  const heldUntil = new Date('2026-01-01T12:00:31.000Z');
  const asked = (attempt: number, more: Partial<Failure> = {}) =>
    fail(attempt, { heldUntil, seriesSince: '2026-01-01T11:00:00.000Z', ...more });
  const putOff = (attempt: number, failuresInSeries: number, more: object = {}): DeliveryEvent => ({
    type: 'delivery.attempt-failed',
    data: {
      ...subject,
      ...record(attempt),
      failure: 'HTTP_STATUS',
      error,
      failuresInSeries,
      heldUntil: heldUntil.toISOString(),
      seriesSince: '2026-01-01T11:00:00.000Z',
      retryAt: heldUntil.toISOString(),
      ...more,
    },
  });

  it('costs the delivery no step of its schedule: it goes on when the hold ends', () =>
    history(failed(1, 1, 'x'))
      .when(asked(2))
      .then(putOff(2, 1)));
  it('does so as often as it asks, also where the policy allows one attempt', () =>
    history(putOff(1, 0), putOff(2, 0))
      .when(asked(3, { policy: { delaysSeconds: [0], jitter: 0 } }))
      .then(putOff(3, 0)));
  it('costs a step once the delivery is 24 h older than its schedule is long', () => {
    const old = (seriesSince: string) => history(failed(1, 1, 'x')).when(asked(2, { seriesSince }));
    // The schedule takes 6 min; the attempt ends at 12:00:01.
    old('2025-12-31T11:54:02.000Z').then(putOff(2, 1, { seriesSince: '2025-12-31T11:54:02.000Z' }));
    old('2025-12-31T11:54:01.000Z').then(putOff(2, 2, { seriesSince: '2025-12-31T11:54:01.000Z', retryAt: '2026-01-01T12:05:01.000Z' }));
  });
  it('is believed about the age that the series had when it asked first', () => {
    const since = '2025-12-30T00:00:00.000Z';
    history(putOff(1, 0, { seriesSince: since }))
      .when(asked(2))
      .then(putOff(2, 1, { seriesSince: since, retryAt: '2026-01-01T12:01:01.000Z' }));
  });
  it('holds the endpoint for a test, too, which makes no other attempt', () => {
    const { retryAt: _, ...data } = putOff(1, 1).data as Record<string, unknown>;
    history()
      .when(asked(1, { policy: testPolicy }))
      .then({ type: 'delivery.attempt-failed', data } as DeliveryEvent, exhausted(1));
  });
  it('and whose delivery has ended meanwhile holds the endpoint only', () => {
    const { retryAt: _, seriesSince: __, ...data } = putOff(1, 0).data as Record<string, unknown>;
    history(cancelled)
      .when(asked(1))
      .then({ type: 'delivery.attempt-failed', data } as DeliveryEvent);
  });
});

describe('a replay of a delivery', () => {
  const history = given(delivery);
  const replayId = 'r1' as ReplayId;
  const replay = (messageType?: string): DeliveryCommand => ({
    type: 'Replay',
    subject,
    now,
    replayId,
    ...(messageType === undefined ? {} : { messageType }),
  });
  const replayed = (attempt: number, more: object = {}): DeliveryEvent => ({
    type: 'delivery.replay-requested',
    data: { ...subject, at: now.toISOString(), attempt, replayId, ...more },
  });

  it('begins a fresh series, and says how it had ended', () =>
    history(failed(1, 1), exhausted(1))
      .when(replay())
      .then(replayed(2, { reopened: { status: 'failed', endedAt: ended } })));
  it('does so once, whatever became of it since, and another replay once more', () => {
    history(succeeded(1), replayed(2), succeeded(2)).when(replay()).thenNothing();
    history(succeeded(1), replayed(2), succeeded(2), requested(3), exhausted(3)).when(replay()).thenNothing();
    history(succeeded(1), replayed(2), succeeded(2))
      .when({ ...replay(), replayId: 'r2' as ReplayId } as DeliveryCommand)
      .then(replayed(3, { replayId: 'r2', reopened: { status: 'succeeded', endedAt: ended } }));
  });
  it('leaves alone what is on its way', () => history().when(replay()).thenNothing());
  it('makes the delivery where the message was not routed to the endpoint, once', () => {
    history()
      .when(replay('meeting.ended'))
      .then(replayed(1, { messageType: 'meeting.ended' }));
    history(replayed(1, { messageType: 'meeting.ended' }))
      .when(replay('meeting.ended'))
      .thenNothing();
    history(replayed(1, { messageType: 'meeting.ended' }), succeeded(1))
      .when({ ...replay('meeting.ended'), replayId: 'r2' as ReplayId } as DeliveryCommand)
      .then(replayed(2, { replayId: 'r2', reopened: { status: 'succeeded', endedAt: ended } }));
  });
});
