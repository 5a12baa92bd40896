// The scheduler of due attempts: one timer for all of them. It wakes when the next one is due, and finds the endpoints with due attempts in the table.
import type { EndpointId } from '../../domain/ids.ts';
import type { Outage } from '../../outage.ts';
import type { DueAttempts } from '../due-attempts/due-attempts.ts';

/** Attempts that become due within this time are found together. */
const shortestWaitMs = 10;
/** The same where replicas share the table, at most: each waits for a random part of it, so that they do not all look at once. */
const shortestSharedWaitMs = 50;
/** After a failure to read the table. */
const retryMs = 1_000;
/** setTimeout can't wait longer. */
const longestWaitMs = 2 ** 31 - 1;

export class DueScheduler {
  private isRunning = false;
  /** The table was searched up to here. Due attempts after it are new. */
  private searchedUntil = 0;
  private nextWake = Number.POSITIVE_INFINITY;
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly due: Pick<DueAttempts, 'dueSince' | 'isShared' | 'now'>,
    /** Called with endpoints that have due attempts, and those of them whose attempts a person waits for. */
    private readonly onDue: (endpoints: readonly EndpointId[], urgent: ReadonlySet<EndpointId>) => void,
    private readonly outage: Pick<Outage, 'failed' | 'over'>,
  ) {}

  start(): void {
    this.isRunning = true;
  }

  stop(): void {
    this.isRunning = false;
    clearTimeout(this.timer);
  }

  /** Looks for everything that is due, however long it has been. */
  searchAll(): void {
    this.searchedUntil = 0;
    if (this.isRunning) void this.search();
  }

  /** Something is due at `time`, by the clock of the due attempts. */
  wakeAt(time: number): void {
    if (!this.isRunning || time >= this.nextWake) return;
    this.nextWake = time;
    clearTimeout(this.timer);
    const shortest = this.due.isShared ? shortestSharedWaitMs * (0.5 + Math.random() / 2) : shortestWaitMs;
    const wait = Math.min(Math.max(time - this.due.now(), shortest), longestWaitMs);
    this.timer = setTimeout(() => void this.search(), wait);
  }

  /** Finds the endpoints with attempts that became due since the last search. */
  private async search(): Promise<void> {
    const since = this.searchedUntil;
    this.nextWake = Number.POSITIVE_INFINITY;
    try {
      const { endpoints, urgent, until, nextAt } = await this.due.dueSince(since);
      this.outage.over();
      this.onDue(endpoints, new Set(urgent));
      if (this.searchedUntil === since) this.searchedUntil = until; // otherwise `searchAll` has begun again meanwhile
      if (nextAt !== undefined) this.wakeAt(nextAt);
    } catch (error) {
      if (this.isRunning) this.outage.failed(error);
      this.wakeAt(this.due.now() + retryMs);
    }
  }
}
