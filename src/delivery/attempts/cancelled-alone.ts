// Deliveries that were cancelled while they waited for their batch: each was put in a batch of its own (src/commands/closed-batches.ts). The lane that
// gathers hears of it from the log, perhaps a moment after it has begun to close the next batch.
import { batchStream } from '../../domain/streams.ts';
import type { EndpointId, MessageId, Position } from '../../domain/ids.ts';
import type { EventStore } from '../../event-store/event-store.ts';
import { batchIdOf } from '../../event-store/id-generation.ts';

/** `cancelled`: the message that was cancelled in it; undefined: it is an ordinary batch. */
type ClosedBatch = { readonly position: Position; readonly cancelled: MessageId | undefined };

const readAtOnce = 50;
/** More are closed only while what gathers here was read from the table, which is later. */
const mostLookedAt = 5_000;

export class CancelledAlone {
  private readonly known = new Map<EndpointId, Map<number, ClosedBatch>>();

  constructor(private readonly store: Pick<EventStore, 'readStream'>) {}

  /** An ordinary batch was closed here. */
  add(id: EndpointId, number: number, position: Position): void {
    this.of(id).set(number, { position, cancelled: undefined });
  }

  /**
   * The messages that were cancelled in the endpoint's batches up to a number, and were accepted at a position or later. Numbers are closed in their order,
   * so a batch from before that position ends the search.
   */
  async since(id: EndpointId, newest: number, acceptedFrom: Position): Promise<ReadonlySet<MessageId>> {
    const known = this.of(id);
    const cancelled = new Set<MessageId>();
    for (let number = newest; number > Math.max(0, newest - mostLookedAt); number--) {
      if (!known.has(number)) await this.readDown(id, number, known);
      const closed = known.get(number);
      if (closed?.cancelled !== undefined) cancelled.add(closed.cancelled);
      if (!closed || closed.position >= acceptedFrom) continue;
      for (const each of known.keys()) if (each < number) known.delete(each);
      break;
    }
    return cancelled;
  }

  /** Some at once, down to the next one that is known. */
  private async readDown(id: EndpointId, from: number, known: Map<number, ClosedBatch>): Promise<void> {
    const numbers = [];
    for (let number = from; number > 0 && !known.has(number) && numbers.length < readAtOnce; number--) numbers.push(number);
    await Promise.all(
      numbers.map(async (number) => {
        const closed = await this.read(id, number);
        if (closed) known.set(number, closed);
      }),
    );
  }

  private of(id: EndpointId): Map<number, ClosedBatch> {
    let known = this.known.get(id);
    if (!known) this.known.set(id, (known = new Map()));
    return known;
  }

  private async read(id: EndpointId, number: number): Promise<ClosedBatch | undefined> {
    const [event] = await this.store.readStream(batchStream(batchIdOf(id, number)), { upTo: 0 });
    if (event?.type !== 'batch.closed') return undefined;
    return { position: event.position, cancelled: event.data.cancelled ? event.data.messages[0] : undefined };
  }
}
