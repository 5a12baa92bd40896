// A consumer: what keeps tables (or a program) up to date with the log. The runner (consumer-runner.ts) feeds it.
import type { Kysely } from 'kysely';
import type { Position } from '../../domain/ids.ts';
import type { RecordedEvent } from '../../event-store/event-store.ts';
import type { CheckpointSchema, Int64Type, Transaction } from './database/database.ts';

/** What is known of every event until it is applied. */
export type EventHeader = Pick<RecordedEvent, 'stream' | 'type' | 'position' | 'recordedAt'>;

/** `Kept`: what waits to be applied, of each event: the event itself, unless `received` makes less of it. */
export interface Consumer<S extends CheckpointSchema, Retained extends EventHeader = RecordedEvent> {
  /** Letters, digits and `-`: part of a file's name. */
  readonly name: string;
  /** Bump it when the tables or what is written to them change: the new version is built beside the old one. */
  readonly version: number;
  /** The oldest version whose tables today's queries can read: it answers them until this version has caught up. Left out: none. */
  readonly oldestReadableVersion?: number;
  /** Two versions must not do what it does at one time, at two replicas: the newer one only writes its tables until the older ones have ended. */
  readonly exclusiveVersion?: true;
  /** Every table with the columns of its primary key, for comparing. */
  readonly primaryKeys: { readonly [T in Exclude<keyof S & string, 'checkpoint'>]: readonly (keyof S[T] & string)[] };

  createTables(db: Kysely<S>, int64: Int64Type): Promise<void>;
  /** Names of indexes that `apply` does without: a build may make them at its end. */
  readonly queryIndexes?: readonly string[];

  /**
   * As soon as an event is read, before it is applied; `live` is false for those that the log held already at the start. Must not throw.
   * What it returns waits to be applied, and goes into memory that is cleared seldom: the less, the better.
   */
  receive?(event: RecordedEvent, live: boolean): Retained;

  /**
   * Applies events, in log order, within `tx`, which commits with the checkpoint. How the log is cut into batches must make no difference.
   * Whatever it remembers from one call to the next must bear that `tx` is rolled back and the same events come again.
   */
  apply(batch: readonly Retained[], tx: Transaction<S>): Promise<void>;

  /**
   * As `apply`, and nothing else is done than writing rows: whatever else follows from these events has been done long ago. Left out: `apply`
   * writes rows only.
   */
  applyRowsOnly?(batch: readonly Retained[], tx: Transaction<S>): Promise<void>;

  /** What it comes to next are other tables, which were built anew: whatever it remembers of those before is void. */
  clearCache?(): void;

  /** After rows and checkpoint of the batch are committed. Must not throw. */
  onCommitted?(batch: readonly Retained[], live: boolean): void;

  /** When all that the log held at the start is applied. */
  onCaughtUp?(): void;

  // Where several processes have it open: one of them applies, for a term; another takes its place when it is gone.

  /** In a transaction of its own, before the first event of a term is applied; and again when all is that the log held then, before `caughtUp`. */
  onTermStart?(tx: Transaction<S>): Promise<void>;
  onTermCaughtUp?(tx: Transaction<S>): Promise<void>;
  /** Another process may apply events now. Those that were received and not committed come again, here or there. Must not throw. */
  onTermLost?(): void;
  /** Another process has committed up to here. Must not throw. */
  onCommittedElsewhere?(position: Position): void;
}

/** What waits to be applied of an event that was just read. */
export const retainedOf = <S extends CheckpointSchema, Retained extends EventHeader>(
  consumer: Consumer<S, Retained>,
  event: RecordedEvent,
  live: boolean,
): Retained => (consumer.receive ? consumer.receive(event, live) : (event as EventHeader as Retained)); // without `received`, what is kept is the event
