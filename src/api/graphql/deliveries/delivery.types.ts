// The GraphQL types of messages, deliveries and attempts, and of the filters on them.
import { Field, Float, ID, InputType, Int, ObjectType } from '@nestjs/graphql';
import type { DeliveryId, EndpointId, MessageId, Position } from '../../../domain/ids.ts';
import type { JsonObject } from '../../../domain/json.ts';
import { checkSpan } from '../../../read-models/history/history-filter.ts';
import type { DeliveryFilter as ViewFilter } from '../../../read-models/queries/delivery-pages.ts';
import type { AttemptView, DeliveryView } from '../../../read-models/queries/delivery-view.ts';
import type { MessageView } from '../../../read-models/queries/message-queries.ts';
import { connectionOf } from '../connections.ts';
import { DeliveryStatus, FailureReason } from '../enums.ts';
import { LogEvent } from '../history/history.types.ts';
import { DateTime, JsonScalar, moment, PositionScalar } from '../scalars.ts';

@ObjectType()
export class Message {
  @Field(() => ID)
  readonly id!: MessageId;
  @Field(() => String, { nullable: true, description: 'The id that the publisher gave, if any: publishing it again changes nothing.' })
  readonly clientId!: string | null;
  @Field(() => String)
  readonly eventType!: string;
  @Field(() => DateTime)
  readonly timestamp!: string;
  @Field(() => DateTime)
  readonly acceptedAt!: string;
  @Field(() => PositionScalar)
  readonly position!: Position;
  /** What the fields that take work are made from. */
  readonly source!: MessageView;
}
export const shownMessage = (source: MessageView): Message => ({ ...source, source });
export const MessageConnection = connectionOf('Message', () => Message);

@ObjectType({ description: 'Several messages that go to an endpoint in one request: sent, recorded, retried and cancelled as one.' })
export class DeliveryBatch {
  @Field(() => ID, { description: 'the webhook-id of its requests' })
  readonly id!: string;
  @Field(() => Int, { description: 'the messages in it' })
  readonly size!: number;
}

@ObjectType()
export class Delivery {
  @Field(() => ID)
  readonly id!: DeliveryId;
  @Field(() => DeliveryStatus)
  readonly status!: DeliveryView['status'];
  @Field(() => Boolean)
  readonly test!: boolean;
  @Field(() => DeliveryBatch, { nullable: true, description: 'What it goes in; null: it goes alone, or its batch is not closed yet.' })
  readonly batch!: DeliveryBatch | null;
  @Field(() => Int)
  readonly attemptCount!: number;
  @Field(() => DateTime, { nullable: true })
  readonly nextAttemptAt!: string | null;
  @Field(() => DateTime)
  readonly createdAt!: string;
  @Field(() => DateTime, { nullable: true })
  readonly endedAt!: string | null;
  /** What the fields that take work are made from. */
  readonly source!: DeliveryView;
}
export const shownDelivery = (source: DeliveryView): Delivery => ({ ...source, source });
export const DeliveryConnection = connectionOf('Delivery', () => Delivery);

@ObjectType()
export class Attempt {
  @Field(() => Int)
  readonly number!: number;
  @Field(() => DateTime)
  readonly startedAt!: string;
  @Field(() => Float)
  readonly durationMs!: number;
  @Field(() => String)
  readonly url!: string;
  @Field(() => Int, { nullable: true })
  readonly responseCode!: number | null;
  @Field(() => FailureReason, { nullable: true })
  readonly failure!: AttemptView['failure'];
  @Field(() => String, { nullable: true, description: 'one sentence a person understands' })
  readonly error!: string | null;
  /** What the fields that take work are made from. */
  readonly source!: AttemptView;
  readonly delivery!: DeliveryView;
}

export const shownAttempt = (source: AttemptView, delivery: DeliveryView): Attempt => ({
  number: source.attempt,
  startedAt: source.startedAt,
  durationMs: source.durationMs,
  url: source.url,
  responseCode: source.responseCode ?? null,
  failure: source.failure,
  error: source.error,
  source,
  delivery,
});

@ObjectType()
export class TimelineEntry {
  @Field(() => DateTime)
  readonly at!: string;
  @Field(() => String)
  readonly text!: string;
  @Field(() => LogEvent)
  readonly event!: LogEvent;
  @Field(() => Delivery, { nullable: true })
  readonly delivery!: Delivery | null;
}

@ObjectType()
export class Conservation {
  @Field(() => PositionScalar)
  readonly position!: string;
  @Field(() => Int, { description: 'deliveries that accepted messages called for' })
  readonly routed!: number;
  @Field(() => Int)
  readonly succeeded!: number;
  @Field(() => Int)
  readonly failed!: number;
  @Field(() => Int)
  readonly cancelled!: number;
  @Field(() => Int, { description: 'pending, retrying, held' })
  readonly open!: number;
  @Field(() => Boolean, { description: 'routed = succeeded + failed + cancelled + open' })
  readonly balanced!: boolean;
}

@ObjectType()
export class BulkRetry {
  @Field(() => Int)
  readonly matched!: number;
}

@ObjectType('PublishedMessage')
export class PublishedMessageType {
  @Field(() => ID)
  readonly id!: string;
  @Field(() => Boolean)
  readonly duplicate!: boolean;
  @Field(() => Int)
  readonly destinations!: number;
  @Field(() => PositionScalar)
  readonly position!: string;
}

@InputType('MessageInput')
export class MessageInputType {
  @Field(() => String, { nullable: true })
  id?: string | null;
  @Field(() => String)
  type!: string;
  @Field(() => DateTime, { nullable: true })
  timestamp?: string | null;
  @Field(() => JsonScalar)
  data!: JsonObject;
}

@InputType()
export class DeliveryFilter {
  @Field(() => ID, { nullable: true })
  endpointId?: string | null;
  @Field(() => ID, { nullable: true })
  messageId?: string | null;
  @Field(() => [DeliveryStatus], { nullable: true })
  status?: DeliveryView['status'][] | null;
  @Field(() => String, { nullable: true })
  eventType?: string | null;
  @Field(() => DateTime, { nullable: true })
  since?: string | null;
  @Field(() => DateTime, { nullable: true })
  until?: string | null;
  @Field(() => Int, { nullable: true })
  responseCode?: number | null;
}

/** @throws DomainError BAD_USER_INPUT */
export const viewFilter = (filter: DeliveryFilter | null | undefined): ViewFilter => {
  if (!filter) return {};
  const { endpointId, messageId, since, until, ...rest } = filter;
  const span = { since: moment(since), until: moment(until) };
  checkSpan(span.since, span.until, 'filter.until');
  return {
    ...rest,
    ...span,
    endpointId: endpointId as EndpointId | null | undefined,
    messageId: messageId as MessageId | null | undefined,
  };
};
