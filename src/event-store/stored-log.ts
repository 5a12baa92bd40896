// The port to a log in stored form, for copying and checking: events pass unchanged, even those that this version can't read.
import type { Position } from '../domain/ids.ts';
import type { StoredEvent } from './codec.ts';

/** An event for another log, which gives it a new position. */
export type EventToStore = Omit<StoredEvent, 'position' | 'recordedAt'>;

/** A log that others may write to meanwhile. */
export type StoredLogReader = Omit<StoredLog, 'append'>;

export interface StoredLog {
  /** The log's name in messages. */
  readonly name: string;
  /** The last event; undefined while the log is empty. */
  last(): Promise<StoredEvent | undefined>;
  /** Every event after a position (undefined: from the start) up to the current end of the log, in log order, in batches. */
  read(after: Position | undefined): AsyncIterable<readonly StoredEvent[]>;
  /** The event of a stream with that revision. */
  at(stream: string, revision: number): Promise<StoredEvent | undefined>;
  /**
   * Appends the events in this order; their revisions must continue those in the log. After a rejection some events may have been written, but
   * none without those before it.
   */
  append(events: readonly EventToStore[]): Promise<void>;
  /** How far `position` is on the way to `end`, from 0 to 1. */
  share(position: Position, end: Position): number;
  close(): Promise<void>;
}
