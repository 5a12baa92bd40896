import { describe, expect, it } from 'vitest';
import { accepted, organizationId, record, recorded, harmlessUrl, registered, subject } from '../../../test/support/samples.ts';
import type { BatchEvent } from '../../domain/batch.ts';
import type { DeliveryEvent } from '../../domain/delivery.ts';
import type { BatchId, EndpointId, MessageId, OrganizationId } from '../../domain/ids.ts';
import type { RecordedEvent } from '../../event-store/event-store.ts';
import { deliveryIdOf } from '../../event-store/id-generation.ts';
import { DeliverySaga } from './delivery-saga.ts';
import {
  SetNewestBatch,
  DeleteEndpoints,
  DisableGoneEndpoint,
  DropAttempt,
  ChangeReceiver,
  HoldEndpoint,
  isBatch,
  JoinBatch,
  ReleaseEndpoint,
  RequestAttempt,
  ScheduleAttempt,
} from './saga-commands.ts';

const saga = new DeliverySaga();
const decided = (...events: RecordedEvent[]) => events.flatMap((event) => saga.decide(event));
const because = ({ id }: RecordedEvent) => ({ causationId: id });
const [e1, e2] = ['e1' as EndpointId, 'e2' as EndpointId];
const id = deliveryIdOf(subject.messageId, e1);
const on = (event: DeliveryEvent, revision = 4) => recorded(event, { stream: `delivery-${id}`, revision });
const failed = (more: Partial<Extract<DeliveryEvent, { type: 'delivery.attempt-failed' }>['data']> = {}): DeliveryEvent => ({
  type: 'delivery.attempt-failed',
  data: { ...subject, ...record(2), failure: 'HTTP_STATUS', error: 'x', failuresInSeries: 2, ...more },
});

describe('the delivery saga', () => {
  it('schedules a first attempt for each destination, with the message at hand', () => {
    const event = recorded(accepted([e1, { endpointId: e2, notBefore: '2026-01-01T13:00:00.000Z', delaySeconds: 90 }]), {
      stream: 'message-m1',
    });
    const of = (endpointId: EndpointId) => [deliveryIdOf('m1' as MessageId, endpointId), { ...subject, endpointId }] as const;
    expect(decided(event)).toEqual([
      new ScheduleAttempt(...of(e1), 1, 0, 'no-stream', Date.parse(event.recordedAt), because(event), [event]),
      new ScheduleAttempt(...of(e2), 1, 0, 'no-stream', Date.parse('2026-01-01T13:00:00.000Z'), because(event), [event], 90_000),
    ]);
  });
  it("takes a first attempt's delay from the two times where an older event does not tell it, and never less than none", () => {
    const delayOf = (notBefore: string) => {
      const event = recorded(accepted([{ endpointId: e1, notBefore }]), { stream: 'message-m1', recordedAt: '2026-01-01T13:00:00.000Z' });
      return decided(event);
    };
    expect(delayOf('2026-01-01T13:00:05.000Z')).toMatchObject([{ delayMs: 5_000 }]);
    expect(delayOf('2026-01-01T12:59:00.000Z')).toMatchObject([{ delayMs: 0 }]);
  });
  it('schedules a retry for when it is due, with the delay since the attempt ended', () => {
    const event = on(failed({ retryAt: '2026-01-01T12:05:01.000Z' }));
    const dueAt = Date.parse('2026-01-01T12:05:01.000Z');
    expect(decided(event)).toEqual([new ScheduleAttempt(id, subject, 3, 2, 4, dueAt, because(event), undefined, 300_000)]);
  });
  it('schedules a fresh series at once when a person asks, and keeps when that was', () => {
    const at = '2026-01-01T14:00:00.000Z';
    const event = on({ type: 'delivery.retry-requested', data: { ...subject, at, attempt: 3 } });
    const dueAt = Date.parse(at);
    expect(decided(event)).toEqual([
      new RequestAttempt(new ScheduleAttempt(id, subject, 3, 0, 4, dueAt, because(event), undefined, 0, 'person', at)),
    ]);
    const later = on(failed({ retryAt: '2026-01-01T15:00:00.000Z', seriesSince: at }));
    expect(decided(later)).toMatchObject([{ seriesSince: at }]);
  });
  it('holds the endpoint of a receiver that asks for patience', () => {
    const event = on(failed({ retryAt: '2026-01-01T12:00:31.000Z', heldUntil: '2026-01-01T12:00:31.000Z' }));
    expect(decided(event)).toEqual([expect.any(ScheduleAttempt), new HoldEndpoint(e1, Date.parse('2026-01-01T12:00:31.000Z'), 30_000, 0)]);
  });
  it('knows that another URL is another receiver', () => {
    const event = recorded(
      { type: 'endpoint.url-changed', data: { url: harmlessUrl('https://new.example/') } },
      { stream: 'endpoint-e1', revision: 4 },
    );
    expect(decided(event)).toEqual([new ChangeReceiver(e1, 4)]);
  });
  it('names what made an attempt due, and carries on the request behind it', () => {
    const event = { ...recorded(accepted([e1]), { stream: 'message-m1' }), metadata: { actor: 'apikey:shop', correlationId: 'r1' } };
    expect(decided(event)).toMatchObject([{ cause: { causationId: event.id, correlationId: 'r1' } }]);
  });
  it('keeps that a delivery is a test', () => {
    const [scheduled] = decided(on(failed({ test: true, retryAt: '2026-01-01T14:00:00.000Z' })));
    expect(scheduled).toMatchObject({ subject: { test: true } });
  });
  it('does nothing after a failure that has no retry: what ended it says so', () => expect(decided(on(failed()))).toEqual([]));
  it.each<DeliveryEvent>([
    { type: 'delivery.attempt-succeeded', data: { ...subject, ...record(1) } },
    { type: 'delivery.exhausted', data: { ...subject, attempts: 3, at: 'x' } },
    { type: 'delivery.cancelled', data: { ...subject, at: 'x', reason: 'x' } },
  ])('drops what was due after $type, and ends the turn', (event) => expect(decided(on(event))).toEqual([new DropAttempt(id, true)]));
  it('leaves the turn to one that is out of attempts and holds its ordering key', () => {
    const event = on({ type: 'delivery.exhausted', data: { ...subject, attempts: 3, at: 'x', holdsKey: true } });
    expect(decided(event)).toEqual([new DropAttempt(id, false)]);
  });
  it('lets a delivery await its turn where the message was routed in order, by its key or with all of the endpoint', () => {
    const ordered = (ordering: 'PER_KEY' | 'STRICT') =>
      recorded(accepted([{ endpointId: e1, ordering }], { orderingKey: 'k' }), { stream: 'message-m1', position: 7 });
    expect(decided(ordered('PER_KEY'), ordered('STRICT'))).toMatchObject([
      { queue: `${e1} k`, place: '000000000007', id, attempt: { attempt: 1 } },
      { queue: `${e1} `, place: '000000000007', id },
    ]);
  });
  it('asks whether a delivery waits for its turn before an attempt that a person asked for, but not where its turn has ended', () => {
    const at = '2026-01-01T14:00:00.000Z';
    const request = (more: object) => on({ type: 'delivery.retry-requested', data: { ...subject, at, attempt: 3, ...more } });
    expect(decided(request({})).map(({ constructor }) => constructor)).toEqual([RequestAttempt]);
    const reopened = { status: 'failed', endedAt: at };
    expect(decided(request({ reopened })).map(({ constructor }) => constructor)).toEqual([ScheduleAttempt]);
  });
  it('disables an endpoint whose receiver is gone, on the configuration that the answer was given to', () => {
    const gone = on(failed({ responseCode: 410, endpointRevision: 7 }));
    expect(decided(gone)).toEqual([new DisableGoneEndpoint(e1, 7, because(gone))]);
    const retried = decided(on(failed({ responseCode: 410, retryAt: '2026-01-01T14:00:00.000Z' })));
    expect(retried.map(({ constructor }) => constructor)).toEqual([ScheduleAttempt, DisableGoneEndpoint]);
  });
  it('schedules a batch in place of the deliveries in it, and counts it', () => {
    const messages = ['m1', 'm2'] as MessageId[];
    const closed: BatchEvent = { type: 'batch.closed', data: { organizationId, endpointId: e1, number: 3, messages } };
    const event = recorded(closed, { stream: 'batch-b1' });
    expect(decided(event)).toEqual([
      new DropAttempt(deliveryIdOf('m1' as MessageId, e1)),
      new DropAttempt(deliveryIdOf('m2' as MessageId, e1)),
      new JoinBatch(
        'b1' as BatchId,
        messages.map((messageId) => deliveryIdOf(messageId, e1)),
      ),
      new SetNewestBatch(e1, 3),
      new ScheduleAttempt(
        'b1' as BatchId,
        { organizationId, endpointId: e1, size: 2 },
        1,
        0,
        0,
        Date.parse(event.recordedAt),
        because(event),
      ),
    ]);
  });
  it('sends nothing of a batch that was closed to be cancelled, and takes its delivery out of the table', () => {
    const closed = { organizationId, endpointId: e1, number: 3, messages: ['m1' as MessageId], cancelled: true } as const;
    expect(decided(recorded({ type: 'batch.closed', data: closed }, { stream: 'batch-b1' }))).toEqual([
      new DropAttempt(deliveryIdOf('m1' as MessageId, e1)),
      new JoinBatch('b1' as BatchId, [deliveryIdOf('m1' as MessageId, e1)]),
      new SetNewestBatch(e1, 3),
    ]);
  });
  it('retries a batch as one, and drops it when it ends', () => {
    const of = { organizationId, endpointId: e1, size: 2 };
    const on = (event: BatchEvent) => recorded(event, { stream: 'batch-b1', revision: 1 });
    const failure = { failure: 'HTTP_STATUS', error: 'x', failuresInSeries: 1, retryAt: '2026-01-01T12:00:31.000Z' } as const;
    const failed = on({ type: 'batch.attempt-failed', data: { ...of, ...record(1), ...failure } });
    expect(decided(failed)).toEqual([
      new ScheduleAttempt('b1' as BatchId, of, 2, 1, 1, Date.parse('2026-01-01T12:00:31.000Z'), because(failed), undefined, 30_000),
    ]);
    expect(decided(on({ type: 'batch.attempt-succeeded', data: { ...of, ...record(2) } }))).toEqual([
      new DropAttempt('b1' as BatchId, true),
    ]);
  });
  it('releases what waits for a deleted endpoint', () => {
    const deleted = recorded({ type: 'endpoint.deleted', data: {} }, { stream: 'endpoint-e1' });
    expect(decided(deleted)).toEqual([new ReleaseEndpoint(e1, Date.parse(deleted.recordedAt), because(deleted))]);
  });
  it('deletes the endpoints of a deleted organization', () => {
    const deleted = recorded({ type: 'organization.deleted', data: {} }, { stream: 'organization-acme' });
    expect(decided(deleted)).toEqual([new DeleteEndpoints('acme' as OrganizationId, deleted.position, because(deleted))]);
  });
  it('follows the order of the log', () => {
    const events = [1, 2, 3].map((n) => recorded(accepted([e1, e2]), { stream: `message-${n}` }));
    expect(decided(...events).map((each) => ('subject' in each && !isBatch(each.subject) ? each.subject.messageId : ''))).toEqual([
      '1',
      '1',
      '2',
      '2',
      '3',
      '3',
    ]);
  });
  it('takes nothing from other changes of an endpoint', () =>
    expect(decided(recorded(registered(), { stream: 'endpoint-e1' }))).toEqual([]));
});
