// The reading half of the embedded log: streams, and following from memory or from the file. Any thread may have one.
// Limit: it reads up to the tip that it was told of, and only what is durable may be told.
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { setImmediate as yieldToEventLoop } from 'node:timers/promises';
import type { Position } from '../../domain/ids.ts';
import { codec, type StoredEvent } from '../codec.ts';
import { configurationCategories, LogUnavailable, type EventStore, type RecordedEvent } from '../event-store.ts';
import { damaged, ofConfiguration, unreadable } from './log-file.ts';
import type { RecentEvents } from './recent-events.ts';

export type FollowOptions = Parameters<EventStore['follow']>[1];

/** A page of a long catch-up ends at this many characters of JSON, however few events that is. */
const PAGE_CHARACTERS = 4 * 1024 * 1024;

/** Rows read from the file at once: few at first, as they may be large. */
const FEWEST_ROWS = 16;
const MOST_ROWS = 256;

/** The sequence as 16 digits, which hold every safe integer, and sort. */
export const toPosition = (sequence: number): Position => String(sequence).padStart(16, '0') as Position;

export const toSequence = (position: Position): number => {
  if (!/^\d{16}$/.test(position)) throw new RangeError(`"${position}" is not a position of this log.`);
  return Number(position);
};

type Page = { readonly events: readonly RecordedEvent[]; readonly through: number; readonly error?: unknown };

export class LogReader implements Pick<EventStore, 'readStream' | 'follow' | 'tip'> {
  readonly #file: string;
  readonly #recent: RecentEvents;
  /** Followers that have seen everything: what wakes them. */
  readonly #waiting = new Set<() => void>();
  #reader: { db: DatabaseSync; page: StatementSync; configuration: StatementSync; stream: StatementSync } | undefined;
  #closed = false;

  /** @param recent the log's end in memory; its tip is how far the log is read */
  constructor(file: string, recent: RecentEvents) {
    this.#file = file;
    this.#recent = recent;
  }

  /** Opens the file, unless it is open. */
  open(): void {
    if (this.#reader) return;
    const db = new DatabaseSync(this.#file, { readOnly: true, timeout: 5000 });
    const columns = 'sequence, stream, revision, id, type, recorded_at, data, metadata';
    const range = `SELECT ${columns} FROM events WHERE sequence > ? AND sequence <= ?`;
    const page = db.prepare(`${range} ORDER BY sequence LIMIT ?`);
    const configuration = db.prepare(`${range} AND ${ofConfiguration} ORDER BY sequence LIMIT ?`);
    const stream = db.prepare(`SELECT ${columns} FROM events WHERE stream = ? AND revision BETWEEN ? AND ? ORDER BY revision`);
    for (const statement of [page, configuration, stream]) statement.setReturnArrays(true);
    this.#reader = { db, page, configuration, stream };
  }

  get isOpen(): boolean {
    return this.#reader !== undefined;
  }

  /** The tip has moved. */
  wake(): void {
    for (const wake of this.#waiting) wake();
  }

  /** Followers end. */
  close(): void {
    this.#closed = true;
    this.#reader?.db.close();
    this.#reader = undefined;
    this.wake();
  }

  /** Of the last event that is committed, whoever wrote it. */
  lastInFile(): Position | undefined {
    try {
      const last = this.#opened().db.prepare('SELECT max(sequence) AS last FROM events').get()?.['last'];
      return typeof last === 'number' ? toPosition(last) : undefined;
    } catch (error) {
      throw unreadable(this.#file, error);
    }
  }

  async tip(): Promise<Position | undefined> {
    return this.#recent.tip === 0 ? undefined : toPosition(this.#recent.tip);
  }

  async readStream(stream: string, { from = 0, upTo = Number.MAX_SAFE_INTEGER }: { from?: number; upTo?: number } = {}) {
    const { stream: statement } = this.#opened();
    try {
      return Array.from(statement.iterate(stream, from, upTo), (row) => decodeRow(row));
    } catch (error) {
      throw unreadable(this.#file, error);
    }
  }

  /** @throws RangeError when the position is not one of this log */
  async *follow(after: Position | undefined, { signal, batchSize = 1000, only }: FollowOptions) {
    let last = after === undefined ? 0 : toSequence(after);
    if (last > this.#recent.tip)
      throw new RangeError(`Position ${after} lies behind the end of this log: it belongs to another one, or to a later copy of this one.`);
    let wake = () => {};
    const onAbort = () => wake();
    let announce = only !== undefined;
    signal.addEventListener('abort', onAbort);
    try {
      while (!signal.aborted && !this.#closed) {
        // 1. What is there, from memory or from the file.
        const recent = this.#recent.after(last, batchSize);
        const { events, through, error }: Page = recent
          ? { events: only ? recent.filter(isConfiguration) : recent, through: last + recent.length }
          : this.#page(last, batchSize, only);
        last = through;
        if (events.length > 0) yield events;
        if (error !== undefined) throw error;
        if (announce && last === this.#recent.tip) {
          announce = false;
          yield [];
        }

        // 2. With more to come, others get their turn first; else wait for the next commit.
        if (last < this.#recent.tip) await yieldToEventLoop();
        else if (!signal.aborted && !this.#closed)
          await new Promise<void>((resolve) => {
            wake = () => {
              this.#waiting.delete(wake);
              resolve();
            };
            this.#waiting.add(wake);
          });
      }
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
  }

  /**
   * A page of the file after a sequence, and the sequence that it reaches through. `error` is what stopped it short: what follows the
   * events can't be read.
   */
  #page(after: number, limit: number, only: 'configuration' | undefined): Page {
    const events: RecordedEvent[] = [];
    const tip = this.#recent.tip;
    let through = after;
    let characters = 0;
    try {
      const { page, configuration } = this.#opened();
      const statement = only ? configuration : page;
      for (let asked = FEWEST_ROWS, rows: readonly unknown[] = []; events.length < limit; asked = Math.min(4 * asked, MOST_ROWS)) {
        asked = Math.min(asked, limit - events.length);
        rows = statement.all(through, tip, asked); // an iterator costs half as much again
        for (const row of rows) {
          events.push(decodeRow(row));
          through = sequenceOf(row);
          characters += charactersOf(row);
        }
        if (characters >= PAGE_CHARACTERS) return { events, through };
        if (rows.length < asked) break;
      }
      if (only && events.length < limit) through = tip;
      if (through === after && after < tip) throw damaged(this.#file, `its event ${after + 1} is missing`);
      return { events, through };
    } catch (error) {
      return { events, through, error: unreadable(this.#file, error) };
    }
  }

  #opened() {
    if (!this.#reader) throw new LogUnavailable('The log is closed.');
    return this.#reader;
  }
}

const configurationPrefixes = configurationCategories.map((category) => `${category}-`);
const isConfiguration = ({ stream }: RecordedEvent) => configurationPrefixes.some((prefix) => stream.startsWith(prefix));

/** A row of `events`, in the order of the reader's columns; node:sqlite gives it as an array though its types say otherwise. */
type Row = readonly [
  sequence: number,
  stream: string,
  revision: number,
  id: string,
  type: string,
  at: number,
  data: string,
  metadata: string,
];

/** As the log has it. */
export const storedOf = (row: unknown): StoredEvent => {
  const [sequence, stream, revision, id, type, at, data, metadata] = row as Row; // the table is STRICT
  return { id, type, data, metadata, stream, revision, position: toPosition(sequence), recordedAt: timeOf(at) };
};

/** Events that were committed together have one time. */
let lastTime = { at: Number.NaN, text: '' };
const timeOf = (at: number): string => {
  if (at !== lastTime.at) lastTime = { at, text: new Date(at).toISOString() };
  return lastTime.text;
};

const decodeRow = (row: unknown): RecordedEvent => codec.decode(storedOf(row));

const sequenceOf = (row: unknown) => (row as Row)[0]; // as above
const charactersOf = (row: unknown) => (row as Row)[6].length + (row as Row)[7].length; // as above
