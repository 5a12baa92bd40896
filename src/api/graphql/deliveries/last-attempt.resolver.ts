// What lists show of a delivery's last attempt and of its schedule, without loading all attempts.
import { Context, Int, Parent, ResolveField, Resolver } from '@nestjs/graphql';
import type { FailureReason as Reason } from '../../../domain/attempts.ts';
import { attemptsPlanned } from '../../../domain/attempts-planned.ts';
import { attemptEndedAt } from '../../../domain/attempts.ts';
import type { AttemptView } from '../../../read-models/queries/delivery-view.ts';
import type { ApiContext } from '../context.ts';
import { DateTime } from '../scalars.ts';
import { shownErrorOf } from './shown-error.ts';
import { FailureReason } from './attempt.types.ts';
import { Delivery } from './delivery.types.ts';

@Resolver(() => Delivery)
export class LastAttemptResolver {
  @ResolveField(() => Int, { nullable: true, description: 'What lists show, without loading the attempts.' })
  async lastResponseCode(@Parent() delivery: Delivery, @Context() context: ApiContext): Promise<number | null> {
    return (await lastOf(delivery, context))?.responseCode ?? null;
  }

  @ResolveField(() => FailureReason, { nullable: true })
  async lastFailure(@Parent() delivery: Delivery, @Context() context: ApiContext): Promise<Reason | null> {
    return (await lastOf(delivery, context))?.failure ?? null;
  }

  @ResolveField(() => String, { nullable: true })
  async lastError(@Parent() delivery: Delivery, @Context() context: ApiContext): Promise<string | null> {
    const last = await lastOf(delivery, context);
    return last ? shownErrorOf(last, context.caller) : null;
  }

  @ResolveField(() => DateTime, { nullable: true, description: 'When it ended.' })
  async lastAttemptAt(@Parent() delivery: Delivery, @Context() context: ApiContext): Promise<string | null> {
    const last = await lastOf(delivery, context);
    return last ? attemptEndedAt(last) : null;
  }

  @ResolveField(() => Int, { description: 'Attempts made, and those that its schedule still has.' })
  async attemptsPlanned(@Parent() delivery: Delivery, @Context() context: ApiContext): Promise<number> {
    const [endpoint, last] = await Promise.all([context.loaders.endpoint.load(delivery.view.endpointId), lastOf(delivery, context)]);
    return attemptsPlanned(
      delivery.view,
      endpoint?.configuration.settings.retryPolicy.delaysSeconds.length ?? 0,
      last?.failuresInSeries ?? 0,
    );
  }
}

const lastOf = ({ view }: Delivery, { loaders }: ApiContext): Promise<AttemptView | undefined> =>
  view.attemptCount === 0 ? Promise.resolve(undefined) : loaders.lastAttemptOfDelivery.load(view.id);
