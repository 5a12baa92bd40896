// The messages that went to some endpoints, newest first: found by their deliveries there, so that no page reads what went elsewhere.
import type { DeliveryId, EndpointId, MessageId, OrganizationId } from '../../domain/ids.ts';
import type { Count } from './counting.ts';
import type { DeliveryFilter } from './delivery-filter.ts';
import type { DeliveryQueries } from './delivery-queries.ts';
import type { MessageFilter } from './message-pages.ts';
import type { MessageQueries, MessageView } from './message-queries.ts';
import { isGiven } from './optional.ts';
import type { Page, PageRequest } from './page.ts';

export class MessagesAtEndpoints {
  constructor(
    private readonly deliveries: Pick<DeliveryQueries, 'page' | 'ofMessages' | 'count'>,
    private readonly messages: Pick<MessageQueries, 'byIds'>,
  ) {}

  /**
   * By the newest delivery of each message at these endpoints. A page may hold fewer messages than asked for, also where another follows: a message
   * that went to several of the endpoints is shown once.
   */
  async page(
    organization: OrganizationId,
    endpoints: readonly EndpointId[],
    request: PageRequest,
    filter: MessageFilter,
  ): Promise<Page<MessageView>> {
    const ofDeliveries = deliveryFilter(filter, endpoints);
    if (!ofDeliveries) return { edges: [], hasNextPage: false, hasPreviousPage: isGiven(request.after), endCursor: null };
    const page = await this.deliveries.page(organization, request, ofDeliveries);
    const ids = Array.from(new Set(page.edges.map(({ node }) => node.messageId)));
    const [all, views] = await Promise.all([this.deliveries.ofMessages(organization, ids), this.messages.byIds(organization, ids)]);
    const at = new Set(endpoints);
    const newest = new Map<MessageId, DeliveryId>();
    for (const { id, messageId, endpointId } of all) if (at.has(endpointId)) newest.set(messageId, id);
    const byId = new Map(views.map((view) => [view.id, view]));
    const edges = page.edges.flatMap(({ cursor, node }) => {
      const view = byId.get(node.messageId);
      const isShown = newest.get(node.messageId) === node.id && (!isGiven(filter.orderingKey) || view?.orderingKey === filter.orderingKey);
      return view && isShown ? [{ cursor, node: view }] : [];
    });
    return { ...page, edges };
  }

  /** Counts their deliveries there, so it is exact for one endpoint only. */
  async count(organization: OrganizationId, endpoints: readonly EndpointId[], filter: MessageFilter, max: number): Promise<Count> {
    const ofDeliveries = deliveryFilter(filter, endpoints);
    if (!ofDeliveries) return { value: 0, exact: true };
    const { value, exact } = await this.deliveries.count(organization, ofDeliveries, max);
    return { value, exact: exact && endpoints.length === 1 && !isGiven(filter.orderingKey) };
  }
}

/** Undefined: what went to no endpoint can't match. The ordering key is no part of a delivery. */
const deliveryFilter = (filter: MessageFilter, endpointIds: readonly EndpointId[]): DeliveryFilter | undefined => {
  const { clientId, eventType, eventTypes, exceptTypes, since, until, orderingKey: _, unrouted, ...others } = filter;
  others satisfies Record<string, never>; // a condition that is added to the filter must be answered here as well
  return unrouted ? undefined : { clientId, eventType, eventTypes, exceptTypes, since, until, endpointIds };
};
