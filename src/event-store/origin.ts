// What tells one log from another: its first event. A copy of a log whose positions are others is another log by this.
import type { EventStore } from './event-store.ts';

/** When the first event was recorded, and where it is: a phrase. Undefined while the log is empty. */
export const originOf = async (log: Pick<EventStore, 'tip' | 'follow'>): Promise<string | undefined> => {
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
