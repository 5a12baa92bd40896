// The gatherer: collects the deliveries of an endpoint that takes batches, and has a batch closed when it is full or the oldest has waited long enough.
import type { BaseLogger } from 'pino';
import type { EndpointSettings } from '../../domain/endpoint-events.ts';
import type { EndpointId, Position } from '../../domain/ids.ts';
import type { BatchCloser } from '../attempts/batch-closer.ts';
import type { ScheduleAttempt } from '../saga/saga-commands.ts';
import { AttemptQueue } from './attempt-queue.ts';
import type { MemoryBudget } from './memory-budget.ts';

/** After a failure to close a batch. */
const retryMs = 1_000;

export type BatchListener = {
  /**
   * These deliveries are in a closed batch now, recorded at `position`; undefined: the table shows it. The batch itself becomes due by its event, here
   * or at another replica.
   */
  readonly onBatched: (deliveries: readonly ScheduleAttempt[], position: Position | undefined) => void;
  /** The wait is over, or a batch was closed: `closeIfReady` may have something to do. */
  readonly onReady: () => void;
};

export class BatchGatherer {
  readonly queue: AttemptQueue;
  private isClosing = false;
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly endpointId: EndpointId,
    private readonly closer: Pick<BatchCloser, 'close'>,
    budget: MemoryBudget,
    private readonly listener: BatchListener,
    private readonly log: Pick<BaseLogger, 'error'>,
    /** The clock of the due attempts. */
    private readonly now: () => number,
  ) {
    this.queue = new AttemptQueue(budget);
  }

  /** Has deliveries, and no batch of them is being closed. */
  get isPending(): boolean {
    return this.queue.length > 0 && !this.isClosing;
  }

  closeIfReady({ maxSize, maxWaitMs }: NonNullable<EndpointSettings['batch']>): void {
    this.cancelTimer();
    const { first } = this.queue;
    if (!first || this.isClosing) return;
    const waitMs = first.dueAt + maxWaitMs - this.now();
    if (this.queue.length >= maxSize || waitMs <= 0) void this.close(maxSize);
    else this.timer = setTimeout(this.listener.onReady, waitMs);
  }

  removeAll(): readonly ScheduleAttempt[] {
    this.cancelTimer();
    return this.queue.removeAll();
  }

  private cancelTimer(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
  }

  private async close(maxSize: number): Promise<void> {
    this.isClosing = true;
    try {
      const { deliveries, position } = await this.closer.close(this.endpointId, this.queue.peek(maxSize), maxSize);
      const closed = new Set(deliveries.map(({ id }) => id));
      this.queue.removeAll(({ id }) => closed.has(id));
      this.listener.onBatched(deliveries, position);
    } catch (error) {
      this.log.error({ err: error, endpointId: this.endpointId }, 'A batch could not be closed. Retrying.');
      await new Promise((resolve) => setTimeout(resolve, retryMs).unref());
    }
    this.isClosing = false;
    this.listener.onReady();
  }
}
