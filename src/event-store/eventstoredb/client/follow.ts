// Following on the client's thread: one subscription, from its start to its end.
// Guarantee: the subscriber gets checkpoints only after the events in front of them. Memory is bounded: the subscription pauses while more than
// `window` bytes have been sent and not taken.
import type { Position } from '../../../domain/ids.ts';
import { subscribe, toClientFailure, toEventOnServer, type DbClient } from './db-client.ts';
import type { ClientFailure, SubscriptionItem, SubscriptionRequest } from './messages.ts';
import type { NodeClient } from './node-client.ts';
import type { Outbox } from './outbox.ts';

/** The memory that an event takes beside its JSON, roughly. */
const eventOverhead = 300;

export class ClientSubscription {
  readonly #call: number;
  readonly #outbox: Outbox;
  readonly #window: number;
  readonly #onEnd: () => void;
  #subscription: ReturnType<typeof subscribe> | undefined;
  #ended = false;
  #untakenBytes = 0;
  #eventsRead = 0;
  /** Checkpoints arrive before the events in front of them are read: `behind` is the number of events that come first. */
  #checkpoints: { readonly behind: number; readonly through: Position }[] = [];
  /** The batch posted in this turn of the event loop, which may still grow. */
  #batch: { turn: number; items: SubscriptionItem[]; bytes: number } = { turn: -1, items: [], bytes: 0 };

  constructor(
    node: NodeClient,
    call: number,
    request: SubscriptionRequest,
    { outbox, onEnd }: { readonly outbox: Outbox; readonly onEnd: () => void },
  ) {
    this.#call = call;
    this.#outbox = outbox;
    this.#window = request.window;
    this.#onEnd = onEnd;
    node
      .use((client, lost) => {
        if (!this.#ended) this.#start(client, request, lost);
      })
      .catch((error: unknown) => this.#end(toClientFailure(error)));
  }

  #start(client: DbClient, { after, prefixes }: SubscriptionRequest, lost: (error: unknown) => void): void {
    const subscription = subscribe(client, after, prefixes, ({ readableLength }, through) => {
      this.#checkpoints.push({ behind: this.#eventsRead + readableLength, through });
      this.#sendCheckpoint();
    });
    this.#subscription = subscription;
    subscription.on('confirmation', () => this.#outbox.post({ kind: 'confirmed', call: this.#call }));
    subscription.on('error', (error) => {
      if (!this.#ended) lost(error); // not after our own cancelling
      this.#end(toClientFailure(error));
    });
    subscription.on('end', () => this.#end(undefined));
    subscription.on('data', ({ event }) => {
      this.#eventsRead += 1;
      if (this.#ended) return;
      if (event) this.#sendEvent(event);
      this.#sendCheckpoint();
    });
  }

  /** The subscriber has taken this much. */
  taken(bytes: number): void {
    this.#untakenBytes -= bytes;
    if (this.#untakenBytes <= this.#window / 2) this.#subscription?.resume();
  }

  unsubscribe(): void {
    this.#end(undefined);
  }

  #sendEvent(event: Parameters<typeof toEventOnServer>[0]): void {
    const item = toEventOnServer(event);
    const bytes = item.data.length + item.metadata.length + eventOverhead;
    this.#untakenBytes += bytes;
    this.#send(item, bytes);
    if (this.#untakenBytes > this.#window) this.#subscription?.pause();
  }

  #sendCheckpoint(): void {
    const passed = this.#checkpoints.findLast(({ behind }) => behind <= this.#eventsRead);
    if (!passed || this.#ended) return;
    this.#checkpoints = this.#checkpoints.filter(({ behind }) => behind > this.#eventsRead);
    this.#send({ through: passed.through }, 0);
  }

  #send(item: SubscriptionItem, bytes: number): void {
    if (this.#batch.turn !== this.#outbox.turn) {
      this.#batch = { turn: this.#outbox.turn, items: [], bytes: 0 };
      this.#outbox.post({ kind: 'items', call: this.#call, batch: this.#batch });
    }
    this.#batch.items.push(item);
    this.#batch.bytes += bytes;
  }

  #end(failure: ClientFailure | undefined): void {
    if (this.#ended) return;
    this.#ended = true;
    void this.#subscription?.unsubscribe().catch(() => {});
    this.#outbox.post({ kind: 'ended', call: this.#call, failure });
    this.#onEnd();
  }
}
