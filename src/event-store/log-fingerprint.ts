// Tells logs apart by their first event. A copy whose positions differ counts as another log.
import type { EventStore } from './event-store.ts';

/** The time and position of the first event, as a phrase; undefined while the log is empty. */
export const logFingerprint = async (log: Pick<EventStore, 'tip' | 'follow'>): Promise<string | undefined> => {
  if ((await log.tip()) === undefined) return undefined;
  const ending = new AbortController();
  try {
    for await (const [first] of log.follow(undefined, { signal: ending.signal, batchSize: 1 }))
      if (first) return `${first.recordedAt} at position ${first.position}`;
    return undefined;
  } finally {
    ending.abort();
  }
};
