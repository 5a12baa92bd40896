// Checks every append before anything is sent, whatever the log: catches bugs of the caller.
import type { Write } from './event-store.ts';

/** @throws TypeError naming the stream and what is wrong */
export const checkWrites = (writes: readonly Write[]): void => {
  const streams = new Set<string>();
  for (const { stream, expectedRevision, events } of writes) {
    if (stream === '') throw new TypeError('A write needs a stream name.');
    if (streams.has(stream)) throw new TypeError(`${stream}: an append can have only one write per stream; put the events into one write.`);
    streams.add(stream);
    if (events.length === 0) throw new TypeError(`${stream}: a write needs at least one event.`);
    if (expectedRevision !== 'no-stream' && !(Number.isSafeInteger(expectedRevision) && expectedRevision >= 0))
      throw new TypeError(`${stream}: ${expectedRevision} is not a valid expected revision; give 0 or more, or "no-stream".`);
  }
};
