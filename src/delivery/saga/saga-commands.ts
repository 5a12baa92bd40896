// The delivery saga's commands: what has to happen because of an event. The saga host carries them out.
import type { BatchSubject } from '../../domain/batch.ts';
import type { DeliverySubject } from '../../domain/delivery.ts';
import type { BatchId, DeliveryId, EndpointId, MessageId, OrganizationId, Position } from '../../domain/ids.ts';
import type { MessageEvent } from '../../domain/message.ts';
import type { NoticeKind } from '../../domain/operational-message.ts';
import { batchStream, deliveryStream } from '../../domain/streams.ts';
import type { ExpectedRevision, RecordedEvent } from '../../event-store/event-store.ts';

/** What an attempt sends: one delivery, or a batch of them. */
export type AttemptSubject = DeliverySubject | BatchSubject;
export type DeliveryOrBatchId = DeliveryId | BatchId;
export const isBatch = (subject: AttemptSubject): subject is BatchSubject => 'size' in subject;
export const isTest = (subject: AttemptSubject): boolean => !isBatch(subject) && subject.test === true;

/** The event that made an attempt due, and the request behind that event, if there was one. */
export type DueCause = { readonly causationId: string; readonly correlationId?: string };

/** The next attempt of a delivery or a batch is due. It replaces any attempt that was due before. */
export class ScheduleAttempt {
  constructor(
    readonly id: DeliveryOrBatchId,
    readonly subject: AttemptSubject,
    readonly attempt: number,
    readonly failuresInSeries: number,
    /** The stream's current revision: the outcome can be appended without reading the stream. */
    readonly revision: ExpectedRevision,
    /** Milliseconds since 1970. As the saga decides it: by the recorded times. From the host on: by the clock of the due attempts. */
    readonly dueAt: number,
    readonly cause: DueCause,
    /** What to send. In memory right after it was accepted; otherwise undefined, and read from the log. */
    readonly messages?: readonly RecordedEvent<MessageEvent>[],
    /** The delay that was decided. It waits no longer, whatever happens to clocks. */
    readonly delayMs = 0,
    /** Undefined: nobody asked for it, or a replay did. */
    readonly requestedBy?: 'person' | 'bulk-retry' | undefined,
    /** When the running series of attempts began (ISO 8601). Undefined: with the delivery or batch. */
    readonly seriesSince?: string,
  ) {}

  /** Nothing was attempted before, and the table of due attempts has no older row for it. */
  get isFirst(): boolean {
    // A replay creates a delivery whose stream begins with the request for an attempt.
    return this.revision === 'no-stream' || (this.revision === 0 && this.attempt === 1 && this.requestedBy === undefined);
  }

  /** A person waits for it: a test, or a retry of this delivery. It waits for nothing that makes others wait. */
  get isUrgent(): boolean {
    return isTest(this.subject) || this.requestedBy === 'person';
  }

  get stream(): string {
    return isBatch(this.subject) ? batchStream(this.id as BatchId) : deliveryStream(this.id as DeliveryId); // an id is its subject's
  }

  withMessages(messages: readonly RecordedEvent<MessageEvent>[] | undefined): ScheduleAttempt {
    return this.copy(this.dueAt, messages);
  }

  withDueAt(dueAt: number): ScheduleAttempt {
    return this.copy(dueAt, this.messages);
  }

  private copy(dueAt: number, messages: ScheduleAttempt['messages']): ScheduleAttempt {
    const { id, subject, attempt, failuresInSeries, revision, cause, delayMs, requestedBy, seriesSince } = this;
    return new ScheduleAttempt(id, subject, attempt, failuresInSeries, revision, dueAt, cause, messages, delayMs, requestedBy, seriesSince);
  }
}

/** The first attempt of a delivery that takes turns: it is due when its turn comes, and not before. */
export class AwaitTurn {
  constructor(
    readonly attempt: ScheduleAttempt,
    /** The endpoint and the ordering key. */
    readonly queue: string,
    /** The position of its message. */
    readonly place: Position,
    readonly id: DeliveryId,
  ) {}

  withAttempt(attempt: ScheduleAttempt): AwaitTurn {
    return new AwaitTurn(attempt, this.queue, this.place, this.id);
  }
}

/** A person or a replay asked for an attempt of a delivery that had not ended. If it waits for its turn, it goes on waiting. */
export class RequestAttempt {
  constructor(readonly attempt: ScheduleAttempt) {}

  withAttempt(attempt: ScheduleAttempt): RequestAttempt {
    return new RequestAttempt(attempt);
  }
}

/** Nothing is due any more: the delivery or batch has ended, or the delivery was put in a batch. */
export class DropAttempt {
  constructor(
    readonly id: DeliveryOrBatchId,
    /** The next of its ordering key has the turn. */
    readonly endsTurn = false,
  ) {}
}

/** Deliveries were put in a batch, and their turns end with it. */
export class JoinBatch {
  constructor(
    readonly batchId: BatchId,
    readonly deliveries: readonly DeliveryId[],
  ) {}
}

/** An endpoint's newest batch has this number. The next batch gets the next number. */
export class SetNewestBatch {
  constructor(
    readonly endpointId: EndpointId,
    readonly number: number,
  ) {}
}

/** An endpoint was deleted: all its attempts are due now, so that the dispatcher finds it gone and cancels them. */
export class ReleaseEndpoint {
  constructor(
    readonly endpointId: EndpointId,
    /** As an attempt's. */
    readonly dueAt: number,
    readonly cause: DueCause,
  ) {}

  withDueAt(dueAt: number): ReleaseEndpoint {
    return new ReleaseEndpoint(this.endpointId, dueAt, this.cause);
  }
}

/** A receiver asked for no request before some time: all attempts at its endpoint wait. */
export class HoldEndpoint {
  constructor(
    readonly endpointId: EndpointId,
    /** Milliseconds since 1970. */
    readonly until: number,
    /** The delay that it asked for. */
    readonly holdMs: number,
    /** Of the endpoint's configuration. In an event: the attempt's. In the table, and from there on: of the URL that it is about. */
    readonly revision: number,
  ) {}

  withUntil(until: number): HoldEndpoint {
    return new HoldEndpoint(this.endpointId, until, this.holdMs, this.revision);
  }
}

/** The endpoint's URL was changed: what its earlier receiver asked for does not bind the new one. */
export class ChangeReceiver {
  constructor(
    readonly endpointId: EndpointId,
    readonly revision: number,
  ) {}
}

/** An organization was deleted, and its endpoints with it. */
export class DeleteEndpoints {
  constructor(
    readonly organizationId: OrganizationId,
    /** Of the event that deleted it. */
    readonly position: Position,
    readonly cause: DueCause,
  ) {}
}

/** A receiver answered `410 Gone`. */
export class DisableGoneEndpoint {
  constructor(
    readonly endpointId: EndpointId,
    /** The configuration that got the answer. The answer says nothing about a newer one. */
    readonly revision: number,
    readonly cause: DueCause,
  ) {}
}

/** An attempt failed, and none has succeeded for some time. */
export class DisableDeadEndpoint {
  constructor(
    readonly endpointId: EndpointId,
    /** The configuration of the attempt. It says nothing about a newer one. */
    readonly revision: number,
    readonly deadMs: number,
    /** A sentence. */
    readonly lastError: string,
    readonly cause: DueCause,
  ) {}
}

/** An operational message is published. Times are milliseconds since 1970. */
export class PublishNotice {
  constructor(
    readonly kind: NoticeKind,
    readonly endpointId: EndpointId,
    readonly at: number,
    readonly since: number,
    /** A sentence. */
    readonly reason: string,
    readonly cause: DueCause,
    /** The delivery or batch that it is about. Undefined: it is about the endpoint. */
    readonly subject?: { readonly messageId: MessageId; readonly deliveryId: DeliveryId } | { readonly batchId: BatchId },
  ) {}
}

export type SagaCommand =
  | ScheduleAttempt
  | AwaitTurn
  | RequestAttempt
  | DropAttempt
  | JoinBatch
  | SetNewestBatch
  | ReleaseEndpoint
  | HoldEndpoint
  | ChangeReceiver
  | DeleteEndpoints
  | DisableGoneEndpoint;
