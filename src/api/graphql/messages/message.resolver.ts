// Messages over GraphQL: publishing, queries, and the fields that need the log or other views.
import { CommandBus } from '@nestjs/cqrs';
import { Args, Context, ID, Mutation, Parent, Query, ResolveField, Resolver } from '@nestjs/graphql';
import { PublishMessages } from '../../../commands/publish-messages.ts';
import type { MessageId, Position } from '../../../domain/ids.ts';
import type { Json } from '../../../domain/json.ts';
import { maskSecrets } from '../../../domain/payload-masking.ts';
import { checkSpan } from '../../../read-models/history/history-filter.ts';
import { DeliveryQueries } from '../../../read-models/queries/delivery-queries.ts';
import { MessagesAtEndpoints } from '../../../read-models/queries/messages-at-endpoints.ts';
import { MessageQueries } from '../../../read-models/queries/message-queries.ts';
import { Allow, AllowPortal, AllowReaders } from '../../auth/access.ts';
import { validate } from '../../input-validation.ts';
import { checkDataSizes, checkHops } from '../../publish-limits.ts';
import { ReadYourWrites } from '../../read-your-writes.ts';
import { PageArgs, parsePageArgs, toConnection } from '../connections.ts';
import type { ApiContext } from '../context.ts';
import type { CountedConnection } from '../counts.ts';
import { Delivery, toDelivery } from '../deliveries/delivery.types.ts';
import { Endpoint, toEndpoint } from '../endpoints/endpoint.types.ts';
import { StreamQueries } from '../history/stream-queries.ts';
import { visibleEndpoints } from '../visibility.ts';
import { DateTime, JsonScalar, toDate } from '../scalars.ts';
import { messageInputs } from './message-input.ts';
import { MessageFilter, parseMessageFilter } from './message-filter.ts';
import { Message, MessageConnection, MessageInput, PublishedMessage, TimelineEntry, toMessage } from './message.types.ts';
import { messageTimeline } from './timeline.ts';

@Resolver(() => Message)
export class MessageResolver {
  private readonly atEndpoints: MessagesAtEndpoints;

  constructor(
    private readonly commands: CommandBus,
    private readonly queries: MessageQueries,
    private readonly streams: StreamQueries,
    private readonly writes: ReadYourWrites,
    deliveries: DeliveryQueries,
  ) {
    this.atEndpoints = new MessagesAtEndpoints(deliveries, queries);
  }

  // ── Queries ──

  @Query(() => Message, { nullable: true })
  @AllowReaders()
  @AllowPortal('VIEW', 'FILTERED')
  async message(@Args('id', { type: () => ID }) id: MessageId, @Context() { caller }: ApiContext): Promise<Message | null> {
    const view = await this.queries.find(caller.organizationId, id);
    return view ? toMessage(view) : null;
  }

  @Query(() => MessageConnection)
  @AllowReaders()
  @AllowPortal('VIEW', 'FILTERED')
  async messages(
    @Args() page: PageArgs,
    @Args('eventType', { type: () => String, nullable: true }) eventType: string | null | undefined,
    @Args('since', { type: () => DateTime, nullable: true }) since: string | null | undefined,
    @Args('until', { type: () => DateTime, nullable: true }) until: string | null | undefined,
    @Args('filter', { type: () => MessageFilter, nullable: true }) given: MessageFilter | null | undefined,
    @Context() { caller }: ApiContext,
  ): Promise<CountedConnection<Message>> {
    const { organizationId } = caller;
    const span = { since: toDate(since), until: toDate(until) };
    checkSpan(span.since, span.until, 'until');
    const filter = { ...parseMessageFilter(given, span), eventType };
    const seen = visibleEndpoints(caller);
    if (seen)
      return {
        ...(await toConnection(await this.atEndpoints.page(organizationId, seen, parsePageArgs(page), filter), toMessage)),
        countUpTo: (max) => this.atEndpoints.count(organizationId, seen, filter, max),
      };
    return {
      ...(await toConnection(await this.queries.page(organizationId, parsePageArgs(page), filter), toMessage)),
      countUpTo: (max) => this.queries.count(organizationId, filter, max),
    };
  }

  // ── Mutation ──

  @Mutation(() => [PublishedMessage])
  @Allow('ADMIN', 'PUBLISHER')
  async publishMessages(
    @Args('messages', { type: () => [MessageInput] }) messages: MessageInput[],
    @Context() { caller, hopsHeader }: ApiContext,
  ): Promise<readonly PublishedMessage[]> {
    const hops = checkHops(hopsHeader);
    const inputs = validate(messageInputs, messages, 'messages');
    await checkDataSizes(inputs, undefined, (index) => `messages.${index}.data`);
    const published = await this.commands.execute(new PublishMessages(caller, inputs, hops));
    await this.writes.waitForViews({ position: lastOf(published) });
    return published;
  }

  // ── Fields ──

  @ResolveField(() => JsonScalar)
  async data(@Parent() { id }: Message, @Context() { caller, loaders }: ApiContext): Promise<Json> {
    const accepted = await loaders.messageAccepted.load(id);
    if (!accepted) throw new Error(`The views have the message ${id}, but the log does not.`);
    return caller.sight.payloads === 'MASKED' ? maskSecrets(accepted.data.data) : accepted.data.data;
  }

  @ResolveField(() => Boolean, { description: 'Whether `data` is left out for want of a capability.' })
  dataHidden(@Context() { caller }: ApiContext): boolean {
    return caller.sight.payloads === 'HIDDEN';
  }

  @ResolveField(() => [Delivery])
  async deliveries(@Parent() { id }: Message, @Context() { loaders }: ApiContext): Promise<Delivery[]> {
    return (await loaders.deliveriesOfMessage.load(id)).map(toDelivery);
  }

  @ResolveField(() => [Endpoint], { description: 'Endpoints that matched but were disabled.' })
  async skipped(@Parent() { view }: Message, @Context() context: ApiContext): Promise<Endpoint[]> {
    const endpoints = await Promise.all(view.skipped.map((id) => context.loaders.endpoint.load(id)));
    return endpoints.filter((endpoint) => endpoint !== undefined).map((endpoint) => toEndpoint(endpoint, context));
  }

  @ResolveField(() => [TimelineEntry], {
    description: "What became of it, in order, in sentences: accepted, routed and why, each attempt, holds, retries, people's doings.",
  })
  timeline(@Parent() { view }: Message, @Context() context: ApiContext): Promise<TimelineEntry[]> {
    return messageTimeline(view, this.streams, context);
  }
}

const lastOf = (published: readonly PublishedMessage[]): Position | undefined =>
  published.reduce<Position | undefined>((last, { position }) => (last === undefined || position > last ? position : last), undefined);
