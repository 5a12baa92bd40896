// Replays over GraphQL: asked for, cancelled, followed.
import { CommandBus } from '@nestjs/cqrs';
import { Args, Context, Float, ID, Mutation, Parent, Query, ResolveField, Resolver } from '@nestjs/graphql';
import { CancelReplay, ratePerSecond, replayFilter, ReplayMessages } from '../../../commands/replay-commands.ts';
import type { EndpointId, ReplayId } from '../../../domain/ids.ts';
import { ReplayQueries } from '../../../read-models/queries/replay-queries.ts';
import { DeliveryQueries } from '../../../read-models/queries/delivery-queries.ts';
import { Allow, AllowReaders } from '../../auth/access.ts';
import { ReadYourWrites } from '../../read-your-writes.ts';
import { validate } from '../../refusal.ts';
import { asConnection, PageArgs, pageRequest, type Connection } from '../connections.ts';
import type { ApiContext } from '../context.ts';
import { Delivery, DeliveryConnection, shownDelivery } from '../deliveries/delivery.types.ts';
import { Endpoint, shownEndpoint } from '../endpoints/endpoint.types.ts';
import { Replay, ReplayConnection, ReplayFilter, shownReplay } from './replay.types.ts';

const usualRate = 50;

@Resolver(() => Replay)
export class ReplayResolver {
  constructor(
    private readonly commands: CommandBus,
    private readonly deliveryQueries: DeliveryQueries,
    private readonly replayQueries: ReplayQueries,
    private readonly writes: ReadYourWrites,
  ) {}

  // ── Queries ──

  @Query(() => Replay, { nullable: true })
  @AllowReaders()
  async replay(@Args('id', { type: () => ID }) id: ReplayId, @Context() { caller }: ApiContext): Promise<Replay | null> {
    const view = await this.replayQueries.find(caller.organizationId, id);
    return view ? shownReplay(view) : null;
  }

  @Query(() => ReplayConnection, { description: 'Newest first.' })
  @AllowReaders()
  async replays(@Args() page: PageArgs, @Context() { caller }: ApiContext): Promise<Connection<Replay>> {
    return asConnection(await this.replayQueries.page(caller.organizationId, pageRequest(page)), shownReplay);
  }

  // ── Mutations ──

  @Mutation(() => Replay, {
    description:
      'Sends past messages to an endpoint, again or for the first time, oldest first, at most `ratePerSecond` in a second. It goes on after a restart. While the endpoint is paused or disabled, what is sent is held; when it is deleted, the replay is cancelled.',
  })
  @Allow('ADMIN')
  async replayMessages(
    @Args('endpointId', { type: () => ID }) endpointId: EndpointId,
    @Args('filter', { type: () => ReplayFilter, nullable: true }) filter: ReplayFilter | null | undefined,
    @Args('ratePerSecond', { type: () => Float, nullable: true, defaultValue: usualRate }) rate: number | null | undefined,
    @Context() context: ApiContext,
  ): Promise<Replay> {
    const given = validate(replayFilter, filter ?? {}, 'filter');
    const perSecond = validate(ratePerSecond, rate ?? usualRate, 'ratePerSecond');
    const done = await this.commands.execute(new ReplayMessages(context.caller, endpointId, given, perSecond));
    await this.writes.shown(done);
    return this.shown(done.replayId, context);
  }

  @Mutation(() => Replay, { description: 'It sends nothing more; what it has sent already goes on.' })
  @Allow('ADMIN')
  async cancelReplay(@Args('id', { type: () => ID }) id: ReplayId, @Context() context: ApiContext): Promise<Replay> {
    await this.writes.shown(await this.commands.execute(new CancelReplay(context.caller, id)));
    return this.shown(id, context);
  }

  private async shown(id: ReplayId, { caller }: ApiContext): Promise<Replay> {
    const view = await this.replayQueries.find(caller.organizationId, id);
    if (!view) throw new Error(`The replay ${id} is recorded, but the views do not show it yet.`);
    return shownReplay(view);
  }

  // ── Fields ──

  @ResolveField(() => Endpoint)
  async endpoint(@Parent() { source }: Replay, @Context() context: ApiContext): Promise<Endpoint> {
    const view = await context.loaders.endpoint.load(source.endpointId);
    if (!view) throw new Error(`The views have the replay ${source.id}, but not its endpoint.`);
    return shownEndpoint(view, context);
  }

  @ResolveField(() => DeliveryConnection, { description: 'Those that no other replay has sent since.' })
  async deliveries(@Parent() { id }: Replay, @Args() page: PageArgs, @Context() { caller }: ApiContext): Promise<Connection<Delivery>> {
    const found = await this.replayQueries.deliveriesOf(caller.organizationId, id, pageRequest(page));
    const ids = found.edges.map(({ node }) => node);
    const views = await this.deliveryQueries.byIds(caller.organizationId, ids);
    const byId = new Map(views.map((view) => [view.id, view]));
    const edges = found.edges.flatMap(({ cursor, node }) => {
      const view = byId.get(node);
      return view ? [{ cursor, node: view }] : [];
    });
    return asConnection({ ...found, edges }, shownDelivery);
  }
}

@Resolver(() => Delivery)
export class ReplayOfDeliveryResolver {
  @ResolveField(() => Replay, { nullable: true, description: 'The replay that sent it last.' })
  async replay(@Parent() { source }: Delivery, @Context() { loaders }: ApiContext): Promise<Replay | null> {
    const view = source.replayId === null ? undefined : await loaders.replay.load(source.replayId);
    return view ? shownReplay(view) : null;
  }
}
