// Reading for queries in threads of their own.
import { closeSync, copyFileSync, mkdtempSync, openSync, rmSync, statSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as delay } from 'node:timers/promises';
import { sql, type Kysely } from 'kysely';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { budgetedTables } from '../budgeted-reads.ts';
import { ReadBudget, ReadBudgetSpent } from '../read-budget.ts';
import { DatabaseUnavailable, type ReadOnlyTables } from './database.ts';
import { openInThreads } from './sqlite-readers.ts';

type Schema = { numbers: { n: number; text: string | null } };

const folder = mkdtempSync(join(tmpdir(), 'hookledger-readers-'));
const file = join(folder, 'numbers.db');
let tables: ReadOnlyTables<Schema>;
let read: Kysely<Schema>;
beforeAll(() => {
  const db = new DatabaseSync(file);
  db.exec(`CREATE TABLE numbers (n INTEGER PRIMARY KEY, text TEXT);
    WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 30000) INSERT INTO numbers SELECT n, 'number ' || n FROM c;
    INSERT INTO numbers VALUES (0, NULL)`);
  db.close();
  tables = openInThreads<Schema>(file);
  read = budgetedTables(tables.read);
});
afterAll(async () => {
  await tables.close();
  rmSync(folder, { recursive: true });
});

/** Keeps a thread of the database busy, without a row. */
const slowly = (db: Kysely<Schema>, steps = 300_000) =>
  sql<{
    n: number;
  }>`WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < ${steps}) SELECT count(*) AS n FROM c`.execute(db);

it('answers with rows as the connection of this thread would', async () => {
  const rows = await read.selectFrom('numbers').selectAll().where('n', 'in', [0, 1, 30_000]).orderBy('n').execute();
  expect(rows).toEqual([
    { n: 0, text: null },
    { n: 1, text: 'number 1' },
    { n: 30_000, text: 'number 30000' },
  ]);
  expect(await read.selectFrom('numbers').select('n').where('n', '=', -1).executeTakeFirst()).toBeUndefined();
  await expect(sql`SELECT missing FROM numbers`.execute(read)).rejects.toThrow(/no such column/);
});

it('leaves this thread free while a statement runs', async () => {
  let turns = 0;
  const timer = setInterval(() => turns++, 1);
  await slowly(read);
  clearInterval(timer);
  expect(turns).toBeGreaterThan(1);
});

it('gives each operation its turn, however much another one has asked', async () => {
  const greedy = new ReadBudget();
  let answered = 0;
  const all = Array.from({ length: 10 }, () => greedy.run(() => slowly(read)).then(() => answered++));
  await delay(5);
  const before = answered;
  await new ReadBudget().run(() => read.selectFrom('numbers').select('n').where('n', '=', 7).execute());
  expect(answered - before).toBeLessThan(6); // of ten
  await Promise.all(all);
});

it('gives each organization its turn, however many operations of another one read', async () => {
  let answered = 0;
  const all = Array.from({ length: 20 }, () => new ReadBudget('large').run(() => slowly(read)).then(() => answered++));
  await delay(5);
  const before = answered;
  await new ReadBudget('small').run(() => read.selectFrom('numbers').select('n').where('n', '=', 7).execute());
  expect(answered - before).toBeLessThan(6); // of twenty
  await Promise.all(all);
});

it('reads no more rows than the operation may have', async () => {
  const everything = (db: Kysely<Schema>) => db.selectFrom('numbers').selectAll().execute();
  await expect(new ReadBudget().run(() => everything(read))).rejects.toThrow(ReadBudgetSpent);
  const budget = new ReadBudget();
  const some = () => budget.run(() => read.selectFrom('numbers').selectAll().limit(9_000).execute());
  for (let i = 0; i < 5; i++) expect(await some()).toHaveLength(9_000);
  await expect(some()).rejects.toThrow(/more than 50000 rows of the views; ask for fewer rows/);
  await expect(some()).rejects.toThrow(/more than 50000 rows/);
  expect(await ReadBudget.exempt(() => everything(read))).toHaveLength(30_001);
});

it('reads no more text than the operation may have', async () => {
  const long = sql<{ text: string }>`SELECT printf('%.*c', 5000000, 'x') AS text FROM numbers WHERE n < 100`;
  await expect(new ReadBudget().run(() => long.execute(read))).rejects.toThrow(/more than 32 MiB/);
});

it('answers what was asked before it was closed, and nothing after', async () => {
  const other = openInThreads<Schema>(file);
  const asked = Array.from({ length: 5 }, () => slowly(other.read, 100_000));
  await delay(1);
  await other.close();
  expect((await Promise.all(asked)).map(({ rows }) => rows[0]?.n)).toEqual(Array.from({ length: 5 }, () => 100_000));
});

it('says that the views are unavailable where the file can not be opened', async () => {
  const missing = openInThreads<Schema>(join(folder, 'missing.db'));
  await expect(missing.read.selectFrom('numbers').selectAll().execute()).rejects.toThrow(/reader of the views has died/);
  await missing.close();
});

it('says that the views are unavailable where the file can not be read, and leaves errors of statements as they are', async () => {
  const damaged = join(folder, 'damaged.db');
  copyFileSync(file, damaged);
  const other = openInThreads<Schema>(damaged);
  await other.read.selectFrom('numbers').select('n').where('n', '=', 1).execute();
  const bytes = openSync(damaged, 'r+');
  writeSync(bytes, Buffer.alloc(statSync(damaged).size - 4_096, 0x5a), 0, undefined, 4_096);
  closeSync(bytes);
  await expect(other.read.selectFrom('numbers').selectAll().execute()).rejects.toThrow(DatabaseUnavailable);
  await expect(sql`SELECT missing FROM numbers`.execute(other.read)).rejects.not.toThrow(DatabaseUnavailable);
  await other.close();
});
