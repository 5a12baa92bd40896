// The file of the embedded log: locks, creates and checks it, and turns SQLite errors into sentences.
import { existsSync, statSync } from 'node:fs';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { FolderUnusable, makePrivateFolder } from '../../private-files.ts';
import { configurationCategories, LogUnavailable, LogUnusable } from '../event-store.ts';

/** "Hkld" in SQLite's header marks our files. */
const APPLICATION_ID = 0x486b6c64;
/** Incremented when the tables change; stored in SQLite's header as `user_version`. */
const FORMAT = 1;

// `sequence` has no gaps and follows the order of commits, as there is one writer. `recorded_at` is in ms since 1970.
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
/** Queries that contain exactly this text use the index of configuration events, which costs nothing for other events. */
export const configurationCondition = `(${configurationCategories.map((category) => `stream GLOB '${category}-*'`).join(' OR ')})`;
const CONFIGURATION = `CREATE INDEX events_of_configuration ON events (sequence) WHERE ${configurationCondition}`;

/** Files up to this size are checked completely at the start (about 0.2 s); larger ones are sampled. */
const FULL_CHECK_BYTES = 32 * 1024 * 1024;
const SAMPLE = 256;

const SQLITE = { busy: 5, readOnly: 8, ioError: 10, corrupt: 11, full: 13, cantOpen: 14, notADatabase: 26 };

/** SQLite's primary result code; undefined for other errors. */
const resultCode = (error: unknown) => (error instanceof Error && 'errcode' in error ? Number(error.errcode) & 0xff : undefined);

export const damaged = (file: string, reason: string, cause?: unknown) =>
  new LogUnusable(`${file} is damaged (${reason}). Restore the data folder from a backup.`, { cause });

/** SQLite calls a file malformed also where the disk could not read it, so a backup need not be the remedy. */
const malformed = (file: string, reason: string, first: string, cause: unknown) =>
  new LogUnusable(
    `${file} is damaged, or its disk fails (${reason}). ${first} If the disk is well, restore the data folder from a backup.`,
    {
      cause,
    },
  );

/** Explains a failed append. The next one may succeed. */
export const unwritable = (file: string, errcode: number, reason: string) => {
  switch (errcode & 0xff) {
    case SQLITE.full:
      return new LogUnavailable(`The disk that holds ${file} is full; nothing was written. Free some space, then repeat the request.`, 5);
    case SQLITE.ioError:
      return new LogUnavailable(`${file} can't be written (${reason}). Check the disk that holds it, then repeat the request.`, 5);
    default:
      return new LogUnavailable(`${file} can't be written (${reason}).`, 5);
  }
};

/** Explains a failed read; errors that are not SQLite's pass unchanged. */
export const unreadable = (file: string, error: unknown): unknown => {
  const code = resultCode(error);
  if (code === undefined) return error;
  const reason = error instanceof Error ? error.message : String(error);
  if (code === SQLITE.corrupt || code === SQLITE.notADatabase) return malformed(file, reason, 'The next start checks it.', error);
  return new LogUnavailable(`${file} can't be read now (${reason}).`, 5, { cause: error });
};

/**
 * Creates the data folder if needed, and locks it for this process until the returned connection is closed. The kernel releases the lock when the
 * process ends, however it ends. (Opening `lock.db` a second time in this process would release it too.)
 */
export const lockFolder = (directory: string): DatabaseSync => {
  const file = path.join(directory, 'lock.db');
  let lock: DatabaseSync | undefined;
  try {
    makePrivateFolder(directory);
    lock = new DatabaseSync(file, { timeout: 0 });
    lock.exec('BEGIN EXCLUSIVE');
    return lock;
  } catch (error) {
    lock?.close();
    if (error instanceof FolderUnusable) throw new LogUnusable(error.message, { cause: error });
    if (resultCode(error) === SQLITE.busy)
      throw new LogUnusable(
        `The data folder ${directory} is in use by another process. Stop that process, or give this one its own folder.`,
        { cause: error },
      );
    throw new LogUnusable(`The data folder ${directory} can't be used: ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    });
  }
};

const pragma = (db: DatabaseSync, name: string) => Number(Object.values(db.prepare(`PRAGMA ${name}`).get() ?? {})[0]);

const create = (db: DatabaseSync) => {
  // WAL mode comes first: the file must never be empty while its WAL holds events. The rest is one transaction.
  db.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL`);
  db.exec(
    `BEGIN; ${EVENTS}; ${BY_STREAM}; ${CONFIGURATION}; PRAGMA application_id = ${APPLICATION_ID}; PRAGMA user_version = ${FORMAT}; COMMIT`,
  );
};

/** Reads events spread over the whole log, each by its sequence and by its stream. This finds missing stretches of the file. */
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

/** @throws LogUnusable unless this version can read the file */
const checkHeader = (db: DatabaseSync, file: string) => {
  if (pragma(db, 'application_id') !== APPLICATION_ID)
    throw new LogUnusable(`${file} is not a log of Hookledger. Move it away, or choose another data folder.`);
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
    throw damaged(file, 'it does not have the tables of a log');
  if (statSync(file).size <= FULL_CHECK_BYTES) {
    const found = Object.values(db.prepare('PRAGMA quick_check(1)').get() ?? {})[0];
    if (found !== 'ok') throw damaged(file, String(found));
  }
  checkSample(db, file);
};

const sizeOf = (file: string) => statSync(file, { throwIfNoEntry: false })?.size ?? 0;

/** Creates the log's file, or checks that this version can continue it. The folder must be locked. @throws LogUnusable */
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

/** Opens the log's file for reading while another process may write to it. Checks only the header: a damaged log is read as far as it goes. @throws LogUnusable */
export const openLogFileReadOnly = (file: string): DatabaseSync => {
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

/** The file of the log in a data folder. @throws LogUnusable if there is none */
export const findLogFile = (directory: string): string => {
  const file = path.join(path.resolve(directory), 'log.db');
  if (!existsSync(file)) throw new LogUnusable(`There is no log of Hookledger in ${path.dirname(file)}. Give the data folder of the log.`);
  openLogFileReadOnly(file).close();
  return file;
};

const unopenable = (file: string, error: unknown): LogUnusable => {
  if (error instanceof LogUnusable) return error;
  const reason = error instanceof Error ? error.message : String(error);
  switch (resultCode(error)) {
    case SQLITE.notADatabase:
      return new LogUnusable(`${file} is not a log of Hookledger. Move it away, or choose another data folder.`, { cause: error });
    case SQLITE.corrupt:
      return malformed(file, reason, 'Check the disk, then start again.', error);
    case SQLITE.full:
      return new LogUnusable(`The disk that holds ${file} is full. Free some space, then start again.`, { cause: error });
    default:
      return new LogUnusable(`${file} can't be opened: ${reason}`, { cause: error });
  }
};
