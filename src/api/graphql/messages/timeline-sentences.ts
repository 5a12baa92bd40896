// The sentences of a message's timeline: one for each kind of event.
import type { FailedAttempt } from '../../../domain/address-masking.ts';
import type { BatchEvent } from '../../../domain/batch.ts';
import type { DeliveryEvent } from '../../../domain/delivery.ts';
import type { EndpointEvent } from '../../../domain/endpoint-events.ts';
import type { BulkRetryId, EndpointId, Position, ReplayId } from '../../../domain/ids.ts';
import type { MessageEvent } from '../../../domain/message.ts';
import type { RecordedEvent } from '../../../event-store/event-store.ts';

/** An event of one delivery: of its own stream, of its batch, or of its endpoint. */
export type DeliveryTimelineEvent = DeliveryEvent | BatchEvent | EndpointEvent;

/** What the sentences name. */
export type TimelineNames = {
  readonly endpoint: (id: EndpointId) => string;
  /** Why the endpoint gets the message; undefined if its configuration at that moment does not say. */
  readonly reason: (id: EndpointId) => string | undefined;
  /** Whether the message takes turns at the endpoint, at that position. */
  readonly takesTurns: (id: EndpointId, at: Position) => boolean;
  /** Why an attempt failed, as far as the caller may know. */
  readonly error: (failed: FailedAttempt) => string;
  /** Who requested the replay, if the views know. */
  readonly replayRequester: (id: ReplayId) => string | undefined;
  /** The same for a bulk retry. */
  readonly bulkRetryRequester: (id: BulkRetryId) => string | undefined;
};

const list = (names: readonly string[]) => (names.length < 2 ? names.join('') : `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`);

const requestedBy = (actor: string | undefined) => (actor === undefined ? '' : `, requested by ${actor},`);

type Requested = RecordedEvent<Extract<DeliveryTimelineEvent, { type: `${string}-requested` }>>;

const outOfOrder = ({ data, position, type }: Requested, endpointId: EndpointId, { takesTurns }: TimelineNames): string => {
  const begins = type === 'delivery.replay-requested' && 'messageType' in data && data.messageType !== undefined;
  const isInTurn = begins ? false : !data.reopened || data.reopened.holdsKey;
  if (isInTurn || !takesTurns(endpointId, position)) return '';
  return ` It goes at once, out of order: ${begins ? 'it was not sent in its turn' : 'its turn had ended'}.`;
};

export const deliverySentence = (event: RecordedEvent<DeliveryTimelineEvent>, endpointId: EndpointId, names: TimelineNames): string => {
  const { actor } = event.metadata;
  const endpoint = names.endpoint(endpointId);
  switch (event.type) {
    case 'batch.closed': {
      if (event.data.cancelled) return `It goes with no others to ${endpoint}: batch ${event.data.number} has it alone, and is not sent.`;
      const others = event.data.messages.length - 1;
      const company = others === 0 ? 'alone' : `with ${others === 1 ? 'one other message' : `${others} other messages`}`;
      return `It goes to ${endpoint} in one request ${company}: batch ${event.data.number}.`;
    }
    case 'delivery.attempt-succeeded':
    case 'batch.attempt-succeeded': {
      const { attempt, durationMs, responseCode } = event.data;
      return `Attempt ${attempt} to ${endpoint} succeeded: ${responseCode ?? 'no code'} in ${Math.round(durationMs)} ms.`;
    }
    case 'delivery.attempt-failed':
    case 'batch.attempt-failed': {
      const { attempt, retryAt } = event.data;
      const then = retryAt === undefined ? 'No further attempt follows.' : `The next is due at ${retryAt}.`;
      return `Attempt ${attempt} to ${endpoint} failed: ${names.error(event.data)} ${then}`;
    }
    case 'delivery.exhausted':
    case 'batch.exhausted':
      return `The delivery to ${endpoint} failed for good after ${event.data.attempts} attempt${event.data.attempts === 1 ? '' : 's'}.${event.data.holdsKey ? ' Its ordering key waits until it is retried with success, or cancelled.' : ''}`;
    case 'delivery.retry-requested':
    case 'batch.retry-requested': {
      const { attempt, bulkRetryId } = event.data;
      const by = bulkRetryId === undefined ? actor : `The bulk retry ${bulkRetryId}${requestedBy(names.bulkRetryRequester(bulkRetryId))}`;
      return `${by} requested a retry to ${endpoint}: attempt ${attempt} is due now.${outOfOrder(event, endpointId, names)}`;
    }
    case 'delivery.replay-requested':
    case 'batch.replay-requested': {
      const { attempt, replayId } = event.data;
      const isFirst = event.type === 'delivery.replay-requested' && event.data.messageType !== undefined;
      return `The replay ${replayId}${requestedBy(names.replayRequester(replayId))} sends it to ${endpoint}${isFirst ? ' for the first time' : ' again'}: attempt ${attempt} is due now.${outOfOrder(event, endpointId, names)}`;
    }
    case 'delivery.cancelled':
    case 'batch.cancelled':
      return `The delivery to ${endpoint} was cancelled: ${event.data.reason}.${event.data.failedAt === undefined ? '' : ' Its ordering key goes on.'}`;
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

export const acceptedSentence = ({ data, metadata }: RecordedEvent<MessageEvent>, names: TimelineNames): string => {
  const { type, destinations, skipped, test, orderingKey } = data;
  const accepted = `${test ? 'A test message' : 'Message'} "${type}" accepted from ${metadata.actor}.`;
  const listed = (ids: readonly EndpointId[]) => {
    if (test) return list(ids.map(names.endpoint));
    const byReason = Map.groupBy(ids, (id) => names.reason(id) ?? 'subscribed to it');
    return Array.from(byReason, ([reason, group]) => `${list(group.map(names.endpoint))}, ${reason}`).join('; ');
  };
  const routed =
    destinations.length === 0
      ? 'No enabled endpoint subscribes to it.'
      : `It goes to ${listed(destinations.map(({ endpointId }) => endpointId))}.`;
  const ordered = destinations.filter(({ ordering }) => ordering !== undefined).map(({ endpointId }) => endpointId);
  const inOrder =
    ordered.length === 0
      ? ''
      : ` In order${orderingKey === undefined ? '' : ` by its key "${orderingKey}"`} at ${list(ordered.map(names.endpoint))}: one after the other.`;
  const notSent = skipped.length === 0 ? '' : ` Skipped because disabled: ${listed(skipped)}.`;
  return `${accepted} ${routed}${inOrder}${notSent}`;
};
