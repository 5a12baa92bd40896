// Waiting inside the runner: for the next ring of a bell, or for some time.
import { setTimeout as sleep } from 'node:timers/promises';

/** Wakes everyone who waits for the next ring. */
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

/** Ends early, without rejecting, when the signal aborts. */
export const pause = (ms: number, signal: AbortSignal): Promise<void> => sleep(ms, undefined, { signal }).catch(() => undefined);
