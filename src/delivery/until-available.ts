// What must be done is tried until the log can be written and read again.
import { setTimeout as delay } from 'node:timers/promises';
import { LogUnavailable } from '../event-store/event-store.ts';

const longestWaitMs = 5_000;

/** Rejects with what is no `LogUnavailable`. The work must bear being repeated: it may have been carried out although its answer was lost. */
export const untilAvailable = async <T>(work: () => Promise<T>): Promise<T> => {
  for (let wait = 100; ; wait = Math.min(wait * 2, longestWaitMs)) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof LogUnavailable)) throw error;
      await delay(wait);
    }
  }
};
