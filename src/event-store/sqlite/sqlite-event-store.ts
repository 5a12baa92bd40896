// The embedded log: one SQLite file, written by a worker thread in group commits, read and followed on the main thread.
// Guarantee: what `append` has answered, and what a follower was given, is on the disk (WAL, synchronous=FULL).
// Limit: one process per data folder; a lock sees to it.
import path from 'node:path';
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { setImmediate as yieldToEventLoop } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { position as toBrand, type Position } from '../../domain/ids.ts';
import { codec } from '../codec.ts';
import {
  configurationCategories,
  LogUnavailable,
  LogUnusable,
  WrongExpectedRevision,
  type Appended,
  type EventStore,
  type ExpectedRevision,
  type NewEvent,
  type RecordedEvent,
  type Write,
} from '../event-store.ts';
import { damaged, lockFolder, ofConfiguration, prepareLogFile, unreadable, unwritable } from './log-file.ts';
import { RecentEvents } from './recent-events.ts';
import type { Committed, EncodedWrite, FromWriter, Group, ToWriter, Unit, WriterOptions } from './writer.worker.ts';

export type SqliteEventStoreOptions = {
  /** The data folder; made where there is none. The log is `log.db` in it. */
  readonly directory: string;
  readonly clock?: () => Date;
  /** Appends are refused while the file is larger than this; undefined: as large as the disk. */
  readonly maxBytes?: number;
  /** Appends are refused while more than this waits for the disk. */
  readonly maxQueuedBytes?: number;
  /** How much of the log's end stays in memory for the followers. */
  readonly recent?: { readonly maxEvents: number; readonly maxBytes: number };
  /** The file of the writing thread. */
  readonly writer?: URL;
};

const MiB = 1024 * 1024;
/** A page of a long catch-up ends at this many characters of JSON, however few events that is. */
const PAGE_CHARACTERS = 4 * MiB;
/** What an event costs in memory beside its JSON, roughly. */
const EVENT_OVERHEAD = 300;
const RESTART_AFTER_MS = 1000;

const writerFile = new URL(import.meta.url.endsWith('.ts') ? './writer.worker.ts' : './writer.worker.js', import.meta.url);

/** The sequence as 16 digits, which hold every safe integer, and sort. */
const toPosition = (sequence: number): Position => toBrand.parse(String(sequence).padStart(16, '0'));

const toSequence = (position: Position): number => {
  if (!/^\d{16}$/.test(position)) throw new RangeError(`"${position}" is not a position of this log.`);
  return Number(position);
};

/** An append on its way: what it wrote, the JSON's size of each event, and its promise. */
type Pending = {
  readonly writes: readonly Write[];
  readonly unit: Unit;
  /** The data of each write's events, as followers get it. */
  readonly values: readonly (readonly NewEvent['data'][])[];
  readonly bytes: number;
  readonly resolve: (appended: readonly Appended[]) => void;
  readonly reject: (error: Error) => void;
};

const encodeWrites = (writes: readonly Write[]): Pick<Pending, 'unit' | 'values' | 'bytes'> => {
  const streams = new Set<string>();
  const values: NewEvent['data'][][] = [];
  let bytes = 0;
  const unit = writes.map(({ stream, expectedRevision, events }): EncodedWrite => {
    if (stream === '') throw new TypeError('A write needs the name of a stream.');
    if (streams.has(stream)) throw new TypeError(`${stream}: one append can hold only one write to a stream; put the events into one.`);
    streams.add(stream);
    if (events.length === 0) throw new TypeError(`${stream}: a write needs at least one event.`);
    if (expectedRevision !== 'no-stream' && !(Number.isSafeInteger(expectedRevision) && expectedRevision >= 0))
      throw new TypeError(`${stream}: ${expectedRevision} is not a revision to expect; give 0 or more, or "no-stream".`);
    const encoded: string[] = [];
    const valuesOfWrite: NewEvent['data'][] = [];
    values.push(valuesOfWrite);
    for (const event of events) {
      const { id, type, data, metadata, value } = codec.encode(event);
      encoded.push(id, type, data, metadata);
      valuesOfWrite.push(value);
      bytes += data.length + metadata.length + EVENT_OVERHEAD;
    }
    return [stream, expectedRevision === 'no-stream' ? -1 : expectedRevision, encoded];
  });
  return { unit, values, bytes };
};

export class SqliteEventStore implements EventStore {
  readonly #file: string;
  readonly #options: SqliteEventStoreOptions;
  readonly #clock: () => Date;
  readonly #maxQueuedBytes: number;
  readonly #lock: DatabaseSync;
  readonly #recent: RecentEvents;
  /** Followers that have seen everything: what wakes them. */
  readonly #waiting = new Set<() => void>();
  #reader: { db: DatabaseSync; page: StatementSync; configuration: StatementSync; stream: StatementSync } | undefined;
  #writer: Worker | undefined;
  #restart: NodeJS.Timeout | undefined;
  /** Appends of this tick, not yet handed to the writer. */
  #queued: Pending[] = [];
  /** Groups that the writer has not answered, oldest first. */
  #inFlight: Pending[][] = [];
  #queuedBytes = 0;
  #closing: Promise<void> | undefined;

  private constructor(options: SqliteEventStoreOptions, file: string, lock: DatabaseSync) {
    this.#options = options;
    this.#clock = options.clock ?? (() => new Date());
    this.#maxQueuedBytes = options.maxQueuedBytes ?? 64 * MiB;
    this.#file = file;
    this.#lock = lock;
    this.#recent = new RecentEvents({ tip: 0, ...(options.recent ?? { maxEvents: 8192, maxBytes: 16 * MiB }) });
  }

  /** @throws LogUnusable with a sentence that says what to do */
  static async open(options: SqliteEventStoreOptions): Promise<SqliteEventStore> {
    const directory = path.resolve(options.directory);
    const lock = lockFolder(directory);
    try {
      const file = path.join(directory, 'log.db');
      prepareLogFile(file);
      const store = new SqliteEventStore(options, file, lock);
      await store.#startWriter();
      return store;
    } catch (error) {
      lock.close();
      if (error instanceof LogUnusable) throw error;
      throw new LogUnusable(`The log in ${directory} can't be opened: ${error instanceof Error ? error.message : String(error)}`, {
        cause: error,
      });
    }
  }

  // ── Appending ──

  async append(writes: readonly Write[]): Promise<readonly Appended[]> {
    const { unit, values, bytes } = encodeWrites(writes);
    if (this.#closing) throw new LogUnavailable('The log is closed.');
    if (!this.#writer) throw new LogUnavailable(`${this.#file} can't be written just now: its writer is being started again.`);
    if (this.#queuedBytes + bytes > this.#maxQueuedBytes && this.#queuedBytes > 0)
      throw new LogUnavailable('More waits for the disk than is taken: nothing was written. Repeat the request later.');
    if (writes.length === 0) return [];
    return new Promise((resolve, reject) => {
      // At the end of the tick, so that all requests which arrived together share one message and one fsync.
      if (this.#queued.length === 0) setImmediate(() => this.#flush());
      this.#queued.push({ writes, unit, values, bytes, resolve, reject });
      this.#queuedBytes += bytes;
    });
  }

  #flush() {
    if (this.#queued.length === 0 || !this.#writer) return;
    const group: Group = { at: this.#clock().getTime(), units: this.#queued.map(({ unit }) => unit) };
    this.#inFlight.push(this.#queued);
    this.#queued = [];
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has none
    this.#writer.postMessage(group satisfies ToWriter);
  }

  /** The oldest groups, which the writer has answered now. */
  #take(groups: number): Pending[] {
    const taken = this.#inFlight.splice(0, groups).flat();
    for (const { bytes } of taken) this.#queuedBytes -= bytes;
    return taken;
  }

  #committed({ groups, first, at, units }: Committed) {
    const recordedAt = new Date(at).toISOString();
    const answers: (() => void)[] = [];
    let sequence = first;
    for (const [i, pending] of this.#take(groups).entries()) {
      const other = units.get(i);
      if (other && 'conflicts' in other) {
        const revision = (n: number): ExpectedRevision => (n === -1 ? 'no-stream' : n);
        const conflicts = other.conflicts.map(({ stream, expected, actual }) => ({
          stream,
          expected: revision(expected),
          actual: revision(actual),
        }));
        answers.push(() => pending.reject(new WrongExpectedRevision(conflicts)));
        continue;
      }
      const appended = pending.writes.map(({ stream, events }, w): Appended => {
        const found = other?.found.find(({ write }) => write === w);
        if (found)
          return {
            revision: found.revision,
            position: toPosition(found.sequence),
            recordedAt: new Date(found.at).toISOString(),
            deduplicated: true,
          };
        const [, expected, encoded] = pending.unit[w] ?? ['', -1, []];
        for (const [e, { id, type, metadata }] of events.entries()) {
          const data = pending.values[w]?.[e];
          // The type and data of one event stay together, which TypeScript does not see through a union.
          const recorded = { id, type, data, metadata, stream, revision: expected + 1 + e, position: toPosition(sequence), recordedAt };
          const bytes = (encoded[e * 4 + 2]?.length ?? 0) + (encoded[e * 4 + 3]?.length ?? 0) + EVENT_OVERHEAD;
          this.#recent.push(recorded as RecordedEvent, bytes);
          sequence += 1;
        }
        return { revision: expected + events.length, position: toPosition(sequence - 1), recordedAt, deduplicated: false };
      });
      answers.push(() => pending.resolve(appended));
    }
    for (const answer of answers) answer();
    if (sequence > first) this.#wakeFollowers();
  }

  // ── The writing thread ──

  /** Starts the writer and resolves when it is ready; when it dies at any time, it is started again. */
  #startWriter(): Promise<void> {
    return new Promise((resolve, reject) => {
      const workerData: WriterOptions = { file: this.#file, maxBytes: this.#options.maxBytes };
      const writer = new Worker(this.#options.writer ?? writerFile, { workerData });
      this.#writer = writer;
      let cause: unknown;
      let ready = false;
      writer.on('message', (message: FromWriter) => {
        switch (message.kind) {
          case 'ready':
            ready = true;
            try {
              this.#openReader();
            } catch (error) {
              this.#closing ??= Promise.resolve(); // so that the thread is not started again
              void writer.terminate();
              return reject(error instanceof Error ? error : new Error(String(error)));
            }
            // A writer that died may have committed what it could not answer any more: that is in the file, not in memory.
            if (message.tip !== this.#recent.tip) this.#recent.restart(message.tip);
            this.#wakeFollowers();
            return resolve();
          case 'committed':
            return this.#committed(message);
          case 'failed': {
            const error = unwritable(this.#file, message.errcode, message.reason);
            for (const pending of this.#take(message.groups)) pending.reject(error);
          }
        }
      });
      writer.on('error', (error) => (cause = error));
      // Only when the thread has ended is its connection closed and its transaction rolled back.
      writer.on('exit', () => {
        this.#writer = undefined;
        reject(new Error('The writing thread has ended.', { cause }));
        const lost = new LogUnavailable(`The writer of ${this.#file} has died: it is not known what was written. Repeat the request.`, 1, {
          cause,
        });
        for (const pending of [...this.#take(this.#inFlight.length), ...this.#queued]) pending.reject(lost);
        this.#queued = [];
        this.#queuedBytes = 0;
        if (this.#closing) return;
        if (ready) this.#startWriter().catch(() => {});
        else if (this.#reader) this.#restart = setTimeout(() => void this.#startWriter().catch(() => {}), RESTART_AFTER_MS);
      });
    });
  }

  async close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close() {
    this.#flush();
    this.#reader?.db.close(); // before the writer's, which as the last one cleans up
    this.#reader = undefined;
    clearTimeout(this.#restart);
    const writer = this.#writer;
    if (writer) {
      const ended = new Promise((resolve) => writer.once('exit', resolve));
      // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has none
      writer.postMessage('close' satisfies ToWriter);
      await ended;
    }
    this.#lock.close();
    this.#wakeFollowers();
  }

  // ── Reading ──

  #openReader() {
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

  #openedReader() {
    if (!this.#reader) throw new LogUnavailable('The log is closed.');
    return this.#reader;
  }

  async readStream(stream: string, { from = 0, upTo = Number.MAX_SAFE_INTEGER }: { from?: number; upTo?: number } = {}) {
    const { stream: statement } = this.#openedReader();
    try {
      return Array.from(statement.iterate(stream, from, upTo), (row) => decodeRow(row));
    } catch (error) {
      throw unreadable(this.#file, error);
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
      const { page, configuration } = this.#openedReader();
      for (const row of (only ? configuration : page).iterate(after, tip, limit)) {
        events.push(decodeRow(row));
        through = sequenceOf(row);
        characters += charactersOf(row);
        if (characters >= PAGE_CHARACTERS) return { events, through };
      }
      if (only && events.length < limit) through = tip;
      if (through === after && after < tip) throw damaged(this.#file, `its event ${after + 1} is missing`);
      return { events, through };
    } catch (error) {
      return { events, through, error: unreadable(this.#file, error) };
    }
  }

  /**
   * As the port says; it also ends when the log is closed.
   * @throws RangeError when the position is not one of this log
   */
  async *follow(after: Position | undefined, { signal, batchSize = 1000, only }: FollowOptions) {
    let last = after === undefined ? 0 : toSequence(after);
    if (last > this.#recent.tip)
      throw new RangeError(`Position ${after} lies behind the end of this log: it belongs to another one, or to a later copy of this one.`);
    let wake = () => {};
    const onAbort = () => wake();
    let announce = only !== undefined;
    signal.addEventListener('abort', onAbort);
    try {
      while (!signal.aborted && !this.#closing) {
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
        else if (!signal.aborted && !this.#closing)
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

  #wakeFollowers() {
    for (const wake of this.#waiting) wake();
  }

  async tip(): Promise<Position | undefined> {
    return this.#recent.tip === 0 ? undefined : toPosition(this.#recent.tip);
  }
}

type FollowOptions = Parameters<EventStore['follow']>[1];

type Page = { readonly events: readonly RecordedEvent[]; readonly through: number; readonly error?: unknown };

const isConfiguration = ({ stream }: RecordedEvent) => configurationCategories.some((category) => stream.startsWith(`${category}-`));

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

const decodeRow = (row: unknown): RecordedEvent => {
  const [sequence, stream, revision, id, type, at, data, metadata] = row as Row; // the table is STRICT
  return codec.decode({
    id,
    type,
    data,
    metadata,
    stream,
    revision,
    position: toPosition(sequence),
    recordedAt: new Date(at).toISOString(),
  });
};

const sequenceOf = (row: unknown) => (row as Row)[0]; // as above
const charactersOf = (row: unknown) => (row as Row)[6].length + (row as Row)[7].length; // as above
