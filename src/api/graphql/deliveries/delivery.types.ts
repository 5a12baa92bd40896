// The GraphQL types of deliveries, and the filter on them.
import { Field, ID, InputType, Int, ObjectType } from '@nestjs/graphql';
import * as z from 'zod';
import type { FailureReason as Reason } from '../../../domain/attempts.ts';
import type { DeliveryId, EndpointId, MessageId, OrganizationId } from '../../../domain/ids.ts';
import { checkSpan } from '../../../read-models/history/history-filter.ts';
import type { DeliveryFilter as ViewFilter } from '../../../read-models/queries/delivery-filter.ts';
import type { DeliveryQueries } from '../../../read-models/queries/delivery-queries.ts';
import type { DeliveryView } from '../../../read-models/queries/delivery-view.ts';
import { atMost, validate } from '../../input-validation.ts';
import { connectionType, parsePageArgs, toConnection, type PageArgs } from '../connections.ts';
import type { CountedConnection } from '../counts.ts';
import { enumType } from '../enums.ts';
import { DateTime, PositionScalar, toDate } from '../scalars.ts';
import { FailureReason } from './attempt.types.ts';

const statuses = ['PENDING', 'RETRYING', 'HELD', 'SUCCEEDED', 'FAILED', 'CANCELLED'] as const satisfies readonly DeliveryView['status'][];
const DeliveryStatus = enumType('DeliveryStatus', statuses, {
  description: 'HELD: its endpoint is paused or disabled, its organization suspended, or its ordering key held. FAILED: out of attempts.',
});

@ObjectType({ description: 'Several messages that go to an endpoint in one request: sent, recorded, retried and cancelled as one.' })
class DeliveryBatch {
  @Field(() => ID, { description: 'The webhook-id of its requests.' })
  readonly id!: string;
  @Field(() => Int, { description: 'How many messages are in it.' })
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
  @Field(() => DeliveryBatch, { nullable: true, description: 'Null: the delivery goes alone, or its batch is still open.' })
  readonly batch!: DeliveryBatch | null;
  @Field(() => Int)
  readonly attemptCount!: number;
  @Field(() => DateTime, { nullable: true })
  readonly nextAttemptAt!: string | null;
  @Field(() => DateTime)
  readonly createdAt!: string;
  @Field(() => DateTime, { nullable: true })
  readonly endedAt!: string | null;
  /** For the fields that a resolver computes. */
  readonly view!: DeliveryView;
}
export const toDelivery = (view: DeliveryView): Delivery => ({ ...view, view });
export const DeliveryConnection = connectionType('Delivery', () => Delivery);

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

@InputType()
export class DeliveryFilter {
  @Field(() => ID, { nullable: true })
  endpointId?: EndpointId | null;
  @Field(() => ID, { nullable: true })
  messageId?: MessageId | null;
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
  @Field(() => String, { nullable: true, description: 'The id that the publisher gave the message.' })
  clientId?: string | null;
  @Field(() => [String], { nullable: true })
  eventTypes?: string[] | null;
  @Field(() => [FailureReason], { nullable: true, description: 'Of the last attempt, as the response codes.' })
  failure?: Reason[] | null;
  @Field(() => Boolean, { nullable: true })
  test?: boolean | null;
  @Field(() => [ID], { nullable: true })
  endpointIds?: EndpointId[] | null;
  @Field(() => Int, { nullable: true })
  responseCodeFrom?: number | null;
  @Field(() => Int, { nullable: true, description: 'The highest that matches.' })
  responseCodeUntil?: number | null;
}

const lists = z.object({
  endpointIds: atMost(100, z.string()),
  eventTypes: atMost(50, z.string()),
  clientId: z.string().max(256, 'must be at most 256 characters').nullish(),
});

/** @throws DomainError BAD_USER_INPUT if a list is too long, or `until` is before `since` */
export const parseDeliveryFilter = (filter: DeliveryFilter | null | undefined): ViewFilter => {
  if (!filter) return {};
  const { since, until, ...rest } = filter;
  const span = { since: toDate(since), until: toDate(until) };
  checkSpan(span.since, span.until, 'filter.until');
  validate(lists, { endpointIds: rest.endpointIds, eventTypes: rest.eventTypes, clientId: rest.clientId }, 'filter');
  return { ...rest, ...span };
};

export const deliveryConnection = async (
  queries: Pick<DeliveryQueries, 'page' | 'count'>,
  organization: OrganizationId,
  page: PageArgs,
  filter: ViewFilter,
): Promise<CountedConnection<Delivery>> => ({
  ...(await toConnection(await queries.page(organization, parsePageArgs(page), filter), toDelivery)),
  countUpTo: (max) => queries.count(organization, filter, max),
});
