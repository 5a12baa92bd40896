// What became of a message, over GraphQL: how many of its deliveries ended how.
import { Context, Field, Int, ObjectType, Parent, ResolveField, Resolver } from '@nestjs/graphql';
import type { MessageOutcome as Outcome } from '../../../read-models/queries/message-outcomes.ts';
import type { DeliveryStatus, DeliveryView } from '../../../read-models/queries/delivery-view.ts';
import type { ApiContext } from '../context.ts';
import { seesDelivery, seesEndpoint, visibleEndpoints } from '../visibility.ts';
import { Message } from './message.types.ts';

@ObjectType()
class MessageOutcome implements Outcome {
  @Field(() => Int)
  readonly succeeded!: number;
  @Field(() => Int)
  readonly failed!: number;
  @Field(() => Int)
  readonly open!: number;
  @Field(() => Int)
  readonly cancelled!: number;
  @Field(() => Int)
  readonly skipped!: number;
}

@Resolver(() => Message)
export class OutcomeResolver {
  @ResolveField(() => MessageOutcome)
  async outcome(@Parent() { id, view }: Message, @Context() context: ApiContext): Promise<MessageOutcome> {
    const { caller, loaders } = context;
    if (visibleEndpoints(caller)) {
      const deliveries = (await loaders.deliveriesOfMessage.load(id)).filter((delivery) => seesDelivery(context, delivery));
      return outcomeOf(deliveries, view.skipped.filter((each) => seesEndpoint(caller, each)).length);
    }
    const outcome = await loaders.outcome.load(id);
    if (!outcome) throw new Error(`The views do not have the message ${id}.`);
    return outcome;
  }
}

/** Of the deliveries that a portal session sees. */
const outcomeOf = (deliveries: readonly DeliveryView[], skipped: number): MessageOutcome => {
  const count = (...statuses: readonly DeliveryStatus[]) => deliveries.filter(({ status }) => statuses.includes(status)).length;
  const [succeeded, failed, cancelled] = [count('SUCCEEDED'), count('FAILED'), count('CANCELLED')];
  return { succeeded, failed, cancelled, open: deliveries.length - succeeded - failed - cancelled, skipped };
};
