// Live deliveries: tells those who listen, on this replica, which deliveries the views have just changed.
// Guarantee: bounded memory, and a change that comes again before it was taken is told once. Limits: who is too slow is
// cut off; that an endpoint was paused or resumed holds or releases its deliveries is told of none of them.
import type { BatchEvent } from '../../domain/batch.ts';
import type { BatchId, DeliveryId, EndpointId, MessageId, OrganizationId } from '../../domain/ids.ts';
import type { RecordedEvent } from '../../event-store/event-store.ts';
import { deliveryIdOf } from '../../event-store/id-generation.ts';
import { batchIdIn, messageIdIn } from '../../domain/streams.ts';

export type DeliveryChange = {
  readonly deliveryId: DeliveryId;
  readonly endpointId: EndpointId;
  readonly messageId: MessageId;
  readonly organizationId: OrganizationId;
};

/** The subscriber took its changes more slowly than they came. */
export class SubscriberTooSlow extends Error {
  override name = 'SubscriberTooSlow';
}

type Subscriber = {
  readonly wants: (change: DeliveryChange) => boolean;
  /** By delivery: only that it changed counts, not how often. */
  readonly queue: Map<DeliveryId, DeliveryChange>;
  overflown: boolean;
  wake: () => void;
};

export class LiveDeliveries {
  /** Called when somebody begins to listen: changes may be looked for until then only while somebody does. */
  onWanted: () => void = () => undefined;
  private readonly subscribers = new Set<Subscriber>();

  /** @param inBatch the deliveries of a batch: events of it name none */
  constructor(
    private readonly inBatch: (organization: OrganizationId, id: BatchId) => Promise<readonly DeliveryChange[]>,
    private readonly mostQueued = 1000,
  ) {}

  /** The views' listener: what they have just committed. */
  committed(batch: readonly RecordedEvent[], live: boolean): void {
    if (!live || this.subscribers.size === 0) return;
    this.publish(batch.flatMap(changesOf));
    for (const event of batch) if (isOfClosedBatch(event)) void this.publishBatch(event);
  }

  private async publishBatch({ stream, data }: RecordedEvent<BatchEvent>): Promise<void> {
    const id = batchIdIn(stream);
    // The views may be closing just now; then nobody listens any more.
    this.publish(await this.inBatch(data.organizationId, id).catch(() => []));
  }

  /** Never waits and never throws. */
  publish(changes: readonly DeliveryChange[]): void {
    for (const subscriber of this.subscribers) {
      for (const change of changes) {
        if (!subscriber.wants(change)) continue;
        if (subscriber.queue.size < this.mostQueued || subscriber.queue.has(change.deliveryId)) {
          subscriber.queue.set(change.deliveryId, change);
          continue;
        }
        subscriber.queue.clear();
        subscriber.overflown = true;
        this.subscribers.delete(subscriber);
        break;
      }
      subscriber.wake();
    }
  }

  /**
   * The changes from now on: it listens from the call on, not from the first `next`. Ends with `return`, also while `next` waits.
   * @throws SubscriberTooSlow from `next` when more than `mostQueued` deliveries wait to be taken.
   */
  subscribe(wants: (change: DeliveryChange) => boolean): AsyncIterableIterator<DeliveryChange, undefined> {
    const subscriber: Subscriber = { wants, queue: new Map(), overflown: false, wake: () => undefined };
    const { subscribers, mostQueued } = this;
    subscribers.add(subscriber);
    this.onWanted();
    let ended = false;
    const next = async (): Promise<IteratorResult<DeliveryChange, undefined>> => {
      for (;;) {
        if (subscriber.overflown)
          throw new SubscriberTooSlow(`More than ${mostQueued} changes waited to be taken, so no more are kept; subscribe again, to less.`);
        if (ended) return { done: true, value: undefined };
        const [change] = subscriber.queue.values();
        if (change) {
          subscriber.queue.delete(change.deliveryId);
          return { done: false, value: change };
        }
        await new Promise<void>((resolve) => (subscriber.wake = resolve));
      }
    };
    return {
      next,
      return: async () => {
        ended = true;
        subscribers.delete(subscriber);
        subscriber.wake();
        return { done: true, value: undefined };
      },
      [Symbol.asyncIterator]() {
        return this;
      },
    };
  }

  get subscriberCount(): number {
    return this.subscribers.size;
  }
}

const isOfClosedBatch = (event: RecordedEvent): event is RecordedEvent<BatchEvent> =>
  event.type.startsWith('batch.') && event.type !== 'batch.closed';

const changesOf = (event: RecordedEvent): DeliveryChange[] => {
  switch (event.type) {
    case 'message.accepted': {
      const messageId = messageIdIn(event.stream);
      const { organizationId, destinations } = event.data;
      return destinations.map(({ endpointId }) => ({
        deliveryId: deliveryIdOf(messageId, endpointId),
        endpointId,
        messageId,
        organizationId,
      }));
    }
    case 'batch.closed': {
      const { organizationId, endpointId, messages } = event.data;
      return messages.map((messageId) => ({ deliveryId: deliveryIdOf(messageId, endpointId), endpointId, messageId, organizationId }));
    }
    case 'delivery.attempt-succeeded':
    case 'delivery.attempt-failed':
    case 'delivery.exhausted':
    case 'delivery.retry-requested':
    case 'delivery.replay-requested':
    case 'delivery.cancelled': {
      const { endpointId, messageId, organizationId } = event.data;
      return [{ deliveryId: deliveryIdOf(messageId, endpointId), endpointId, messageId, organizationId }];
    }
    default:
      return [];
  }
};
