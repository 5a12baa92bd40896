import { describe, it } from 'vitest';
import { organizationId } from '../../test/support/samples.ts';
import { given } from './given.ts';
import type { EndpointId, MessageId } from './ids.ts';
import { replay, type ReplayCommand, type ReplayEvent } from './replay.ts';

const now = new Date('2026-01-01T13:00:00.000Z');
const subject = { organizationId, endpointId: 'e1' as EndpointId };
const asked = { filter: { matching: true }, ratePerSecond: 10 };
const request: ReplayCommand = { type: 'Request', now, ...subject, ...asked };
const told = { ...subject, at: now.toISOString() };
const requested: ReplayEvent = { type: 'replay.requested', data: { ...told, ...asked } };
const [m1, m2] = ['m1' as MessageId, 'm2' as MessageId];
const cameTo = '2026-01-01T11:00:00.000Z';
const progress = (from: MessageId | null, after: MessageId): ReplayCommand => ({
  type: 'Progress',
  now,
  from,
  after,
  cameTo,
  looked: 5,
  sent: 3,
});
const progressed = (after: MessageId, looked: number, sent: number): ReplayEvent => ({
  type: 'replay.progressed',
  data: { ...told, after, cameTo, looked, sent },
});
const cancel: ReplayCommand = { type: 'Cancel', now, reason: 'enough' };
const cancelled: ReplayEvent = { type: 'replay.cancelled', data: { ...told, reason: 'enough' } };
const finished: ReplayEvent = { type: 'replay.finished', data: { ...told, looked: 5, sent: 3 } };

describe('a replay', () => {
  const history = given(replay);

  it('is requested once', () => history().when(request).then(requested));
  it('counts in all what it looked at and sent', () => {
    history(requested)
      .when(progress(null, m1))
      .then(progressed(m1, 5, 3));
    history(requested, progressed(m1, 5, 3))
      .when(progress(m1, m2))
      .then(progressed(m2, 10, 6));
  });
  it('counts nothing twice that another has counted', () =>
    history(requested, progressed(m1, 5, 3))
      .when(progress(null, m1))
      .thenNothing());
  it('finishes', () =>
    history(requested, progressed(m1, 5, 3))
      .when({ type: 'Finish', now })
      .then(finished));
  it('is cancelled while it runs, and sends nothing more', () => {
    history(requested).when(cancel).then(cancelled);
    history(requested, cancelled).when(progress(null, m1)).thenNothing();
    history(requested, cancelled).when({ type: 'Finish', now }).thenNothing();
  });
  it('is not cancelled once it has finished', () =>
    history(requested, progressed(m1, 5, 3), finished)
      .when(cancel)
      .thenRefused('CONFLICT', /has finished already/));
  it('must be there', () =>
    history()
      .when(cancel)
      .thenRefused('NOT_FOUND', /no such replay/));
});
