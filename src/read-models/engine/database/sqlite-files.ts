// The files of the embedded database: their names, the files that SQLite keeps beside them, and the locks that say who uses them.
import { writeFileSync } from 'node:fs';
import { readdir, rename, rm } from 'node:fs/promises';
import { DatabaseSync } from 'node:sqlite';
import type { Position } from '../../../domain/ids.ts';
import { DatabaseUnusable, type BuildId } from './database.ts';
import { isBusy, isDamage, isInUse } from './sqlite-errors.ts';
import { checkpointOn } from './sqlite-checkpoint.ts';

export const nameOf = (consumer: string, version: number, build: number | 'next'): string =>
  `${consumer}@${version}${build === 0 ? '' : `.${build}`}.db`;

/** The finished builds of a consumer, of all versions. */
export const buildsIn = async (folder: string, consumer: string): Promise<BuildId[]> => {
  const files = await readdir(folder).catch(() => []);
  const matches = files.map((file) => /^(.+)@(\d+)(?:\.(\d+))?\.db$/.exec(file)).filter((match) => match?.[1] === consumer);
  return matches.map((match) => ({ version: Number(match?.[2]), build: Number(match?.[3] ?? 0) }));
};

/** What SQLite keeps beside a file. Left behind, it would spoil another file of the same name. */
const companions = ['-wal', '-shm', '-journal'];

/** Exists beside a file that was found damaged while in use: the file must not be opened again. */
export const damageMark = (file: string) => `${file}.damaged`;

/** The process ends then, and the next start replaces the file (see service/vitality.ts). */
export const markIfDamage = (file: string, error: unknown): void => {
  if (isDamage(error)) writeFileSync(damageMark(file), '');
};

export const removeFile = async (file: string): Promise<void> => {
  for (const each of ['', ...companions]) await rm(file + each, { force: true });
  await rm(damageMark(file), { force: true });
};

export const moveFile = async (file: string, to: string): Promise<void> => {
  await removeFile(to);
  for (const each of ['', ...companions]) await rename(file + each, to + each).catch(() => undefined);
  await removeFile(file);
};

/** Undefined: nothing is applied, or the file can't be read, which shows when it is opened. */
export const checkpointIn = (file: string): Position | undefined => {
  let db: DatabaseSync | undefined;
  try {
    db = new DatabaseSync(file, { readOnly: true, timeout: 1000 });
    return checkpointOn(db);
  } catch {
    return undefined;
  } finally {
    db?.close();
  }
};

/** Puts everything into the one file, with no companions. */
export const leaveWal = (file: string): void => {
  const db = new DatabaseSync(file, { timeout: 1000 });
  try {
    db.exec('PRAGMA synchronous = FULL; PRAGMA journal_mode = DELETE');
  } finally {
    db.close();
  }
};

/** Tries to leave WAL mode, which SQLite refuses while another connection has the file open. A damaged file counts as not open. */
export const isOpenElsewhere = (file: string): boolean => {
  let db: DatabaseSync | undefined;
  try {
    db = new DatabaseSync(file, { timeout: 0 });
    db.exec('PRAGMA journal_mode = DELETE');
    return false;
  } catch (error) {
    if (isDamage(error)) return false;
    if (isInUse(error)) return true;
    throw error;
  } finally {
    db?.close();
  }
};

/**
 * Locks a build for this process. However the process ends, the kernel frees the lock.
 * @throws DatabaseUnusable if another process has it
 */
export const lockBuilding = (file: string): DatabaseSync => {
  const lock = new DatabaseSync(lockOf(file), { timeout: 0 });
  try {
    lock.exec('BEGIN EXCLUSIVE');
    return lock;
  } catch (error) {
    lock.close();
    if (!isBusy(error)) throw error;
    throw new DatabaseUnusable(`Another process is building ${file}; wait until it is done, or stop it.`, { cause: error });
  }
};

export const lockOf = (file: string) => `${file}.lock`;
