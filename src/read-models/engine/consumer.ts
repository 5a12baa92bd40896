// The consumer interface: something that keeps tables, or a program, up to date with the log. ConsumerRunner feeds it.
import type { Kysely } from 'kysely';
import type { Position } from '../../domain/ids.ts';
import type { RecordedEvent } from '../../event-store/event-store.ts';
import type { CheckpointSchema, Int64Type, Transaction } from './database/database.ts';

/** What the engine itself needs of each event until the event is applied. */
export type EventHeader = Pick<RecordedEvent, 'stream' | 'type' | 'position' | 'recordedAt'>;

/** `Retained`: the part of an event that stays in memory until the event is applied. */
export interface Consumer<S extends CheckpointSchema, Retained extends EventHeader = RecordedEvent> {
  /** Letters, digits and `-`: part of a file name. */
  readonly name: string;
  /** Raise it when the tables, or the rows written to them, change. The new version is built beside the old one. */
  readonly version: number;
  /** The oldest version whose tables today's queries can read. It answers them until this version has caught up. Omitted: none. */
  readonly oldestReadableVersion?: number;
  /** Replicas must not run two versions at once. The newer one only writes its tables until no replica runs an older one. */
  readonly exclusiveVersion?: true;
  /** The primary key of each table. Comparisons read the rows in this order. */
  readonly primaryKeys: { readonly [T in Exclude<keyof S & string, 'checkpoint'>]: readonly (keyof S[T] & string)[] };

  /** Columns whose values are this process's own, not the log's. Comparisons leave them out. */
  readonly localColumns?: { readonly [T in Exclude<keyof S & string, 'checkpoint'>]?: readonly (keyof S[T] & string)[] };

  createTables(db: Kysely<S>, int64: Int64Type): Promise<void>;
  /** Indexes that `apply` doesn't use. A rebuild may create them last. */
  readonly queryIndexes?: readonly string[];

  /**
   * Called for each event as soon as it is read. `live` is false for events that were in the log at the start. Must not throw.
   * @returns what to keep in memory until the event is applied. Keep little: a catch-up holds thousands of these.
   */
  receive(event: RecordedEvent, live: boolean): Retained;

  /** How many rows applying it may write, if that can be many. It bounds transactions and memory. Omitted: one. */
  weightOf?(retained: Retained): number;

  /**
   * Applies events, in log order, within `tx`, which also commits the checkpoint. The result must not depend on how the log is cut into batches.
   * `tx` may be rolled back and the same events may come again, so any state kept between calls has to allow for that.
   */
  apply(batch: readonly Retained[], tx: Transaction<S>): Promise<void>;

  /** Like `apply`, but only writes rows: all other effects of these events happened long ago. Omitted: `apply` only writes rows. */
  applyRowsOnly?(batch: readonly Retained[], tx: Transaction<S>): Promise<void>;

  /** Other tables, from a rebuild, come next. Drop anything cached from the current ones. */
  clearCache?(): void;

  /** Called after a batch's rows and checkpoint are committed. Must not throw. */
  onCommitted?(batch: readonly Retained[], live: boolean): void;

  /** Called once everything that the log held at the start is applied. */
  onCaughtUp?(): void;

  // When several replicas share the tables, one of them, the leader, applies events for a term. When it goes, another one takes over. A process that
  // has the tables to itself has one term.

  /** Runs in its own transaction, before the first event of a term is applied, and before the tables are replaced by rebuilt ones. */
  onTermStart?(tx: Transaction<S>): Promise<void>;
  /** Runs in its own transaction once the term has applied what the log held at its start, before `onCaughtUp`. */
  onTermCaughtUp?(tx: Transaction<S>): Promise<void>;
  /** Another replica may apply events now. Events received but not committed come again, here or there. Must not throw. */
  onTermLost?(): void;
  /** Another replica has committed up to this position. Must not throw. */
  onCommittedElsewhere?(position: Position): void;
}
