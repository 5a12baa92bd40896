// Deliveries and attempts over GraphQL: read, retried, cancelled, followed live.
import { CommandBus } from '@nestjs/cqrs';
import { Args, Context, ID, Mutation, Parent, Query, ResolveField, Resolver, Subscription } from '@nestjs/graphql';
import { hash } from 'node:crypto';
import type { CommandResult } from '../../../commands/caller.ts';
import { CancelDelivery, RetryDeliveries, RetryDelivery } from '../../../commands/delivery-commands.ts';
import { FormatError } from '../../../delivery/formats/format-error.ts';
import type { Messages } from '../../../delivery/formats/format.ts';
import { RequestMaker } from '../../../delivery/attempts/request-maker.ts';
import type { PayloadFormat } from '../../../domain/endpoint.ts';
import { notFound } from '../../../domain/errors.ts';
import { mapSecretOptions, maskOptions } from '../../../domain/format-options.ts';
import type { DeliveryId, EndpointId, MessageId } from '../../../domain/ids.ts';
import type { Json, JsonObject } from '../../../domain/json.ts';
import { maskHeader } from '../../../domain/sensitive.ts';
import { LiveDeliveries, SubscriberTooSlow } from '../../../read-models/views/live-deliveries.ts';
import { DeliveryQueries } from '../../../read-models/queries/delivery-queries.ts';
import { Allow, AllowReaders } from '../../auth/access.ts';
import { Authentication } from '../../auth/authentication.ts';
import { maskSecretsInText } from '../../../domain/masking.ts';
import { ReadYourWrites } from '../../read-your-writes.ts';
import { Refusal } from '../../refusal.ts';
import { asConnection, PageArgs, pageRequest, type Connection } from '../connections.ts';
import type { ApiContext } from '../context.ts';
import {
  Attempt,
  BulkRetry,
  Conservation,
  Delivery,
  DeliveryConnection,
  DeliveryFilter,
  Message,
  shownAttempt,
  shownDelivery,
  shownMessage,
  viewFilter,
} from './delivery.types.ts';
import { Endpoint, shownEndpoint } from '../endpoints/endpoint.types.ts';
import { JsonScalar } from '../scalars.ts';

@Resolver(() => Delivery)
export class DeliveryResolver {
  constructor(
    private readonly commands: CommandBus,
    private readonly deliveryQueries: DeliveryQueries,
    private readonly writes: ReadYourWrites,
    private readonly live: LiveDeliveries,
    private readonly authentication: Authentication,
  ) {}

  // ── Queries ──

  @Query(() => Delivery, { nullable: true })
  @AllowReaders()
  async delivery(@Args('id', { type: () => ID }) id: DeliveryId, @Context() { caller }: ApiContext): Promise<Delivery | null> {
    const view = await this.deliveryQueries.find(caller.organizationId, id);
    return view ? shownDelivery(view) : null;
  }

  @Query(() => DeliveryConnection)
  @AllowReaders()
  async deliveries(
    @Args() page: PageArgs,
    @Args('filter', { type: () => DeliveryFilter, nullable: true }) filter: DeliveryFilter | null | undefined,
    @Context() { caller }: ApiContext,
  ): Promise<Connection<Delivery>> {
    return asConnection(await this.deliveryQueries.page(caller.organizationId, pageRequest(page), viewFilter(filter)), shownDelivery);
  }

  @Query(() => Conservation, { description: 'Nothing appears and nothing disappears: the counts must balance at every position.' })
  @AllowReaders()
  async conservation(
    @Args('endpointId', { type: () => ID, nullable: true }) endpointId: EndpointId | null | undefined,
    @Context() { caller }: ApiContext,
  ): Promise<Conservation> {
    const counts = await this.deliveryQueries.conservation(caller.organizationId, endpointId);
    const { routed, succeeded, failed, cancelled, open } = counts;
    return { ...counts, position: counts.position ?? '', balanced: routed === succeeded + failed + cancelled + open };
  }

  // ── Mutations ──

  @Mutation(() => Delivery, { description: 'A fresh series of attempts, now.' })
  @Allow('ADMIN')
  async retryDelivery(@Args('id', { type: () => ID }) id: DeliveryId, @Context() context: ApiContext): Promise<Delivery> {
    return this.after(await this.commands.execute(new RetryDelivery(context.caller, id)), id, context);
  }

  @Mutation(() => BulkRetry, { description: 'All that match; FAILED ones unless the filter names a status.' })
  @Allow('ADMIN')
  async retryDeliveries(
    @Args('filter', { type: () => DeliveryFilter }) filter: DeliveryFilter,
    @Context() { caller }: ApiContext,
  ): Promise<BulkRetry> {
    const { matched } = await this.writes.shown(await this.commands.execute(new RetryDeliveries(caller, viewFilter(filter))));
    return { matched };
  }

  @Mutation(() => Delivery)
  @Allow('ADMIN')
  async cancelDelivery(@Args('id', { type: () => ID }) id: DeliveryId, @Context() context: ApiContext): Promise<Delivery> {
    return this.after(await this.commands.execute(new CancelDelivery(context.caller, id)), id, context);
  }

  private async after(done: CommandResult, id: DeliveryId, { caller }: ApiContext): Promise<Delivery> {
    await this.writes.shown(done);
    const view = await this.deliveryQueries.find(caller.organizationId, id);
    if (!view) throw notFound(`There is no delivery "${id}"; \`deliveries\` lists those that are.`);
    return shownDelivery(view);
  }

  // ── Subscription ──

  @Subscription(() => Delivery, { description: 'Every change of a delivery, as the views come to show it.' })
  @AllowReaders()
  deliveryChanged(
    @Args('endpointId', { type: () => ID, nullable: true }) endpointId: EndpointId | null | undefined,
    @Args('messageId', { type: () => ID, nullable: true }) messageId: MessageId | null | undefined,
    @Context() context: ApiContext,
  ): AsyncIterableIterator<{ deliveryChanged: Delivery | Refusal }> {
    const { organizationId } = context.caller;
    const changes = this.live.subscribe(
      (change) =>
        change.organizationId === organizationId &&
        (endpointId === null || endpointId === undefined || change.endpointId === endpointId) &&
        (messageId === null || messageId === undefined || change.messageId === messageId),
    );
    const next = async (): Promise<IteratorResult<{ deliveryChanged: Delivery | Refusal }, undefined>> => {
      for (;;) {
        const change = await changes.next().catch((error: unknown) => {
          if (error instanceof SubscriberTooSlow) return new Refusal('TOO_MANY_REQUESTS', error.message);
          throw error;
        });
        // An error as the value of the field is told as a GraphQL error; the next call finds the changes at their end.
        if (change instanceof Refusal) {
          await changes.return?.();
          return { done: false, value: { deliveryChanged: change } };
        }
        if (change.done) return change;
        const refusal = this.authentication.refusalNow(context.caller);
        if (refusal) {
          await changes.return?.();
          return { done: false, value: { deliveryChanged: refusal } };
        }
        context.loaders.clear();
        const view = await this.deliveryQueries.find(organizationId, change.value.deliveryId);
        if (view) return { done: false, value: { deliveryChanged: shownDelivery(view) } };
      }
    };
    return {
      next,
      return: async () => {
        await changes.return?.();
        return { done: true, value: undefined };
      },
      [Symbol.asyncIterator]() {
        return this;
      },
    };
  }

  // ── Fields ──

  @ResolveField(() => Message)
  async message(@Parent() { source }: Delivery, @Context() { loaders }: ApiContext): Promise<Message> {
    const view = await loaders.message.load(source.messageId);
    if (!view) throw new Error(`The views have the delivery ${source.id}, but not its message.`);
    return shownMessage(view);
  }

  @ResolveField(() => Endpoint)
  async endpoint(@Parent() { source }: Delivery, @Context() context: ApiContext): Promise<Endpoint> {
    const view = await context.loaders.endpoint.load(source.endpointId);
    if (!view) throw new Error(`The views have the delivery ${source.id}, but not its endpoint.`);
    return shownEndpoint(view, context);
  }

  /** Those that the delivery counted when it was read: of one that was recorded since, its status and `nextAttemptAt` do not know. */
  @ResolveField(() => [Attempt])
  async attempts(@Parent() { source }: Delivery, @Context() { loaders }: ApiContext): Promise<Attempt[]> {
    const attempts = (await loaders.attempts.load(source.id)).filter(({ attempt }) => attempt <= source.attemptCount);
    return attempts.map((attempt) => shownAttempt(attempt, source));
  }
}

const maskedHeaders = (headers: Readonly<Record<string, string>>): Json =>
  Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, maskHeader(name, value)]));

@Resolver(() => Attempt)
export class AttemptResolver {
  constructor(private readonly requests: RequestMaker) {}

  @ResolveField(() => String, { nullable: true, description: 'the first 4 KiB' })
  responseBody(@Parent() { source }: Attempt, @Context() { caller }: ApiContext): string | null {
    const body = source.responseBody ?? null;
    return body !== null && caller.role === 'VIEWER' ? maskSecretsInText(body) : body;
  }

  @ResolveField(() => JsonScalar, { nullable: true })
  responseHeaders(@Parent() { source }: Attempt): Json {
    return source.responseHeaders ? maskedHeaders(source.responseHeaders) : null;
  }

  /** As it was recorded: the dispatcher masked what was secret. */
  @ResolveField(() => JsonScalar, { nullable: true, description: 'without secrets' })
  requestHeaders(@Parent() { source }: Attempt): Json {
    return source.requestHeaders;
  }

  /** Made again from the messages and the configuration of then, and shown only if it is what was sent: a routing key in it is masked after that. */
  @ResolveField(() => String, { nullable: true })
  async requestBody(@Parent() { source, delivery }: Attempt, @Context() { caller, loaders, keyring }: ApiContext): Promise<string | null> {
    if (source.bodySha256 === undefined) return null;
    const ids = delivery.batch ? await loaders.inBatch.load(delivery.batch.id) : [delivery.messageId];
    const [events, endpoint] = await Promise.all([
      Promise.all(ids.map((id) => loaders.accepted.load(id))),
      loaders.configuration.load(`${delivery.endpointId}@${source.endpointRevision}`),
    ]);
    const messages = events.flatMap((event, i) => (event ? [{ ...event.data, id: ids[i] ?? '' }] : []));
    const [first] = messages;
    if (!first || !endpoint || messages.length < ids.length) return null;
    const { format, formatOptions, batch } = endpoint.configuration.settings;
    const options = mapSecretOptions(formatOptions, keyring.open);
    const body = await this.bodyOf(delivery, format, delivery.batch || batch ? messages : first, options);
    if (body === undefined || hash('sha256', body) !== source.bodySha256) return null;
    const shown = maskOptions(body, options);
    return caller.role === 'VIEWER' ? maskSecretsInText(shown) : shown;
  }

  @ResolveField(() => Endpoint, { description: 'The endpoint as it was configured when this attempt was made.' })
  async configuration(@Parent() { source, delivery }: Attempt, @Context() context: ApiContext): Promise<Endpoint> {
    const endpoint = await context.loaders.configuration.load(`${delivery.endpointId}@${source.endpointRevision}`);
    if (!endpoint) throw new Error(`The log has no revision ${source.endpointRevision} of the endpoint ${delivery.endpointId}.`);
    return shownEndpoint(endpoint, context, true);
  }

  /** Undefined where messages can't be put so any more. */
  private async bodyOf(
    { endpointId }: Attempt['delivery'],
    format: PayloadFormat,
    messages: Messages,
    options: JsonObject | null,
  ): Promise<string | undefined> {
    try {
      return (await this.requests.body(endpointId, format, messages, options)).body;
    } catch (error) {
      if (error instanceof FormatError) return undefined;
      throw error;
    }
  }
}
