// The reading half of the embedded log: reads streams, and follows the log from memory or from the file. Any thread may have one.
// Limit: it reads up to the tip it was told, so only durable events may be told.
import { DatabaseSync } from 'node:sqlite';
import { setImmediate as yieldToEventLoop } from 'node:timers/promises';
import type { ConfigurationEvent } from '../../domain/catalog.ts';
import type { Position } from '../../domain/ids.ts';
import { codec, decodeConfiguration } from '../codec.ts';
import { configurationCategories, LogUnavailable, type EventStore, type RecordedEvent, type UndecodableEvent } from '../event-store.ts';
import { prepareEventQuery, toPosition, toSequence, toStoredEvent, type EventRow } from './event-rows.ts';
import { configurationCondition, damaged, unreadable } from './log-file.ts';
import type { RecentEvents } from './recent-events.ts';

export type FollowOptions = Parameters<EventStore['follow']>[1];

/** A page of a long catch-up ends after about this many characters of JSON, however few events that is. Decoded they take several times as much. */
const PAGE_CHARACTERS = 1024 * 1024;

/** Rows read from the file at once: few at first, as they may be large. */
const FEWEST_ROWS = 16;
const MOST_ROWS = 256;

/** `through` is the sequence that the page reaches; `error` says why it ends there although the log goes on. */
type Page<E> = { readonly events: readonly E[]; readonly through: number; readonly error?: unknown };

/** Which events a follower gets, and in which form. */
type Selection<E> = {
  readonly query: 'page' | 'configuration';
  readonly fromRecent: (events: readonly RecordedEvent[]) => readonly E[];
  readonly decode: (row: EventRow) => E;
};

const everything: Selection<RecordedEvent> = { query: 'page', fromRecent: (events) => events, decode: (row) => decodeRow(row) };

const configuration: Selection<RecordedEvent<ConfigurationEvent> | UndecodableEvent> = {
  query: 'configuration',
  fromRecent: (events) => events.filter(isConfiguration),
  decode: (row) => decodeConfiguration(toStoredEvent(row)),
};

const openFile = (file: string) => {
  const db = new DatabaseSync(file, { readOnly: true, timeout: 5000 });
  const range = 'sequence > ? AND sequence <= ?';
  return {
    db,
    page: prepareEventQuery(db, `WHERE ${range} ORDER BY sequence LIMIT ?`),
    configuration: prepareEventQuery(db, `WHERE ${range} AND ${configurationCondition} ORDER BY sequence LIMIT ?`),
    stream: prepareEventQuery(db, 'WHERE stream = ? AND revision BETWEEN ? AND ? ORDER BY revision'),
  };
};

export class LogReader implements Pick<EventStore, 'readStream' | 'follow' | 'followConfiguration' | 'tip'> {
  readonly #file: string;
  readonly #recent: RecentEvents;
  /** Wakes the followers that have seen every event. */
  readonly #waiting = new Set<() => void>();
  #opened: ReturnType<typeof openFile> | undefined;
  #closed = false;

  /** @param recent the newest events in memory; the log is read up to their tip */
  constructor(file: string, recent: RecentEvents) {
    this.#file = file;
    this.#recent = recent;
  }

  /** Opens the file, unless it is open. */
  open(): void {
    this.#opened ??= openFile(this.#file);
  }

  get isOpen(): boolean {
    return this.#opened !== undefined;
  }

  /** Call this when the tip has moved. */
  wake(): void {
    for (const wake of this.#waiting) wake();
  }

  /** Ends the followers. */
  close(): void {
    this.#closed = true;
    this.#opened?.db.close();
    this.#opened = undefined;
    this.wake();
  }

  /** The position of the last committed event, whichever process wrote it. */
  lastCommitted(): Position | undefined {
    try {
      const last = this.#database().db.prepare('SELECT max(sequence) AS last FROM events').get()?.['last'];
      return typeof last === 'number' ? toPosition(last) : undefined;
    } catch (error) {
      throw unreadable(this.#file, error);
    }
  }

  /** Of the last committed event. */
  lastEventId(): { readonly sequence: number; readonly id: string } | undefined {
    const last = this.#database().db.prepare('SELECT sequence, id FROM events ORDER BY sequence DESC LIMIT 1').get();
    return last && { sequence: Number(last['sequence']), id: String(last['id']) };
  }

  async tip(): Promise<Position | undefined> {
    return this.#recent.tip === 0 ? undefined : toPosition(this.#recent.tip);
  }

  async readStream(stream: string, { from = 0, upTo = Number.MAX_SAFE_INTEGER }: { from?: number; upTo?: number } = {}) {
    const database = this.#database();
    try {
      return database.stream(stream, from, upTo).map(decodeRow);
    } catch (error) {
      throw unreadable(this.#file, error);
    }
  }

  /** @throws RangeError if the position is not one of this log */
  follow(after: Position | undefined, { signal, batchSize = 1000 }: FollowOptions) {
    return this.#follow(after, everything, signal, batchSize);
  }

  /** @throws RangeError if the position is not one of this log */
  followConfiguration(after: Position | undefined, { signal }: { readonly signal: AbortSignal }) {
    return this.#follow(after, configuration, signal, 1000);
  }

  async *#follow<E>(after: Position | undefined, selection: Selection<E>, signal: AbortSignal, batchSize: number) {
    let last = after === undefined ? 0 : toSequence(after);
    if (last > this.#recent.tip)
      throw new RangeError(`Position ${after} is past the end of this log: it belongs to another log, or to a later copy of this one.`);
    let wake = () => {};
    const onAbort = () => wake();
    let announceEnd = selection.query === 'configuration';
    signal.addEventListener('abort', onAbort);
    try {
      while (!signal.aborted && !this.#closed) {
        // 1. Take what there is, from memory or from the file.
        const recent = this.#recent.after(last, batchSize);
        const { events, through, error }: Page<E> = recent
          ? { events: selection.fromRecent(recent), through: last + recent.length }
          : this.#page(last, batchSize, selection);
        last = through;
        if (events.length > 0) yield events;
        if (error !== undefined) throw error;
        if (announceEnd && last === this.#recent.tip) {
          announceEnd = false;
          yield [];
        }

        // 2. Let others run before the next batch; at the tip, wait for the next commit.
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

  /** Reads a page of the file. An event that can't be read ends it; the events before it are returned. */
  #page<E>(after: number, limit: number, selection: Selection<E>): Page<E> {
    const events: E[] = [];
    const tip = this.#recent.tip;
    let through = after;
    let characters = 0;
    try {
      const query = this.#database()[selection.query];
      for (let most = FEWEST_ROWS; events.length < limit;) {
        const asked = Math.min(most, limit - events.length);
        const rows = query(through, tip, asked);
        for (const row of rows) {
          events.push(selection.decode(row));
          through = row[0];
          characters += row[6].length + row[7].length;
        }
        if (characters >= PAGE_CHARACTERS) return { events, through };
        if (rows.length < asked) break;
        const toFill = Math.ceil(((PAGE_CHARACTERS - characters) / characters) * events.length); // if they are as large as those before
        most = Math.min(4 * asked, MOST_ROWS, toFill);
      }
      if (selection.query === 'configuration' && events.length < limit) through = tip;
      if (through === after && after < tip) throw damaged(this.#file, `its event ${after + 1} is missing`);
      return { events, through };
    } catch (error) {
      return { events, through, error: unreadable(this.#file, error) };
    }
  }

  #database() {
    if (!this.#opened) throw new LogUnavailable('The log is closed.');
    return this.#opened;
  }
}

const configurationPrefixes = configurationCategories.map((category) => `${category}-`);
const isConfiguration = (event: RecordedEvent): event is RecordedEvent<ConfigurationEvent> =>
  configurationPrefixes.some((prefix) => event.stream.startsWith(prefix));

const decodeRow = (row: EventRow): RecordedEvent => codec.decode(toStoredEvent(row));
