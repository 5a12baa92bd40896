// What attempts failed of, over GraphQL: by reason, response code, endpoint or event type.
import { Args, Context, Field, ID, Int, ObjectType, Parent, Query, ResolveField, Resolver } from '@nestjs/graphql';
import * as z from 'zod';
import type { EndpointId } from '../../../domain/ids.ts';
import { DeliveryStatsQueries } from '../../../read-models/queries/delivery-stats.ts';
import {
  failureGroupings,
  mostFailuresCounted,
  type FailureGrouping,
  type FailureStatsView,
} from '../../../read-models/queries/failure-stats.ts';
import { AllowPortal, AllowReaders } from '../../auth/access.ts';
import { validate } from '../../input-validation.ts';
import type { ApiContext } from '../context.ts';
import { Attempt, toAttempt } from '../deliveries/attempt.types.ts';
import { enumType } from '../enums.ts';
import { DateTime } from '../scalars.ts';
import { visibleEndpoints } from '../visibility.ts';
import { parseSpan } from './span.ts';

const FailureGroupingEnum = enumType('FailureGrouping', failureGroupings, {
  valuesMap: { CODE: { description: 'Of attempts that were answered.' }, ENDPOINT: { description: 'By its id.' } },
});

@ObjectType()
class FailureStats {
  @Field(() => String)
  readonly key!: string;
  @Field(() => Int, { description: 'Attempts that failed, those of a batch once for each of its deliveries.' })
  readonly attempts!: number;
  @Field(() => Int, { description: 'Deliveries that they were of.' })
  readonly deliveries!: number;
  @Field(() => DateTime)
  readonly lastAt!: string;
  /** For the field that a resolver computes. */
  readonly newest!: FailureStatsView['example'];
}

const mostGroups = 100;
const groupCount = z.int().min(1, 'must be 1 or more').max(mostGroups, `must be at most ${mostGroups}`);
const usualGroups = 10;

@Resolver(() => FailureStats)
export class FailureStatsResolver {
  constructor(private readonly queries: DeliveryStatsQueries) {}

  @Query(() => [FailureStats], {
    description: `What attempts failed of, the most failures first, without tests. Of the newest ${mostFailuresCounted.toLocaleString('en')} that failed in that time.`,
  })
  @AllowReaders()
  @AllowPortal('VIEW', { argument: 'endpointId', is: 'endpoint', isOptional: true })
  async failureStats(
    @Args('endpointId', { type: () => ID, nullable: true }) endpointId: EndpointId | null | undefined,
    @Args('eventType', { type: () => String, nullable: true }) eventType: string | null | undefined,
    @Args('since', { type: () => DateTime }) since: string,
    @Args('until', { type: () => DateTime, nullable: true }) until: string | null | undefined,
    @Args('by', { type: () => FailureGroupingEnum }) by: FailureGrouping,
    @Args('top', { type: () => Int, nullable: true, defaultValue: usualGroups }) top: number | null,
    @Context() { caller, hiddenTypes }: ApiContext,
  ): Promise<FailureStats[]> {
    const endpointIds = endpointId === null || endpointId === undefined ? visibleEndpoints(caller) : [endpointId];
    const filter = { endpointIds, eventType: eventType ?? undefined, exceptTypes: Array.from(hiddenTypes) };
    const most = validate(groupCount, top ?? usualGroups, 'top');
    const found = await this.queries.failures(caller.organizationId, filter, parseSpan(since, until), by, most);
    return found.map(({ example, ...figures }) => ({ ...figures, newest: example }));
  }

  @ResolveField(() => Attempt, { nullable: true, description: 'The newest of them.' })
  async example(@Parent() { newest }: FailureStats, @Context() { loaders }: ApiContext): Promise<Attempt | null> {
    if (!newest) return null;
    const [delivery, attempts] = await Promise.all([loaders.delivery.load(newest.deliveryId), loaders.attempts.load(newest.deliveryId)]);
    const attempt = attempts.findLast(({ attempt: number, failure }) => number === newest.attempt && failure !== null);
    return delivery && attempt ? toAttempt(attempt, delivery) : null;
  }
}
