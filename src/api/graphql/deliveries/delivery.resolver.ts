// Deliveries over GraphQL: queries, retrying, cancelling, and the fields that need other views.
import { CommandBus } from '@nestjs/cqrs';
import { Args, Context, ID, Mutation, Parent, Query, ResolveField, Resolver } from '@nestjs/graphql';
import type { CommandResult } from '../../../commands/caller.ts';
import { CancelDelivery, RetryDelivery } from '../../../commands/delivery-commands.ts';
import { notFound } from '../../../domain/errors.ts';
import type { DeliveryId, EndpointId } from '../../../domain/ids.ts';
import { DeliveryQueries } from '../../../read-models/queries/delivery-queries.ts';
import { AllowOperators, AllowPortal, AllowReaders } from '../../auth/access.ts';
import { ReadYourWrites } from '../../read-your-writes.ts';
import { PageArgs } from '../connections.ts';
import type { ApiContext } from '../context.ts';
import type { CountedConnection } from '../counts.ts';
import { Endpoint, toEndpoint } from '../endpoints/endpoint.types.ts';
import { Message, toMessage } from '../messages/message.types.ts';
import { Replay, toReplay } from '../replays/replay.types.ts';
import { Attempt, toAttempt } from './attempt.types.ts';
import {
  Conservation,
  Delivery,
  DeliveryConnection,
  deliveryConnection,
  DeliveryFilter,
  parseDeliveryFilter,
  toDelivery,
} from './delivery.types.ts';
import { ofSeen } from '../visibility.ts';
import { heldSentence } from './held-sentence.ts';

@Resolver(() => Delivery)
export class DeliveryResolver {
  constructor(
    private readonly commands: CommandBus,
    private readonly queries: DeliveryQueries,
    private readonly writes: ReadYourWrites,
  ) {}

  // ── Queries ──

  @Query(() => Delivery, { nullable: true })
  @AllowReaders()
  @AllowPortal('VIEW', 'FILTERED')
  async delivery(@Args('id', { type: () => ID }) id: DeliveryId, @Context() { caller }: ApiContext): Promise<Delivery | null> {
    const view = await this.queries.find(caller.organizationId, id);
    return view ? toDelivery(view) : null;
  }

  @Query(() => DeliveryConnection)
  @AllowReaders()
  @AllowPortal('VIEW', 'FILTERED')
  async deliveries(
    @Args() page: PageArgs,
    @Args('filter', { type: () => DeliveryFilter, nullable: true }) filter: DeliveryFilter | null | undefined,
    @Context() { caller, hiddenTypes }: ApiContext,
  ): Promise<CountedConnection<Delivery>> {
    const seen = { ...ofSeen(caller, parseDeliveryFilter(filter)), exceptTypes: Array.from(hiddenTypes) };
    return deliveryConnection(this.queries, caller.organizationId, page, seen);
  }

  @Query(() => Conservation, { description: 'Nothing appears and nothing disappears: the counts must balance at every position.' })
  @AllowReaders()
  @AllowPortal('VIEW', { argument: 'endpointId', is: 'endpoint' })
  async conservation(
    @Args('endpointId', { type: () => ID, nullable: true }) endpointId: EndpointId | null | undefined,
    @Context() { caller }: ApiContext,
  ): Promise<Conservation> {
    const counts = await this.queries.conservation(caller.organizationId, endpointId);
    const { routed, succeeded, failed, cancelled, open } = counts;
    return { ...counts, position: counts.position ?? '', balanced: routed === succeeded + failed + cancelled + open };
  }

  // ── Mutations ──

  @Mutation(() => Delivery, { description: 'A fresh series of attempts, now.' })
  @AllowOperators()
  @AllowPortal('RETRY', { argument: 'id', is: 'delivery' })
  async retryDelivery(@Args('id', { type: () => ID }) id: DeliveryId, @Context() context: ApiContext): Promise<Delivery> {
    return this.answer(await this.commands.execute(new RetryDelivery(context.caller, id)), id, context);
  }

  @Mutation(() => Delivery)
  @AllowOperators()
  @AllowPortal('RETRY', { argument: 'id', is: 'delivery' })
  async cancelDelivery(@Args('id', { type: () => ID }) id: DeliveryId, @Context() context: ApiContext): Promise<Delivery> {
    return this.answer(await this.commands.execute(new CancelDelivery(context.caller, id)), id, context);
  }

  private async answer(result: CommandResult, id: DeliveryId, { caller }: ApiContext): Promise<Delivery> {
    await this.writes.waitForViews(result);
    const view = await this.queries.find(caller.organizationId, id);
    if (!view) throw notFound(`There is no delivery "${id}"; \`deliveries\` lists the existing ones.`);
    return toDelivery(view);
  }

  // ── Fields ──

  @ResolveField(() => Message)
  async message(@Parent() { id, view }: Delivery, @Context() { loaders }: ApiContext): Promise<Message> {
    const message = await loaders.message.load(view.messageId);
    if (!message) throw new Error(`The views have the delivery ${id}, but not its message.`);
    return toMessage(message);
  }

  @ResolveField(() => Endpoint)
  async endpoint(@Parent() { id, view }: Delivery, @Context() context: ApiContext): Promise<Endpoint> {
    const endpoint = await context.loaders.endpoint.load(view.endpointId);
    if (!endpoint) throw new Error(`The views have the delivery ${id}, but not its endpoint.`);
    return toEndpoint(endpoint, context);
  }

  /** Leaves out attempts recorded after the delivery was read, which its status and `nextAttemptAt` don't reflect yet. */
  @ResolveField(() => [Attempt])
  async attempts(@Parent() { view }: Delivery, @Context() { loaders }: ApiContext): Promise<Attempt[]> {
    const attempts = await loaders.attempts.load(view.id);
    return attempts.filter(({ attempt }) => attempt <= view.attemptCount).map((attempt) => toAttempt(attempt, view));
  }

  @ResolveField(() => String, { nullable: true, description: 'Why it is HELD, in a sentence; null where it is not.' })
  async heldReason(@Parent() { view }: Delivery, @Context() { loaders }: ApiContext): Promise<string | null> {
    if (view.status !== 'HELD') return null;
    const [organization, endpoint, first] = await Promise.all([
      loaders.organization.load(view.organizationId),
      loaders.endpoint.load(view.endpointId),
      view.waitsFor === null ? undefined : loaders.delivery.load(view.waitsFor),
    ]);
    return heldSentence(organization, endpoint, first);
  }

  @ResolveField(() => Replay, { nullable: true, description: 'The last replay that sent it.' })
  async replay(@Parent() { view }: Delivery, @Context() { loaders }: ApiContext): Promise<Replay | null> {
    const replay = view.replayId === null ? undefined : await loaders.replay.load(view.replayId);
    return replay ? toReplay(replay) : null;
  }
}
