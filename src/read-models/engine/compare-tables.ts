// Compares a consumer's tables with ones built from the log up to the same position, table by table, through a hash of their rows.
import { createHash } from 'node:crypto';
import { sql, type Kysely } from 'kysely';
import type { Position } from '../../domain/ids.ts';
import type { EventStore, RecordedEvent } from '../../event-store/event-store.ts';
import { buildTablesUpTo, type BuildResult } from './build-tables.ts';
import type { Consumer, EventHeader } from './consumer.ts';
import type { CheckpointSchema, Database } from './database/database.ts';

/** A table's rows, counted, and hashed in the order of the primary key. */
type TableDigest = { readonly rows: number; readonly sha256: string };
type Digest = { readonly position: Position | undefined; readonly tables: Readonly<Record<string, TableDigest>> };

export type Comparison = {
  /** Both hold the log up to here. */
  readonly position: Position | undefined;
  readonly live: Digest;
  readonly rebuilt: Digest;
  /** The tables that differ. Empty: the live tables are what the log says. */
  readonly different: readonly string[];
};

const rowsPerRead = 5_000;

/** Reads all tables and the checkpoint in one snapshot. Other reads on the same connection wait for it. */
export const digest = <S extends CheckpointSchema>(
  read: Kysely<S>,
  { primaryKeys, localColumns = {} }: Pick<Consumer<S>, 'primaryKeys' | 'localColumns'>,
): Promise<Digest> =>
  read.transaction().execute(async (snapshot) => {
    const position = await checkpointOf(snapshot);
    const tables: Record<string, TableDigest> = {};
    const local = new Map(Object.entries<readonly string[] | undefined>(localColumns));
    for (const [table, key] of Object.entries<readonly string[]>(primaryKeys))
      tables[table] = await digestTable(snapshot, table, key, new Set(local.get(table)));
    return { position, tables };
  });

const digestTable = async <S>(
  snapshot: Kysely<S>,
  table: string,
  key: readonly string[],
  omitted: ReadonlySet<string>,
): Promise<TableDigest> => {
  const hash = createHash('sha256');
  const compared = (column: string, value: unknown) => (omitted.has(column) ? undefined : value);
  let rows = 0;
  const columns = sql.join(key.map((column) => sql.ref(column)));
  let last: readonly unknown[] | undefined;
  for (;;) {
    const after = last ? sql`WHERE (${columns}) > (${sql.join(last)})` : sql``;
    const select = sql<
      Record<string, unknown>
    >`SELECT * FROM ${sql.table(table)} ${after} ORDER BY ${columns} LIMIT ${sql.lit(rowsPerRead)}`;
    const page = await select.execute(snapshot);
    hash.update(omitted.size === 0 ? JSON.stringify(page.rows) : JSON.stringify(page.rows, compared)); // both builds have the same columns, created in the same order
    rows += page.rows.length;
    const end = page.rows.at(-1);
    if (!end || page.rows.length < rowsPerRead) return { rows, sha256: hash.digest('hex') };
    last = key.map((column) => end[column]);
  }
};

export const checkpointOf = async <S extends CheckpointSchema>(read: Kysely<S>): Promise<Position | undefined> => {
  const { rows } = await sql<{ position: Position }>`SELECT position FROM checkpoint`.execute(read);
  return rows[0]?.position;
};

export const compare = (live: Digest, rebuilt: Digest): Comparison => {
  const different = Object.keys(rebuilt.tables).filter((table) => live.tables[table]?.sha256 !== rebuilt.tables[table]?.sha256);
  return { position: live.position, live, rebuilt, different };
};

/**
 * Compares the live tables with ones built from the log up to the same position, and drops those again. The service may run meanwhile.
 * @throws Error if the log can't be applied up to there
 */
export const compareWithRebuild = async <S extends CheckpointSchema, Retained extends EventHeader = RecordedEvent>(
  live: Kysely<S>,
  consumer: Consumer<S, Retained>,
  log: Pick<EventStore, 'follow'>,
  database: Database,
): Promise<Comparison & BuildResult> => {
  const before = await digest(live, consumer);
  const name = `${consumer.name}-compared`;
  await database.drop(name, consumer.version);
  const tables = await database.open<S>(name, consumer.version, (db, int64) => consumer.createTables(db, int64));
  try {
    const built = await buildTablesUpTo(before.position, tables, consumer, log);
    return { ...built, ...compare(before, await digest(tables.read, consumer)) };
  } finally {
    await tables.close();
    await database.drop(name, consumer.version);
  }
};
