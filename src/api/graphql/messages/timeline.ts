// The timeline of a message: what became of it, in order, in sentences, from the events of the log.
import type { BatchEvent } from '../../../domain/batch.ts';
import type { DeliveryEvent } from '../../../domain/delivery.ts';
import type { EndpointEvent } from '../../../domain/endpoint.ts';
import type { EndpointId, ReplayId } from '../../../domain/ids.ts';
import type { MessageEvent } from '../../../domain/message.ts';
import type { RecordedEvent } from '../../../event-store/event-store.ts';
import { subscriptionsTo } from '../../../read-models/history/routing-explanation.ts';
import type { ReplayView } from '../../../read-models/queries/replay-queries.ts';
import type { DeliveryView } from '../../../read-models/queries/delivery-view.ts';
import type { MessageView } from '../../../read-models/queries/message-queries.ts';
import type { ApiContext } from '../context.ts';
import { shownDelivery, type TimelineEntry } from '../deliveries/delivery.types.ts';
import type { History } from '../history/history.ts';
import { shownEvent } from '../history/history.types.ts';

type OfDelivery = DeliveryEvent | BatchEvent | EndpointEvent;
type Told = MessageEvent | OfDelivery;
type Endpoints = ReadonlyMap<EndpointId, readonly RecordedEvent<EndpointEvent>[]>;
type Replays = ReadonlyMap<ReplayId, ReplayView>;
type Names = (id: EndpointId) => string;
/** Why an endpoint gets the message; undefined: its configuration of then does not say. */
type Reasons = (id: EndpointId) => string | undefined;

export const timelineOf = async (message: MessageView, history: History, { loaders, caller }: ApiContext): Promise<TimelineEntry[]> => {
  const [accepted, deliveries] = await Promise.all([loaders.accepted.load(message.id), loaders.deliveriesOfMessage.load(message.id)]);
  if (!accepted) return [];
  const ids = Array.from(new Set([...deliveries.map(({ endpointId }) => endpointId), ...message.skipped]));
  const [read, organization] = await Promise.all([
    Promise.all(ids.map((id) => history.endpointEvents(id))),
    history.organizationEvents(caller.organizationId),
  ]);
  const endpoints: Endpoints = new Map(ids.map((id, i) => [id, read[i] ?? []]));
  const names: Names = (id) => nameIn(endpoints.get(id) ?? []);
  const subscription = subscriptionsTo(accepted, organization);
  const reasons: Reasons = (id) => subscription(endpoints.get(id) ?? []);
  const told = await Promise.all(deliveries.map((delivery) => eventsOf(delivery, accepted, endpoints, history)));
  const replayIds = new Set(told.flat().flatMap(({ event: { data } }) => ('replayId' in data ? [data.replayId] : [])));
  const sending = await Promise.all(Array.from(replayIds, (id) => loaders.replay.load(id)));
  const replays: Replays = new Map(sending.flatMap((view) => (view ? [[view.id, view] as const] : [])));
  return [{ event: accepted, delivery: null }, ...told.flat()]
    .sort((a, b) => (a.event.position < b.event.position ? -1 : 1))
    .map(({ event, delivery }) => ({
      at: event.recordedAt,
      text: event.type === 'message.accepted' ? acceptedSentence(event, names, reasons) : sentence(event, names, delivery, replays),
      event: shownEvent(event, caller.role),
      delivery: delivery && shownDelivery(delivery),
    }));
};

/** As the endpoint is called now; also one that was deleted. */
const nameIn = (events: readonly RecordedEvent<EndpointEvent>[]): string => {
  const named = events.findLast(({ type }) => type === 'endpoint.registered' || type === 'endpoint.renamed');
  return named && 'name' in named.data ? `"${named.data.name}"` : 'an endpoint';
};

/** The delivery's own events, those of its batch, and those of its endpoint that held it or let it go while it was open. */
const eventsOf = async (delivery: DeliveryView, accepted: RecordedEvent<MessageEvent>, endpoints: Endpoints, history: History) => {
  const { id, endpointId, batch } = delivery;
  const [alone, inBatch] = await Promise.all([history.deliveryEvents(id), batch ? history.batchEvents(batch.id) : []]);
  const own = [...alone, ...inBatch];
  const last = own.reduce((latest, { position }) => (position > latest ? position : latest), '');
  const end = delivery.endedAt === null ? undefined : last;
  const held = (endpoints.get(endpointId) ?? []).filter(
    ({ type, position }) => statusEvents.has(type) && position > accepted.position && (end === undefined || position < end),
  );
  return [...own, ...held].map((event: RecordedEvent<Told>) => ({ event, delivery }));
};

const statusEvents = new Set<string>([
  'endpoint.paused',
  'endpoint.resumed',
  'endpoint.disabled',
  'endpoint.enabled',
  'endpoint.deleted',
] satisfies EndpointEvent['type'][]);

const list = (names: readonly string[]) => (names.length < 2 ? names.join('') : `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`);

const sentence = (event: RecordedEvent<OfDelivery>, names: Names, delivery: DeliveryView | null, replays: Replays): string => {
  const { actor } = event.metadata;
  const endpoint = delivery ? names(delivery.endpointId) : '';
  switch (event.type) {
    case 'batch.closed': {
      const others = event.data.messages.length - 1;
      const company = others === 0 ? 'by itself' : `with ${others === 1 ? 'one other message' : `${others} other messages`}`;
      return `It goes to ${endpoint} in one request ${company}: batch ${event.data.number}.`;
    }
    case 'delivery.attempt-succeeded':
    case 'batch.attempt-succeeded': {
      const { attempt, durationMs, responseCode } = event.data;
      return `Attempt ${attempt} to ${endpoint} succeeded: ${responseCode ?? 'no code'} in ${Math.round(durationMs)} ms.`;
    }
    case 'delivery.attempt-failed':
    case 'batch.attempt-failed': {
      const { attempt, error, retryAt } = event.data;
      const then = retryAt === undefined ? 'No other follows.' : `The next is due at ${retryAt}.`;
      return `Attempt ${attempt} to ${endpoint} failed: ${error} ${then}`;
    }
    case 'delivery.exhausted':
    case 'batch.exhausted':
      return `The delivery to ${endpoint} failed for good after ${event.data.attempts} attempt${event.data.attempts === 1 ? '' : 's'}.`;
    case 'delivery.retry-requested':
    case 'batch.retry-requested':
      return `${actor} asked for another try at ${endpoint}: attempt ${event.data.attempt} is due now.`;
    case 'delivery.replay-requested':
    case 'batch.replay-requested': {
      const { attempt, replayId } = event.data;
      const begins = event.type === 'delivery.replay-requested' && event.data.messageType !== undefined;
      const by = replays.get(replayId)?.requestedBy;
      const asked = by === undefined ? '' : `, asked for by ${by},`;
      return `The replay ${replayId}${asked} sends it to ${endpoint}${begins ? ' for the first time' : ' again'}: attempt ${attempt} is due now.`;
    }
    case 'delivery.cancelled':
    case 'batch.cancelled':
      return `The delivery to ${endpoint} was cancelled: ${event.data.reason}.`;
    case 'endpoint.paused':
      return `${actor} paused ${endpoint}: the delivery is held.`;
    case 'endpoint.resumed':
      return `${actor} resumed ${endpoint}: the delivery goes on.`;
    case 'endpoint.disabled':
      return `${actor} disabled ${endpoint}${event.data.reason === null ? '' : ` (${event.data.reason})`}: the delivery is held.`;
    case 'endpoint.enabled':
      return `${actor} enabled ${endpoint}: the delivery goes on.`;
    case 'endpoint.deleted':
      return `${actor} deleted ${endpoint}.`;
    default:
      return `${actor} changed ${endpoint}.`;
  }
};

const acceptedSentence = ({ data, metadata }: RecordedEvent<MessageEvent>, names: Names, reasons: Reasons): string => {
  const { type, destinations, skipped, test } = data;
  const taken = `${test ? 'A test message' : 'Message'} "${type}" accepted from ${metadata.actor}.`;
  const listed = (ids: readonly EndpointId[]) => {
    if (test) return list(ids.map(names));
    const byReason = Map.groupBy(ids, (id) => reasons(id) ?? 'subscribed to it');
    return Array.from(byReason, ([reason, group]) => `${list(group.map(names))}, ${reason}`).join('; ');
  };
  const routed =
    destinations.length === 0
      ? 'No enabled endpoint subscribes to it.'
      : `It goes to ${listed(destinations.map(({ endpointId }) => endpointId))}.`;
  const left = skipped.length === 0 ? '' : ` Skipped, as disabled: ${listed(skipped)}.`;
  return `${taken} ${routed}${left}`;
};
