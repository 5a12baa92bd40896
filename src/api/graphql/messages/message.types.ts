// The GraphQL types of messages, their timeline, and publishing them.
import { Field, ID, InputType, Int, ObjectType } from '@nestjs/graphql';
import type { MessageId, Position } from '../../../domain/ids.ts';
import type { JsonObject } from '../../../domain/json.ts';
import type { MessageView } from '../../../read-models/queries/message-queries.ts';
import { connectionType } from '../connections.ts';
import { Delivery } from '../deliveries/delivery.types.ts';
import { LogEvent } from '../history/history.types.ts';
import { DateTime, JsonScalar, PositionScalar } from '../scalars.ts';

@ObjectType()
export class Message {
  @Field(() => ID)
  readonly id!: MessageId;
  @Field(() => String, { nullable: true, description: 'The id that the publisher gave, if any: publishing it again changes nothing.' })
  readonly clientId!: string | null;
  @Field(() => String)
  readonly eventType!: string;
  @Field(() => String, {
    nullable: true,
    description: 'Messages of one key belong together: an endpoint that asks for it gets them in the order of the log.',
  })
  readonly orderingKey!: string | null;
  @Field(() => DateTime)
  readonly timestamp!: string;
  @Field(() => DateTime)
  readonly acceptedAt!: string;
  @Field(() => PositionScalar)
  readonly position!: Position;
  /** For the fields that a resolver computes. */
  readonly view!: MessageView;
}
export const toMessage = (view: MessageView): Message => ({ ...view, view });
export const MessageConnection = connectionType('Message', () => Message);

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

@InputType()
export class MessageInput {
  @Field(() => String, { nullable: true })
  id?: string | null;
  @Field(() => String)
  type!: string;
  @Field(() => DateTime, { nullable: true })
  timestamp?: string | null;
  @Field(() => JsonScalar)
  data!: JsonObject;
  @Field(() => String, { nullable: true })
  orderingKey?: string | null;
  @Field(() => ID, { nullable: true, description: 'For keys that span the installation.' })
  organization?: string | null;
}

@ObjectType()
export class PublishedMessage {
  @Field(() => ID)
  readonly id!: MessageId;
  @Field(() => Boolean)
  readonly duplicate!: boolean;
  @Field(() => Int)
  readonly destinations!: number;
  @Field(() => PositionScalar)
  readonly position!: Position;
}
