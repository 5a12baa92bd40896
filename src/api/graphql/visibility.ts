// What a portal session sees of its organization: endpoints, deliveries and messages. API keys see all of theirs.
// A session of some endpoints sees only these, their deliveries, and the messages that went to them. What it does not see is as if it never was.
import type { EndpointId } from '../../domain/ids.ts';
import { both, type DeliveryFilter } from '../../read-models/queries/delivery-filter.ts';
import type { MessageView } from '../../read-models/queries/message-queries.ts';
import type { DeliveryView } from '../../read-models/queries/delivery-view.ts';
import type { AuthenticatedCaller } from '../auth/authentication.ts';
import type { ApiContext } from './context.ts';
import type { BulkRetry } from './bulk-retries/bulk-retry.types.ts';
import type { Delivery } from './deliveries/delivery.types.ts';
import { draftId, type Endpoint } from './endpoints/endpoint.types.ts';
import type { Message } from './messages/message.types.ts';

export const seesEndpoint = (caller: AuthenticatedCaller, id: EndpointId): boolean =>
  caller.kind !== 'PORTAL' || caller.endpointIds === undefined || caller.endpointIds.has(id);

/** For filters of lists. Undefined: all. */
export const visibleEndpoints = (caller: AuthenticatedCaller): readonly EndpointId[] | undefined =>
  caller.kind === 'PORTAL' && caller.endpointIds ? Array.from(caller.endpointIds) : undefined;

/** The filter narrowed to what the caller sees. */
export const ofSeen = (caller: AuthenticatedCaller, filter: DeliveryFilter): DeliveryFilter => {
  const seen = visibleEndpoints(caller);
  return seen ? { ...filter, endpointIds: both(seen, filter.endpointIds) } : filter;
};

export const seesDelivery = ({ caller, hiddenTypes }: ApiContext, { endpointId, eventType }: DeliveryView): boolean =>
  seesEndpoint(caller, endpointId) && !hiddenTypes.has(eventType);

/** Who acted: a portal session is told of its own subject and of parts of the system. */
export const shownActor = (actor: string, caller: AuthenticatedCaller): string =>
  caller.kind !== 'PORTAL' || actor === caller.actor || actor.startsWith('system:') ? actor : 'somebody';

/** A session sees those of its subject only. */
export const seesBulkRetry = (caller: AuthenticatedCaller, actor: string): boolean => caller.kind !== 'PORTAL' || caller.actor === actor;

export const seesMessage = async (
  { caller, hiddenTypes, loaders }: ApiContext,
  { id, eventType }: Pick<MessageView, 'id' | 'eventType'>,
): Promise<boolean> => {
  if (hiddenTypes.has(eventType)) return false;
  if (visibleEndpoints(caller) === undefined) return true;
  const deliveries = await loaders.deliveriesOfMessage.load(id);
  return deliveries.some(({ endpointId }) => seesEndpoint(caller, endpointId));
};

const ofSeenEndpoint = ({ endpoint }: { readonly endpoint: Endpoint }, { caller }: ApiContext): boolean =>
  seesEndpoint(caller, endpoint.id);

/** By the GraphQL type of a value: whether the caller sees it. */
export const sees: Readonly<Record<string, (value: never, context: ApiContext) => boolean | Promise<boolean>>> = {
  Endpoint: ({ id }: Endpoint, { caller }) => id === draftId || seesEndpoint(caller, id),
  Delivery: ({ view }: Delivery, context) => seesDelivery(context, view),
  Message: (message: Message, context) => seesMessage(context, message),
  Attention: ofSeenEndpoint,
  Routing: ofSeenEndpoint,
  RoutingReason: ofSeenEndpoint,
  BulkRetry: ({ actor }: BulkRetry, { caller }) => seesBulkRetry(caller, actor),
};
