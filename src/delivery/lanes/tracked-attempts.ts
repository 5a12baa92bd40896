// The attempts that a lane tracks: queued, in flight, or recorded at a position that the table of due attempts does not reflect yet.
// While an attempt is tracked, its row in the table is out of date, so the lane must not take it from there.
import type { Position } from '../../domain/ids.ts';
import type { DeliveryOrBatchId, ScheduleAttempt } from '../saga/saga-commands.ts';

type Tracked = {
  readonly attempt: number;
  /** Where the log has the outcome; undefined until the log has answered. */
  readonly recordedAt: Position | undefined;
};

export class TrackedAttempts {
  private readonly byId = new Map<DeliveryOrBatchId, Tracked>();
  /** Attempts that were untracked while the table was being read: the rows read may be older than that. */
  private untrackedDuringRead: Set<DeliveryOrBatchId> | undefined;

  get size(): number {
    return this.byId.size;
  }

  has(id: DeliveryOrBatchId): boolean {
    return this.byId.has(id);
  }

  /** Whether exactly this attempt is tracked, not an earlier or later one of the same delivery. */
  hasAttempt({ id, attempt }: Pick<ScheduleAttempt, 'id' | 'attempt'>): boolean {
    return this.byId.get(id)?.attempt === attempt;
  }

  track({ id, attempt }: ScheduleAttempt, recordedAt?: Position): void {
    this.byId.set(id, { attempt, recordedAt });
  }

  untrack(id: DeliveryOrBatchId): void {
    this.byId.delete(id);
    this.untrackedDuringRead?.add(id);
  }

  untrackAllRecorded(): void {
    for (const [id, { recordedAt }] of this.byId) if (recordedAt !== undefined) this.untrack(id);
  }

  /** The table reflects the log up to `applied`. @returns whether the outcome recorded here is among that, so that the attempt is no longer tracked */
  untrackIfApplied(id: DeliveryOrBatchId, applied: Position): boolean {
    const recordedAt = this.byId.get(id)?.recordedAt;
    if (recordedAt === undefined || recordedAt > applied) return false;
    this.untrack(id);
    return true;
  }

  /** Call before reading the table. @returns which attempts were untracked meanwhile, whether a row is not out of date, and how to end that */
  beginRead() {
    const untrackedMeanwhile: Set<DeliveryOrBatchId> = (this.untrackedDuringRead = new Set());
    return {
      untrackedMeanwhile,
      /** A claimed row is up to date, though an earlier attempt may still be tracked until its outcome is applied. */
      isUpToDate: (attempt: ScheduleAttempt, isClaimed: boolean): boolean =>
        isClaimed ? !this.hasAttempt(attempt) : !this.has(attempt.id) && !untrackedMeanwhile.has(attempt.id),
      end: () => (this.untrackedDuringRead = undefined),
    };
  }

  get isBeingRead(): boolean {
    return this.untrackedDuringRead !== undefined;
  }
}
