// The clock of due attempts that replicas share: the steady clock of the saga's leader, which it tells the others every second. Between two of these
// they go on by their own steady clocks, so no machine's clock can be set forward or back under a due time or a lease.
// Guarantee: it is the same at all replicas, but for the time that a notice takes. Limit: a first leader that never heard it begins with its own clock,
// which others then follow.
import { steadyNow } from '../../steady-clock.ts';

/** More than a slow notice may be off. */
const tolerableMs = 500;

export class SharedClock {
  private leadMs = 0;
  private readonly set = Promise.withResolvers<void>();

  /** Before it is set, a replica knows nothing of what is due, and of whose leases have ended. */
  get whenSet(): Promise<void> {
    return this.set.promise;
  }

  now(): number {
    return steadyNow() + this.leadMs;
  }

  /** This replica leads: its clock is the one. */
  lead(): void {
    this.set.resolve();
  }

  /** @param time the leader's clock. @returns whether this replica's was off, so that leases and timers made by it are */
  follow(time: number): boolean {
    const offMs = time - this.now();
    this.leadMs += offMs;
    this.set.resolve();
    return Math.abs(offMs) > tolerableMs;
  }
}
