// The file of the embedded log: its lock, its schema, what is checked before it is trusted, and its errors as sentences.
import { existsSync, mkdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { configurationCategories, LogUnavailable, LogUnusable } from '../event-store.ts';

/** "Hkld" in SQLite's header: how we know our own files. */
const APPLICATION_ID = 0x486b6c64;
/** Counts up when the tables change; kept in SQLite's header as `user_version`. */
const FORMAT = 1;

// `sequence` has no gaps, and its order is the order of commits: there is one writer. `recorded_at` is in ms since 1970.
const EVENTS = `CREATE TABLE events (
  sequence INTEGER PRIMARY KEY,
  stream TEXT NOT NULL,
  revision INTEGER NOT NULL,
  id TEXT NOT NULL,
  type TEXT NOT NULL,
  recorded_at INTEGER NOT NULL,
  data TEXT NOT NULL,
  metadata TEXT NOT NULL
) STRICT`;
const BY_STREAM = 'CREATE UNIQUE INDEX events_by_stream ON events (stream, revision)';
/** A query that says this to the letter is served by the index of configuration, which costs other events nothing. */
export const ofConfiguration = `(${configurationCategories.map((category) => `stream GLOB '${category}-*'`).join(' OR ')})`;
const CONFIGURATION = `CREATE INDEX events_of_configuration ON events (sequence) WHERE ${ofConfiguration}`;

/** Files up to this size are checked whole at the start (some 0.2 s); of larger ones a sample. */
const FULL_CHECK_BYTES = 32 * 1024 * 1024;
const SAMPLE = 256;

const SQLITE = { busy: 5, readOnly: 8, ioError: 10, corrupt: 11, full: 13, cantOpen: 14, notADatabase: 26 };

/** SQLite's result code of an error, without its extension; undefined: not an error of SQLite. */
const resultCode = (error: unknown) => (error instanceof Error && 'errcode' in error ? Number(error.errcode) & 0xff : undefined);

export const damaged = (file: string, reason: string, cause?: unknown) =>
  new LogUnusable(`${file} is damaged (${reason}). Restore the data folder from a backup.`, { cause });

/** Why an append was refused; the process goes on, and the next append may succeed. */
export const unwritable = (file: string, errcode: number, reason: string) => {
  switch (errcode & 0xff) {
    case SQLITE.full:
      return new LogUnavailable(
        `The disk that holds ${file} is full: nothing was written. Free some space there, then repeat the request.`,
        5,
      );
    case SQLITE.ioError:
      return new LogUnavailable(`${file} can't be written (${reason}). Check the disk that holds it, then repeat the request.`, 5);
    default:
      return new LogUnavailable(`${file} can't be written (${reason}).`, 5);
  }
};

/** Why a read failed. */
export const unreadable = (file: string, error: unknown): unknown => {
  const code = resultCode(error);
  if (code === undefined) return error;
  const reason = error instanceof Error ? error.message : String(error);
  if (code === SQLITE.corrupt || code === SQLITE.notADatabase) return damaged(file, reason, error);
  return new LogUnavailable(`${file} can't be read just now (${reason}).`, 5, { cause: error });
};

/**
 * Makes the data folder where there is none, and takes it for this process until the returned connection is closed. The kernel
 * drops the lock with the process, however it ends. (Opening `lock.db` otherwise in this process would drop it as well.)
 */
export const lockFolder = (directory: string): DatabaseSync => {
  const file = path.join(directory, 'lock.db');
  let lock: DatabaseSync | undefined;
  try {
    mkdirSync(directory, { recursive: true });
    lock = new DatabaseSync(file, { timeout: 0 });
    lock.exec('BEGIN EXCLUSIVE');
    return lock;
  } catch (error) {
    lock?.close();
    if (resultCode(error) === SQLITE.busy)
      throw new LogUnusable(
        `The data folder ${directory} is in use by another process. Stop that one first, or give this one a folder of its own.`,
        { cause: error },
      );
    throw new LogUnusable(`The data folder ${directory} can't be used: ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    });
  }
};

const pragma = (db: DatabaseSync, name: string) => Number(Object.values(db.prepare(`PRAGMA ${name}`).get() ?? {})[0]);

const create = (db: DatabaseSync) => {
  // In WAL mode first, so that the file is never empty while its WAL holds events. The rest is one transaction.
  db.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL`);
  db.exec(
    `BEGIN; ${EVENTS}; ${BY_STREAM}; ${CONFIGURATION}; PRAGMA application_id = ${APPLICATION_ID}; PRAGMA user_version = ${FORMAT}; COMMIT`,
  );
};

/** Reads events spread over the whole log, each by its sequence and by its stream: a missing stretch of the file shows. */
const checkSample = (db: DatabaseSync, file: string) => {
  const bySequence = db.prepare('SELECT stream, revision, length(data) + length(metadata) FROM events WHERE sequence = ?');
  const byStream = db.prepare('SELECT sequence FROM events WHERE stream = ? AND revision = ?');
  const tip = Number(db.prepare('SELECT max(sequence) AS tip FROM events').get()?.['tip'] ?? 0);
  const step = Math.max(1, Math.floor(tip / SAMPLE));
  for (let sequence = tip; sequence > 0; sequence -= step) {
    const row = bySequence.get(sequence);
    if (!row || byStream.get(String(row['stream']), Number(row['revision']))?.['sequence'] !== sequence)
      throw damaged(file, `its event ${sequence} is missing`);
  }
};

/** Whether this version can read it at all. @throws LogUnusable */
const checkHeader = (db: DatabaseSync, file: string) => {
  if (pragma(db, 'application_id') !== APPLICATION_ID)
    throw new LogUnusable(`${file} is not a log of Hookledger. Move it away, or name another data folder.`);
  const format = pragma(db, 'user_version');
  if (format > FORMAT)
    throw new LogUnusable(
      `${file} was written by a newer version of Hookledger (its format is ${format}, this version reads ${FORMAT}). Start that version.`,
    );
};

const check = (db: DatabaseSync, file: string) => {
  checkHeader(db, file);
  const tables = db.prepare('SELECT sql FROM sqlite_schema ORDER BY rowid').all();
  if (![EVENTS, BY_STREAM, CONFIGURATION].every((sql) => tables.some((row) => row['sql'] === sql)))
    throw damaged(file, 'its tables are not those of a log');
  if (statSync(file).size <= FULL_CHECK_BYTES) {
    const found = Object.values(db.prepare('PRAGMA quick_check(1)').get() ?? {})[0];
    if (found !== 'ok') throw damaged(file, String(found));
  }
  checkSample(db, file);
};

const sizeOf = (file: string) => statSync(file, { throwIfNoEntry: false })?.size ?? 0;

/** Creates the log's file, or makes sure that it is one that this version can go on with. The folder must be locked. @throws LogUnusable */
export const prepareLogFile = (file: string): void => {
  if (sizeOf(file) === 0 && sizeOf(`${file}-wal`) > 0) throw damaged(file, 'it is empty, though its WAL is not');
  let db: DatabaseSync | undefined;
  try {
    db = new DatabaseSync(file, { timeout: 5000 });
    const isNew = pragma(db, 'application_id') === 0 && !db.prepare('SELECT 1 FROM sqlite_schema').get();
    if (isNew) create(db);
    else check(db, file);
  } catch (error) {
    throw unopenable(file, error);
  } finally {
    db?.close();
  }
};

/**
 * Opens the log's file for reading, whoever writes to it meanwhile. It is not checked further than that it is one: a damaged one is to be read, too, as
 * far as it goes. @throws LogUnusable
 */
export const openForReading = (file: string): DatabaseSync => {
  let db: DatabaseSync | undefined;
  try {
    db = new DatabaseSync(file, { readOnly: true, timeout: 5000 });
    checkHeader(db, file);
    return db;
  } catch (error) {
    db?.close();
    throw unopenable(file, error);
  }
};

/** The log in a data folder, for reading it. @throws LogUnusable */
export const existingLogFile = (directory: string): string => {
  const file = path.join(path.resolve(directory), 'log.db');
  if (!existsSync(file)) throw new LogUnusable(`There is no log of Hookledger in ${path.dirname(file)}. Name its data folder.`);
  openForReading(file).close();
  return file;
};

const unopenable = (file: string, error: unknown): LogUnusable => {
  if (error instanceof LogUnusable) return error;
  const reason = error instanceof Error ? error.message : String(error);
  switch (resultCode(error)) {
    case SQLITE.notADatabase:
      return new LogUnusable(`${file} is not a log of Hookledger. Move it away, or name another data folder.`, { cause: error });
    case SQLITE.corrupt:
      return damaged(file, reason, error);
    case SQLITE.full:
      return new LogUnusable(`The disk that holds ${file} is full. Free some space there, then start again.`, { cause: error });
    default:
      return new LogUnusable(`${file} can't be opened: ${reason}`, { cause: error });
  }
};
