// The history over GraphQL: the events of the log, the changes of an endpoint, and why a message was routed as it was.
import { Args, Context, ID, Query, Resolver } from '@nestjs/graphql';
import { fieldChanges } from '../../../domain/endpoint-changes.ts';
import { endpoint } from '../../../domain/endpoint.ts';
import { notFound } from '../../../domain/errors.ts';
import type { EndpointId, MessageId } from '../../../domain/ids.ts';
import { deliveryIdOf } from '../../../event-store/id-generation.ts';
import { checkSpan } from '../../../read-models/history/history-filter.ts';
import { HistoryQueries } from '../../../read-models/history/history-queries.ts';
import { explainRouting } from '../../../read-models/history/routing-explanation.ts';
import { giveWay } from '../../../time-slices.ts';
import { AllowHistory } from '../../auth/access.ts';
import { toConnection, PageArgs, parsePageArgs, type Connection } from '../connections.ts';
import type { ApiContext } from '../context.ts';
import { toPastEndpoint } from '../endpoints/endpoint.types.ts';

import {
  EndpointChange,
  HistoryFilter,
  parseHistoryFilter,
  LogEvent,
  LogEventConnection,
  shownConditions,
  RoutingExplanation,
  toLogEvent,
} from './history.types.ts';
import { DateTime, toDate } from '../scalars.ts';
import { StreamQueries } from './stream-queries.ts';

@Resolver(() => LogEvent)
export class HistoryResolver {
  constructor(
    private readonly log: HistoryQueries,
    private readonly streams: StreamQueries,
  ) {}

  @Query(() => LogEventConnection, { description: 'The log itself, oldest first unless `newestFirst`. Admins and auditors.' })
  @AllowHistory()
  async history(
    @Args() page: PageArgs,
    @Args('filter', { type: () => HistoryFilter, nullable: true }) filter: HistoryFilter | null | undefined,
    @Args('newestFirst', { type: () => Boolean, nullable: true, defaultValue: false }) newestFirst: boolean | null | undefined,
    @Context() { caller }: ApiContext,
  ): Promise<Connection<LogEvent>> {
    const found = await this.log.history(caller.organizationId, parsePageArgs(page), parseHistoryFilter(filter), newestFirst ?? false);
    return toConnection(found, (event) => toLogEvent(event, caller));
  }

  @Query(() => [EndpointChange], {
    description:
      "What changed in an endpoint's configuration from `since` on and before `until`, field by field, oldest first; its registration is a change of every field that it set. Also of a deleted endpoint. Admins and auditors.",
  })
  @AllowHistory()
  async endpointChanges(
    @Args('id', { type: () => ID }) id: EndpointId,
    @Args('since', { type: () => DateTime, nullable: true }) since: string | null | undefined,
    @Args('until', { type: () => DateTime, nullable: true }) until: string | null | undefined,
    @Context() { caller }: ApiContext,
  ): Promise<EndpointChange[]> {
    const [from, to] = [toDate(since), toDate(until)];
    checkSpan(from, to, 'until');
    const events = await this.eventsOfEndpoint(id, caller);
    const changes: EndpointChange[] = [];
    let state = endpoint.initial;
    for (const event of events) {
      await giveWay();
      const before = state;
      state = endpoint.evolve(state, event);
      const at = Date.parse(event.recordedAt);
      if ((from && at < from.getTime()) || (to && at >= to.getTime())) continue;
      const origin = { at: event.recordedAt, actor: event.metadata.actor, event: toLogEvent(event, caller) };
      for (const change of fieldChanges(before, state)) changes.push({ ...origin, ...change });
    }
    return changes;
  }

  @Query(() => RoutingExplanation, {
    description:
      'Why a message went to an endpoint, or did not, from the configuration that its routing was decided on, and whether that leads to what was recorded. Admins and auditors.',
  })
  @AllowHistory()
  async explainRouting(
    @Args('messageId', { type: () => ID }) messageId: MessageId,
    @Args('endpointId', { type: () => ID }) endpointId: EndpointId,
    @Context() context: ApiContext,
  ): Promise<RoutingExplanation> {
    const { caller, loaders } = context;
    const accepted = await loaders.messageAccepted.load(messageId);
    if (accepted?.data.organizationId !== caller.organizationId)
      throw notFound(`There is no message "${messageId}"; \`messages\` lists the existing ones.`);
    const [events, organization, delivery] = await Promise.all([
      this.eventsOfEndpoint(endpointId, caller),
      this.streams.organizationEvents(caller.organizationId),
      this.streams.deliveryEvents(deliveryIdOf(messageId, endpointId)),
    ]);
    const explanation = explainRouting(accepted, endpointId, { endpoint: events, organization, delivery });
    const { revision, failedConditions } = explanation;
    const then = revision === undefined ? undefined : await loaders.endpointAtRevision.load({ endpointId, revision });
    return {
      ...explanation,
      failedConditions: shownConditions(failedConditions),
      configuration: then ? toPastEndpoint(then, context) : null,
    };
  }

  /** Includes deleted endpoints. @throws DomainError NOT_FOUND */
  private async eventsOfEndpoint(id: EndpointId, { organizationId }: ApiContext['caller']) {
    const events = await this.streams.endpointEvents(id);
    const [registered] = events;
    if (registered?.type !== 'endpoint.registered' || registered.data.organizationId !== organizationId)
      throw notFound(`There is no endpoint "${id}", and there never was.`);
    return events;
  }
}
