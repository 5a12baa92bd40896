// A log as it was when it ended at a position: what came later is not in it, and never will be.
import type { Position } from '../domain/ids.ts';
import type { EventStore } from './event-store.ts';

type Readable = Pick<EventStore, 'readStream' | 'follow' | 'tip'>;

/** The log must hold the position. Whoever follows it waits at its end, as with any log. */
export const logUpTo = (log: Readable, end: Position): Readable => ({
  tip: () => Promise.resolve(end),
  async readStream(stream, range) {
    return (await log.readStream(stream, range)).filter(({ position }) => position <= end);
  },
  async *follow(after, options) {
    const { signal, only } = options;
    const isOver = only === undefined && after !== undefined && after >= end;
    if (!isOver)
      for await (const batch of log.follow(after, options)) {
        const within = batch.filter(({ position }) => position <= end);
        if (within.length > 0) yield within;
        // An empty batch says that what was asked for has ended; what comes after `end` says it, too.
        if (batch.length === 0 || within.length < batch.length || (batch.at(-1)?.position ?? end) >= end) break;
      }
    if (only !== undefined && !signal.aborted) yield [];
    if (!signal.aborted) await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
  },
});
