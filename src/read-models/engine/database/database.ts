// The port between consumers and the database that holds their tables. Its adapters are beside this file.
import type { Kysely } from 'kysely';
import type { Position } from '../../../domain/ids.ts';
import type { AcceptLostTail } from '../../../event-store/lost-tail.ts';

/** Part of every schema: the checkpoint is beside the rows that it describes, and is read in one snapshot with them. */
export type CheckpointSchema = { readonly checkpoint: { readonly id: number; readonly position: Position } };

/** The type of 64-bit integer columns. In SQLite, only an `integer` primary key is the row id itself, which saves an index. */
export type Int64Type = 'integer' | 'bigint';
export type CreateTables<S> = (db: Kysely<S>, int64: Int64Type) => Promise<void>;

type Table<S> = keyof S & string;
type Column<S, T extends keyof S> = keyof S[T] & string;

/**
 * An open transaction, with bulk reads and writes. All rows of one call have the same columns and, except for `insert`, different keys.
 * A column holds text, a whole number or null (true and false are 1 and 0, JSON is text), which every database can store.
 */
export interface Transaction<S> {
  /** Skips rows whose key exists. */
  insert<T extends Table<S>>(table: T, rows: readonly S[T][]): Promise<void>;
  /** Inserts a row, or sets all other columns where `keys` exist. */
  upsert<T extends Table<S>>(table: T, keys: readonly Column<S, T>[], rows: readonly S[T][]): Promise<void>;
  /** Sets the given columns of the rows with these keys. Skips rows that don't exist. */
  update<T extends Table<S>, K extends Column<S, T>>(
    table: T,
    keys: readonly K[],
    rows: readonly (Pick<S[T], K> & Partial<S[T]>)[],
  ): Promise<void>;
  /** For counters: inserts a row, or adds to all other columns where `keys` exist. */
  add<T extends Table<S>>(table: T, keys: readonly Column<S, T>[], rows: readonly S[T][]): Promise<void>;
  delete<T extends Table<S>, C extends Column<S, T>>(table: T, column: C, values: readonly S[T][C][]): Promise<void>;
  /** Returns some columns of the rows that have one of these values, in no particular order. */
  find<T extends Table<S>, C extends Column<S, T>, R extends Column<S, T>>(
    table: T,
    column: C,
    values: readonly S[T][C][],
    columns: readonly R[],
  ): Promise<Pick<S[T], R>[]>;
  /**
   * Like `find`, but at most the first `most` rows of each value, by the column `order`, which no two rows of a value share.
   * With an index on both columns it reads no other rows.
   */
  findFirst<T extends Table<S>, C extends Column<S, T>, R extends Column<S, T>>(
    table: T,
    column: C,
    values: readonly S[T][C][],
    order: Column<S, T>,
    most: number,
    columns: readonly R[],
  ): Promise<Pick<S[T], R>[]>;
  /** For rare other statements, within this transaction. */
  readonly kysely: Kysely<S>;
  /** No other process writes these tables, and the first failed transaction is the last. So rows written need not be read again. */
  readonly isOnlyWriter?: boolean;
}

/** Identifies a consumer's tables: the consumer's version, and the build of that version. */
export type BuildId = { readonly version: number; readonly build: number };

/** One build of the tables of a consumer's version, with its checkpoint. */
export interface Tables<S> {
  /** 0 for the first build, and one more for each rebuild. */
  readonly build: number;
  hasNewerBuild(): Promise<boolean>;
  /** A read-only connection of its own. Sees committed rows. */
  readonly read: Kysely<S>;
  /**
   * Runs `work` and sets the checkpoint, both or neither. Transactions run one after the other.
   * Rejects, with nothing changed, with the error of `work` or of the database (see `Database.isTransient`), or with CheckpointMoved.
   */
  transaction<T>(work: (tx: Transaction<S>) => Promise<T>, checkpoint?: Position): Promise<T>;
  /** Undefined: no event has been applied. */
  checkpoint(): Promise<Position | undefined>;
  close(): Promise<void>;
  /** Set if several processes share the tables. Otherwise only this process writes them. */
  readonly group?: ReplicaGroup<S>;
}

/** What a process hears from the others in its group. No callback may throw. */
export type GroupListener = {
  /** Another process may write from now on. */
  readonly onLeadershipLost: () => void;
  /** The leader, another process, has committed up to here. */
  readonly onCheckpoint: (position: Position) => void;
  /** A process waits for this position. */
  readonly onPositionAwaited: (position: Position) => void;
  /** Another process has sent a message. Undefined: messages may have been missed. */
  readonly onMessage: (message: string | undefined) => void;
  /** There is a newer build, as `hasNewerBuild` says. This call may be missed. */
  readonly onNewerBuild: () => void;
};

/** The processes that share tables. One of them, the leader, writes; the others stand by to take over, and hear of each commit. */
export interface ReplicaGroup<S> {
  listen(listener: Partial<GroupListener>): void;
  /**
   * Starts to listen, without competing to lead. Calls `onCheckpoint` first. The tables can't be dropped meanwhile, as after `acquireLeadership`.
   * Rejects while the database is unavailable.
   */
  standBy(): Promise<void>;
  /**
   * Reads the checkpoint again if this process becomes the leader.
   * @returns whether this process is the leader; it stays so until `releaseLeadership` or `onLeadershipLost`
   * @throws while the database is unavailable; with `exclusiveVersion`, also while a process has a newer version or build open
   */
  acquireLeadership(): Promise<boolean>;
  releaseLeadership(): Promise<void>;
  /** Whether no other process can have become the leader yet. False, too, for a leader that was too busy lately to be sure. */
  readonly isSureToLead: boolean;
  /** Shows this process to the others under a name, for as long as it is connected. */
  joinAs(name: string): Promise<void>;
  /** Those of the names under which no process is connected. A process that hangs is disconnected first. */
  findAbsent(names: readonly string[]): Promise<ReadonlySet<string>>;
  /** With `exclusiveVersion`: whether a process has an older version or build open. While this one is open, no other process can open one. */
  isOlderInUse(): Promise<boolean>;
  /** For a process that does not lead: whether another one leads these tables or, if none does, has a newer version or build open. */
  findRunning(): Promise<'leader' | 'newer-version' | undefined>;
  /** Asks the leader to commit up to this position without delay. */
  hurryLeader(position: Position): void;
  /** Sends a message to the other processes; within a transaction, once it commits. */
  broadcast(message: string, tx?: Transaction<S>): Promise<void>;
  /** For rows that don't follow from the log, such as leases: any process may write them. Each statement is its own transaction. */
  readonly sideWriter: Kysely<S>;
}

/** A build in progress. A transaction may be answered before it commits; a failure then shows at a later one, or at `checkpoint`. */
export interface NextTables<S> extends Tables<S> {
  /** Creates the indexes that only queries need. Call it before `finishNext`. */
  complete(): Promise<void>;
}

/** A read-only connection to tables that another process may write, or to an older version that still answers queries. */
export type ReadOnlyTables<S> = { readonly read: Kysely<S>; close(): Promise<void> };

export type NextOptions = {
  /** Indexes that only queries need. They may be missing until `complete`. */
  readonly queryIndexes?: readonly string[];
  /** Processes must not have two builds open at once. */
  readonly exclusiveVersion?: boolean;
};

/** The log that the tables follow. */
export type FollowedLog = {
  /** Identifies the log by when and where its first event was recorded. Undefined while the log is empty. */
  readonly origin: string | undefined;
  readonly tip: () => Promise<Position | undefined>;
  /** Undefined: tables that know more than the log are refused. */
  readonly acceptLostTail?: AcceptLostTail;
  /** What is left of the log may not be what the tables were built from. */
  readonly startOver?: boolean;
};

export interface Database {
  /**
   * Binds the tables to this log, now or once it is no longer empty. Call it before opening any. If the tables belong to another log, or are
   * ahead of this one, and the loss is accepted, the tables start over.
   * @throws DatabaseUnusable if that is not accepted, if the tables may belong to someone else, or if the database can't be reached or lacks what we
   * need
   */
  bindTo(log: FollowedLog): Promise<void>;
  /**
   * Opens the newest build of a consumer's tables. Creates empty ones if there are none, or if they are damaged or not ours; those are moved
   * aside, with a line in the log.
   * @throws DatabaseUnusable with `exclusiveVersion`, if another process has a newer version or build open
   */
  open<S extends CheckpointSchema>(
    name: string,
    version: number,
    createTables: CreateTables<S>,
    options?: { readonly exclusiveVersion?: boolean },
  ): Promise<Tables<S>>;
  /** @param build omitted: the newest */
  openReadOnly<S extends CheckpointSchema>(name: string, version: number, build?: number): Promise<ReadOnlyTables<S>>;
  /** As `openReadOnly`, for the queries of many callers at a time: this thread goes on while they run. No transactions, no streaming. */
  openForQueries<S extends CheckpointSchema>(name: string, version: number, build?: number): Promise<ReadOnlyTables<S>>;
  /** The versions of a consumer that have tables, lowest first. */
  versions(name: string): Promise<readonly number[]>;
  /** The finished builds of a version, lowest first. */
  builds(name: string, version: number): Promise<readonly number[]>;
  /** Does nothing if the build doesn't exist or another process has it open. `build` omitted: all of that version, including the next one. */
  drop(name: string, version: number, build?: number | 'next'): Promise<void>;
  /** Drops a build unless a process has it open. */
  dropUnused(name: string, version: number, build: number): Promise<void>;

  /**
   * Opens the next build, which no query reads until it is finished: resumes an interrupted one, or creates it.
   * @throws DatabaseUnusable while another process builds it; with `exclusiveVersion`, also while replicas share the tables
   */
  openNext<S extends CheckpointSchema>(
    name: string,
    version: number,
    createTables: CreateTables<S>,
    options?: NextOptions,
  ): Promise<NextTables<S>>;
  /**
   * Makes the next build, which must be closed, the newest one. Notifies processes that share the tables.
   * @returns its number
   * @throws DatabaseUnusable as `openNext`
   */
  finishNext(name: string, version: number, options?: Pick<NextOptions, 'exclusiveVersion'>): Promise<number>;
  /** Files that were found damaged while they were in use. The next `open` replaces them. */
  damagedFiles(): readonly string[];
  /** Whether a retry may succeed: the database is locked or unavailable, or the disk is full. */
  isTransient(error: unknown): boolean;
}

/** The database can't be used as it is. The message says why, and what to do. */
export class DatabaseUnusable extends Error {
  override name = 'DatabaseUnusable';
}

/** The database doesn't answer at the moment. A retry may succeed. */
export class DatabaseUnavailable extends Error {
  override name = 'DatabaseUnavailable';
}

/** The checkpoint is not where this process left it: another process has probably written, so this one's rows are out of date. */
export class CheckpointMoved extends Error {
  override name = 'CheckpointMoved';
}
