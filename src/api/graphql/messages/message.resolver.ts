// Messages over GraphQL: publishing, queries, and the fields that need the log or other views.
import { Inject } from '@nestjs/common';
import { CommandBus } from '@nestjs/cqrs';
import { Args, Context, ID, Mutation, Parent, Query, ResolveField, Resolver } from '@nestjs/graphql';
import { namesOrganizations, PublishMessages } from '../../../commands/publish-messages.ts';
import { PublishRefused, SomeRefused } from '../../../commands/publish-refused.ts';
import { PublishToOrganizations } from '../../../commands/publish-to-organizations.ts';
import { refusalOfSome } from '../../refusal.ts';
import type { MessageId, Position } from '../../../domain/ids.ts';
import type { Json, JsonObject } from '../../../domain/json.ts';
import { maskSecrets } from '../../../domain/payload-masking.ts';
import { checkSpan } from '../../../read-models/history/history-filter.ts';
import { ContentSearch } from '../../../read-models/contents/content-search.ts';
import type { ContentMatcher } from '../../../read-models/contents/match-contents.ts';
import { isGiven } from '../../../read-models/queries/optional.ts';
import type { Page, PageRequest } from '../../../read-models/queries/page.ts';
import { DeliveryQueries } from '../../../read-models/queries/delivery-queries.ts';
import { MessagesAtEndpoints } from '../../../read-models/queries/messages-at-endpoints.ts';
import { MessageQueries, type MessageView } from '../../../read-models/queries/message-queries.ts';
import { Allow, AllowPortal, AllowReaders } from '../../auth/access.ts';
import { validate } from '../../input-validation.ts';
import { checkDataSizes, checkHops } from '../../publish-limits.ts';
import { Refusal } from '../../refusal.ts';
import { ReadYourWrites } from '../../read-your-writes.ts';
import { CONTENTS } from '../../tokens.ts';
import { PageArgs, parsePageArgs, toConnection } from '../connections.ts';
import type { ApiContext } from '../context.ts';
import type { CountedConnection } from '../counts.ts';
import { Delivery, toDelivery } from '../deliveries/delivery.types.ts';
import { Endpoint, toEndpoint } from '../endpoints/endpoint.types.ts';
import { StreamQueries } from '../history/stream-queries.ts';
import { visibleEndpoints } from '../visibility.ts';
import { DateTime, JsonScalar, toDate } from '../scalars.ts';
import { messageInputs } from './message-input.ts';
import { MessageFilter, parseContentPattern, parseMessageFilter } from './message-filter.ts';
import { Message, MessageConnection, MessageInput, PublishedMessage, TimelineEntry, toMessage } from './message.types.ts';
import { messageTimeline } from './timeline.ts';

type SearchedMessages = CountedConnection<Message> & { readonly searchedUntil: string | null };

@Resolver(() => MessageConnection)
export class MessageConnectionResolver {
  @ResolveField(() => DateTime, {
    nullable: true,
    description: 'With `filter.data`: how far back was looked before the budget of one request was spent; the cursor goes on from there.',
  })
  searchedUntil(@Parent() { searchedUntil }: SearchedMessages): string | null {
    return searchedUntil;
  }
}

@Resolver(() => Message)
export class MessageResolver {
  private readonly atEndpoints: MessagesAtEndpoints;
  private readonly contents: ContentSearch;

  constructor(
    private readonly commands: CommandBus,
    private readonly queries: MessageQueries,
    private readonly streams: StreamQueries,
    private readonly writes: ReadYourWrites,
    deliveries: DeliveryQueries,
    @Inject(CONTENTS) matcher: ContentMatcher,
  ) {
    this.atEndpoints = new MessagesAtEndpoints(deliveries, queries);
    this.contents = new ContentSearch(matcher);
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
    @Context() context: ApiContext,
  ): Promise<SearchedMessages> {
    const { caller, hiddenTypes } = context;
    const { organizationId } = caller;
    const span = { since: toDate(since), until: toDate(until) };
    checkSpan(span.since, span.until, 'until');
    const filter = { ...parseMessageFilter(given, span), eventType, exceptTypes: Array.from(hiddenTypes) };
    const seen = visibleEndpoints(caller);
    const pageOf = (request: PageRequest) =>
      seen ? this.atEndpoints.page(organizationId, seen, request, filter) : this.queries.page(organizationId, request, filter);
    const pattern = parseContentPattern(given?.data);
    if (pattern) return this.searched(context, pageOf, parsePageArgs(page), pattern);
    return {
      ...(await toConnection(await pageOf(parsePageArgs(page)), toMessage)),
      countUpTo: (max) =>
        seen ? this.atEndpoints.count(organizationId, seen, filter, max) : this.queries.count(organizationId, filter, max),
      searchedUntil: null,
    };
  }

  private async searched(
    { caller }: ApiContext,
    pageOf: (request: PageRequest) => Promise<Page<MessageView>>,
    request: PageRequest,
    pattern: JsonObject,
  ): Promise<SearchedMessages> {
    const { payloads } = caller.sight;
    if (payloads === 'HIDDEN') throw new Refusal('FORBIDDEN', 'Searching contents needs a session with the capability VIEW_PAYLOADS.');
    const page = await this.contents.page(pageOf, request, { pattern: JSON.stringify(pattern), masked: payloads === 'MASKED' });
    const isAll = !page.hasNextPage && !isGiven(request.after);
    return {
      ...(await toConnection(page, toMessage)),
      countUpTo: (max) => ({ value: Math.min(page.edges.length, max), exact: isAll && page.edges.length <= max }),
      searchedUntil: page.searchedUntil,
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
    const published = namesOrganizations(inputs)
      ? await this.publishToOrganizations(new PublishToOrganizations(caller, inputs, hops))
      : await this.commands.execute(new PublishMessages(caller, inputs, hops));
    await this.writes.waitForViews({ position: lastOf(published) });
    return published;
  }

  private async publishToOrganizations(command: PublishToOrganizations): Promise<readonly PublishedMessage[]> {
    try {
      const outcomes = await this.commands.execute(command);
      return outcomes.flatMap((each) => (each instanceof PublishRefused ? [] : [each])); // none is: it is not partial
    } catch (error) {
      throw error instanceof SomeRefused ? refusalOfSome(error, 'messages.') : error;
    }
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
