// Routing over GraphQL: for each endpoint, whether a message went there and why, and where a message would go now.
import { Args, ArgsType, Context, Field, ObjectType, Parent, Query, ResolveField, Resolver } from '@nestjs/graphql';
import type { EndpointId } from '../../../domain/ids.ts';
import { routingReason, type RoutingReason as RoutingReasonOf } from '../../../domain/routing.ts';
import { deliveryIdOf } from '../../../event-store/id-generation.ts';
import { EndpointDirectory } from '../../../read-models/directory/endpoint-directory.ts';
import { explainRouting, presentReason } from '../../../read-models/history/routing-explanation.ts';
import { EndpointQueries, type EndpointView } from '../../../read-models/queries/endpoint-queries.ts';
import { isGiven } from '../../../read-models/queries/optional.ts';
import type { Page } from '../../../read-models/queries/page.ts';
import { giveWay } from '../../../time-slices.ts';
import { AllowPortal, AllowReaders } from '../../auth/access.ts';
import { validate } from '../../input-validation.ts';
import { checkDataSizes } from '../../publish-limits.ts';
import { connectionType, PageArgs, parsePageArgs, toConnection, type Connection } from '../connections.ts';
import type { ApiContext } from '../context.ts';
import { Endpoint, toEndpoint } from '../endpoints/endpoint.types.ts';
import { FailedCondition, shownConditions } from '../history/history.types.ts';
import { StreamQueries } from '../history/stream-queries.ts';
import { graphqlMessageInput } from './message-input.ts';
import { Message, MessageInput } from './message.types.ts';

@ObjectType({ description: 'Why it went there or did not, over all endpoints that there were, as it was decided.' })
class RoutingReason {
  @Field(() => Endpoint)
  readonly endpoint!: Endpoint;
  @Field(() => Boolean)
  readonly routed!: boolean;
  @Field(() => String)
  readonly reason!: string;
  @Field(() => [FailedCondition], {
    description: 'What of its filter did not let it pass; empty for callers that do not see whole payloads.',
  })
  readonly failedConditions!: readonly FailedCondition[];
}

const RoutingConnection = connectionType('Routing', () => RoutingReason);

@ArgsType()
class RoutingArgs extends PageArgs {
  @Field(() => Boolean, { nullable: true })
  routed?: boolean | null;
}

/** Endpoints that are looked at for one page of those that would get a message, or would not. */
const mostLookedAt = 2_000;

@Resolver(() => Message)
export class RoutingResolver {
  constructor(
    private readonly endpoints: EndpointQueries,
    private readonly directory: EndpointDirectory,
    private readonly streams: StreamQueries,
  ) {}

  @ResolveField(() => RoutingConnection)
  async routing(
    @Parent() { id, view }: Message,
    @Args() { routed, ...page }: RoutingArgs,
    @Context() context: ApiContext,
  ): Promise<Connection<RoutingReason>> {
    const { caller, loaders } = context;
    const accepted = await loaders.messageAccepted.load(id);
    if (!accepted) throw new Error(`The views have the message ${id}, but the log does not.`);
    const went = accepted.data.destinations.map(({ endpointId }) => endpointId);
    const narrowed = routed === true ? { only: went } : routed === false ? { except: went } : {};
    const found = await this.endpoints.pageAt(caller.organizationId, parsePageArgs(page), { ...view, ...narrowed });
    const organization = await this.streams.organizationEvents(caller.organizationId);
    const reasons = new Map<EndpointId, Pick<RoutingReason, 'reason' | 'failedConditions'>>();
    for (const { node } of found.edges) {
      const [endpoint, delivery] = await Promise.all([
        this.streams.endpointEvents(node.id),
        this.streams.deliveryEvents(deliveryIdOf(id, node.id)),
      ]);
      const hidesValues = caller.sight.payloads !== 'WHOLE';
      const { text, failedConditions } = explainRouting(accepted, node.id, { endpoint, organization, delivery }, hidesValues);
      reasons.set(node.id, { reason: text, failedConditions: hidesValues ? [] : shownConditions(failedConditions) });
      await giveWay();
    }
    const isRouted = new Set(went);
    return toConnection(found, (endpoint) => ({
      endpoint: toEndpoint(endpoint, context),
      routed: isRouted.has(endpoint.id),
      reason: '',
      failedConditions: [],
      ...reasons.get(endpoint.id),
    }));
  }

  @Query(() => RoutingConnection, { description: 'Who would get such a message, and why; nothing is published.' })
  @AllowReaders()
  @AllowPortal('MANAGE_ENDPOINTS', 'FILTERED')
  async wouldReceive(
    @Args('message', { type: () => MessageInput }) message: MessageInput,
    @Args() { routed, ...page }: RoutingArgs,
    @Context() context: ApiContext,
  ): Promise<Connection<RoutingReason>> {
    const { organizationId } = context.caller;
    const input = validate(graphqlMessageInput, message, 'message');
    await checkDataSizes([input], undefined, () => 'message.data');
    const content = { ...input, ...this.directory.kindOf(organizationId, input.type) };
    const request = parsePageArgs(page);
    const reasons = new Map<EndpointId, Omit<RoutingReason, 'endpoint'>>();
    const decide = ({ id, configuration }: EndpointView) => {
      const reason = shownReason(routingReason(configuration, content), context);
      const failedConditions = reason.result === 'filtered-out' ? shownConditions(reason.failed) : [];
      reasons.set(id, { routed: reason.result === 'sent', reason: presentReason(configuration, reason, content), failedConditions });
    };
    // Pages of endpoints, until enough of them are as asked.
    const edges: Page<EndpointView>['edges'][number][] = [];
    let next: Page<EndpointView> | undefined;
    let looked = 0;
    do {
      next = await this.endpoints.page(organizationId, { first: request.first, after: next?.endCursor ?? request.after });
      for (const edge of next.edges) {
        if (edges.length === request.first) break;
        decide(edge.node);
        if (routed === undefined || routed === null || reasons.get(edge.node.id)?.routed === routed) edges.push(edge);
        await giveWay();
      }
      looked += next.edges.length;
    } while (edges.length < request.first && next.hasNextPage && looked < mostLookedAt);
    const isCut = edges.length === request.first && edges.at(-1)?.cursor !== next.endCursor;
    const endCursor = isCut ? (edges.at(-1)?.cursor ?? null) : next.endCursor;
    return toConnection(
      { edges, hasNextPage: isCut || next.hasNextPage, hasPreviousPage: isGiven(request.after), endCursor },
      (endpoint) => ({
        endpoint: toEndpoint(endpoint, context),
        ...(reasons.get(endpoint.id) ?? { routed: false, reason: '', failedConditions: [] }),
      }),
    );
  }
}

/** That a type is internal is nothing that a portal session is told. */
const shownReason = (reason: RoutingReasonOf, { caller }: ApiContext): RoutingReasonOf =>
  reason.result === 'internal' && caller.kind === 'PORTAL' ? { result: 'not-subscribed' } : reason;
