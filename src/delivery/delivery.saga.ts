// The delivery saga: what follows from each event. It only decides; the saga host stores what it decided and has it done.
import { Injectable } from '@nestjs/common';
import { Saga } from '@nestjs/cqrs';
import { mergeMap, type Observable } from 'rxjs';
import type { DeliveryEvent, DeliverySubject } from '../domain/delivery.ts';
import type { DeliveryId, EndpointId, MessageId } from '../domain/ids.ts';
import type { MessageEvent } from '../domain/message.ts';
import type { ExpectedRevision, RecordedEvent } from '../event-store/event-store.ts';
import { deliveryIdOf } from '../event-store/ids.ts';

/** The next attempt of a delivery is due; it takes the place of any that was due before. */
export class ScheduleAttempt {
  constructor(
    readonly deliveryId: DeliveryId,
    readonly subject: DeliverySubject,
    readonly attempt: number,
    readonly failuresInSeries: number,
    /** Where the delivery's stream stands, so that the outcome can be appended without reading it. */
    readonly revision: ExpectedRevision,
    /** Milliseconds since 1970. */
    readonly dueAt: number,
    /** At hand right after the message was accepted; otherwise it is read from the log. */
    readonly message?: RecordedEvent<MessageEvent>,
  ) {}
}

/** A delivery ended: nothing is due. */
export class DropAttempt {
  constructor(readonly deliveryId: DeliveryId) {}
}

/** An endpoint is gone: all that waits for it is due now, so that the dispatcher finds it gone and cancels it. */
export class ReleaseEndpoint {
  constructor(
    readonly endpointId: EndpointId,
    /** Milliseconds since 1970. */
    readonly dueAt: number,
  ) {}
}

/** A receiver answered `410 Gone`: it wants no more. */
export class DisableGoneEndpoint {
  constructor(
    readonly endpointId: EndpointId,
    /** The configuration that the answer was given to: if it has changed since, the answer says nothing about it. */
    readonly revision: number,
    readonly causationId: string,
  ) {}
}

export type SagaCommand = ScheduleAttempt | DropAttempt | ReleaseEndpoint | DisableGoneEndpoint;

@Injectable()
export class DeliverySaga {
  /** Pure: events in log order in, commands in the same order out. */
  @Saga()
  readonly deliver = (events: Observable<RecordedEvent>): Observable<SagaCommand> => events.pipe(mergeMap(commandsFor));
}

const commandsFor = (event: RecordedEvent): SagaCommand[] => {
  switch (event.type) {
    case 'message.accepted':
      return firstAttempts(event);
    case 'delivery.attempt-failed': {
      const retry = event.data.retryAt === undefined ? [] : [retryOf(event, Date.parse(event.data.retryAt))];
      return event.data.responseCode === 410 ? [...retry, gone(event)] : retry;
    }
    case 'delivery.retry-requested':
      return [freshSeries(event)];
    case 'delivery.attempt-succeeded':
    case 'delivery.exhausted':
    case 'delivery.cancelled':
      return [new DropAttempt(deliveryOf(event))];
    case 'endpoint.deleted':
      return [new ReleaseEndpoint(event.stream.slice('endpoint-'.length) as EndpointId, Date.parse(event.recordedAt))];
    default:
      return [];
  }
};

const deliveryOf = ({ stream }: RecordedEvent<DeliveryEvent>) => stream.slice('delivery-'.length) as DeliveryId;

const subjectOf = ({ organizationId, messageId, endpointId, test }: DeliverySubject): DeliverySubject => ({
  organizationId,
  messageId,
  endpointId,
  ...(test ? { test } : {}),
});

const firstAttempts = (event: RecordedEvent<MessageEvent>): ScheduleAttempt[] => {
  const messageId = event.stream.slice('message-'.length) as MessageId;
  const { organizationId, test, destinations } = event.data;
  return destinations.map(({ endpointId, notBefore }) => {
    const subject = subjectOf({ organizationId, messageId, endpointId, test });
    const dueAt = Date.parse(notBefore ?? event.recordedAt);
    return new ScheduleAttempt(deliveryIdOf(messageId, endpointId), subject, 1, 0, 'no-stream', dueAt, event);
  });
};

type Recorded<T extends DeliveryEvent['type']> = RecordedEvent<DeliveryEvent & { type: T }>;

const retryOf = (event: Recorded<'delivery.attempt-failed'>, dueAt: number) => {
  const { data, revision } = event;
  return new ScheduleAttempt(deliveryOf(event), subjectOf(data), data.attempt + 1, data.failuresInSeries, revision, dueAt);
};

const freshSeries = (event: Recorded<'delivery.retry-requested'>) => {
  const { data, revision } = event;
  return new ScheduleAttempt(deliveryOf(event), subjectOf(data), data.attempt, 0, revision, Date.parse(data.at));
};

const gone = ({ id, data }: Recorded<'delivery.attempt-failed'>) => new DisableGoneEndpoint(data.endpointId, data.endpointRevision, id);
