// A lane's part of the table of due attempts: takes from it, one read at a time, what the lane does not track yet, and gives back what is not sent.
import type { EndpointId, Position } from '../../domain/ids.ts';
import type { ClaimRequest } from '../due-attempts/due-attempts.ts';
import type { ScheduleAttempt } from '../saga/saga-commands.ts';
import type { LaneContext } from './lane-context.ts';
import type { TrackedAttempts } from './tracked-attempts.ts';

/** After a failure to read the table, or the log. */
const retryMs = 1_000;
/** Urgent attempts read at a time. */
const urgentRead = 20;

export class LaneTable {
  /** The table may hold due attempts that are not in memory. */
  hasBacklog = false;
  /** Some of them may be urgent: a person waits for them. Set only when the table has gained one, so an open circuit costs no reads. */
  hasUrgent = false;
  /** Looks that are to come. */
  private checks = 0;

  constructor(
    private readonly id: EndpointId,
    private readonly context: Pick<LaneContext, 'due' | 'tableOutage' | 'status'>,
    private readonly tracked: TrackedAttempts,
    private readonly listener: {
      readonly onAttempt: (attempt: ScheduleAttempt) => void;
      /** So many attempts were taken. Not called if the table could not be read. */
      readonly onRead: (count: number) => void;
      /** A read has ended, or it is time to try again. */
      readonly onReady: () => void;
    },
  ) {}

  /** @param isHeld the endpoint is paused or disabled, and gets nothing but tests */
  readDue(limit: number, isHeld: boolean): Promise<void> {
    return this.read('hasBacklog', { limit, only: isHeld ? 'tests' : undefined });
  }

  /** Reads what a person waits for, apart from the rest. */
  readUrgent(isHeld: boolean): Promise<void> {
    return this.read('hasUrgent', { limit: urgentRead, only: isHeld ? 'tests' : 'urgent' });
  }

  private async read(part: 'hasBacklog' | 'hasUrgent', request: Omit<ClaimRequest, 'tracked'>): Promise<void> {
    if (this.tracked.isBeingRead) return;
    const { due, tableOutage, status } = this.context;
    const { untrackedMeanwhile, isUpToDate, end } = this.tracked.beginRead();
    this[part] = false;
    try {
      const { attempts, more } = await due.claim(this.id, { ...request, tracked: this.tracked });
      tableOutage.over();
      for (const attempt of attempts) if (isUpToDate(attempt, due.isShared)) this.listener.onAttempt(attempt);
      if (more || attempts.some(({ id }) => untrackedMeanwhile.has(id))) this[part] = true;
      this.listener.onRead(attempts.length);
    } catch (error) {
      if (status.isRunning) tableOutage.failed(error);
      this.checkLater(part === 'hasUrgent');
    }
    end();
    this.listener.onReady();
  }

  /** They were not sent: they stay in the table, for later or for another replica. */
  giveBack(attempts: readonly ScheduleAttempt[]): void {
    for (const { id } of attempts) this.tracked.untrack(id);
    void this.context.due.unclaim(attempts);
  }

  /** They were not sent, and are to be read again. */
  putBack(attempts: readonly ScheduleAttempt[]): void {
    this.hasBacklog ||= attempts.length > 0;
    this.giveBack(attempts);
  }

  /** The outcome is in the log at `position`. The table may show it already: it can be faster than the log's answer. */
  recorded(attempt: ScheduleAttempt, position: Position): void {
    const { due, status } = this.context;
    const isRowLeased = due.outcomeRecorded(attempt);
    if (!this.tracked.hasAttempt(attempt)) return; // the table was so much faster that the next attempt is tracked
    const isApplied = status.appliedUpTo !== undefined && position <= status.appliedUpTo;
    if (isApplied || isRowLeased || !status.acceptsOffers) this.tracked.untrack(attempt.id);
    else this.tracked.track(attempt, position);
    this.hasBacklog ||= isApplied;
  }

  /** Some may have waited for their turn, and get it before the log's followers know of the batch: they are tracked until the table shows it. */
  batched(deliveries: readonly ScheduleAttempt[], position: Position | undefined): void {
    for (const attempt of deliveries)
      if (position === undefined) this.tracked.untrack(attempt.id);
      else {
        if (!this.tracked.has(attempt.id)) this.tracked.track(attempt);
        this.recorded(attempt, position);
      }
  }

  /** This replica can't read the log, or send, at the moment. */
  leaveToOthers(attempt: ScheduleAttempt): void {
    this.giveBack([attempt]);
    this.checkLater(attempt.isUrgent);
  }

  /** There is nothing to read that is known of, now or in a while. */
  get isIdle(): boolean {
    return !this.hasBacklog && !this.hasUrgent && this.checks === 0 && !this.tracked.isBeingRead;
  }

  private checkLater(areUrgent: boolean): void {
    this.checks++;
    setTimeout(() => {
      this.checks--;
      this.hasBacklog = true;
      this.hasUrgent ||= areUrgent;
      this.listener.onReady();
    }, retryMs).unref();
  }
}
