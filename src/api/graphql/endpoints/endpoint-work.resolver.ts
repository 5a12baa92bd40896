// What waits for an endpoint, what it missed while disabled, and its last attempt. Always those of now, also of an endpoint as it was.
import { Context, Int, Parent, ResolveField, Resolver } from '@nestjs/graphql';
import type { ApiContext } from '../context.ts';
import { Attempt, toAttempt } from '../deliveries/attempt.types.ts';
import { Endpoint } from './endpoint.types.ts';

@Resolver(() => Endpoint)
export class EndpointWorkResolver {
  @ResolveField(() => Int, { description: 'Deliveries that have not ended.' })
  async openDeliveries(@Parent() { id }: Endpoint, @Context() { loaders }: ApiContext): Promise<number> {
    return (await loaders.work.load(id)).open;
  }

  @ResolveField(() => Int, {
    description: 'Those of them that wait until it is resumed or enabled, or for others of their ordering key.',
  })
  async heldDeliveries(@Parent() { id }: Endpoint, @Context() { loaders }: ApiContext): Promise<number> {
    return (await loaders.work.load(id)).held;
  }

  @ResolveField(() => Int, {
    description: 'Messages that matched since it was disabled.',
  })
  async skippedSinceDisabled(@Parent() { id }: Endpoint, @Context() { loaders }: ApiContext): Promise<number> {
    return (await loaders.work.load(id)).skipped;
  }

  @ResolveField(() => Attempt, { nullable: true })
  async lastAttempt(@Parent() { id }: Endpoint, @Context() { loaders }: ApiContext): Promise<Attempt | null> {
    const last = await loaders.lastAttempt.load(id);
    const delivery = last && (await loaders.delivery.load(last.deliveryId));
    return last && delivery ? toAttempt(last.attempt, delivery) : null;
  }
}
