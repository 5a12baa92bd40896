// The delivery saga: what follows from each event. It only decides; the saga host stores what it decided and has it done.
import { Injectable } from '@nestjs/common';
import { Saga } from '@nestjs/cqrs';
import { Observable } from 'rxjs';
import type { BatchEvent, BatchSubject } from '../domain/batch.ts';
import type { DeliveryEvent, DeliverySubject } from '../domain/delivery.ts';
import type { BatchId, DeliveryId, EndpointId } from '../domain/ids.ts';
import type { MessageEvent } from '../domain/message.ts';
import type { ExpectedRevision, RecordedEvent } from '../event-store/event-store.ts';
import { deliveryIdOf } from '../event-store/id-generation.ts';
import { endpointIdIn, idIn, messageIdIn } from '../domain/streams.ts';

/** What one request carries: a delivery, or a batch of them. */
export type SendingId = DeliveryId | BatchId;
export type Subject = DeliverySubject | BatchSubject;
export const isBatch = (subject: Subject): subject is BatchSubject => 'size' in subject;

/** The event that made an attempt due, and the request that this goes back to, where there was one. */
export type DueCause = { readonly causationId: string; readonly correlationId?: string };

/** The next attempt of a delivery or a batch is due; it takes the place of any that was due before. */
export class ScheduleAttempt {
  constructor(
    readonly id: SendingId,
    readonly subject: Subject,
    readonly attempt: number,
    readonly failuresInSeries: number,
    /** Where its stream stands, so that the outcome can be appended without reading it. */
    readonly revision: ExpectedRevision,
    /** Milliseconds since 1970. */
    readonly dueAt: number,
    readonly cause: DueCause,
    /** What is sent. At hand right after it was accepted; otherwise it is read from the log. */
    readonly messages?: readonly RecordedEvent<MessageEvent>[],
  ) {}

  /** Nothing was attempted yet, and no row of the table can be older than this. */
  get isFirst(): boolean {
    // A delivery whose stream begins with the request for an attempt was made by a replay.
    return this.revision === 'no-stream' || (this.revision === 0 && this.attempt === 1);
  }

  withMessages(messages: readonly RecordedEvent<MessageEvent>[] | undefined): ScheduleAttempt {
    const { id, subject, attempt, failuresInSeries, revision, dueAt, cause } = this;
    return new ScheduleAttempt(id, subject, attempt, failuresInSeries, revision, dueAt, cause, messages);
  }
}

/** It ended, or goes in a batch: nothing is due. */
export class DropAttempt {
  constructor(readonly id: SendingId) {}
}

/** An endpoint's newest batch: the next one has the next number. */
export class CountBatch {
  constructor(
    readonly endpointId: EndpointId,
    readonly number: number,
  ) {}
}

/** An endpoint is gone: all that waits for it is due now, so that the dispatcher finds it gone and cancels it. */
export class ReleaseEndpoint {
  constructor(
    readonly endpointId: EndpointId,
    /** Milliseconds since 1970. */
    readonly dueAt: number,
    readonly cause: DueCause,
  ) {}
}

/** A receiver answered `410 Gone`: it wants no more. */
export class DisableGoneEndpoint {
  constructor(
    readonly endpointId: EndpointId,
    /** The configuration that the answer was given to: if it has changed since, the answer says nothing about it. */
    readonly revision: number,
    readonly cause: DueCause,
  ) {}
}

export type SagaCommand = ScheduleAttempt | DropAttempt | CountBatch | ReleaseEndpoint | DisableGoneEndpoint;

@Injectable()
export class DeliverySaga {
  /** Pure: events in log order in, commands in the same order out. */
  @Saga()
  readonly deliver = (events: Observable<RecordedEvent>): Observable<SagaCommand> =>
    new Observable((decided) =>
      events.subscribe({
        next: (event) => {
          for (const command of commandsFor(event)) decided.next(command);
        },
        error: (error: unknown) => decided.error(error),
        complete: () => decided.complete(),
      }),
    );
}

const commandsFor = (event: RecordedEvent): SagaCommand[] => {
  switch (event.type) {
    case 'message.accepted':
      return firstAttempts(event);
    case 'batch.closed':
      return firstAttemptOfBatch(event);
    case 'delivery.attempt-failed':
    case 'batch.attempt-failed': {
      const retry = event.data.retryAt === undefined ? [] : [retryOf(event, Date.parse(event.data.retryAt))];
      return event.data.responseCode === 410 ? [...retry, gone(event)] : retry;
    }
    case 'delivery.retry-requested':
    case 'batch.retry-requested':
    case 'delivery.replay-requested':
    case 'batch.replay-requested':
      return [freshSeries(event)];
    case 'delivery.attempt-succeeded':
    case 'delivery.exhausted':
    case 'delivery.cancelled':
    case 'batch.attempt-succeeded':
    case 'batch.exhausted':
    case 'batch.cancelled':
      return [new DropAttempt(sendingOf(event))];
    case 'endpoint.deleted':
      return [new ReleaseEndpoint(endpointIdIn(event.stream), Date.parse(event.recordedAt), dueCauseOf(event))];
    default:
      return [];
  }
};

/** What an event says of sendings of an endpoint: whether they were cancelled, or else went on. */
export type SendingNews = { readonly endpointId: EndpointId; readonly ids: readonly SendingId[]; readonly cancelled: boolean };

/** A closed batch is news of the deliveries in it, too. */
export const newsIn = (event: RecordedEvent): SendingNews | undefined => {
  switch (event.type) {
    case 'delivery.attempt-succeeded':
    case 'delivery.attempt-failed':
    case 'delivery.exhausted':
    case 'delivery.retry-requested':
    case 'delivery.replay-requested':
    case 'batch.attempt-succeeded':
    case 'batch.attempt-failed':
    case 'batch.exhausted':
    case 'batch.retry-requested':
    case 'batch.replay-requested':
      return { endpointId: event.data.endpointId, ids: [sendingOf(event)], cancelled: false };
    case 'delivery.cancelled':
    case 'batch.cancelled':
      return { endpointId: event.data.endpointId, ids: [sendingOf(event)], cancelled: true };
    case 'batch.closed': {
      const { endpointId, messages } = event.data;
      return { endpointId, ids: [sendingOf(event), ...messages.map((id) => deliveryIdOf(id, endpointId))], cancelled: false };
    }
    default:
      return undefined;
  }
};

const dueCauseOf = ({ id, metadata: { correlationId } }: RecordedEvent): DueCause => ({
  causationId: id,
  ...(correlationId === undefined ? {} : { correlationId }),
});

/** What an event of a delivery or of a batch is about. */
const sendingOf = ({ stream }: RecordedEvent<DeliveryEvent | BatchEvent>) => idIn(stream) as SendingId;

const subjectOf = (data: Subject): Subject => {
  const { organizationId, endpointId } = data;
  if (isBatch(data)) return { organizationId, endpointId, size: data.size };
  return { organizationId, messageId: data.messageId, endpointId, ...(data.test ? { test: data.test } : {}) };
};

const firstAttempts = (event: RecordedEvent<MessageEvent>): ScheduleAttempt[] => {
  const messageId = messageIdIn(event.stream);
  const { organizationId, test, destinations } = event.data;
  return destinations.map(({ endpointId, notBefore }) => {
    const subject = subjectOf({ organizationId, messageId, endpointId, test });
    const dueAt = Date.parse(notBefore ?? event.recordedAt);
    return new ScheduleAttempt(deliveryIdOf(messageId, endpointId), subject, 1, 0, 'no-stream', dueAt, dueCauseOf(event), [event]);
  });
};

/** The deliveries in it are no longer due by themselves. */
const firstAttemptOfBatch = (event: RecordedEvent<BatchEvent & { type: 'batch.closed' }>): SagaCommand[] => {
  const { organizationId, endpointId, number, messages } = event.data;
  const subject = { organizationId, endpointId, size: messages.length };
  return [
    ...messages.map((messageId) => new DropAttempt(deliveryIdOf(messageId, endpointId))),
    new CountBatch(endpointId, number),
    new ScheduleAttempt(sendingOf(event), subject, 1, 0, event.revision, Date.parse(event.recordedAt), dueCauseOf(event)),
  ];
};

type Recorded<T extends (DeliveryEvent | BatchEvent)['type']> = RecordedEvent<(DeliveryEvent | BatchEvent) & { type: T }>;

const retryOf = (event: Recorded<'delivery.attempt-failed' | 'batch.attempt-failed'>, dueAt: number) => {
  const { data, revision } = event;
  return new ScheduleAttempt(
    sendingOf(event),
    subjectOf(data),
    data.attempt + 1,
    data.failuresInSeries,
    revision,
    dueAt,
    dueCauseOf(event),
  );
};

const freshSeries = (event: Recorded<`${'delivery' | 'batch'}.${'retry' | 'replay'}-requested`>) => {
  const { data, revision } = event;
  return new ScheduleAttempt(sendingOf(event), subjectOf(data), data.attempt, 0, revision, Date.parse(data.at), dueCauseOf(event));
};

const gone = (event: Recorded<'delivery.attempt-failed' | 'batch.attempt-failed'>) =>
  new DisableGoneEndpoint(event.data.endpointId, event.data.endpointRevision, dueCauseOf(event));
