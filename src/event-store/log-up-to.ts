// A view of the log that ends at a position: later events are not in it and never will be.
import type { Position } from '../domain/ids.ts';
import type { EventStore } from './event-store.ts';

type Readable = Pick<EventStore, 'readStream' | 'follow' | 'followConfiguration' | 'tip'>;

/** The log must hold the position. A follower waits at the end, as with any log. */
export const logUpTo = (log: Readable, end: Position): Readable => ({
  tip: () => Promise.resolve(end),
  async readStream(stream, range) {
    return (await log.readStream(stream, range)).filter(({ position }) => position <= end);
  },
  async *follow(after, options) {
    if (after === undefined || after < end)
      for await (const batch of log.follow(after, options)) {
        const within = batch.filter(({ position }) => position <= end);
        if (within.length > 0) yield within;
        if (within.length < batch.length || (batch.at(-1)?.position ?? end) >= end) break;
      }
    await aborted(options.signal);
  },
  async *followConfiguration(after, options) {
    for await (const batch of log.followConfiguration(after, options)) {
      const within = batch.filter(({ position }) => position <= end);
      if (within.length > 0) yield within;
      // An empty batch says that the end of the log has been reached; an event after `end` says so too.
      if (batch.length === 0 || within.length < batch.length) break;
    }
    if (!options.signal.aborted) yield [];
    await aborted(options.signal);
  },
});

const aborted = (signal: AbortSignal): Promise<void> =>
  signal.aborted ? Promise.resolve() : new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
