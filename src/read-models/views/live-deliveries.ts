// Live deliveries: sends this replica's subscribers the deliveries that have just changed in the views.
// Guarantee: memory is bounded, and several changes of a delivery that a subscriber has not taken yet come as one. Limits: a subscriber that is too slow is
// cut off. Pausing or resuming an endpoint holds or releases its deliveries, and the end of
// a turn releases the next of an ordering key, which sends no change.
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

/** Changes came faster than the subscriber took them. */
export class SubscriberTooSlow extends Error {
  override name = 'SubscriberTooSlow';
}

type Subscriber = {
  readonly wants: (change: DeliveryChange) => boolean;
  /** By delivery: it counts that it changed, not how often. */
  readonly queue: Map<DeliveryId, DeliveryChange>;
  overflowed: boolean;
  wake: () => void;
};

/** What changed since the last bunch. `more`: others changed as well. */
export type Bunch = { readonly changes: readonly DeliveryChange[]; readonly more: boolean };

/** Collects changes for somebody who takes them now and then. Nobody is too slow for it: what does not fit is only counted. */
export class ChangeCollector {
  private readonly collected = new Map<DeliveryId, DeliveryChange>();
  private more = false;
  private wake: () => void = () => undefined;
  private ended = false;

  constructor(
    readonly wants: (change: DeliveryChange) => boolean,
    private readonly most: number,
    private readonly onEnd: (collector: ChangeCollector) => void,
  ) {}

  add(change: DeliveryChange): void {
    if (this.collected.size < this.most || this.collected.has(change.deliveryId)) this.collected.set(change.deliveryId, change);
    else this.more = true;
    this.wake();
  }

  /** Resolves once there is a change, or with false once it was ended. */
  async waitForChange(): Promise<boolean> {
    while (!this.ended && this.collected.size === 0) await new Promise<void>((resolve) => (this.wake = resolve));
    return !this.ended;
  }

  take(): Bunch {
    const bunch = { changes: [...this.collected.values()], more: this.more };
    this.collected.clear();
    this.more = false;
    return bunch;
  }

  end(): void {
    this.ended = true;
    this.onEnd(this);
    this.wake();
  }
}

export class LiveDeliveries {
  /** Called when somebody subscribes. While there are no subscribers, nobody needs to look for changes. */
  onSubscribed: () => void = () => undefined;
  private readonly subscribers = new Set<Subscriber>();
  private readonly collectors = new Set<ChangeCollector>();

  /** @param inBatch the deliveries of a batch, which its events do not name */
  constructor(
    private readonly inBatch: (organization: OrganizationId, id: BatchId) => Promise<readonly DeliveryChange[]>,
    private readonly maxQueued = 1000,
  ) {}

  /** Called with the events that the views have just committed. */
  committed(batch: readonly RecordedEvent[], live: boolean): void {
    if (!live || this.subscriberCount === 0) return;
    this.publish(batch.flatMap(changesOf));
    for (const event of batch) if (isOfClosedBatch(event)) void this.publishBatch(event);
  }

  private async publishBatch({ stream, data }: RecordedEvent<BatchEvent>): Promise<void> {
    const id = batchIdIn(stream);
    // Fails if the views are closing; then there are no subscribers left either.
    this.publish(await this.inBatch(data.organizationId, id).catch(() => []));
  }

  /** Returns at once and never throws. */
  publish(changes: readonly DeliveryChange[]): void {
    for (const collector of this.collectors) for (const change of changes) if (collector.wants(change)) collector.add(change);
    for (const subscriber of this.subscribers) {
      for (const change of changes) {
        if (!subscriber.wants(change)) continue;
        if (subscriber.queue.size < this.maxQueued || subscriber.queue.has(change.deliveryId)) {
          subscriber.queue.set(change.deliveryId, change);
          continue;
        }
        subscriber.queue.clear();
        subscriber.overflowed = true;
        this.subscribers.delete(subscriber);
        break;
      }
      subscriber.wake();
    }
  }

  /**
   * The changes from this call on, not from the first `next`. `return` ends it, also while `next` waits.
   * @throws SubscriberTooSlow from `next` when more than `maxQueued` deliveries are queued
   */
  subscribe(wants: (change: DeliveryChange) => boolean): AsyncIterableIterator<DeliveryChange, undefined> {
    const subscriber: Subscriber = { wants, queue: new Map(), overflowed: false, wake: () => undefined };
    const { subscribers, maxQueued } = this;
    subscribers.add(subscriber);
    this.onSubscribed();
    let ended = false;
    const next = async (): Promise<IteratorResult<DeliveryChange, undefined>> => {
      for (;;) {
        if (ended) return { done: true, value: undefined };
        if (subscriber.overflowed)
          throw new SubscriberTooSlow(
            `More than ${maxQueued} changes were waiting, so this subscription was ended; subscribe again, to fewer deliveries.`,
          );
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

  /** Changes from this call on, in bunches of at most `most`. End it when nobody takes them any more. */
  collect(wants: (change: DeliveryChange) => boolean, most: number): ChangeCollector {
    const collector = new ChangeCollector(wants, most, (each) => this.collectors.delete(each));
    this.collectors.add(collector);
    this.onSubscribed();
    return collector;
  }

  get subscriberCount(): number {
    return this.subscribers.size + this.collectors.size;
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
