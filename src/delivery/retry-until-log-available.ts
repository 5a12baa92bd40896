// Work on the log that has to be done: retried for as long as the log can't be read or written.
import { retry } from '../backoff.ts';
import { LogUnavailable } from '../event-store/event-store.ts';

/** Rejects with any other error. `work` has to be idempotent: it may have succeeded although its answer was lost. */
export const retryUntilLogAvailable = <T>(work: () => Promise<T>): Promise<T> =>
  retry(work, (error) => error instanceof LogUnavailable, { firstMs: 100, longestMs: 5_000 });
