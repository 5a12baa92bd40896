// The embedded database: one SQLite file for each version of each consumer, `<folder>/<consumer>@<version>.db`; built anew, `…@<version>.<build>.db`.
// Guarantee: rows and checkpoint commit together and survive the end of the process at any moment. Limit: after a power failure the
// last commits may be gone, both of them (synchronous=NORMAL); the log then brings them again.
import { existsSync, writeFileSync } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { Kysely } from 'kysely';
import type { BaseLogger } from 'pino';
import type { Position } from '../../../domain/ids.ts';
import {
  DatabaseUnusable,
  type CheckpointSchema,
  type CreateTables,
  type Database,
  type FollowedLog,
  type Tables,
  type NextTables,
  type NextOptions,
  type ReadOnlyTables,
  type Transaction,
} from './database.ts';
import { SqliteBuild } from './sqlite-build.ts';
import { sqliteDialect, Statements } from './sqlite-dialect.ts';
import { onConnection, SqliteTransaction } from './sqlite-transaction.ts';

/** "HLvw", in the file's header: says that a file is ours. */
const applicationId = 0x484c7677;

const codes = { busy: 5, locked: 6, noMemory: 7, ioError: 10, corrupt: 11, full: 13, cantOpen: 14, notADatabase: 26 };
const transient = new Set([codes.busy, codes.locked, codes.noMemory, codes.ioError, codes.full, codes.cantOpen]);
const damaged = new Set([codes.corrupt, codes.notADatabase]);

/** Of a file that another process has open, or is removing in this moment. */
const inUse = new Set([codes.busy, codes.cantOpen, codes.ioError]);

/** SQLite's primary result code, or undefined when the error isn't SQLite's. */
const codeOf = (error: unknown): number | undefined =>
  error instanceof Error && 'errcode' in error && typeof error.errcode === 'number' ? error.errcode & 0xff : undefined;

const isDamage = (error: unknown) => damaged.has(codeOf(error) ?? 0);

/** A file that can't be used as it is; it is built anew from the log. */
class Unusable extends Error {
  override name = 'Unusable';
}

export class SqliteDatabase implements Database {
  constructor(
    private readonly folder: string,
    private readonly log: Pick<BaseLogger, 'warn'>,
  ) {}

  /** The folder is this process's alone, so whatever is in it is ours to build anew. */
  async bindTo({ origin, tip }: FollowedLog): Promise<void> {
    await mkdir(this.folder, { recursive: true });
    const written = join(this.folder, 'log-origin');
    const known = await readFile(written, 'utf8').catch(() => undefined);
    for (const name of await readdir(this.folder)) {
      if (!name.endsWith('.db')) continue;
      const checkpoint = checkpointOf(join(this.folder, name));
      const end = await tip(); // after the checkpoint: somebody may be writing both
      const isAhead = checkpoint !== undefined && (end === undefined || checkpoint > end);
      if (known !== undefined && known !== origin)
        await this.moveAside(join(this.folder, name), `it is of another log, which began ${known}`);
      else if (isAhead)
        await this.moveAside(join(this.folder, name), `it is at position ${checkpoint}, and the log ends at ${end ?? 'its beginning'}`);
    }
    if (origin !== undefined) await writeFile(written, origin);
  }

  async open<S extends CheckpointSchema>(name: string, version: number, createTables: CreateTables<S>): Promise<Tables<S>> {
    await mkdir(this.folder, { recursive: true });
    return this.openAnew(this.file(name, version, await this.newest(name, version)), createTables);
  }

  private async openAnew<S extends CheckpointSchema>({ file, build }: Build, createTables: CreateTables<S>): Promise<SqliteNamespace<S>> {
    try {
      return await openNamespace(file, build, createTables);
    } catch (error) {
      if (!(error instanceof Unusable || (error instanceof Error && isDamage(error)))) throw error;
      await this.moveAside(file, error.message);
      return openNamespace(file, build, createTables);
    }
  }

  private async moveAside(file: string, reason: string): Promise<void> {
    const aside = `${file}.aside`;
    await remove(aside);
    for (const end of ['', ...besideEnds]) await rename(file + end, aside + end).catch(() => undefined);
    await remove(file);
    this.log.warn({ file, aside }, `${file} can't be used (${reason}); it was moved to ${aside} and is built anew from the log.`);
  }

  async openReadOnly<S extends CheckpointSchema>(name: string, version: number, build?: number): Promise<ReadOnlyTables<S>> {
    return openReadOnly<S>(this.file(name, version, build ?? (await this.newest(name, version))).file);
  }

  async versions(name: string): Promise<readonly number[]> {
    return [...new Set((await standingIn(this.folder, name)).map(({ version }) => version))].sort((a, b) => a - b);
  }

  async builds(name: string, version: number): Promise<readonly number[]> {
    const builds = (await standingIn(this.folder, name)).filter((each) => each.version === version).map(({ build }) => build);
    return builds.sort((a, b) => a - b);
  }

  async drop(name: string, version: number, build?: number | 'next'): Promise<void> {
    const builds = build === undefined ? [...(await this.builds(name, version)), 'next' as const] : [build];
    for (const each of builds) await remove(this.file(name, version, each).file);
  }

  /** Leaving WAL mode takes the file for oneself, which SQLite refuses while it is open elsewhere. */
  async dropUnused(name: string, version: number, build: number): Promise<void> {
    const { file } = this.file(name, version, build);
    if (!existsSync(file)) return;
    let db: DatabaseSync | undefined;
    try {
      db = new DatabaseSync(file, { timeout: 0 });
      db.exec('PRAGMA journal_mode = DELETE');
    } catch (error) {
      if (isDamage(error)) return await remove(file);
      if (inUse.has(codeOf(error) ?? 0)) return;
      throw error;
    } finally {
      db?.close();
    }
    await remove(file);
  }

  async openNext<S extends CheckpointSchema>(
    name: string,
    version: number,
    createTables: CreateTables<S>,
    { queryIndexes = [] }: NextOptions = {},
  ): Promise<NextTables<S>> {
    await mkdir(this.folder, { recursive: true });
    const next = this.file(name, version, 'next');
    const lock = lockBuilding(next.file);
    try {
      const isNew = !existsSync(next.file);
      await (await this.openAnew(next, createTables)).close(); // its tables stand now
      leaveWal(next.file);
      const build = new SqliteBuild<S>(next.file, openReadOnly<S>(next.file), () => lock.close());
      if (isNew && queryIndexes.length > 0) await build.putOff(queryIndexes);
      return build;
    } catch (error) {
      lock.close();
      throw error;
    }
  }

  /** Whether another process has the next build open. */
  async isBeingBuilt(name: string, version: number): Promise<boolean> {
    const { file } = this.file(name, version, 'next');
    if (!existsSync(file)) return false;
    try {
      lockBuilding(file).close();
      return false;
    } catch (error) {
      if (error instanceof DatabaseUnusable) return true;
      throw error;
    }
  }

  async finishNext(name: string, version: number): Promise<number> {
    const build = (await this.newest(name, version)) + 1;
    const from = this.file(name, version, 'next').file;
    await rename(from, this.file(name, version, build).file);
    await rm(lockOf(from), { force: true });
    return build;
  }

  isTransient(error: unknown): boolean {
    return transient.has(codeOf(error) ?? 0);
  }

  /** The newest build; 0 where there is none. */
  private async newest(name: string, version: number): Promise<number> {
    return (await this.builds(name, version)).at(-1) ?? 0;
  }

  private file(name: string, version: number, build: number | 'next'): Build {
    const file = join(this.folder, `${name}@${version}${build === 0 ? '' : `.${build}`}.db`);
    return { file, build: build === 'next' ? -1 : build };
  }
}

/** The file is all that there is then. */
const leaveWal = (file: string): void => {
  const db = new DatabaseSync(file, { timeout: 1000 });
  try {
    db.exec('PRAGMA synchronous = FULL; PRAGMA journal_mode = DELETE');
  } finally {
    db.close();
  }
};

const standingIn = async (folder: string, name: string): Promise<{ version: number; build: number }[]> => {
  const files = await readdir(folder).catch(() => []);
  const matches = files.map((file) => /^(.+)@(\d+)(?:\.(\d+))?\.db$/.exec(file)).filter((match) => match?.[1] === name);
  return matches.map((match) => ({ version: Number(match?.[2]), build: Number(match?.[3] ?? 0) }));
};

type Build = { readonly file: string; readonly build: number };

/** The kernel drops the lock with the process, however it ends. @throws DatabaseUnusable */
const lockBuilding = (file: string): DatabaseSync => {
  const lock = new DatabaseSync(lockOf(file), { timeout: 0 });
  try {
    lock.exec('BEGIN EXCLUSIVE');
    return lock;
  } catch (error) {
    lock.close();
    if (codeOf(error) !== codes.busy) throw error;
    throw new DatabaseUnusable(`Another process is building ${file}; wait until it is done, or stop it.`, { cause: error });
  }
};
const lockOf = (file: string) => `${file}.lock`;

/** Says, beside a file that was found to be damaged while it was in use, that it is not to be opened again. */
const damageMark = (file: string) => `${file}.damaged`;

/** What SQLite keeps beside a file; that of one would spoil another of the same name. */
const besideEnds = ['-wal', '-shm', '-journal'];

const remove = async (file: string) => {
  for (const end of ['', ...besideEnds, '.damaged']) await rm(file + end, { force: true });
};

/** Undefined: nothing is applied, or the file can't be read, which shows when it is opened. */
const checkpointOf = (file: string): Position | undefined => {
  let db: DatabaseSync | undefined;
  try {
    db = new DatabaseSync(file, { readOnly: true, timeout: 1000 });
    return db.prepare('SELECT position FROM checkpoint').get()?.['position'] as Position | undefined;
  } catch {
    return undefined;
  } finally {
    db?.close();
  }
};

const openReadOnly = <S>(file: string): ReadOnlyTables<S> => {
  const db = new DatabaseSync(file, { readOnly: true, timeout: 1000 });
  db.exec('PRAGMA cache_size = -4096');
  const read = new Kysely<S>({ dialect: sqliteDialect(db, new Statements(db)) });
  // Kysely closes only what a query has opened.
  return { read, close: () => read.destroy().finally(() => db.isOpen && db.close()) };
};

const openNamespace = async <S extends CheckpointSchema>(file: string, build: number, createTables: CreateTables<S>) => {
  if (existsSync(damageMark(file))) throw new Unusable('it was found to be damaged');
  const db = new DatabaseSync(file, { timeout: 100 });
  try {
    const isNew = db.prepare('SELECT count(*) AS tables FROM sqlite_schema').get()?.['tables'] === 0;
    const id = db.prepare('PRAGMA application_id').get()?.['application_id'];
    if (!isNew && id !== applicationId) throw new Unusable('it is not a file of Hookledger');
    // A page is written back to the file once for many commits; 10 MiB keep the upper parts of the indexes at hand.
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
    return new SqliteNamespace<S>(file, build, db, statements, kysely, openReadOnly<S>(file));
  } catch (error) {
    db.close();
    throw error;
  }
};

class SqliteNamespace<S extends CheckpointSchema> implements Tables<S> {
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
    this.tx = new SqliteTransaction(onConnection(statements), kysely);
  }

  transaction<T>(work: (tx: Transaction<S>) => Promise<T>, checkpoint?: Position): Promise<T> {
    const done = this.last.then(() => this.carryOut(work, checkpoint));
    this.last = done.catch(() => undefined);
    return done;
  }

  private async carryOut<T>(work: (tx: Transaction<S>) => Promise<T>, checkpoint: Position | undefined): Promise<T> {
    this.db.exec('BEGIN IMMEDIATE');
    try {
      const result = await work(this.tx);
      if (checkpoint !== undefined)
        this.statements
          .prepare('INSERT INTO checkpoint VALUES (1, ?) ON CONFLICT (id) DO UPDATE SET position = excluded.position')
          .run(checkpoint);
      this.db.exec('COMMIT');
      return result;
    } catch (error) {
      // After some errors, a full disk for one, SQLite has rolled back already.
      if (this.db.isTransaction) this.db.exec('ROLLBACK');
      if (isDamage(error)) writeFileSync(damageMark(this.file), '');
      throw error;
    }
  }

  async hasNewerBuild(): Promise<boolean> {
    return (await standingIn(dirname(this.file), basename(this.file).replace(/@.*/, ''))).some(
      ({ version, build }) => this.file.includes(`@${version}.`) && build > this.build,
    );
  }

  async checkpoint(): Promise<Position | undefined> {
    return this.statements.prepare('SELECT position FROM checkpoint').get()?.['position'] as Position | undefined;
  }

  async close(): Promise<void> {
    await this.last;
    if (!this.db.isOpen) return;
    await this.reader.close();
    this.db.close();
  }
}
