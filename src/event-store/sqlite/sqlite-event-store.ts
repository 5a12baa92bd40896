// The embedded log: one SQLite file, written by a worker thread in group commits, read and followed on the main thread.
// Guarantee: what `append` has answered, and what a follower was given, is on the disk (WAL, synchronous=FULL).
// Limit: one process per data folder; a lock sees to it.
import path from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { Worker } from 'node:worker_threads';
import type { Position } from '../../domain/ids.ts';
import { checkWrites } from '../check-writes.ts';
import { codec } from '../codec.ts';
import {
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
import { lockFolder, prepareLogFile, unwritable } from './log-file.ts';
import { LogReader, toPosition, type FollowOptions } from './log-reader.ts';
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
/** What an event costs in memory beside its JSON, roughly. */
const EVENT_OVERHEAD = 300;
const RESTART_AFTER_MS = 1000;

const writerFile = new URL(import.meta.url.endsWith('.ts') ? './writer.worker.ts' : './writer.worker.js', import.meta.url);

/** One is being committed, and the next lies ready, so that the writer need not wait for this thread to come round. */
const groupsAtOnce = 2;

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
  checkWrites(writes);
  const values: NewEvent['data'][][] = [];
  let bytes = 0;
  const unit = writes.map(({ stream, expectedRevision, events }): EncodedWrite => {
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
  readonly #log: LogReader;
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
    this.#recent = new RecentEvents({ tip: 0, ...(options.recent ?? { maxEvents: 512, maxBytes: 4 * MiB }) });
    this.#log = new LogReader(file, this.#recent);
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

  /** The log's file, for a `LogReader` of another thread. */
  get file(): string {
    return this.#file;
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
      if (this.#queued.length === 0) setImmediate(() => this.#flushWhenFree());
      this.#queued.push({ writes, unit, values, bytes, resolve, reject });
      this.#queuedBytes += bytes;
    });
  }

  /** What comes while the writer has enough gathers: it could not be committed any sooner. */
  #flushWhenFree() {
    if (this.#inFlight.length < groupsAtOnce) this.#flush();
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
    setImmediate(() => this.#flushWhenFree());
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
        if (found) return { revision: found.revision, position: toPosition(found.sequence), deduplicated: true };
        const [, expected, encoded] = pending.unit[w] ?? ['', -1, []];
        for (const [e, { id, type, metadata }] of events.entries()) {
          const data = pending.values[w]?.[e];
          // The type and data of one event stay together, which TypeScript does not see through a union.
          const recorded = { id, type, data, metadata, stream, revision: expected + 1 + e, position: toPosition(sequence), recordedAt };
          const bytes = (encoded[e * 4 + 2]?.length ?? 0) + (encoded[e * 4 + 3]?.length ?? 0) + EVENT_OVERHEAD;
          this.#recent.push(recorded as RecordedEvent, bytes);
          sequence += 1;
        }
        return { revision: expected + events.length, position: toPosition(sequence - 1), deduplicated: false };
      });
      answers.push(() => pending.resolve(appended));
    }
    for (const answer of answers) answer();
    if (sequence > first) this.#log.wake();
  }

  // ── The writing thread ──

  /** Starts the writer and resolves when it is ready; when it dies at any time, it is started again. */
  #startWriter(): Promise<void> {
    return new Promise((resolve, reject) => {
      const workerData: WriterOptions = { file: this.#file, maxBytes: this.#options.maxBytes };
      const writer = new Worker(this.#options.writer ?? writerFile, { workerData, resourceLimits: { maxYoungGenerationSizeMb: 8 } });
      this.#writer = writer;
      let cause: unknown;
      let ready = false;
      writer.on('message', (message: FromWriter) => {
        switch (message.kind) {
          case 'ready':
            ready = true;
            try {
              this.#log.open();
            } catch (error) {
              this.#closing ??= Promise.resolve(); // so that the thread is not started again
              void writer.terminate();
              return reject(error instanceof Error ? error : new Error(String(error)));
            }
            // A writer that died may have committed what it could not answer any more: that is in the file, not in memory.
            if (message.tip !== this.#recent.tip) this.#recent.restart(message.tip);
            this.#log.wake();
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
        else if (this.#log.isOpen) this.#restart = setTimeout(() => void this.#startWriter().catch(() => {}), RESTART_AFTER_MS);
      });
    });
  }

  async close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close() {
    this.#flush();
    this.#log.close(); // before the writer's, which as the last one cleans up
    clearTimeout(this.#restart);
    const writer = this.#writer;
    if (writer) {
      const ended = new Promise((resolve) => writer.once('exit', resolve));
      // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has none
      writer.postMessage('close' satisfies ToWriter);
      await ended;
    }
    this.#lock.close();
  }

  // ── Reading ──

  readStream(stream: string, range?: { readonly from?: number; readonly upTo?: number }): Promise<readonly RecordedEvent[]> {
    return this.#log.readStream(stream, range);
  }

  /** As the port says; it also ends when the log is closed. @throws RangeError when the position is not one of this log */
  follow(after: Position | undefined, options: FollowOptions): AsyncIterable<readonly RecordedEvent[]> {
    return this.#log.follow(after, options);
  }

  async tip(): Promise<Position | undefined> {
    return this.#log.tip();
  }
}
