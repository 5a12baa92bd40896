// The GraphQL types of the history: events of the log, changes of an endpoint, why a message was routed, and the filter on events.
import { Field, ID, InputType, Int, ObjectType } from '@nestjs/graphql';
import type { DeliveryId, EndpointId, MessageId, Position } from '../../../domain/ids.ts';
import type { FailedCondition as FailedConditionView } from '../../../domain/filter/explain-filter.ts';
import type { Json } from '../../../domain/json.ts';
import { maskedEventData } from '../../../domain/event-masking.ts';
import type { RecordedEvent } from '../../../event-store/event-store.ts';
import { eventNames, type HistoryFilter as IndexFilter } from '../../../read-models/history/history-filter.ts';
import { routings, type RoutingExplanation as RoutingExplanationView } from '../../../read-models/history/routing-explanation.ts';
import type { AuthenticatedCaller } from '../../auth/authentication.ts';
import { shownActor } from '../visibility.ts';
import { connectionType } from '../connections.ts';
import { Endpoint } from '../endpoints/endpoint.types.ts';
import { enumType } from '../enums.ts';
import { DateTime, JsonScalar, toDate, PositionScalar } from '../scalars.ts';

const RoutingOutcome = enumType('RoutingOutcome', routings, {
  valuesMap: { SKIPPED: { description: 'It matched, but the endpoint was disabled.' } },
});

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
  @Field(() => ID, { nullable: true, description: 'Of the API key that acted.' })
  readonly actorId!: string | null;
  @Field(() => String, { nullable: true })
  readonly correlationId!: string | null;
  @Field(() => String, { nullable: true })
  readonly causationId!: string | null;
  @Field(() => JsonScalar, { description: 'secrets masked' })
  readonly data!: Json;
}

@ObjectType({ description: 'One field of an endpoint that was changed by one event.' })
export class EndpointChange {
  @Field(() => DateTime)
  readonly at!: string;
  @Field(() => String, { description: 'who: "apikey:<name>" or "system:<part>"' })
  readonly actor!: string;
  @Field(() => String, { description: 'as it is called in Endpoint' })
  readonly field!: string;
  @Field(() => JsonScalar, { nullable: true, description: 'Null: it was not set. Secrets are masked.' })
  readonly from!: Json;
  @Field(() => JsonScalar, {
    nullable: true,
    description: 'Null: it is not set any more. In the place of a secret that is another one now: "changed".',
  })
  readonly to!: Json;
  @Field(() => LogEvent)
  readonly event!: LogEvent;
}

@ObjectType({ description: "A condition of an endpoint's filter that a message did not meet." })
export class FailedCondition {
  @Field(() => String, { description: "the place in the message's data" })
  readonly path!: string;
  @Field(() => JsonScalar)
  readonly asks!: Json;
  @Field(() => JsonScalar, { nullable: true, description: 'what is there; null: nothing, or null' })
  readonly found!: Json;
}

/** What is absent is shown as null. */
export const shownConditions = (failed: readonly FailedConditionView[]): FailedCondition[] =>
  failed.map(({ found = null, ...condition }) => ({ ...condition, found }));

@ObjectType({ description: 'Why a message went to an endpoint, or did not.' })
export class RoutingExplanation {
  @Field(() => String, { description: 'why, in sentences' })
  readonly text!: string;
  @Field(() => RoutingOutcome, { description: 'what was decided when the message was accepted' })
  readonly recorded!: RoutingExplanationView['recorded'];
  @Field(() => RoutingOutcome, { description: 'what follows from the configuration of then' })
  readonly expected!: RoutingExplanationView['expected'];
  @Field(() => Boolean, { description: 'recorded = expected' })
  readonly agrees!: boolean;
  @Field(() => PositionScalar, { description: 'The configuration that it was decided on is the log up to here.' })
  readonly routedAt!: string;
  @Field(() => String, { nullable: true, description: 'the entry of eventTypes that matched' })
  readonly subscription!: string | null;
  @Field(() => [FailedCondition], { description: 'what of the filter did not let it pass' })
  readonly failedConditions!: readonly FailedCondition[];
  @Field(() => Endpoint, { nullable: true, description: 'as it was configured then; null: not registered yet, or deleted already' })
  readonly configuration!: Endpoint | null;
}

/**
 * Masks secrets for everyone, and those inside payloads for those who may not see them. A portal session sees of an event that it happened, and who acted
 * only if it was its own subject or a part of the system.
 */
export const toLogEvent = (event: RecordedEvent, caller: AuthenticatedCaller): LogEvent => {
  const { id, position, stream, revision, type, recordedAt, metadata } = event;
  const { actor, actorId = null, correlationId = null, causationId = null } = metadata;
  if (caller.kind === 'PORTAL') {
    const hidden = { actorId: null, correlationId: null, causationId: null, data: {} };
    return { id, position, stream, revision, type, recordedAt, actor: shownActor(actor, caller), ...hidden };
  }
  const data = maskedEventData(event, caller.sight.payloads === 'MASKED');
  return { id, position, stream, revision, type, recordedAt, actor, actorId, correlationId, causationId, data };
};

export const LogEventConnection = connectionType('LogEvent', () => LogEvent);

@InputType()
export class HistoryFilter {
  @Field(() => ID, { nullable: true })
  endpointId?: EndpointId | null;
  @Field(() => ID, { nullable: true })
  messageId?: MessageId | null;
  @Field(() => ID, { nullable: true })
  deliveryId?: DeliveryId | null;
  @Field(() => String, { nullable: true })
  actor?: string | null;
  @Field(() => [String], { nullable: true })
  types?: string[] | null;
  @Field(() => DateTime, { nullable: true })
  since?: string | null;
  @Field(() => DateTime, { nullable: true })
  until?: string | null;
}

/** @throws DomainError BAD_USER_INPUT if there is no such event type */
export const parseHistoryFilter = (filter: HistoryFilter | null | undefined): IndexFilter => {
  if (!filter) return {};
  const { types, since, until, ...rest } = filter;
  return { ...rest, types: types && eventNames(types, 'filter.types'), since: toDate(since), until: toDate(until) };
};
