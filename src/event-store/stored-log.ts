// A log as it is stored, for copying and checking it: events move as they are, whatever is in them, also those that this version can't read.
import type { Position } from '../domain/ids.ts';
import type { StoredEvent } from './codec.ts';

/** An event for another log, where it gets a position of its own. */
export type EventToStore = Omit<StoredEvent, 'position' | 'recordedAt'>;

/** What is read while somebody else may write to it. */
export type StoredLogReader = Omit<StoredLog, 'append'>;

export interface StoredLog {
  /** For people. */
  readonly name: string;
  /** Of the last event; undefined while the log is empty. */
  last(): Promise<StoredEvent | undefined>;
  /** Every event after a position (undefined: from the start) up to where the log ends now, in log order, in batches. */
  read(after: Position | undefined): AsyncIterable<readonly StoredEvent[]>;
  /** The event of a stream with that revision. */
  at(stream: string, revision: number): Promise<StoredEvent | undefined>;
  /**
   * Appends the events in this order; their revisions must follow what the log holds. When it rejects, some may be there, but none before an
   * earlier one.
   */
  append(events: readonly EventToStore[]): Promise<void>;
  /** How far `position` is on the way to `end`, from 0 to 1. */
  share(position: Position, end: Position): number;
  close(): Promise<void>;
}
