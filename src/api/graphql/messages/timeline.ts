// The timeline of a message: every event of the log about it, in order, each with a sentence.
import { fold } from '../../../domain/decider.ts';
import type { EndpointEvent } from '../../../domain/endpoint-events.ts';
import { endpoint } from '../../../domain/endpoint.ts';
import type { EndpointId, Position } from '../../../domain/ids.ts';
import type { MessageEvent } from '../../../domain/message.ts';
import type { RecordedEvent } from '../../../event-store/event-store.ts';
import { subscriptionsTo } from '../../../read-models/history/routing-explanation.ts';
import type { DeliveryView } from '../../../read-models/queries/delivery-view.ts';
import type { MessageView } from '../../../read-models/queries/message-queries.ts';
import { mapInSlices } from '../../../time-slices.ts';
import type { AuthenticatedCaller } from '../../auth/authentication.ts';
import type { ApiContext } from '../context.ts';
import { seesDelivery, seesEndpoint, shownActor } from '../visibility.ts';
import { shownError } from '../deliveries/shown-error.ts';
import { toDelivery } from '../deliveries/delivery.types.ts';
import { toLogEvent } from '../history/history.types.ts';
import type { StreamQueries } from '../history/stream-queries.ts';
import type { TimelineEntry } from './message.types.ts';
import { acceptedSentence, deliverySentence, type DeliveryTimelineEvent, type TimelineNames } from './timeline-sentences.ts';

type EndpointEvents = readonly RecordedEvent<EndpointEvent>[];

export const messageTimeline = async (message: MessageView, streams: StreamQueries, context: ApiContext): Promise<TimelineEntry[]> => {
  const { loaders, caller } = context;
  // 1. The message, its deliveries, and the endpoints that it was routed to, as far as the caller sees them.
  const [recorded, ofMessage] = await Promise.all([loaders.messageAccepted.load(message.id), loaders.deliveriesOfMessage.load(message.id)]);
  if (!recorded) return [];
  const accepted = asSeen(recorded, caller);
  const deliveries = ofMessage.filter((delivery) => seesDelivery(context, delivery));
  const skipped = message.skipped.filter((id) => seesEndpoint(caller, id));
  const endpointIds = Array.from(new Set([...deliveries.map(({ endpointId }) => endpointId), ...skipped]));
  const [endpointStreams, organization] = await Promise.all([
    Promise.all(endpointIds.map((id) => streams.endpointEvents(id))),
    streams.organizationEvents(caller.organizationId),
  ]);
  const endpoints = new Map(endpointIds.map((id, i) => [id, endpointStreams[i] ?? []]));
  // 2. The events of each delivery, and who requested the jobs that sent it.
  const ofDeliveries = await Promise.all(
    deliveries.map(async (delivery) => {
      const events = await eventsOf(delivery, accepted, endpoints.get(delivery.endpointId) ?? [], streams);
      return events.map((event) => ({ event: bySeenActor(event, caller), delivery }));
    }),
  );
  const events = ofDeliveries.flat();
  const replayIds = new Set(events.flatMap(({ event: { data } }) => ('replayId' in data ? [data.replayId] : [])));
  const replays = await Promise.all(Array.from(replayIds, (id) => loaders.replay.load(id)));
  const bulkRetryIds = new Set(events.flatMap(({ event: { data } }) => ('bulkRetryId' in data ? (data.bulkRetryId ?? []) : [])));
  const bulkRetries = await Promise.all(Array.from(bulkRetryIds, (id) => loaders.bulkRetry.load(id)));
  // 3. A sentence for each, in the order of the log.
  const subscription = subscriptionsTo(accepted, organization);
  const seenActor = (actor: string | undefined) => actor && shownActor(actor, caller);
  const names: TimelineNames = {
    endpoint: (id) => latestName(endpoints.get(id) ?? []),
    reason: (id) => subscription(endpoints.get(id) ?? []),
    takesTurns: (id, at) => takesTurns(accepted, endpoints.get(id) ?? [], id, at),
    error: (failed) => shownError(failed, caller.sight),
    replayRequester: (id) => seenActor(replays.find((replay) => replay?.id === id)?.requestedBy),
    bulkRetryRequester: (id) => seenActor(bulkRetries.find((bulkRetry) => bulkRetry?.id === id)?.actor),
  };
  const first = { event: toLogEvent(accepted, caller), text: acceptedSentence(accepted, names), delivery: null };
  const others = await mapInSlices(events, ({ event, delivery }) => ({
    event: toLogEvent(event, caller),
    text: deliverySentence(event, delivery.endpointId, names),
    delivery: toDelivery(delivery),
  }));
  return [first, ...others]
    .sort((a, b) => (a.event.position < b.event.position ? -1 : 1))
    .map((entry) => ({ ...entry, at: entry.event.recordedAt }));
};

/** Without the endpoints that the caller does not see. */
const asSeen = (event: RecordedEvent<MessageEvent>, caller: AuthenticatedCaller): RecordedEvent<MessageEvent> => {
  const { destinations, skipped } = event.data;
  const seen = {
    destinations: destinations.filter(({ endpointId }) => seesEndpoint(caller, endpointId)),
    skipped: skipped.filter((id) => seesEndpoint(caller, id)),
  };
  return bySeenActor({ ...event, data: { ...event.data, ...seen } }, caller);
};

/** Cancelling a delivery also says in its reason who did it. */
const bySeenActor = <E extends RecordedEvent>(event: E, caller: AuthenticatedCaller): E => {
  const { actor } = event.metadata;
  const shown = shownActor(actor, caller);
  if (shown === actor) return event;
  const { data } = event;
  const reason = 'reason' in data && typeof data.reason === 'string' ? { reason: data.reason.replaceAll(actor, shown) } : {};
  return { ...event, data: { ...data, ...reason }, metadata: { ...event.metadata, actor: shown } };
};

/** By what was recorded when it was routed there; where it was not, by the endpoint's setting at that position. */
const takesTurns = ({ data }: RecordedEvent<MessageEvent>, events: EndpointEvents, id: EndpointId, at: Position): boolean => {
  const destination = data.destinations.find(({ endpointId }) => endpointId === id);
  if (destination) return destination.ordering !== undefined;
  const state = fold(
    endpoint,
    events.filter(({ position }) => position < at),
  );
  const ordering = state.exists === 'yes' ? state.configuration.settings.ordering : 'NONE';
  return ordering === 'STRICT' || (ordering === 'PER_KEY' && data.orderingKey !== undefined);
};

/** The endpoint's current name; a deleted endpoint keeps its last one. */
const latestName = (events: EndpointEvents): string => {
  const named = events.findLast(({ type }) => type === 'endpoint.registered' || type === 'endpoint.renamed');
  return named && 'name' in named.data ? `"${named.data.name}"` : 'an endpoint';
};

/** The delivery's own events, those of its batch, and those of its endpoint that held or released it while it was open. */
const eventsOf = async (
  { id, batch, endedAt }: DeliveryView,
  accepted: RecordedEvent<MessageEvent>,
  endpointEvents: EndpointEvents,
  streams: StreamQueries,
): Promise<RecordedEvent<DeliveryTimelineEvent>[]> => {
  const [ofDelivery, ofBatch] = await Promise.all([streams.deliveryEvents(id), batch ? streams.batchEvents(batch.id) : []]);
  const own = [...ofDelivery, ...ofBatch];
  const last = own.reduce((latest, { position }) => (position > latest ? position : latest), '');
  const statusChanges = endpointEvents.filter(
    ({ type, position }) => statusEvents.has(type) && position > accepted.position && (endedAt === null || position < last),
  );
  return [...own, ...statusChanges];
};

const statusEvents: ReadonlySet<EndpointEvent['type']> = new Set([
  'endpoint.paused',
  'endpoint.resumed',
  'endpoint.disabled',
  'endpoint.enabled',
  'endpoint.deleted',
]);
