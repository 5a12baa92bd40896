// The history over GraphQL: the log itself in pages, what changed in an endpoint, and why a message went where it went.
import { Args, Context, ID, Query, Resolver } from '@nestjs/graphql';
import { fieldChanges } from '../../../domain/endpoint-changes.ts';
import { endpoint } from '../../../domain/endpoint.ts';
import { notFound } from '../../../domain/errors.ts';
import type { EndpointId, MessageId } from '../../../domain/ids.ts';
import { deliveryIdOf } from '../../../event-store/id-generation.ts';
import { checkSpan } from '../../../read-models/history/history-filter.ts';
import { HistoryQueries } from '../../../read-models/history/history-queries.ts';
import { explainRouting } from '../../../read-models/history/routing-explanation.ts';
import { Allow } from '../../auth/access.ts';
import { asConnection, PageArgs, pageRequest, type Connection } from '../connections.ts';
import type { ApiContext } from '../context.ts';
import { shownEndpoint } from '../endpoints/endpoint.types.ts';
import { History } from './history.ts';
import {
  EndpointChange,
  HistoryFilter,
  indexFilter,
  LogEvent,
  LogEventConnection,
  RoutingExplanation,
  shownEvent,
} from './history.types.ts';
import { DateTime, moment } from '../scalars.ts';

@Resolver(() => LogEvent)
export class HistoryResolver {
  constructor(
    private readonly log: HistoryQueries,
    private readonly streams: History,
  ) {}

  @Query(() => LogEventConnection, { description: 'The log itself, oldest first unless `newestFirst`. Admins and auditors.' })
  @Allow('ADMIN', 'AUDITOR')
  async history(
    @Args() page: PageArgs,
    @Args('filter', { type: () => HistoryFilter, nullable: true }) filter: HistoryFilter | null | undefined,
    @Args('newestFirst', { type: () => Boolean, nullable: true, defaultValue: false }) newestFirst: boolean | null | undefined,
    @Context() { caller }: ApiContext,
  ): Promise<Connection<LogEvent>> {
    const found = await this.log.history(caller.organizationId, pageRequest(page), indexFilter(filter), newestFirst ?? false);
    return asConnection(found, (event) => shownEvent(event, caller.role));
  }

  @Query(() => [EndpointChange], {
    description:
      "What changed in an endpoint's configuration from `since` on and before `until`, field by field, oldest first; its registration is a change of every field that it set. Also of a deleted endpoint. Admins and auditors.",
  })
  @Allow('ADMIN', 'AUDITOR')
  async endpointChanges(
    @Args('id', { type: () => ID }) id: EndpointId,
    @Args('since', { type: () => DateTime, nullable: true }) since: string | null | undefined,
    @Args('until', { type: () => DateTime, nullable: true }) until: string | null | undefined,
    @Context() { caller }: ApiContext,
  ): Promise<EndpointChange[]> {
    const [from, to] = [moment(since), moment(until)];
    checkSpan(from, to, 'until');
    const events = await this.eventsOfEndpoint(id, caller);
    const changes: EndpointChange[] = [];
    let state = endpoint.initial;
    for (const event of events) {
      const before = state;
      state = endpoint.evolve(state, event);
      const at = Date.parse(event.recordedAt);
      if ((from && at < from.getTime()) || (to && at >= to.getTime())) continue;
      const told = { at: event.recordedAt, actor: event.metadata.actor, event: shownEvent(event, caller.role) };
      for (const change of fieldChanges(before, state)) changes.push({ ...told, ...change });
    }
    return changes;
  }

  @Query(() => RoutingExplanation, {
    description:
      'Why a message went to an endpoint, or did not, from the configuration that its routing was decided on, and whether that leads to what was recorded. Admins and auditors.',
  })
  @Allow('ADMIN', 'AUDITOR')
  async explainRouting(
    @Args('messageId', { type: () => ID }) messageId: MessageId,
    @Args('endpointId', { type: () => ID }) endpointId: EndpointId,
    @Context() context: ApiContext,
  ): Promise<RoutingExplanation> {
    const { caller, loaders } = context;
    const accepted = await loaders.accepted.load(messageId);
    if (accepted?.data.organizationId !== caller.organizationId)
      throw notFound(`There is no message "${messageId}"; \`messages\` lists those that are.`);
    const [events, organization, delivery] = await Promise.all([
      this.eventsOfEndpoint(endpointId, caller),
      this.streams.organizationEvents(caller.organizationId),
      this.streams.deliveryEvents(deliveryIdOf(messageId, endpointId)),
    ]);
    const explained = explainRouting(accepted, endpointId, { endpoint: events, organization, delivery });
    const { revision } = explained;
    const then = revision === undefined ? undefined : await loaders.configuration.load(`${endpointId}@${revision}`);
    return {
      ...explained,
      failedConditions: explained.failedConditions.map((each) => ({ ...each, found: each.found ?? null })),
      configuration: then ? shownEndpoint(then, context, true) : null,
    };
  }

  /** Also of a deleted one. @throws DomainError NOT_FOUND */
  private async eventsOfEndpoint(id: EndpointId, { organizationId }: ApiContext['caller']) {
    const events = await this.streams.endpointEvents(id);
    const [registered] = events;
    if (registered?.type !== 'endpoint.registered' || registered.data.organizationId !== organizationId)
      throw notFound(`There is no endpoint "${id}", and never was one.`);
    return events;
  }
}
