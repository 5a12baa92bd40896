// Waiting: for a bell, or for a while.
import { setTimeout as sleep } from 'node:timers/promises';

/** Wakes all who wait for the next ring. */
export class Bell {
  private rung = Promise.withResolvers<void>();

  get next(): Promise<void> {
    return this.rung.promise;
  }

  ring(): void {
    this.rung.resolve();
    this.rung = Promise.withResolvers();
  }
}

/** Ends early, and does not reject, when the signal aborts. */
export const pause = (ms: number, signal: AbortSignal): Promise<void> => sleep(ms, undefined, { signal }).catch(() => undefined);
