// Builds a consumer's tables anew, beside the live ones, and compares: the log is the only truth, and this shows it.
import { createHash } from 'node:crypto';
import { sql, type Kysely } from 'kysely';
import type { BaseLogger } from 'pino';
import type { Position } from '../domain/ids.ts';
import type { EventStore, RecordedEvent } from '../event-store/event-store.ts';
import { ConsumerRunner } from './consumer-runner.ts';
import type { Consumer, Place } from './consumer.ts';
import type { Bookkeeping, Database } from './database/database.ts';

/** What a table holds: its rows, counted and hashed in the order of its primary key. */
export type TableDigest = { readonly rows: number; readonly sha256: string };
export type Digest = { readonly position: Position | undefined; readonly tables: Readonly<Record<string, TableDigest>> };

export type Comparison = {
  readonly position: Position | undefined;
  /** Events that the rebuild applied, and how long it took. */
  readonly events: number;
  readonly seconds: number;
  readonly live: Digest;
  readonly rebuilt: Digest;
  /** The tables that are not the same; empty: the live ones are what the log says. */
  readonly different: readonly string[];
};

const rowsPerRead = 5_000;

/** Of all tables and the checkpoint, in one snapshot; other reads on the same connection wait for it. */
export const digest = <S extends Bookkeeping>(read: Kysely<S>, tables: Consumer<S>['tables']): Promise<Digest> =>
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
        for (const row of page.rows) hash.update(JSON.stringify(Object.entries(row).sort(([a], [b]) => (a < b ? -1 : 1))));
        rows += page.rows.length;
        const end = page.rows.at(-1);
        if (!end || page.rows.length < rowsPerRead) break;
        last = key.map((column) => end[column]);
      }
      digests[table] = { rows, sha256: hash.digest('hex') };
    }
    return { position: checkpoint.rows[0]?.position, tables: digests };
  });

/**
 * Compares the live tables with ones built from the log up to the same position. The service may go on meanwhile; what is built is dropped.
 * @throws Error when the log can't be applied up to there.
 */
export const compareWithRebuild = async <S extends Bookkeeping, Kept extends Place = RecordedEvent>(
  live: Kysely<S>,
  consumer: Consumer<S, Kept>,
  store: Pick<EventStore, 'tip' | 'follow'>,
  database: Database,
  log: Pick<BaseLogger, 'info' | 'warn' | 'error'>,
): Promise<Comparison> => {
  const before = await digest(live, consumer.tables);
  const began = performance.now();
  const { rebuilt, events } = await rebuildTo(before.position, consumer, store, database, log);
  const seconds = (performance.now() - began) / 1000;
  const different = Object.keys(consumer.tables).filter((table) => before.tables[table]?.sha256 !== rebuilt.tables[table]?.sha256);
  return { position: before.position, events, seconds, live: before, rebuilt, different };
};

const rebuildTo = async <S extends Bookkeeping, Kept extends Place>(
  tip: Position | undefined,
  consumer: Consumer<S, Kept>,
  store: Pick<EventStore, 'tip' | 'follow'>,
  database: Database,
  log: Pick<BaseLogger, 'info' | 'warn' | 'error'>,
): Promise<{ rebuilt: Digest; events: number }> => {
  const name = `${consumer.name}-rebuild`;
  await database.drop(name, consumer.version);
  let events = 0;
  const copy: Consumer<S, Kept> = {
    name,
    version: consumer.version,
    tables: consumer.tables,
    createTables: (db, int64) => consumer.createTables(db, int64),
    // Without `received`, what is kept is the event.
    received: (event) => consumer.received?.(event, false) ?? (event as Place as Kept),
    apply: (batch, tx) => consumer.apply(batch, tx),
    committed: (batch) => {
      events += batch.length;
    },
  };
  const runner = new ConsumerRunner(copy, upTo(tip, store), database, log);
  try {
    await runner.start();
    if (tip !== undefined && !(await runner.reached(tip, longest)))
      throw new Error(`The rebuild did not come to position ${tip}: ${runner.status().error ?? 'it took too long'}`);
    return { rebuilt: await digest(runner.read, consumer.tables), events };
  } finally {
    await runner.stop();
    await database.drop(name, consumer.version);
  }
};

/** The longest that a timer can be set to: 24 days. */
const longest = 2 ** 31 - 1;

/** The log as it was when it ended at `tip`. */
const upTo = (tip: Position | undefined, store: Pick<EventStore, 'tip' | 'follow'>): Pick<EventStore, 'tip' | 'follow'> => ({
  tip: () => Promise.resolve(tip),
  async *follow(after, options) {
    if (tip === undefined || (after !== undefined && after >= tip)) return;
    for await (const batch of store.follow(after, options)) {
      const within = batch.filter(({ position }) => position <= tip);
      if (within.length > 0) yield within;
      const last = batch.at(-1);
      if (last && last.position >= tip) return;
    }
  },
});
