// Finds the state of a delivery or a batch before an event. Those used recently are in memory; for others, their short streams are read again.
// So memory does not grow with the log.
import type { EndpointId, MessageId, Position } from '../../domain/ids.ts';
import { deliveryIdIn, messageStream } from '../../domain/streams.ts';
import type { StoredEvent } from '../../event-store/codec.ts';
import type { RecordedEvent } from '../../event-store/event-store.ts';
import { deliveryIdOf } from '../../event-store/id-generation.ts';
import { redecideAttempt, stepOf } from './checks/redecide-attempt.ts';
import type { ConfigurationHistory } from './configuration-history.ts';
import type { ReadEarlier } from './earlier-events.ts';
import { isEventOf, type EventOf } from './event-category.ts';
import { RecentEntries } from './recent-entries.ts';
import { newBatch, newDelivery, type HoldsKey, type TrackedBatch, type TrackedDelivery, type UnknownBatch } from './tracked-deliveries.ts';

const capacity = 100_000;

/** Whether the delivery or batch leaves its ordering key held if an attempt by that revision was its last. */
export const holdsKey = (
  tracked: TrackedDelivery | TrackedBatch | UnknownBatch,
  configuration: Pick<ConfigurationHistory, 'holdsKeys'>,
  endpointRevision: number,
): HoldsKey => {
  if (tracked.kind === 'unknown-batch') return 'unknown';
  if (tracked.kind === 'delivery' && !tracked.isOrdered) return false;
  if (!configuration.holdsKeys(tracked.endpointId, endpointRevision)) return false;
  return tracked.kind === 'delivery' || 'unknown';
};

/** The first event of a delivery that a replay makes: its message had not been routed to the endpoint. */
export type DeliveryStart = Extract<EventOf<'delivery'>, { type: 'delivery.replay-requested' }>;
export const isDeliveryStart = (event: RecordedEvent): event is DeliveryStart =>
  event.type === 'delivery.replay-requested' && event.data.messageType !== undefined && event.revision === 0;

export class DeliveryTracker {
  private readonly deliveries = new RecentEntries<TrackedDelivery>(capacity);
  private readonly batches = new RecentEntries<TrackedBatch | UnknownBatch>(capacity);

  constructor(
    private readonly configuration: ConfigurationHistory,
    private readonly readEarlier: ReadEarlier,
  ) {}

  trackDelivery(stream: string, delivery: TrackedDelivery): void {
    this.deliveries.set(stream, delivery);
  }

  trackBatch(stream: string, batch: TrackedBatch | UnknownBatch): void {
    this.batches.set(stream, batch);
  }

  /** The delivery, if it is in memory. */
  recentDelivery(stream: string): TrackedDelivery | undefined {
    return this.deliveries.get(stream);
  }

  /** The delivery before this event. @returns undefined if no message was routed there and no replay made it before */
  async deliveryBefore(stored: StoredEvent, event: EventOf<'delivery'> | undefined): Promise<TrackedDelivery | undefined> {
    const recent = this.deliveries.get(stored.stream);
    if (recent || !event) return recent;
    const { messageId, endpointId } = event.data;
    if (deliveryIdOf(messageId, endpointId) !== deliveryIdIn(stored.stream)) return undefined;
    return this.restoreDelivery(stored.stream, messageId, endpointId, stored.revision);
  }

  /** A message's delivery to an endpoint before a position, likewise. */
  async deliveryOf(stream: string, messageId: MessageId, endpointId: EndpointId, before: Position): Promise<TrackedDelivery | undefined> {
    return this.deliveries.get(stream) ?? this.restoreDelivery(stream, messageId, endpointId, before);
  }

  /** The batch before this event. @returns undefined if its first event is missing or unreadable */
  async batchBefore({ stream, revision }: StoredEvent): Promise<TrackedBatch | UnknownBatch | undefined> {
    const recent = this.batches.get(stream);
    if (recent) return recent;
    const [closed, ...events] = await this.readEarlier(stream, revision);
    if (closed?.type !== 'batch.closed') return undefined;
    const batch = newBatch(closed.data.endpointId, closed.data.messages);
    this.replay(batch, events);
    this.trackBatch(stream, batch);
    return batch;
  }

  private async restoreDelivery(
    stream: string,
    messageId: MessageId,
    endpointId: EndpointId,
    before: number | Position,
  ): Promise<TrackedDelivery | undefined> {
    const [message] = await this.readEarlier(messageStream(messageId), 1);
    if (message?.type !== 'message.accepted') return undefined;
    const events = await this.readEarlier(stream, before);
    const isRouted = message.data.destinations.some((each) => each.endpointId === endpointId);
    if (!isRouted && !(events[0] && isDeliveryStart(events[0]))) return undefined;
    const delivery = newDelivery(message, messageId, endpointId);
    this.replay(delivery, events);
    this.trackDelivery(stream, delivery);
    return delivery;
  }

  /** Applies earlier events. They were checked and counted when they were passed, so only their effect matters. */
  private replay(tracked: TrackedDelivery | TrackedBatch, events: readonly RecordedEvent[]): void {
    const policyAt = (revision: number) => this.configuration.retryPolicy(tracked.endpointId, revision);
    const holdsKeyAt = (revision: number) => holdsKey(tracked, this.configuration, revision);
    for (const event of events) {
      const { revision } = event;
      const isNext = revision === tracked.revision + 1;
      tracked.revision = revision;
      if (!isNext) tracked.isBroken = true;
      if (isEventOf(event, 'delivery') || (isEventOf(event, 'batch') && event.type !== 'batch.closed')) {
        const { state, expectedExhausted } = redecideAttempt(stepOf(event), tracked.state, tracked.expectedExhausted, policyAt, holdsKeyAt);
        tracked.state = state;
        tracked.expectedExhausted = expectedExhausted;
      } else tracked.isBroken = true;
    }
  }
}
