// The embedded log as it is stored, for copying and checking it. Copying has it for itself; who only reads it bears that others write to it.
import { existsSync } from 'node:fs';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { Position } from '../../domain/ids.ts';
import type { StoredEvent } from '../codec.ts';
import { LogUnusable } from '../event-store.ts';
import type { EventToStore, ReadableLog, StoredLog } from '../stored-log.ts';
import { lockFolder, openForReading, prepareLogFile, unreadable, unwritable } from './log-file.ts';
import { storedOf, toSequence } from './log-reader.ts';

const columns = 'sequence, stream, revision, id, type, recorded_at, data, metadata';
/** Of one batch; the second is aimed at. */
const mostEvents = 250;
const mostCharacters = 1024 * 1024;

export class StoredLogFile implements StoredLog {
  readonly name: string;
  readonly #file: string;
  readonly #lock: DatabaseSync | undefined;
  readonly #db: DatabaseSync;

  private constructor(directory: string, file: string, db: DatabaseSync, lock?: DatabaseSync) {
    this.name = directory;
    this.#file = file;
    this.#lock = lock;
    this.#db = db;
  }

  /** @throws LogUnusable */
  static open(directory: string, { create }: { readonly create: boolean }): StoredLogFile {
    const { folder, file } = create ? placeOf(directory) : standing(directory, 'to copy');
    const lock = lockFolder(folder);
    try {
      prepareLogFile(file);
      const db = new DatabaseSync(file, { timeout: 5000 });
      db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = -65536');
      return new StoredLogFile(folder, file, db, lock);
    } catch (error) {
      lock.close();
      throw error;
    }
  }

  /** Beside a server that writes to it, too: only what is committed is seen. @throws LogUnusable */
  static openReadOnly(directory: string): ReadableLog {
    const { folder, file } = standing(directory, 'to read');
    return new StoredLogFile(folder, file, openForReading(file));
  }

  async last(): Promise<StoredEvent | undefined> {
    return this.#reading(() => this.#prepare(`SELECT ${columns} FROM events ORDER BY sequence DESC LIMIT 1`).all().map(storedOf)[0]);
  }

  async *read(after: Position | undefined): AsyncGenerator<readonly StoredEvent[]> {
    const page = this.#prepare(`SELECT ${columns} FROM events WHERE sequence > ? ORDER BY sequence LIMIT ?`);
    let limit = mostEvents / 10; // until it is known how large the events are
    for (let last = after === undefined ? 0 : toSequence(after); ;) {
      const events = this.#reading(() => page.all(last, limit).map(storedOf));
      const end = events.at(-1);
      if (!end) return;
      last = toSequence(end.position);
      const characters = events.reduce((sum, { data, metadata }) => sum + data.length + metadata.length, 0);
      limit = Math.max(1, Math.min(mostEvents, 10 * limit, Math.floor((events.length * mostCharacters) / Math.max(1, characters))));
      yield events;
    }
  }

  async at(stream: string, revision: number): Promise<StoredEvent | undefined> {
    const one = this.#prepare(`SELECT ${columns} FROM events WHERE stream = ? AND revision = ?`);
    return this.#reading(() => one.all(stream, revision).map(storedOf)[0]);
  }

  /** One transaction, so all or none. */
  async append(events: readonly EventToStore[]): Promise<void> {
    const insert = this.#db.prepare(
      `INSERT INTO events (${columns}) VALUES ((SELECT coalesce(max(sequence), 0) + 1 FROM events), ?, ?, ?, ?, ?, ?, ?)`,
    );
    const now = Date.now();
    try {
      this.#db.exec('BEGIN IMMEDIATE');
      for (const { stream, revision, id, type, data, metadata } of events) insert.run(stream, revision, id, type, now, data, metadata);
      this.#db.exec('COMMIT');
    } catch (error) {
      if (this.#db.isTransaction) this.#db.exec('ROLLBACK');
      if (error instanceof Error && 'errcode' in error) throw unwritable(this.#file, Number(error.errcode), error.message);
      throw error;
    }
  }

  share(position: Position, end: Position): number {
    return toSequence(position) / toSequence(end);
  }

  async close(): Promise<void> {
    this.#db.close();
    this.#lock?.close();
  }

  #prepare(sql: string) {
    const statement = this.#db.prepare(sql);
    statement.setReturnArrays(true);
    return statement;
  }

  #reading<T>(read: () => T): T {
    try {
      return read();
    } catch (error) {
      throw unreadable(this.#file, error);
    }
  }
}

const placeOf = (directory: string) => {
  const folder = path.resolve(directory);
  return { folder, file: path.join(folder, 'log.db') };
};

const standing = (directory: string, what: string) => {
  const { folder, file } = placeOf(directory);
  if (existsSync(file)) return { folder, file };
  throw new LogUnusable(`There is no log of Hookledger in ${folder}. Name the data folder of the one ${what}.`);
};
