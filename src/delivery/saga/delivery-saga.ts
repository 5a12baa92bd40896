// The delivery saga: what follows from each event. It only decides; saga-host.ts feeds it the log, stores its decisions and carries them out.
import { attemptEndedAt } from '../../domain/attempts.ts';
import type { BatchEvent } from '../../domain/batch.ts';
import type { DeliveryEvent } from '../../domain/delivery.ts';
import type { MessageEvent } from '../../domain/message.ts';
import { batchIdIn, deliveryIdIn, endpointIdIn, messageIdIn, organizationIdIn } from '../../domain/streams.ts';
import type { RecordedEvent } from '../../event-store/event-store.ts';
import { deliveryIdOf } from '../../event-store/id-generation.ts';
import { queueOf } from '../../read-models/ordering/ordered-deliveries.ts';
import { dueCauseOf } from './due-cause.ts';
import {
  AwaitTurn,
  ChangeReceiver,
  DeleteEndpoints,
  DisableGoneEndpoint,
  DropAttempt,
  HoldEndpoint,
  isBatch,
  JoinBatch,
  ReleaseEndpoint,
  RequestAttempt,
  ScheduleAttempt,
  SetNewestBatch,
  type AttemptSubject,
  type DeliveryOrBatchId,
  type SagaCommand,
} from './saga-commands.ts';

type Event<T extends (DeliveryEvent | BatchEvent)['type']> = RecordedEvent<(DeliveryEvent | BatchEvent) & { type: T }>;

export class DeliverySaga {
  /** Pure: one event in, its commands out, in the order in which to carry them out. */
  decide(event: RecordedEvent): readonly SagaCommand[] {
    switch (event.type) {
      case 'message.accepted':
        return firstAttempts(event);
      case 'batch.closed':
        return firstAttemptOfBatch(event);
      case 'delivery.attempt-failed':
      case 'batch.attempt-failed': {
        const { responseCode, retryAt, heldUntil } = event.data;
        return [
          ...(retryAt === undefined ? [] : [retryAttempt(event, retryAt)]),
          ...(heldUntil === undefined ? [] : [holdEndpoint(event, heldUntil)]),
          ...(responseCode === 410 ? [disableGone(event)] : []),
        ];
      }
      case 'delivery.retry-requested':
      case 'batch.retry-requested':
      case 'delivery.replay-requested':
      case 'batch.replay-requested':
        return [event.data.reopened ? requestedAttempt(event) : new RequestAttempt(requestedAttempt(event))];
      case 'delivery.exhausted':
      case 'batch.exhausted':
        return [new DropAttempt(subjectIdIn(event), !event.data.holdsKey)];
      case 'delivery.attempt-succeeded':
      case 'delivery.cancelled':
      case 'batch.attempt-succeeded':
      case 'batch.cancelled':
        return [new DropAttempt(subjectIdIn(event), true)];
      case 'endpoint.url-changed':
        return [new ChangeReceiver(endpointIdIn(event.stream), event.revision)];
      case 'endpoint.deleted':
        return [new ReleaseEndpoint(endpointIdIn(event.stream), Date.parse(event.recordedAt), dueCauseOf(event))];
      case 'organization.deleted':
        return [new DeleteEndpoints(organizationIdIn(event.stream), event.position, dueCauseOf(event))];
      default:
        return [];
    }
  }
}

const firstAttempts = (event: RecordedEvent<MessageEvent>): (ScheduleAttempt | AwaitTurn)[] => {
  const messageId = messageIdIn(event.stream);
  const { organizationId, test, destinations, orderingKey = '' } = event.data;
  return destinations.map(({ endpointId, notBefore, delaySeconds, ordering }) => {
    const id = deliveryIdOf(messageId, endpointId);
    const subject = subjectOf({ organizationId, messageId, endpointId, test });
    const dueAt = Date.parse(notBefore ?? event.recordedAt);
    // Older events have only the two times, which may be of two clocks.
    const delayMs = delaySeconds === undefined ? Math.max(0, dueAt - Date.parse(event.recordedAt)) : delaySeconds * 1_000;
    const attempt = new ScheduleAttempt(id, subject, 1, 0, 'no-stream', dueAt, dueCauseOf(event), [event], delayMs);
    if (ordering === undefined) return attempt;
    return new AwaitTurn(attempt, queueOf(endpointId, ordering === 'STRICT' ? '' : orderingKey), event.position, id);
  });
};

/** The batch is due instead of the deliveries in it, unless it was closed to be cancelled: that event comes a moment later. */
const firstAttemptOfBatch = (event: Event<'batch.closed'>): SagaCommand[] => {
  const { organizationId, endpointId, number, messages, cancelled } = event.data;
  const subject = { organizationId, endpointId, size: messages.length };
  const dueAt = Date.parse(event.recordedAt);
  const deliveries = messages.map((messageId) => deliveryIdOf(messageId, endpointId));
  return [
    ...deliveries.map((id) => new DropAttempt(id)),
    new JoinBatch(batchIdIn(event.stream), deliveries),
    new SetNewestBatch(endpointId, number),
    ...(cancelled ? [] : [new ScheduleAttempt(batchIdIn(event.stream), subject, 1, 0, event.revision, dueAt, dueCauseOf(event))]),
  ];
};

/** Both times are of the clock of the process that made the attempt, so their difference is the delay that it decided. */
const delayUntil = (at: string, { data }: Event<'delivery.attempt-failed' | 'batch.attempt-failed'>): number =>
  Math.max(0, Date.parse(at) - Date.parse(attemptEndedAt(data)));

const retryAttempt = (event: Event<'delivery.attempt-failed' | 'batch.attempt-failed'>, retryAt: string) => {
  const { attempt, failuresInSeries, seriesSince } = event.data;
  return new ScheduleAttempt(
    subjectIdIn(event),
    subjectOf(event.data),
    attempt + 1,
    failuresInSeries,
    event.revision,
    Date.parse(retryAt),
    dueCauseOf(event),
    undefined,
    delayUntil(retryAt, event),
    undefined,
    seriesSince,
  );
};

const holdEndpoint = (event: Event<'delivery.attempt-failed' | 'batch.attempt-failed'>, until: string) =>
  new HoldEndpoint(event.data.endpointId, Date.parse(until), delayUntil(until, event), event.data.endpointRevision);

/** A requested attempt begins a new series: the retry schedule starts again. */
const requestedAttempt = (event: Event<`${'delivery' | 'batch'}.${'retry' | 'replay'}-requested`>) => {
  const { attempt, at } = event.data;
  const [id, subject, dueAt] = [subjectIdIn(event), subjectOf(event.data), Date.parse(at)];
  const isRetry = event.type === 'delivery.retry-requested' || event.type === 'batch.retry-requested';
  const requestedBy = !isRetry ? undefined : event.data.bulkRetryId === undefined ? 'person' : 'bulk-retry';
  return new ScheduleAttempt(id, subject, attempt, 0, event.revision, dueAt, dueCauseOf(event), undefined, 0, requestedBy, at);
};

const disableGone = (event: Event<'delivery.attempt-failed' | 'batch.attempt-failed'>) =>
  new DisableGoneEndpoint(event.data.endpointId, event.data.endpointRevision, dueCauseOf(event));

const subjectIdIn = ({ type, stream }: RecordedEvent<DeliveryEvent | BatchEvent>): DeliveryOrBatchId =>
  type.startsWith('batch.') ? batchIdIn(stream) : deliveryIdIn(stream);

const subjectOf = (data: AttemptSubject): AttemptSubject => {
  const { organizationId, endpointId } = data;
  if (isBatch(data)) return { organizationId, endpointId, size: data.size };
  return { organizationId, messageId: data.messageId, endpointId, ...(data.test ? { test: data.test } : {}) };
};
