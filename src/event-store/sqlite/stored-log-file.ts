// The embedded log in stored form, for copying and checking. Copying locks the folder; reading works beside a server that writes.
import { existsSync } from 'node:fs';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { Position } from '../../domain/ids.ts';
import type { StoredEvent } from '../codec.ts';
import { LogUnusable } from '../event-store.ts';
import type { EventToStore, StoredLogReader, StoredLog } from '../stored-log.ts';
import { eventColumns, prepareEventQuery, toSequence, toStoredEvent, type EventRow } from './event-rows.ts';
import { lockFolder, openLogFileReadOnly, prepareLogFile, unreadable, unwritable } from './log-file.ts';

/** The limit, and the aim, for the size of one batch. */
const mostEvents = 250;
const aimedCharacters = 1024 * 1024;

export class StoredLogFile implements StoredLog {
  readonly name: string;
  readonly #file: string;
  readonly #lock: DatabaseSync | undefined;
  readonly #db: DatabaseSync;

  private constructor(folder: string, file: string, db: DatabaseSync, lock?: DatabaseSync) {
    this.name = folder;
    this.#file = file;
    this.#lock = lock;
    this.#db = db;
  }

  /** @throws LogUnusable */
  static open(directory: string, { create }: { readonly create: boolean }): StoredLogFile {
    const { folder, file } = create ? pathsIn(directory) : existingPathsIn(directory, 'to copy');
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

  /** Works beside a server that writes to the log; sees only committed events. @throws LogUnusable */
  static openReadOnly(directory: string): StoredLogReader {
    const { folder, file } = existingPathsIn(directory, 'to read');
    return new StoredLogFile(folder, file, openLogFileReadOnly(file));
  }

  async last(): Promise<StoredEvent | undefined> {
    const [last] = this.#read(prepareEventQuery(this.#db, 'ORDER BY sequence DESC LIMIT 1'));
    return last;
  }

  async *read(after: Position | undefined): AsyncGenerator<readonly StoredEvent[]> {
    const page = prepareEventQuery(this.#db, 'WHERE sequence > ? ORDER BY sequence LIMIT ?');
    let limit = mostEvents / 10; // until the size of the events is known
    for (let last = after === undefined ? 0 : toSequence(after); ;) {
      const events = this.#read(() => page(last, limit));
      const end = events.at(-1);
      if (!end) return;
      last = toSequence(end.position);
      const characters = events.reduce((sum, { data, metadata }) => sum + data.length + metadata.length, 0);
      limit = Math.max(1, Math.min(mostEvents, 10 * limit, Math.floor((events.length * aimedCharacters) / Math.max(1, characters))));
      yield events;
    }
  }

  async at(stream: string, revision: number): Promise<StoredEvent | undefined> {
    const one = prepareEventQuery(this.#db, 'WHERE stream = ? AND revision = ?');
    const [event] = this.#read(() => one(stream, revision));
    return event;
  }

  /** Appends in one transaction: all events or none. */
  async append(events: readonly EventToStore[]): Promise<void> {
    const insert = this.#db.prepare(
      `INSERT INTO events (${eventColumns}) VALUES ((SELECT coalesce(max(sequence), 0) + 1 FROM events), ?, ?, ?, ?, ?, ?, ?)`,
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

  #read(query: () => readonly EventRow[]): readonly StoredEvent[] {
    try {
      return query().map(toStoredEvent);
    } catch (error) {
      throw unreadable(this.#file, error);
    }
  }
}

const pathsIn = (directory: string) => {
  const folder = path.resolve(directory);
  return { folder, file: path.join(folder, 'log.db') };
};

const existingPathsIn = (directory: string, purpose: string) => {
  const { folder, file } = pathsIn(directory);
  if (existsSync(file)) return { folder, file };
  throw new LogUnusable(`There is no log of Hookledger in ${folder}. Give the data folder of the log ${purpose}.`);
};
