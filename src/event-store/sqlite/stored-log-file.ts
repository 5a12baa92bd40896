// The embedded log as it is stored, for copying it: this process's alone meanwhile.
import { existsSync } from 'node:fs';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { Position } from '../../domain/ids.ts';
import type { StoredEvent } from '../codec.ts';
import { LogUnusable } from '../event-store.ts';
import type { EventToStore, StoredLog } from '../stored-log.ts';
import { lockFolder, prepareLogFile, unwritable } from './log-file.ts';
import { toPosition, toSequence } from './log-reader.ts';

const columns = 'sequence, stream, revision, id, type, recorded_at, data, metadata';
/** Of one batch. */
const mostEvents = 1_000;
const mostCharacters = 4 * 1024 * 1024;

export class StoredLogFile implements StoredLog {
  readonly name: string;
  readonly #file: string;
  readonly #lock: DatabaseSync;
  readonly #db: DatabaseSync;

  private constructor(directory: string, file: string, lock: DatabaseSync) {
    this.name = directory;
    this.#file = file;
    this.#lock = lock;
    this.#db = new DatabaseSync(file, { timeout: 5000 });
    this.#db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = -65536');
  }

  /** @throws LogUnusable */
  static open(directory: string, { create }: { readonly create: boolean }): StoredLogFile {
    const folder = path.resolve(directory);
    const file = path.join(folder, 'log.db');
    if (!create && !existsSync(file))
      throw new LogUnusable(`There is no log of Hookledger in ${folder}. Name the data folder of the one to copy.`);
    const lock = lockFolder(folder);
    try {
      prepareLogFile(file);
      return new StoredLogFile(folder, file, lock);
    } catch (error) {
      lock.close();
      throw error;
    }
  }

  async last(): Promise<StoredEvent | undefined> {
    return storedOf(this.#db.prepare(`SELECT ${columns} FROM events ORDER BY sequence DESC LIMIT 1`).get());
  }

  async *read(after: Position | undefined): AsyncGenerator<readonly StoredEvent[]> {
    const page = this.#db.prepare(`SELECT ${columns} FROM events WHERE sequence > ? ORDER BY sequence LIMIT ?`);
    for (let last = after === undefined ? 0 : toSequence(after); ;) {
      const events: StoredEvent[] = [];
      let characters = 0;
      for (const row of page.iterate(last, mostEvents)) {
        const event = storedOf(row);
        if (!event) break;
        events.push(event);
        characters += event.data.length + event.metadata.length;
        if (characters > mostCharacters) break;
      }
      const end = events.at(-1);
      if (!end) return;
      last = toSequence(end.position);
      yield events;
    }
  }

  async at(stream: string, revision: number): Promise<StoredEvent | undefined> {
    return storedOf(this.#db.prepare(`SELECT ${columns} FROM events WHERE stream = ? AND revision = ?`).get(stream, revision));
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
    this.#lock.close();
  }
}

const storedOf = (row: Readonly<Record<string, unknown>> | undefined): StoredEvent | undefined =>
  row && {
    id: String(row['id']),
    type: String(row['type']),
    data: String(row['data']),
    metadata: String(row['metadata']),
    stream: String(row['stream']),
    revision: Number(row['revision']),
    position: toPosition(Number(row['sequence'])),
    recordedAt: new Date(Number(row['recorded_at'])).toISOString(),
  };
