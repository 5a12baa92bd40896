// The database kit: what a consumer may know about where its rows are. Adapters stand beside this file.
import type { Kysely } from 'kysely';
import type { Position } from '../../../domain/ids.ts';

/** Every schema extends this: the checkpoint stands beside the rows that it speaks of, and is read in one snapshot with them. */
export type CheckpointSchema = { readonly checkpoint: { readonly id: number; readonly position: Position } };

/** What a column of 64-bit integers is called. In SQLite only `integer` makes a primary key the row's own place, which saves an index. */
export type Int64Type = 'integer' | 'bigint';
export type CreateTables<S> = (db: Kysely<S>, int64: Int64Type) => Promise<void>;

type Table<S> = keyof S & string;
type Column<S, T extends keyof S> = keyof S[T] & string;

/**
 * An open transaction, and the verbs that write or find many rows at once. All rows of one call have the same columns, and (but for `insert`)
 * no two of them the same keys. A column holds text, a whole number or null (true and false are 1 and 0, JSON is text), so that every database
 * takes the same rows.
 */
export interface Transaction<S> {
  /** Rows whose key stands already are left as they are. */
  insert<T extends Table<S>>(table: T, rows: readonly S[T][]): Promise<void>;
  /** Inserts, or sets all other columns where `keys` stand already. */
  upsert<T extends Table<S>>(table: T, keys: readonly Column<S, T>[], rows: readonly S[T][]): Promise<void>;
  /** Sets the given columns of the rows with these keys; a row that does not stand is passed over. */
  update<T extends Table<S>, K extends Column<S, T>>(
    table: T,
    keys: readonly K[],
    rows: readonly (Pick<S[T], K> & Partial<S[T]>)[],
  ): Promise<void>;
  /** Counters: inserts, or adds to all other columns where `keys` stand already. */
  add<T extends Table<S>>(table: T, keys: readonly Column<S, T>[], rows: readonly S[T][]): Promise<void>;
  delete<T extends Table<S>, C extends Column<S, T>>(table: T, column: C, values: readonly S[T][C][]): Promise<void>;
  /** The rows with one of these values, with some of their columns; in no order. */
  find<T extends Table<S>, C extends Column<S, T>, R extends Column<S, T>>(
    table: T,
    column: C,
    values: readonly S[T][C][],
    columns: readonly R[],
  ): Promise<Pick<S[T], R>[]>;
  /** For the rare other statement, within this transaction. */
  readonly kysely: Kysely<S>;
  /** Nobody else writes these tables, and a transaction that fails is the last: what was written stands, and need not be asked for again. */
  readonly isOnlyWriter?: boolean;
}

/** The tables of one version of one consumer, and its checkpoint. */
export interface Tables<S> {
  /** 0 for the tables that were made first, and one more each time that they were built anew. */
  readonly build: number;
  /** Whether a newer build of it stands. */
  hasNewerBuild(): Promise<boolean>;
  /** Its own read-only connection: sees what is committed. */
  readonly read: Kysely<S>;
  /**
   * Carries out `work` and sets the checkpoint, both or neither. Transactions of a namespace come one after the other.
   * Rejects with what `work` threw, with what the database did (see `Database.isTransient`), or with CheckpointMoved; nothing is changed then.
   */
  transaction<T>(work: (tx: Transaction<S>) => Promise<T>, checkpoint?: Position): Promise<T>;
  /** Undefined: no event has been applied. */
  checkpoint(): Promise<Position | undefined>;
  close(): Promise<void>;
  /** Where several processes have it open. Left out: this one writes, and nobody else. */
  readonly group?: ReplicaGroup<S>;
}

/** What a process is told of a namespace that others have open, too. None of it may throw. */
export type GroupListener = {
  /** Another process may write from now on. */
  readonly onLeadershipLost: () => void;
  /** Whoever writes has committed up to here. */
  readonly onCheckpoint: (position: Position) => void;
  /** Somebody waits for this position. */
  readonly onPositionAwaited: (position: Position) => void;
  /** Another process has told all of them something; undefined: what it was may have been missed. */
  readonly onMessage: (what: string | undefined) => void;
  /** A newer build stands, as `hasNewerBuild` says. It may be missed. */
  readonly onNewerBuild: () => void;
};

/** A namespace that several processes have open: one of them writes, the others stand by to take its place, and each hears of what is committed. */
export interface ReplicaGroup<S> {
  listen(listener: Partial<GroupListener>): void;
  /** Hears from now on what is committed, `moved` first, and asks for nothing else. As with `acquire`, it is not dropped meanwhile. Rejects while the database is away. */
  standBy(): Promise<void>;
  /**
   * @returns whether this process is the one that writes. It stays that until it releases it or is told that it was lost; what it knows of the
   * checkpoint is read anew. Rejects while the database is away; with `exclusiveVersion`, also while a process has a newer version or build open.
   */
  acquireLeadership(): Promise<boolean>;
  releaseLeadership(): Promise<void>;
  /** With `exclusiveVersion`: whether a process has an older version or build open. While this one is open, none that does not has begun to. */
  isOlderInUse(): Promise<boolean>;
  /** Asks whoever writes to hurry. */
  hurryLeader(position: Position): void;
  /** Tells the other processes something; within a transaction, once it commits. */
  broadcast(what: string, tx?: Transaction<S>): Promise<void>;
  /** For what is no consequence of the log, as who works on what: rows change beside whoever writes, each statement a transaction of its own. */
  readonly sideWriter: Kysely<S>;
}

/** One that is being built. A transaction may be answered before it is committed; a failure then shows at a later one, or at `checkpoint`. */
export interface NextTables<S> extends Tables<S> {
  /** Makes what queries need and writing does not; to be called before it is finished. */
  complete(): Promise<void>;
}

/** A connection that only reads a namespace that somebody else wrote: an older version that still answers queries. */
export type ReadOnlyTables<S> = { readonly read: Kysely<S>; close(): Promise<void> };

export type NextOptions = {
  /** Only queries need these indexes, so that they may be missing until `complete`. */
  readonly queryIndexes?: readonly string[];
  /** Processes must not have two builds open at one time. */
  readonly exclusiveVersion?: boolean;
};

/** The log that the namespaces follow. */
export type FollowedLog = {
  /** What tells it from any other: when its first event was recorded, and where it is. Undefined while it is empty. */
  readonly origin: string | undefined;
  readonly tip: () => Promise<Position | undefined>;
};

export interface Database {
  /**
   * To be called before anything is opened: the namespaces are of this log from now on (or once it is no longer empty). Where they are of another one, or further than this one
   * goes, a database of our own begins anew, with a line in the log.
   * @throws DatabaseUnusable where it may be somebody else's, and when it can't be reached, or lacks what is needed.
   */
  bindTo(log: FollowedLog): Promise<void>;
  /**
   * Opens a namespace, the newest build of it; where there is none (or one that is damaged or isn't ours, which is moved aside with a line in
   * the log), it is made, empty, by `createTables`.
   * @throws DatabaseUnusable with `exclusiveVersion` where another process has a newer version, or a newer build, open
   */
  open<S extends CheckpointSchema>(
    name: string,
    version: number,
    createTables: CreateTables<S>,
    options?: { readonly exclusiveVersion?: boolean },
  ): Promise<Tables<S>>;
  /** @param build left out: the newest */
  openReadOnly<S extends CheckpointSchema>(name: string, version: number, build?: number): Promise<ReadOnlyTables<S>>;
  /** The versions of a consumer that stand, lowest first. */
  versions(name: string): Promise<readonly number[]>;
  /** The builds of a version that stand, lowest first. */
  builds(name: string, version: number): Promise<readonly number[]>;
  /** No error where it isn't there. What another process has open stays. `build` left out: all of that version, also the next one. */
  drop(name: string, version: number, build?: number | 'next'): Promise<void>;
  /** Drops a build unless a process has it open. */
  dropUnused(name: string, version: number, build: number): Promise<void>;

  /**
   * The next build of a namespace, which nobody reads until it is finished: opens it where it was left, or makes it. One process at a time.
   * @throws DatabaseUnusable while another one builds it, and with `exclusiveVersion` where processes share the namespace
   */
  openNext<S extends CheckpointSchema>(
    name: string,
    version: number,
    createTables: CreateTables<S>,
    options?: NextOptions,
  ): Promise<NextTables<S>>;
  /**
   * From now on it is the newest build. It must be closed. Processes that share the namespace are told.
   * @returns its number
   * @throws DatabaseUnusable as `openNext`
   */
  finishNext(name: string, version: number, options?: Pick<NextOptions, 'exclusiveVersion'>): Promise<number>;
  /** Whether the same transaction may well succeed later: the database is locked or away, the disk is full. */
  isTransient(error: unknown): boolean;
}

/** The database can't be used as it is. The message says why, and what to do. */
export class DatabaseUnusable extends Error {
  override name = 'DatabaseUnusable';
}

/** The database can't be asked just now. Worth trying again. */
export class DatabaseUnavailable extends Error {
  override name = 'DatabaseUnavailable';
}

/** The checkpoint is not where this process left it, as when another one has written: what this one would write is out of date. */
export class CheckpointMoved extends Error {
  override name = 'CheckpointMoved';
}
