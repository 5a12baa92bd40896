// The embedded log: one SQLite file, written by a worker thread in group commits, read and followed on the main thread.
// Guarantee: an event that `append` has confirmed, or that a follower was given, is on disk (WAL, synchronous=FULL).
// Limit: one process per data folder, enforced by a lock.
import path from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { Worker } from 'node:worker_threads';
import type { Position } from '../../domain/ids.ts';
import { OwnSlice } from '../../time-slices.ts';
import { toRecordedEvent } from '../codec.ts';
import {
  checkWrites,
  LogUnavailable,
  LogUnusable,
  WrongExpectedRevision,
  type Appended,
  type EventStore,
  type RecordedEvent,
  type Write,
} from '../event-store.ts';
import type { AcceptLostTail } from '../lost-tail.ts';
import { AppendEncoding, eventOverhead, revisionNumber, toRevisionConflict } from './append-encoding.ts';
import { AppendQueue } from './append-queue.ts';
import { FileWatch, type LogFileLost } from './file-watch.ts';
import { lockFolder, prepareLogFile, unwritable } from './log-file.ts';
import { toPosition } from './event-rows.ts';
import { LogReader, type FollowOptions } from './log-reader.ts';
import { RecentEvents } from './recent-events.ts';
import { checkTail, TailMarkWriter } from './tail-mark.ts';
import type { Committed, FromWriter, ToWriter, WriterOptions } from './writer.worker.ts';

export type SqliteEventStoreOptions = {
  /** The data folder, created if needed. The log is `log.db` in it. */
  readonly directory: string;
  readonly clock?: () => Date;
  /** Appends are refused while the file is larger than this; unlimited if undefined. */
  readonly maxBytes?: number;
  /** Appends are refused while more than this waits to be written. */
  readonly maxQueuedBytes?: number;
  /** How many of the newest events stay in memory for the followers. */
  readonly recent?: { readonly maxEvents: number; readonly maxBytes: number };
  /** The module of the writer thread. */
  readonly writer?: URL;
  /** Undefined: a log that lost its end is refused. */
  readonly acceptLostTail?: AcceptLostTail;
  /** Called once the files were removed, replaced or cut off. Nothing more is recorded then. */
  readonly onFileLost?: (lost: LogFileLost) => void;
};

const MiB = 1024 * 1024;
const RESTART_AFTER_MS = 1000;
const LONGEST_WITHOUT_WRITER_MS = 15_000;

const writerFile = new URL(import.meta.url.endsWith('.ts') ? './writer.worker.ts' : './writer.worker.js', import.meta.url);

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
  /** In `performance.now()` time. */
  #writerLostAt: number | undefined;
  readonly #queue: AppendQueue;
  /** How many appends came in parts. */
  #parts = 0;
  #closing: Promise<void> | undefined;
  readonly #tailMark: TailMarkWriter;
  #fileWatch: FileWatch | undefined;
  /** Why nothing more is recorded. */
  #fileLost: string | undefined;

  private constructor(options: SqliteEventStoreOptions, file: string, lock: DatabaseSync) {
    this.#options = options;
    this.#clock = options.clock ?? (() => new Date());
    this.#maxQueuedBytes = options.maxQueuedBytes ?? 64 * MiB;
    this.#file = file;
    this.#lock = lock;
    this.#recent = new RecentEvents({ tip: 0, ...(options.recent ?? { maxEvents: 512, maxBytes: 4 * MiB }) });
    this.#log = new LogReader(file, this.#recent);
    this.#tailMark = new TailMarkWriter(file);
    this.#queue = new AppendQueue((appends) => this.#send({ at: this.#clock().getTime(), appends }));
  }

  /** @throws LogUnusable with a sentence that says what to do */
  static async open(options: SqliteEventStoreOptions): Promise<SqliteEventStore> {
    const directory = path.resolve(options.directory);
    const lock = lockFolder(directory);
    try {
      const file = path.join(directory, 'log.db');
      checkTail(file, options.acceptLostTail);
      prepareLogFile(file);
      const store = new SqliteEventStore(options, file, lock);
      await store.#startWriter();
      store.#watchFiles();
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
    checkWrites(writes);
    this.#checkWritable();
    const writer = this.#writer;
    const encoding = new AppendEncoding();
    let part: number | undefined;
    try {
      let slice: OwnSlice | undefined;
      for (const write of writes) {
        encoding.add(write);
        if (!encoding.isPartFull) continue;
        slice ??= new OwnSlice();
        part ??= ++this.#parts;
        for (const message of encoding.takePart()) this.#send({ part, writes: message });
        const turn = slice.giveWay();
        if (turn) await turn;
        this.#checkWritable();
        if (this.#writer !== writer)
          throw new LogUnavailable(`The writer of ${this.#file} has died; nothing was written. Repeat the request.`);
      }
      if (this.#queue.bytes + encoding.bytes > this.#maxQueuedBytes && this.#queue.bytes > 0)
        throw new LogUnavailable('Too much is waiting to be written to disk; nothing was written. Repeat the request later.');
    } catch (error) {
      if (part !== undefined) this.#send({ part });
      throw error;
    }
    if (writes.length === 0) return [];
    return this.#queue.add(writes, encoding, part);
  }

  #checkWritable(): void {
    if (this.#closing) throw new LogUnavailable('The log is closed.');
    if (this.#fileLost !== undefined) throw new LogUnavailable(this.#fileLost, 5);
    if (!this.#writer) throw new LogUnavailable(`${this.#file} can't be written now: its writer is restarting.`);
  }

  /** @returns whether there is a writer */
  #send(message: ToWriter): boolean {
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has none
    this.#writer?.postMessage(message);
    return this.#writer !== undefined;
  }

  #committed({ groups, first, at, exceptions }: Committed) {
    const recordedAt = new Date(at).toISOString();
    const answers: (() => void)[] = [];
    let sequence = first;
    let lastId = '';
    for (const [i, pending] of this.#queue.takeAnswered(groups).entries()) {
      const exception = exceptions.get(i);
      if (exception && 'conflicts' in exception) {
        answers.push(() => pending.reject(new WrongExpectedRevision(exception.conflicts.map(toRevisionConflict))));
        continue;
      }
      const before = sequence;
      const appended = pending.writes.map(({ stream, expectedRevision, events }, w): Appended => {
        const duplicate = exception?.duplicates.find(({ write }) => write === w);
        if (duplicate) return { revision: duplicate.revision, position: toPosition(duplicate.sequence), deduplicated: true };
        const expected = revisionNumber(expectedRevision);
        for (const [e, { id, type, metadata }] of events.entries()) {
          if (pending.events) {
            const { value: data, bytes = eventOverhead } = pending.events[w]?.[e] ?? {};
            const place = { stream, revision: expected + 1 + e, position: toPosition(sequence), recordedAt };
            this.#recent.push(toRecordedEvent({ id, type, data, metadata, ...place }), bytes);
          }
          sequence += 1;
          lastId = id;
        }
        return { revision: expected + events.length, position: toPosition(sequence - 1), deduplicated: false };
      });
      if (!pending.events && sequence > before) this.#recent.restart(sequence - 1);
      answers.push(() => pending.resolve(appended));
    }
    for (const answer of answers) answer();
    if (sequence === first) return;
    this.#log.wake();
    this.#tailMark.note(sequence - 1, lastId);
  }

  // ── The files ──

  #watchFiles(): void {
    const last = this.#log.lastEventId();
    if (last) this.#tailMark.note(last.sequence, last.id);
    this.#fileWatch = new FileWatch(this.#file, (lost) => {
      this.#fileLost = lost.sentence;
      this.#options.onFileLost?.(lost);
    });
  }

  // ── The writer thread ──

  /** Starts the writer and resolves when it is ready. A writer that dies is restarted. */
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
            this.#writerLostAt = undefined;
            try {
              this.#log.open();
            } catch (error) {
              this.#closing ??= Promise.resolve(); // prevents a restart
              void writer.terminate();
              return reject(error instanceof Error ? error : new Error(String(error)));
            }
            // A writer that died may have committed events without confirming them: those are in the file, not in memory.
            if (message.tip !== this.#recent.tip) this.#recent.restart(message.tip);
            this.#log.wake();
            return resolve();
          case 'committed':
            return this.#committed(message);
          case 'failed': {
            const error = unwritable(this.#file, message.errcode, message.reason);
            for (const pending of this.#queue.takeAnswered(message.groups)) pending.reject(error);
          }
        }
      });
      writer.on('error', (error) => (cause = error));
      // Restart only after the thread has exited: then its connection is closed and its transaction rolled back.
      writer.on('exit', () => {
        this.#writer = undefined;
        reject(new Error('The writer thread has exited.', { cause }));
        this.#rejectUnanswered(cause);
        if (this.#closing) return;
        this.#writerLostAt ??= performance.now();
        if (performance.now() - this.#writerLostAt > LONGEST_WITHOUT_WRITER_MS) this.#giveUp(cause);
        if (ready) this.#startWriter().catch(() => {});
        else if (this.#log.isOpen) this.#restart = setTimeout(() => void this.#startWriter().catch(() => {}), RESTART_AFTER_MS);
      });
    });
  }

  #giveUp(cause: unknown): void {
    const reason = cause instanceof Error ? ` (${cause.message})` : '';
    this.#options.onFileLost?.({ sentence: `The writer of ${this.#file} can't be started again${reason}.`, isSafe: true });
  }

  #rejectUnanswered(cause: unknown) {
    const sentence = `The writer of ${this.#file} has died, and it is not known what it wrote. Repeat the request.`;
    this.#queue.rejectAll(new LogUnavailable(sentence, 1, { cause }));
  }

  async close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close() {
    this.#fileWatch?.stop();
    this.#queue.flush();
    this.#log.close(); // before the writer's connection, which cleans up when it is the last one
    clearTimeout(this.#restart);
    const writer = this.#writer;
    if (writer) {
      const ended = new Promise((resolve) => writer.once('exit', resolve));
      this.#send('close');
      await ended;
    }
    if (this.#fileLost === undefined) this.#tailMark.close();
    this.#lock.close();
  }

  // ── Reading ──

  readStream(stream: string, range?: { readonly from?: number; readonly upTo?: number }): Promise<readonly RecordedEvent[]> {
    return this.#log.readStream(stream, range);
  }

  /** As in the port; also ends when the log is closed. @throws RangeError if the position is not one of this log */
  follow(after: Position | undefined, options: FollowOptions): AsyncIterable<readonly RecordedEvent[]> {
    return this.#log.follow(after, options);
  }

  followConfiguration(...args: Parameters<EventStore['followConfiguration']>): ReturnType<EventStore['followConfiguration']> {
    return this.#log.followConfiguration(...args);
  }

  async tip(): Promise<Position | undefined> {
    return this.#log.tip();
  }
}
