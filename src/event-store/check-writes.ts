// What every log asks of an append before it looks at it: mistakes of ours are refused before anything is sent.
import type { Write } from './event-store.ts';

/** @throws TypeError naming the stream and what is wrong */
export const checkWrites = (writes: readonly Write[]): void => {
  const streams = new Set<string>();
  for (const { stream, expectedRevision, events } of writes) {
    if (stream === '') throw new TypeError('A write needs the name of a stream.');
    if (streams.has(stream)) throw new TypeError(`${stream}: one append can hold only one write to a stream; put the events into one.`);
    streams.add(stream);
    if (events.length === 0) throw new TypeError(`${stream}: a write needs at least one event.`);
    if (expectedRevision !== 'no-stream' && !(Number.isSafeInteger(expectedRevision) && expectedRevision >= 0))
      throw new TypeError(`${stream}: ${expectedRevision} is not a revision to expect; give 0 or more, or "no-stream".`);
  }
};
