// Builds a consumer's tables anew, beside the live ones, compares them, and has them take their place: the log is the only truth.
// Guarantee: the live ones are as they were until then; interrupted, the next call goes on where this one stopped. Nothing is sent.
import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { sql, type Kysely } from 'kysely';
import type { Position } from '../../domain/ids.ts';
import type { EventStore, RecordedEvent } from '../../event-store/event-store.ts';
import { applyRowsOnly, upTo } from './catch-up.ts';
import { retainedOf, type Consumer, type EventHeader } from './consumer.ts';
import type { CheckpointSchema, CreateTables, Database, Tables, ReadOnlyTables } from './database/database.ts';

/** What a table holds: its rows, counted and hashed in the order of its primary key. */
export type TableDigest = { readonly rows: number; readonly sha256: string };
export type Digest = { readonly position: Position | undefined; readonly tables: Readonly<Record<string, TableDigest>> };

export type Comparison = {
  /** What both hold is the log up to here. */
  readonly position: Position | undefined;
  readonly live: Digest;
  readonly rebuilt: Digest;
  /** The tables that are not the same; empty: the live ones are what the log says. */
  readonly different: readonly string[];
};

export type BuildResult = {
  /** Events that were applied, and how long it took. */
  readonly events: number;
  readonly seconds: number;
};

type Log = Pick<EventStore, 'tip' | 'follow'>;

export type RebuildOptions = {
  /** After each transaction. `share`: of the way to where the live tables are, from 0 to 1. */
  readonly progress?: (told: { readonly step: 'building' | 'comparing'; readonly events: number; readonly share: number }) => void;
  /** When it aborts, what is built so far is kept for the next time. */
  readonly signal?: AbortSignal;
};

const rowsPerRead = 5_000;

/** Of all tables and the checkpoint, in one snapshot; other reads on the same connection wait for it. */
export const digest = <S extends CheckpointSchema>(read: Kysely<S>, tables: Consumer<S>['primaryKeys']): Promise<Digest> =>
  read.transaction().execute(async (snapshot) => {
    const checkpoint = await sql<{ position: Position }>`SELECT position FROM checkpoint`.execute(snapshot);
    const digests: Record<string, TableDigest> = {};
    for (const [table, key] of Object.entries<readonly string[]>(tables)) {
      const hash = createHash('sha256');
      let rows = 0;
      const order = sql.join(key.map((column) => sql.ref(column)));
      const columns = key.map((column) => sql.ref(column));
      let last: readonly unknown[] | undefined;
      for (;;) {
        const after = last ? sql`WHERE (${sql.join(columns)}) > (${sql.join(last)})` : sql``;
        const page = await sql<
          Record<string, unknown>
        >`SELECT * FROM ${sql.table(table)} ${after} ORDER BY ${order} LIMIT ${sql.lit(rowsPerRead)}`.execute(snapshot);
        hash.update(JSON.stringify(page.rows)); // both have the same columns, in the order in which they were made
        rows += page.rows.length;
        const end = page.rows.at(-1);
        if (!end || page.rows.length < rowsPerRead) break;
        last = key.map((column) => end[column]);
      }
      digests[table] = { rows, sha256: hash.digest('hex') };
    }
    return { position: checkpoint.rows[0]?.position, tables: digests };
  });

/** At most: as soon as they are read, only what the consumer keeps of them stays in memory. A read is bounded in bytes as well. */
export const eventsPerRead = 500;
/** The fewer transactions, the fewer times a page of an index is written. */
const readsPerTransaction = 20;

export const neverAborts = new AbortController().signal;

/** Applies batches to tables that stand where these begin. Stops early when the signal aborts. */
export const buildTables = async <S extends CheckpointSchema, Retained extends EventHeader>(
  namespace: Tables<S>,
  consumer: Consumer<S, Retained>,
  batches: AsyncIterable<readonly RecordedEvent[]>,
  share: (last: EventHeader) => number,
  { progress = () => undefined, signal }: RebuildOptions = {},
): Promise<BuildResult> => {
  const began = performance.now();
  let events = 0;
  for await (const kept of ahead(gathered(consumer, batches))) {
    const last = kept.at(-1);
    if (last === undefined) continue;
    await namespace.transaction((tx) => applyRowsOnly(consumer, kept, tx), last.position);
    events += kept.length;
    progress({ step: 'building', events, share: share(last) });
    if (signal?.aborted) break;
  }
  await namespace.checkpoint(); // all of it is committed then
  return { events, seconds: (performance.now() - began) / 1000 };
};

/** What the consumer keeps of the events, for a transaction at a time. */
async function* gathered<S extends CheckpointSchema, Retained extends EventHeader>(
  consumer: Consumer<S, Retained>,
  batches: AsyncIterable<readonly RecordedEvent[]>,
): AsyncGenerator<readonly Retained[]> {
  let kept: Retained[] = [];
  let reads = 0;
  for await (const batch of batches) {
    for (const event of batch) kept.push(retainedOf(consumer, event, false));
    if (++reads % readsPerTransaction !== 0) continue;
    yield kept;
    kept = [];
  }
  yield kept;
}

/** Each batch when the next one has been asked for: that one is read while this one is being written. */
async function* ahead<T>(batches: AsyncIterable<T>): AsyncGenerator<T> {
  const reading = batches[Symbol.asyncIterator]();
  let next = reading.next();
  next.catch(() => undefined); // it is told when its turn comes
  try {
    for (let read = await next; !read.done; read = await next) {
      next = reading.next();
      next.catch(() => undefined);
      yield read.value;
    }
  } finally {
    await reading.return?.();
  }
}

const buildTo = async <S extends CheckpointSchema, Retained extends EventHeader>(
  to: Position | undefined,
  namespace: Tables<S>,
  consumer: Consumer<S, Retained>,
  log: Pick<EventStore, 'follow'>,
  options: RebuildOptions = {},
): Promise<BuildResult> => {
  if (to === undefined) return { events: 0, seconds: 0 };
  const batches = upTo(to, log, await namespace.checkpoint(), options.signal ?? neverAborts, eventsPerRead);
  return buildTables(namespace, consumer, batches, ({ position }) => shareOf(position, to), options);
};

/** For a bar. Positions sort as the numbers that their digits spell, whatever the log. */
const shareOf = (position: Position, end: Position) => Math.min(1, Number.parseInt(position, 16) / Math.max(1, Number.parseInt(end, 16)));

/** Follows the live tables until what they gained meanwhile takes no longer than this to apply. */
const closeEnoughSeconds = 1;
const mostRounds = 20;
/** How long a server may take to go on with what was built; it looks for it every second. */
const changeOverMs = 60_000;

export type RebuildResult = BuildResult & {
  readonly consumer: string;
  readonly version: number;
  readonly position: Position | undefined;
  /** Undefined where there was nothing to compare with. */
  readonly comparison: Comparison | undefined;
  /** Whether what was there before is gone: where a server runs, it goes on with what was built. */
  readonly replaced: boolean;
};

/**
 * With or without a server, or replicas, that run on them.
 * @returns undefined when it was aborted
 * @throws DatabaseUnusable while another process does the same, and for a consumer of one version while replicas run; UndecodableEvent
 */
export const rebuild = async <S extends CheckpointSchema, Retained extends EventHeader = RecordedEvent>(
  consumer: Consumer<S, Retained>,
  log: Log,
  database: Database,
  options: RebuildOptions = {},
): Promise<RebuildResult | undefined> => {
  const { name, version, queryIndexes } = consumer;
  const exclusiveVersion = consumer.exclusiveVersion === true;
  for (const each of await database.versions(name)) if (each !== version) await database.drop(name, each, 'next');
  const createTables: CreateTables<S> = (db, int64) => consumer.createTables(db, int64);
  const next = await database.openNext<S>(name, version, createTables, { ...(queryIndexes ? { queryIndexes } : {}), exclusiveVersion });
  const live = (await database.builds(name, version)).length > 0 ? await database.openReadOnly<S>(name, version) : undefined;
  let comparison: Comparison | undefined;
  let built: BuildResult = { events: 0, seconds: 0 };
  let position: Position | undefined;
  const goOnTo = async (to: Position | undefined): Promise<number> => {
    const { events, seconds } = await buildTo(to, next, consumer, log, {
      ...options,
      progress: (told) => options.progress?.({ ...told, events: built.events + told.events }),
    });
    built = { events: built.events + events, seconds: built.seconds + seconds };
    return seconds;
  };
  const isOver = () => options.signal?.aborted === true;
  try {
    // 1. Up to where the live tables are, which may go on meanwhile.
    const goal = async () => (live ? await checkpointOf(live) : await log.tip());
    const start = await next.checkpoint();
    const behind = live !== undefined && start !== undefined && ((await goal()) ?? '') < start; // the live ones were lost, and begin anew
    await goOnTo(behind ? await log.tip() : await goal());
    if (!isOver()) built = { ...built, seconds: built.seconds + (await secondsOf(next.complete())) };
    for (let round = 0; round < mostRounds && !isOver(); round++)
      if ((await goOnTo(behind ? await log.tip() : await goal())) < closeEnoughSeconds) break;

    // 2. Compared where both are at the same place: that of a snapshot of the live ones.
    if (live && !behind && !isOver()) {
      options.progress?.({ step: 'comparing', events: built.events, share: 0 });
      const snapshot = await digest(live.read, consumer.primaryKeys);
      await goOnTo(snapshot.position);
      options.progress?.({ step: 'comparing', events: built.events, share: 0.5 });
      if (!isOver()) comparison = compared(snapshot, await digest(next.read, consumer.primaryKeys), consumer.primaryKeys);
      options.progress?.({ step: 'comparing', events: built.events, share: 1 });
      await goOnTo(await goal());
    }
    position = await next.checkpoint();
  } finally {
    await live?.close();
    await next.close();
  }
  if (isOver()) return undefined;

  // 3. The change-over.
  const newest = await database.finishNext(name, version, { exclusiveVersion });
  const replaced = await whenReplaced(database, consumer, newest, options.signal);
  return { consumer: name, version, position, ...built, comparison, replaced };
};

const secondsOf = async (work: Promise<void>): Promise<number> => {
  const began = performance.now();
  await work;
  return (performance.now() - began) / 1000;
};

const checkpointOf = async <S extends CheckpointSchema>({ read }: ReadOnlyTables<S>): Promise<Position | undefined> => {
  const { rows } = await sql<{ position: Position }>`SELECT position FROM checkpoint`.execute(read);
  return rows[0]?.position;
};

const compared = (live: Digest, rebuilt: Digest, tables: object): Comparison => {
  const different = Object.keys(tables).filter((table) => live.tables[table]?.sha256 !== rebuilt.tables[table]?.sha256);
  return { position: live.position, live, rebuilt, different };
};

/** Builds that nobody has open are dropped here; who has one open goes on with the newest, and drops it. */
const whenReplaced = async (
  database: Database,
  { name, version }: Pick<Consumer<CheckpointSchema>, 'name' | 'version'>,
  newest: number,
  signal: AbortSignal | undefined,
): Promise<boolean> => {
  for (const giveUp = performance.now() + changeOverMs; performance.now() < giveUp; await sleep(200)) {
    if (signal?.aborted) break;
    const older = (await database.builds(name, version)).filter((each) => each < newest);
    if (older.length === 0) return true;
    for (const each of older) await database.dropUnused(name, version, each);
  }
  return false;
};

/**
 * Compares the live tables with ones built from the log up to the same position. The service may go on meanwhile; what is built is dropped.
 * @throws Error when the log can't be applied up to there.
 */
export const compareWithRebuild = async <S extends CheckpointSchema, Retained extends EventHeader = RecordedEvent>(
  live: Kysely<S>,
  consumer: Consumer<S, Retained>,
  log: Log,
  database: Database,
): Promise<Comparison & BuildResult> => {
  const before = await digest(live, consumer.primaryKeys);
  const name = `${consumer.name}-compared`;
  await database.drop(name, consumer.version);
  const namespace = await database.open<S>(name, consumer.version, (db, int64) => consumer.createTables(db, int64));
  try {
    const built = await buildTo(before.position, namespace, consumer, log);
    return { ...built, ...compared(before, await digest(namespace.read, consumer.primaryKeys), consumer.primaryKeys) };
  } finally {
    await namespace.close();
    await database.drop(name, consumer.version);
  }
};
