// PostgreSQL only: connections that break, and many processes at once.
import { sql, type Kysely } from 'kysely';
import { DatabaseError } from 'pg';
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { postgresUrl } from '../../../../test/support/databases.ts';
import { dropSchemasOfGuest, newPrefix, withPostgres } from '../../../../test/support/postgres.ts';
import { startTcpProxy, type TcpProxy } from '../../../../test/support/tcp-proxy.ts';
import type { Position } from '../../../domain/ids.ts';
import { DatabaseUnavailable, type CheckpointSchema, type Tables } from './database.ts';
import { ReadBudget } from '../read-budget.ts';
import { PostgresDatabase } from './postgres.ts';
import { waitFor } from '../../../../test/support/wait-for.ts';

type Counts = CheckpointSchema & { counts: { name: string; count: number } };
const createTables = async (db: Kysely<Counts>) => {
  const table = db.schema.createTable('counts').addColumn('name', 'text', (column) => column.primaryKey());
  await table.addColumn('count', 'integer').execute();
};
/** Generous, for a busy machine. */
const at = (n: number) => String(n).padStart(12, '0') as Position;

let url: string;
let prefix: string;
const log = { warn: vi.fn<() => void>() };
const opened: { close(): Promise<void> }[] = [];
beforeAll(async () => {
  url = await postgresUrl();
});
beforeEach(() => {
  prefix = newPrefix();
});
afterEach(async () => {
  for (const each of opened.splice(0)) await each.close();
  await dropSchemasOfGuest(url, prefix);
});

/** The same server as another user, or at another address. */
const urlWith = (changed: Partial<Pick<URL, 'hostname' | 'port' | 'username' | 'password' | 'pathname'>>) =>
  Object.assign(new URL(url), changed).href;
const databaseAt = (where = url) => new PostgresDatabase({ url: where, prefix, waitMs: 0 }, log);
const open = async (database = databaseAt()) => {
  const tables = await database.open<Counts>('counts', 1, createTables);
  opened.push(tables);
  return tables;
};
const count = (tables: Tables<Counts>, n: number) =>
  tables.transaction((tx) => tx.add('counts', ['name'], [{ name: 'all', count: 1 }]), at(n));
const counted = (tables: Tables<Counts>) => tables.read.selectFrom('counts').select('count').executeTakeFirst();

describe('a connection to PostgreSQL that breaks', () => {
  let proxy: TcpProxy;
  let database: PostgresDatabase;
  let tables: Tables<Counts>;
  beforeEach(async () => {
    const { hostname, port } = new URL(url);
    proxy = await startTcpProxy({ host: hostname, port: Number(port || 5432) });
    database = databaseAt(urlWith({ hostname: '127.0.0.1', port: String(proxy.port) }));
    tables = await open(database);
    await count(tables, 1);
    await counted(tables); // opens a reading connection too
    return () => proxy[Symbol.asyncDispose]();
  });

  /** Expects a passing error. @returns its message */
  const transientErrorOf = async (work: Promise<unknown>) => {
    const error: unknown = await work.then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    expect(error).toBeInstanceOf(DatabaseUnavailable);
    expect(database.isTransient(error)).toBe(true);
    return (error as Error).message;
  };

  it('between transactions is opened again', async () => {
    proxy.cut();
    await waitFor(() => count(tables, 2));
    await waitFor(async () => expect(await counted(tables)).toEqual({ count: 2 }));
  });

  it('within a transaction undoes the transaction', async () => {
    const work = tables.transaction(async (tx) => {
      await tx.add('counts', ['name'], [{ name: 'all', count: 100 }]);
      await tx.find('counts', 'name', ['all'], ['count']);
      proxy.cut();
      await tx.find('counts', 'name', ['all'], ['count']);
    }, at(2));
    await transientErrorOf(work);
    await count(tables, 2);
    expect(await counted(tables)).toEqual({ count: 2 });
  });

  it('during a query fails the query', async () => {
    const reading = transientErrorOf(sql`SELECT pg_sleep(60)`.execute(tables.read));
    const sleeps = `SELECT FROM pg_stat_activity WHERE application_name = $1 AND wait_event = 'PgSleep'`;
    await withPostgres(url, (admin) =>
      waitFor(async () => expect((await admin.query(sleeps, [`hookledger ${prefix}_counts_1`])).rowCount).toBe(1)),
    );
    proxy.cut();
    expect(await reading).toMatch(/^The connection to the database was lost: /);
    await waitFor(async () => expect(await counted(tables)).toEqual({ count: 1 }));
  });

  it('before a commit is answered does not repeat the committed transaction', async () => {
    let committing = false;
    proxy.onRequest = (bytes) => {
      committing ||= bytes.includes('COMMIT');
      return bytes;
    };
    proxy.onAnswer = (bytes) => (committing ? undefined : bytes);
    await transientErrorOf(count(tables, 2));
    proxy.onRequest = proxy.onAnswer = (bytes) => bytes;
    await count(tables, 2);
    await count(tables, 3);
    expect(await counted(tables)).toEqual({ count: 3 });
  });

  it('before a commit reaches the server repeats the transaction', async () => {
    proxy.onRequest = (bytes) => (bytes.includes('COMMIT') ? undefined : bytes);
    await transientErrorOf(count(tables, 2));
    proxy.onRequest = (bytes) => bytes;
    await count(tables, 2);
    expect(await counted(tables)).toEqual({ count: 2 });
  });

  it('and is refused fails reads and writes until the server is back', async () => {
    await proxy.close();
    await waitFor(async () => expect(await transientErrorOf(count(tables, 2))).toMatch(/^No database listens at 127\.0\.0\.1:\d+; start/));
    await waitFor(async () => expect(await transientErrorOf(counted(tables))).toMatch(/^No database listens at/));
    await proxy.open();
    await count(tables, 2);
    expect(await counted(tables)).toEqual({ count: 2 });
  });
});

it.each(['40001', '40P01', '53100', '53300', '57P01', '55P03', '25006', '08006'])('%s may pass', (code) => {
  expect(databaseAt().isTransient(Object.assign(new DatabaseError('', 0, 'error'), { code }))).toBe(true);
});
it.each(['42P01', '23505', '22021', undefined])('%s does not pass', (code) => {
  expect(databaseAt().isTransient(Object.assign(new DatabaseError('', 0, 'error'), { code }))).toBe(false);
});

it('tables that several processes open at once are created once', async () => {
  const opening = async () => {
    const tables = await databaseAt().open<Counts>('counts', 1, createTables);
    await tables.close();
  };
  await Promise.all(Array.from({ length: 5 }, opening));
  expect(await databaseAt().versions('counts')).toEqual([1]);
});

it('tables are written by one process at a time; the next one waits', async () => {
  const first = await databaseAt().open<Counts>('counts', 1, createTables);
  await count(first, 1);
  let isOpen = false;
  const second = open().finally(() => (isOpen = true));
  const waits = `SELECT FROM pg_stat_activity WHERE application_name = $1 AND wait_event = 'advisory'`;
  await withPostgres(url, (admin) =>
    waitFor(async () => expect((await admin.query(waits, [`hookledger ${prefix}_counts_1 writer`])).rowCount).toBe(1)),
  );
  expect(isOpen).toBe(false);
  await count(first, 2);
  await first.close();
  await count(await second, 3);
  expect(await counted(await second)).toEqual({ count: 3 });
});

it('rows to change are found by their key, even if the table was empty when that was planned', async () => {
  const tables = await open();
  await tables.transaction(async (tx) => {
    await tx.update('counts', ['name'], [{ name: 'all', count: 1 }]);
    const prepared = sql<{ text: string }>`SELECT statement AS text FROM pg_prepared_statements WHERE statement LIKE 'UPDATE "counts"%'`;
    const plan = sql<{ 'QUERY PLAN': string }>`EXPLAIN EXECUTE "hookledger 0" ('{all}', '{1}')`;
    expect((await prepared.execute(tx.kysely)).rows).toHaveLength(1);
    expect((await plan.execute(tx.kysely)).rows.map((row) => row['QUERY PLAN']).join('\n')).toMatch(
      /Nested Loop[^]*Index Scan using counts_pkey/,
    );
  });
});

it('organizations take turns at reading, however much one of them asks', async () => {
  const { read } = await open();
  let answered = 0;
  const slowly = () => sql`SELECT pg_sleep(0.05)`.execute(read);
  const large = Array.from({ length: 40 }, () => new ReadBudget('large').run(slowly).then(() => answered++));
  await new ReadBudget('small').run(() => sql`SELECT 1`.execute(read));
  expect(answered).toBeLessThan(15);
  await Promise.all(large);
});

it('two installations share a database under two prefixes', async () => {
  await count(await open(), 1);
  const other = new PostgresDatabase({ url, prefix: `${prefix}b` }, log);
  await other.bindTo({ origin: 'another', tip: async () => undefined });
  const tables = await open(other);
  expect(await tables.checkpoint()).toBeUndefined();
  await expect(databaseAt().bindTo({ origin: 'this', tip: async () => at(1) })).resolves.toBeUndefined();
});
