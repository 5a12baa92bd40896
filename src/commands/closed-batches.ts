// Closed batches, as commands see them: which the newest of an endpoint is, and how a delivery is kept out of the next one.
// Guarantee: a delivery is in one batch at most. An endpoint's batches are numbered and each number is closed once, so whoever closes a number with this
// delivery keeps it out of all others, at every replica.
import { batch, type CloseBatch } from '../domain/batch.ts';
import type { DeliverySubject } from '../domain/delivery.ts';
import type { BatchId, DeliveryId, EndpointId, Position } from '../domain/ids.ts';
import { batchStream, deliveryStream } from '../domain/streams.ts';
import { LogUnavailable, type EventStore } from '../event-store/event-store.ts';
import { batchIdOf } from '../event-store/id-generation.ts';
import type { Cause, CommandExecutor } from './command-executor.ts';

const maxWaitMs = 5_000;

type ViewsProgress = { readonly reached: (position: Position, timeoutMs: number) => Promise<boolean> };

export class ClosedBatches {
  /** As the table of due attempts has it; 0: the endpoint has no batch, or nobody has set this. */
  newestOf: (endpointId: EndpointId) => Promise<number> = () => Promise.resolve(0);

  constructor(
    private readonly store: Pick<EventStore, 'tip' | 'readStream'>,
    private readonly views: ViewsProgress,
  ) {}

  /**
   * @returns the number of a batch of the endpoint: that one and all before it are in the views by now
   * @throws LogUnavailable if the views take too long
   */
  async shownUpTo(endpointId: EndpointId): Promise<number> {
    const newest = await this.newestOf(endpointId);
    const tip = await this.store.tip();
    if (tip !== undefined && !(await this.views.reached(tip, maxWaitMs)))
      throw new LogUnavailable('The views are behind the log, so they do not show yet which batch the delivery is in; try again soon.');
    return newest;
  }

  /** Whether a delivery that is in no batch may still go in one: nothing was attempted yet, and nobody asked for it to go alone. */
  async mayTake(id: DeliveryId): Promise<boolean> {
    const events = await this.store.readStream(deliveryStream(id), { upTo: 1 });
    return events.length === 0 || (events.length === 1 && events[0]?.type === 'delivery.replay-requested');
  }
}

type CancelledAlone =
  | { readonly position: Position | undefined }
  /** It is in this batch already. */
  | { readonly batchId: BatchId; readonly size: number };

/**
 * Cancels a delivery that waits for others to go with: closes a batch with this delivery alone and cancels it, in one step. So none of the others is
 * touched, and no batch that is closed at the same moment takes it along.
 * @param newest of the endpoint's batches, the number up to which the delivery is in none
 */
export const cancelAlone = async (
  executor: Pick<CommandExecutor, 'execute'>,
  { organizationId, endpointId, messageId }: DeliverySubject,
  newest: number,
  cancelled: NonNullable<CloseBatch['cancelled']>,
  cause: Cause,
): Promise<CancelledAlone> => {
  for (let number = newest + 1; ; number++) {
    const batchId = batchIdOf(endpointId, number);
    const command: CloseBatch = { type: 'Close', organizationId, endpointId, number, messages: [messageId], cancelled };
    const expected = { state: batch.initial, revision: 'no-stream' } as const;
    const { events, position, state } = await executor.execute({ stream: batchStream(batchId), decider: batch, command, expected }, cause);
    if (events.length > 0) return { position };
    // Another delivery's batch was closed meanwhile, perhaps with this one.
    if (state.status !== 'unknown' && state.messages.includes(messageId)) return { batchId, size: state.messages.length };
  }
};
