// Replays over GraphQL: requesting, cancelling, and queries.
import { CommandBus } from '@nestjs/cqrs';
import { Args, Context, Float, ID, Mutation, Parent, Query, ResolveField, Resolver } from '@nestjs/graphql';
import type { CommandResult } from '../../../commands/caller.ts';
import { CancelReplay, ratePerSecond, replayFilter, ReplayMessages } from '../../../commands/replay-commands.ts';
import type { EndpointId, ReplayId } from '../../../domain/ids.ts';
import { ReplayQueries } from '../../../read-models/queries/replay-queries.ts';
import { DeliveryQueries } from '../../../read-models/queries/delivery-queries.ts';
import { AllowOperators, AllowReaders } from '../../auth/access.ts';
import { ReadYourWrites } from '../../read-your-writes.ts';
import { validate } from '../../input-validation.ts';
import { toConnection, PageArgs, parsePageArgs, type Connection } from '../connections.ts';
import type { CountedConnection } from '../counts.ts';
import type { ApiContext } from '../context.ts';
import { DeliveryConnection, type Delivery, toDelivery } from '../deliveries/delivery.types.ts';
import { Endpoint, toEndpoint } from '../endpoints/endpoint.types.ts';
import { Replay, ReplayConnection, ReplayFilter, toReplay } from './replay.types.ts';

const defaultRate = 50;

@Resolver(() => Replay)
export class ReplayResolver {
  constructor(
    private readonly commands: CommandBus,
    private readonly deliveryQueries: DeliveryQueries,
    private readonly queries: ReplayQueries,
    private readonly writes: ReadYourWrites,
  ) {}

  // ── Queries ──

  @Query(() => Replay, { nullable: true })
  @AllowReaders()
  async replay(@Args('id', { type: () => ID }) id: ReplayId, @Context() { caller }: ApiContext): Promise<Replay | null> {
    const view = await this.queries.find(caller.organizationId, id);
    return view ? toReplay(view) : null;
  }

  @Query(() => ReplayConnection, { description: 'Newest first.' })
  @AllowReaders()
  async replays(@Args() page: PageArgs, @Context() { caller }: ApiContext): Promise<Connection<Replay>> {
    return toConnection(await this.queries.page(caller.organizationId, parsePageArgs(page)), toReplay);
  }

  // ── Mutations ──

  @Mutation(() => Replay, {
    description:
      'Sends past messages to an endpoint, again or for the first time, oldest first, at most `ratePerSecond`. A restart does not end it. While the endpoint is paused or disabled, its deliveries are held; deleting the endpoint cancels the replay.',
  })
  @AllowOperators()
  async replayMessages(
    @Args('endpointId', { type: () => ID }) endpointId: EndpointId,
    @Args('filter', { type: () => ReplayFilter, nullable: true }) filter: ReplayFilter | null | undefined,
    @Args('ratePerSecond', { type: () => Float, nullable: true, defaultValue: defaultRate }) rate: number | null | undefined,
    @Context() context: ApiContext,
  ): Promise<Replay> {
    const conditions = validate(replayFilter, filter ?? {}, 'filter');
    const perSecond = validate(ratePerSecond, rate ?? defaultRate, 'ratePerSecond');
    const result = await this.commands.execute(new ReplayMessages(context.caller, endpointId, conditions, perSecond));
    return this.answer(result, result.replayId, context);
  }

  @Mutation(() => Replay, { description: 'It sends no more messages; deliveries that it has made go on.' })
  @AllowOperators()
  async cancelReplay(@Args('id', { type: () => ID }) id: ReplayId, @Context() context: ApiContext): Promise<Replay> {
    return this.answer(await this.commands.execute(new CancelReplay(context.caller, id)), id, context);
  }

  private async answer(result: CommandResult, id: ReplayId, { caller }: ApiContext): Promise<Replay> {
    await this.writes.waitForViews(result);
    const view = await this.queries.find(caller.organizationId, id);
    if (!view) throw new Error(`The replay ${id} is recorded, but the views do not show it yet.`);
    return toReplay(view);
  }

  // ── Fields ──

  @ResolveField(() => Endpoint)
  async endpoint(@Parent() { id, view }: Replay, @Context() context: ApiContext): Promise<Endpoint> {
    const endpoint = await context.loaders.endpoint.load(view.endpointId);
    if (!endpoint) throw new Error(`The views have the replay ${id}, but not its endpoint.`);
    return toEndpoint(endpoint, context);
  }

  @ResolveField(() => DeliveryConnection, { description: 'Without deliveries that another replay has sent since.' })
  async deliveries(
    @Parent() { id }: Replay,
    @Args() page: PageArgs,
    @Context() { caller }: ApiContext,
  ): Promise<CountedConnection<Delivery>> {
    const found = await this.queries.deliveriesOf(caller.organizationId, id, parsePageArgs(page));
    const ids = found.edges.map(({ node }) => node);
    const views = await this.deliveryQueries.byIds(caller.organizationId, ids);
    const byId = new Map(views.map((view) => [view.id, view]));
    const edges = found.edges.flatMap(({ cursor, node }) => {
      const view = byId.get(node);
      return view ? [{ cursor, node: view }] : [];
    });
    return {
      ...(await toConnection({ ...found, edges }, toDelivery)),
      countUpTo: (max) => this.queries.countDeliveries(caller.organizationId, id, max),
    };
  }
}
