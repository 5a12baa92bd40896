// The GraphQL types of the history: the log's own events, and what is asked for of them.
import { Field, ID, InputType, Int, ObjectType } from '@nestjs/graphql';
import type { ApiKeyRole } from '../../domain/api-key.ts';
import type { DeliveryId, EndpointId, MessageId, Position } from '../../domain/ids.ts';
import type { Json } from '../../domain/json.ts';
import { shownData } from '../../domain/shown-data.ts';
import type { RecordedEvent } from '../../event-store/event-store.ts';
import { eventNames, type HistoryFilter as IndexFilter } from '../../read-models/history/history-filter.ts';
import { connectionOf } from './connections.ts';
import { DateTime, JsonScalar, moment, PositionScalar } from './scalars.ts';

@ObjectType()
export class LogEvent {
  @Field(() => ID)
  readonly id!: string;
  @Field(() => PositionScalar)
  readonly position!: Position;
  @Field(() => String)
  readonly stream!: string;
  @Field(() => Int)
  readonly revision!: number;
  @Field(() => String)
  readonly type!: string;
  @Field(() => DateTime)
  readonly recordedAt!: string;
  @Field(() => String, { description: '"apikey:<name>" or "system:<part>"' })
  readonly actor!: string;
  @Field(() => String, { nullable: true })
  readonly correlationId!: string | null;
  @Field(() => String, { nullable: true })
  readonly causationId!: string | null;
  @Field(() => JsonScalar, { description: 'secrets masked' })
  readonly data!: Json;
}

/** Secrets are masked for everyone; what payloads hold of them, for those who may not see it. */
export const shownEvent = (event: RecordedEvent, role: ApiKeyRole): LogEvent => {
  const { id, position, stream, revision, type, recordedAt, metadata } = event;
  const { actor, correlationId = null, causationId = null } = metadata;
  const data = shownData(event, role === 'VIEWER');
  return { id, position, stream, revision, type, recordedAt, actor, correlationId, causationId, data };
};

export const LogEventConnection = connectionOf('LogEvent', () => LogEvent);

@InputType()
export class HistoryFilter {
  @Field(() => ID, { nullable: true })
  endpointId?: string | null;
  @Field(() => ID, { nullable: true })
  messageId?: string | null;
  @Field(() => ID, { nullable: true })
  deliveryId?: string | null;
  @Field(() => String, { nullable: true })
  actor?: string | null;
  @Field(() => [String], { nullable: true })
  types?: string[] | null;
  @Field(() => DateTime, { nullable: true })
  since?: string | null;
  @Field(() => DateTime, { nullable: true })
  until?: string | null;
}

/** @throws DomainError BAD_USER_INPUT at a type that there is not */
export const indexFilter = (filter: HistoryFilter | null | undefined): IndexFilter => {
  if (!filter) return {};
  const { endpointId, messageId, deliveryId, actor, types, since, until } = filter;
  return {
    endpointId: endpointId as EndpointId | null | undefined,
    messageId: messageId as MessageId | null | undefined,
    deliveryId: deliveryId as DeliveryId | null | undefined,
    actor,
    types: types ? eventNames(types, 'filter.types') : null,
    since: moment(since),
    until: moment(until),
  };
};
