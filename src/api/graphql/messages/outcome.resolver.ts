// What became of a message, over GraphQL: how many of its deliveries ended how.
import { Context, Field, Int, ObjectType, Parent, ResolveField, Resolver } from '@nestjs/graphql';
import type { MessageOutcome as Outcome } from '../../../read-models/queries/message-outcomes.ts';
import type { ApiContext } from '../context.ts';
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
  async outcome(@Parent() { id }: Message, @Context() { loaders }: ApiContext): Promise<MessageOutcome> {
    const outcome = await loaders.outcome.load(id);
    if (!outcome) throw new Error(`The views do not have the message ${id}.`);
    return outcome;
  }
}
