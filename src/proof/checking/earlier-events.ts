// Looks up events that the checks have passed already, or that precede the first event to check.
import type { Position } from '../../domain/ids.ts';
import { codec, type StoredEvent } from '../../event-store/codec.ts';
import type { RecordedEvent } from '../../event-store/event-store.ts';
import type { StoredLogReader } from '../../event-store/stored-log.ts';

/** The events of a stream before a revision, or before a position. Leaves out events that can't be read. */
export type ReadEarlier = (stream: string, before: number | Position) => Promise<readonly RecordedEvent[]>;

export const earlierEventsIn =
  (log: Pick<StoredLogReader, 'at'>): ReadEarlier =>
  async (stream, before) => {
    const events: RecordedEvent[] = [];
    const end = typeof before === 'number' ? before : Number.MAX_SAFE_INTEGER;
    for (let revision = 0; revision < end; revision++) {
      const stored = await log.at(stream, revision);
      if (typeof before === 'string' && (!stored || stored.position >= before)) break;
      const event = stored && tryToDecode(stored);
      if (event) events.push(event);
    }
    return events;
  };

const tryToDecode = (stored: StoredEvent): RecordedEvent | undefined => {
  try {
    return codec.decode(stored);
  } catch {
    return undefined;
  }
};
