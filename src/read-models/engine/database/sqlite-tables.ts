// A consumer's tables in an SQLite file: one connection that writes and one that reads.
import { existsSync, statSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { Kysely } from 'kysely';
import type { Position } from '../../../domain/ids.ts';
import type { CheckpointSchema, CreateTables, ReadOnlyTables, Tables, Transaction } from './database.ts';
import { sqliteDialect, Statements } from './sqlite-dialect.ts';
import { buildsIn, damageMark, markIfDamage } from './sqlite-files.ts';
import { checkpointOn, setCheckpoint } from './sqlite-checkpoint.ts';
import { SqliteTransaction, statementsOn } from './sqlite-transaction.ts';

/** "HLvw" in the file's header marks a file as ours. */
const applicationId = 0x484c7677;

/** A file that can't be used and has to be rebuilt from the log. */
export class UnusableFile extends Error {
  override name = 'UnusableFile';
}

/** Files up to this size are checked completely when they are opened (about 0.2 s). Damage in larger ones is noticed when it is read. */
const fullCheckBytes = 32 * 1024 * 1024;

/** @throws UnusableFile, or SQLite's error for a damaged file */
const checkPages = (db: DatabaseSync): void => {
  const found = Object.values(db.prepare('PRAGMA quick_check(1)').get() ?? {})[0];
  if (found !== 'ok') throw new UnusableFile(`it is damaged: ${String(found)}`);
};

export const openReadOnly = <S>(file: string): ReadOnlyTables<S> => {
  const db = new DatabaseSync(file, { readOnly: true, timeout: 1000 });
  db.exec('PRAGMA cache_size = -4096');
  const read = new Kysely<S>({ dialect: sqliteDialect(db, new Statements(db), (error) => markIfDamage(file, error)) });
  // Kysely closes the file only if a query has opened it.
  return { read, close: () => read.destroy().finally(() => db.isOpen && db.close()) };
};

/** Creates the file if there is none. @throws UnusableFile, or SQLite's error for a damaged file */
export const openTables = async <S extends CheckpointSchema>(file: string, build: number, createTables: CreateTables<S>) => {
  if (existsSync(damageMark(file))) throw new UnusableFile('it is damaged');
  const db = new DatabaseSync(file, { timeout: 100 });
  try {
    const isNew = db.prepare('SELECT count(*) AS tables FROM sqlite_schema').get()?.['tables'] === 0;
    if (!isNew && statSync(file).size <= fullCheckBytes) checkPages(db);
    const id = db.prepare('PRAGMA application_id').get()?.['application_id'];
    if (!isNew && id !== applicationId) throw new UnusableFile("it isn't a Hookledger file");
    // A large WAL writes each page back to the file once for many commits. 10 MiB of cache hold the upper parts of the indexes.
    db.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA wal_autocheckpoint = 4000;
             PRAGMA journal_size_limit = 67108864; PRAGMA cache_size = -10240; PRAGMA temp_store = MEMORY`);
    const statements = new Statements(db);
    const kysely = new Kysely<S>({ dialect: sqliteDialect(db, statements) });
    if (isNew) {
      db.exec('BEGIN IMMEDIATE');
      db.exec('CREATE TABLE checkpoint (id INTEGER PRIMARY KEY, position TEXT NOT NULL)');
      await createTables(kysely, 'integer');
      db.exec(`PRAGMA application_id = ${applicationId}; COMMIT`);
    }
    return new SqliteTables<S>(file, build, db, statements, kysely, openReadOnly<S>(file));
  } catch (error) {
    db.close();
    throw error;
  }
};

export class SqliteTables<S extends CheckpointSchema> implements Tables<S> {
  readonly read: Kysely<S>;
  private readonly tx: SqliteTransaction<S>;
  private last: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly file: string,
    readonly build: number,
    private readonly db: DatabaseSync,
    private readonly statements: Statements,
    kysely: Kysely<S>,
    private readonly reader: ReadOnlyTables<S>,
  ) {
    this.read = reader.read;
    this.tx = new SqliteTransaction(statementsOn(statements), kysely);
  }

  transaction<T>(work: (tx: Transaction<S>) => Promise<T>, checkpoint?: Position): Promise<T> {
    const done = this.last.then(() => this.run(work, checkpoint));
    this.last = done.catch(() => undefined);
    return done;
  }

  private async run<T>(work: (tx: Transaction<S>) => Promise<T>, checkpoint: Position | undefined): Promise<T> {
    this.db.exec('BEGIN IMMEDIATE');
    try {
      const result = await work(this.tx);
      if (checkpoint !== undefined) this.statements.prepare(setCheckpoint).run(checkpoint);
      this.db.exec('COMMIT');
      return result;
    } catch (error) {
      // After some errors, such as a full disk, SQLite has already rolled back.
      if (this.db.isTransaction) this.db.exec('ROLLBACK');
      markIfDamage(this.file, error);
      throw error;
    }
  }

  async hasNewerBuild(): Promise<boolean> {
    const consumer = basename(this.file).replace(/@.*/, '');
    const builds = await buildsIn(dirname(this.file), consumer);
    return builds.some(({ version, build }) => this.file.includes(`@${version}.`) && build > this.build);
  }

  async checkpoint(): Promise<Position | undefined> {
    return checkpointOn(this.statements);
  }

  async close(): Promise<void> {
    await this.last;
    if (!this.db.isOpen) return;
    await this.reader.close();
    this.db.close();
  }
}
