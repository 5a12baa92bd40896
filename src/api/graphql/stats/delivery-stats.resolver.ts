// Figures over time over GraphQL: of an organization, of an endpoint, of an event type.
import { Args, Context, Field, Float, ID, Int, ObjectType, Parent, Query, ResolveField, Resolver } from '@nestjs/graphql';
import * as z from 'zod';
import type { EndpointId } from '../../../domain/ids.ts';
import { DeliveryStatsQueries, type DeliveryStatsView, type StatsSpan } from '../../../read-models/queries/delivery-stats.ts';
import { AllowPortal, AllowReaders } from '../../auth/access.ts';
import { validate } from '../../input-validation.ts';
import type { ApiContext } from '../context.ts';
import { Endpoint } from '../endpoints/endpoint.types.ts';
import { DateTime } from '../scalars.ts';
import { parseSpan } from './span.ts';

@ObjectType()
class DeliveryStats implements DeliveryStatsView {
  @Field(() => DateTime)
  readonly start!: string;
  @Field(() => Int, { description: 'Deliveries that began.' })
  readonly accepted!: number;
  @Field(() => Int)
  readonly succeeded!: number;
  @Field(() => Int)
  readonly failed!: number;
  @Field(() => Int, { description: 'Attempts that ended, those of a batch once for each of its deliveries.' })
  readonly attempts!: number;
  @Field(() => Int)
  readonly failedAttempts!: number;
  @Field(() => Float, { nullable: true, description: 'Within 10 %.' })
  readonly p50Ms!: number | null;
  @Field(() => Float, { nullable: true })
  readonly p95Ms!: number | null;
}

const mostBuckets = 500;
const bucketCount = z.int().min(1, 'must be 1 or more').max(mostBuckets, `must be at most ${mostBuckets}`);
const usualBuckets = 60;
const usualBucketsOfEndpoint = 24;

/** @throws DomainError BAD_USER_INPUT */
const parseBuckets = (since: string, until: string | null | undefined, buckets: number): StatsSpan => ({
  ...parseSpan(since, until),
  buckets: validate(bucketCount, buckets, 'buckets'),
});

@Resolver(() => Endpoint)
export class DeliveryStatsResolver {
  constructor(private readonly queries: DeliveryStatsQueries) {}

  @Query(() => [DeliveryStats], { description: 'Equal buckets from `since` to `until`, oldest first; empty ones too.' })
  @AllowReaders()
  @AllowPortal('VIEW', { argument: 'endpointId', is: 'endpoint' })
  deliveryStats(
    @Args('endpointId', { type: () => ID, nullable: true }) endpointId: EndpointId | null | undefined,
    @Args('eventType', { type: () => String, nullable: true }) eventType: string | null | undefined,
    @Args('since', { type: () => DateTime }) since: string,
    @Args('until', { type: () => DateTime, nullable: true }) until: string | null | undefined,
    @Args('buckets', { type: () => Int, nullable: true, defaultValue: usualBuckets }) buckets: number | null,
    @Context() { caller, hiddenTypes }: ApiContext,
  ): Promise<DeliveryStats[]> {
    const filter = { endpointId: endpointId ?? undefined, eventType: eventType ?? undefined, exceptTypes: Array.from(hiddenTypes) };
    return this.queries.stats(caller.organizationId, filter, parseBuckets(since, until, buckets ?? usualBuckets));
  }

  @ResolveField('deliveryStats', () => [DeliveryStats])
  ofEndpoint(
    @Parent() { id, organizationId }: Endpoint,
    @Args('since', { type: () => DateTime }) since: string,
    @Args('until', { type: () => DateTime, nullable: true }) until: string | null | undefined,
    @Args('buckets', { type: () => Int, nullable: true, defaultValue: usualBucketsOfEndpoint }) buckets: number | null,
    @Context() { hiddenTypes }: ApiContext,
  ): Promise<DeliveryStats[]> {
    const filter = { endpointId: id, exceptTypes: Array.from(hiddenTypes) };
    return this.queries.stats(organizationId, filter, parseBuckets(since, until, buckets ?? usualBucketsOfEndpoint));
  }
}
