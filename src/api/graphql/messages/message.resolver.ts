// Messages over GraphQL: published, read, and told as a timeline.
import { CommandBus } from '@nestjs/cqrs';
import { Args, Context, ID, Mutation, Parent, Query, ResolveField, Resolver } from '@nestjs/graphql';
import * as z from 'zod';
import { messageInput, PublishMessages, type PublishedMessage } from '../../../commands/publish-messages.ts';
import type { MessageId } from '../../../domain/ids.ts';
import type { Json } from '../../../domain/json.ts';
import { checkSpan } from '../../../read-models/history/history-filter.ts';
import { MessageQueries } from '../../../read-models/queries/message-queries.ts';
import { Allow, AllowReaders } from '../../auth/access.ts';
import { maskSecrets } from '../../../domain/masking.ts';
import { checkDataSizes } from '../../payload-size.ts';
import { ReadYourWrites } from '../../read-your-writes.ts';
import { validate } from '../../refusal.ts';
import { asConnection, PageArgs, pageRequest, type Connection } from '../connections.ts';
import type { ApiContext } from '../context.ts';
import {
  Delivery,
  Message,
  MessageConnection,
  MessageInputType,
  PublishedMessageType,
  shownDelivery,
  shownMessage,
  TimelineEntry,
} from '../deliveries/delivery.types.ts';
import { Endpoint, shownEndpoint } from '../endpoints/endpoint.types.ts';
import { History } from '../history/history.ts';
import { DateTime, JsonScalar, moment } from '../scalars.ts';
import { timelineOf } from './timeline.ts';

const mostMessages = 1000;
/** One message as it is given over GraphQL. */
export const publishedMessage = z.preprocess(withoutNulls, messageInput);
const messageInputs = z
  .array(publishedMessage)
  .min(1, `Give 1 to ${mostMessages} messages.`)
  .max(mostMessages, `Give 1 to ${mostMessages} messages.`);

/** In GraphQL a field that is null is one that was left out. */
function withoutNulls(input: unknown): unknown {
  const fields = Object.entries(input as MessageInputType).filter(([, value]) => value !== null && value !== undefined);
  return Object.fromEntries(fields);
}

@Resolver(() => Message)
export class MessageResolver {
  constructor(
    private readonly commands: CommandBus,
    private readonly messageQueries: MessageQueries,
    private readonly history: History,
    private readonly writes: ReadYourWrites,
  ) {}

  // ── Queries ──

  @Query(() => Message, { nullable: true })
  @AllowReaders()
  async message(@Args('id', { type: () => ID }) id: MessageId, @Context() { caller }: ApiContext): Promise<Message | null> {
    const view = await this.messageQueries.find(caller.organizationId, id);
    return view ? shownMessage(view) : null;
  }

  @Query(() => MessageConnection)
  @AllowReaders()
  async messages(
    @Args() page: PageArgs,
    @Args('eventType', { type: () => String, nullable: true }) eventType: string | null | undefined,
    @Args('since', { type: () => DateTime, nullable: true }) since: string | null | undefined,
    @Args('until', { type: () => DateTime, nullable: true }) until: string | null | undefined,
    @Context() { caller }: ApiContext,
  ): Promise<Connection<Message>> {
    const filter = { eventType, since: moment(since), until: moment(until) };
    checkSpan(filter.since, filter.until, 'until');
    return asConnection(await this.messageQueries.page(caller.organizationId, pageRequest(page), filter), shownMessage);
  }

  // ── Mutation ──

  @Mutation(() => [PublishedMessageType])
  @Allow('ADMIN', 'PUBLISHER')
  async publishMessages(
    @Args('messages', { type: () => [MessageInputType] }) messages: MessageInputType[],
    @Context() { caller }: ApiContext,
  ): Promise<readonly PublishedMessage[]> {
    const given = validate(messageInputs, messages, 'messages');
    checkDataSizes(given, undefined, (index) => `messages.${index}.data`);
    const published = await this.commands.execute(new PublishMessages(caller, given));
    const last = published.reduce(
      (latest, { position }) => (position > latest ? position : latest),
      published[0]?.position ?? ('' as never),
    );
    await this.writes.shown({ position: last });
    return published;
  }

  // ── Fields ──

  @ResolveField(() => JsonScalar)
  async data(@Parent() { id }: Message, @Context() { caller, loaders }: ApiContext): Promise<Json> {
    const accepted = await loaders.accepted.load(id);
    if (!accepted) throw new Error(`The views have the message ${id}, but the log has not.`);
    return caller.role === 'VIEWER' ? maskSecrets(accepted.data.data) : accepted.data.data;
  }

  @ResolveField(() => [Delivery])
  async deliveries(@Parent() { id }: Message, @Context() { loaders }: ApiContext): Promise<Delivery[]> {
    return (await loaders.deliveriesOfMessage.load(id)).map(shownDelivery);
  }

  @ResolveField(() => [Endpoint], { description: 'Endpoints that matched but were disabled.' })
  async skipped(@Parent() { source }: Message, @Context() context: ApiContext): Promise<Endpoint[]> {
    const views = await Promise.all(source.skipped.map((id) => context.loaders.endpoint.load(id)));
    return views.filter((view) => view !== undefined).map((view) => shownEndpoint(view, context));
  }

  @ResolveField(() => [TimelineEntry], {
    description: "What became of it, in order, in sentences: accepted, routed and why, each attempt, holds, retries, people's doings.",
  })
  timeline(@Parent() { source }: Message, @Context() context: ApiContext): Promise<TimelineEntry[]> {
    return timelineOf(source, this.history, context);
  }
}
