// The worker thread that owns the log's writing connection. It commits everything that is waiting in one transaction, with one fsync for all of it
// (group commit). Node may run this file by stripping its types, so they must be erasable.
import { DatabaseSync } from 'node:sqlite';
import { deserialize, serialize } from 'node:v8';
import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import { deflateRawSync, inflateRawSync } from 'node:zlib';

export type WriterOptions = { readonly file: string; readonly maxBytes?: number | undefined };

/** `events` holds four strings per event: id, type, data, metadata. `expected` is -1 for no stream. */
export type EncodedWrite = readonly [stream: string, expected: number, events: readonly string[]];
/** One call of `append`, written completely or not at all. A large one comes in parts: `part` names those that came before. */
export type EncodedAppend = { readonly part?: number; readonly writes: readonly EncodedWrite[] };
/** A part of an append whose last part comes with a group; without writes: the append was given up. */
type Part = { readonly part: number; readonly writes?: readonly EncodedWrite[] };
/** The appends that the main thread sends together; `at` is its time then, in ms since 1970. */
type Group = { readonly at: number; readonly appends: readonly EncodedAppend[] };

/** A write whose events are in the log already; `revision` and `sequence` are those of its last event. */
type Duplicate = { readonly write: number; readonly revision: number; readonly sequence: number };
/** `actual` is -1 if there is no such stream. */
export type Conflict = { readonly stream: string; readonly expected: number; readonly actual: number };
type Written = { readonly next: number; readonly exception: Exception | undefined };
type Exception = { readonly conflicts: readonly Conflict[] } | { readonly duplicates: readonly Duplicate[] };

/**
 * Answers the oldest `groups` unanswered groups. The events written have the sequences from `first` on, in order; `exceptions` lists the appends
 * that were refused or had duplicates, by their number counted through all the groups.
 */
export type Committed = {
  readonly kind: 'committed';
  readonly groups: number;
  readonly first: number;
  readonly at: number;
  readonly exceptions: ReadonlyMap<number, Exception>;
};
/** Nothing of these groups was written. `errcode` is SQLite's extended result code. */
type Failed = { readonly kind: 'failed'; readonly groups: number; readonly errcode: number; readonly reason: string };
type Ready = { readonly kind: 'ready'; readonly tip: number };
export type FromWriter = Ready | Committed | Failed;
export type ToWriter = Group | Part | 'close';

const PAGE_BYTES = 4096;

const openForWriting = ({ file, maxBytes }: WriterOptions) => {
  const db = new DatabaseSync(file, { timeout: 5000 });
  // Checkpoints every 16 MiB of WAL: rarer ones cost less in total, but each delays the commits behind it for longer.
  db.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 4000;
    PRAGMA journal_size_limit = 67108864; PRAGMA cache_size = -6144; PRAGMA temp_store = MEMORY`);
  if (maxBytes !== undefined) db.exec(`PRAGMA max_page_count = ${Math.ceil(maxBytes / PAGE_BYTES)}`);
  return db;
};

class LogWriter {
  readonly #db: DatabaseSync;
  readonly #statements: ReturnType<typeof prepareStatements>;
  #tip: number;
  #lastAt: number;
  /** Of appends whose last part has not come yet. */
  readonly #parts = new Map<number, StoredPart[]>();

  constructor(db: DatabaseSync) {
    this.#db = db;
    this.#statements = prepareStatements(db);
    const last = db.prepare('SELECT sequence, recorded_at FROM events ORDER BY sequence DESC LIMIT 1').get();
    this.#tip = Number(last?.['sequence'] ?? 0);
    this.#lastAt = Number(last?.['recorded_at'] ?? 0);
  }

  get tip(): number {
    return this.#tip;
  }

  takePart({ part, writes }: Part): void {
    const earlier = this.#parts.get(part) ?? [];
    if (!writes) this.#parts.delete(part);
    else {
      const mayDeflate = earlier.length === plainParts || earlier.at(-1)?.isDeflated === true;
      if (earlier.push(storePart(writes, mayDeflate)) === 1) this.#parts.set(part, earlier);
    }
  }

  commit(groups: readonly Group[]): Committed | Failed {
    const at = groups.reduce((latest, group) => Math.max(latest, group.at), this.#lastAt);
    const exceptions = new Map<number, Exception>();
    const first = this.#tip + 1;
    let next = first;
    let count = 0;
    try {
      this.#statements.begin.run();
      for (const group of groups)
        for (const append of group.appends) {
          const written = this.#write(append, next, at);
          next = written.next;
          if (written.exception) exceptions.set(count, written.exception);
          count += 1;
        }
      this.#statements.commit.run();
    } catch (error) {
      if (!(error instanceof Error && 'errcode' in error)) throw error; // a bug: this thread dies and is restarted
      if (this.#db.isTransaction) this.#db.exec('ROLLBACK');
      return { kind: 'failed', groups: groups.length, errcode: Number(error.errcode), reason: error.message };
    }
    this.#tip = next - 1;
    if (next > first) this.#lastAt = at;
    return { kind: 'committed', groups: groups.length, first, at, exceptions };
  }

  #write({ part, writes }: EncodedAppend, next: number, at: number): Written {
    const parts = part === undefined ? [] : (this.#parts.get(part) ?? []);
    if (part !== undefined) this.#parts.delete(part);
    const written = this.#writeAll(() => numberedWrites(parts, writes), next, at);
    // Frees it now, not at some later garbage collection. What is deflated is small, and may share its memory.
    for (const { bytes, isDeflated } of parts) if (!isDeflated) bytes.buffer.transfer(0);
    return written;
  }

  /** @param writes called twice: decoding a part twice takes less than holding all of them decoded */
  #writeAll(writes: () => Iterable<readonly [number: number, write: EncodedWrite]>, next: number, at: number): Written {
    // 1. Check every write before the first insert: a refused append leaves no trace and needs no savepoint.
    const conflicts: Conflict[] = [];
    const duplicates: Duplicate[] = [];
    for (const [i, write] of writes()) {
      const [stream, expected] = write;
      const actual = Number(this.#statements.tipOfStream.get(stream)?.['revision'] ?? -1);
      if (actual === expected) continue;
      const duplicate = actual > expected ? this.#findDuplicate(write, i) : undefined;
      if (duplicate) duplicates.push(duplicate);
      else conflicts.push({ stream, expected, actual });
    }
    if (conflicts.length > 0) return { next, exception: { conflicts } };

    // 2. Insert the new writes.
    let sequence = next;
    for (const [i, [stream, expected, events]] of writes()) {
      if (duplicates.some(({ write }) => write === i)) continue;
      for (let e = 0, revision = expected + 1; e < events.length; e += 4, revision += 1, sequence += 1) {
        const [id = '', type = '', data = '', metadata = ''] = [events[e], events[e + 1], events[e + 2], events[e + 3]];
        this.#statements.insert.run(sequence, stream, revision, id, type, at, data, metadata);
      }
    }
    return { next: sequence, exception: duplicates.length > 0 ? { duplicates } : undefined };
  }

  /** A write is a duplicate if the log holds the same event ids at the revisions it asks for. */
  #findDuplicate([stream, expected, events]: EncodedWrite, write: number): Duplicate | undefined {
    const count = events.length / 4;
    const rows = this.#statements.eventsBetween.all(stream, expected + 1, expected + count);
    const last = rows.at(-1);
    if (!last || rows.length < count || !rows.every((row, i) => row['id'] === events[i * 4])) return undefined;
    return { write, revision: Number(last['revision']), sequence: Number(last['sequence']) };
  }
}

/** Serialized: the heap of JavaScript would keep the room long after it is written. */
type StoredPart = { readonly bytes: Buffer<ArrayBuffer>; readonly isDeflated: boolean };

/**
 * Of one append, some 4 MiB. The later ones are deflated as long as that is worth its time: messages to the same hundreds of endpoints take a twentieth
 * then, and other data too much.
 */
const plainParts = 50;
const worthwhile = 1 / 8;

const storePart = (writes: readonly EncodedWrite[], mayDeflate: boolean): StoredPart => {
  const bytes = serialize(writes);
  if (!mayDeflate) return { bytes, isDeflated: false };
  const deflated = deflateRawSync(bytes, { level: 1 });
  if (deflated.length > bytes.length * worthwhile) return { bytes, isDeflated: false };
  bytes.buffer.transfer(0);
  return { bytes: deflated, isDeflated: true };
};

const writesIn = ({ bytes, isDeflated }: StoredPart): readonly EncodedWrite[] =>
  deserialize(isDeflated ? inflateRawSync(bytes) : bytes) as readonly EncodedWrite[]; // as `storePart` serialized them

/** In order, one part decoded at a time. */
function* numberedWrites(parts: readonly StoredPart[], rest: readonly EncodedWrite[]): Generator<readonly [number, EncodedWrite]> {
  let number = 0;
  for (const part of parts) for (const write of writesIn(part)) yield [number++, write];
  for (const write of rest) yield [number++, write];
}

const prepareStatements = (db: DatabaseSync) => ({
  begin: db.prepare('BEGIN IMMEDIATE'),
  commit: db.prepare('COMMIT'),
  insert: db.prepare(
    'INSERT INTO events (sequence, stream, revision, id, type, recorded_at, data, metadata) VALUES (?, ?, ?, ?, ?, ?, ?, ?)',
  ),
  tipOfStream: db.prepare('SELECT revision FROM events WHERE stream = ? ORDER BY revision DESC LIMIT 1'),
  eventsBetween: db.prepare('SELECT sequence, revision, id FROM events WHERE stream = ? AND revision BETWEEN ? AND ? ORDER BY revision'),
});

if (parentPort) {
  const port = parentPort;
  const send = (message: FromWriter) => port.postMessage(message);
  const db = openForWriting(workerData as WriterOptions); // SqliteEventStore starts this thread with them
  const writer = new LogWriter(db);
  send({ kind: 'ready', tip: writer.tip });

  port.on('message', (message: ToWriter) => {
    const groups: Group[] = [];
    let closing = false;
    for (let next: ToWriter | undefined = message; next !== undefined;) {
      if (next === 'close') closing = true;
      else if ('part' in next) writer.takePart(next);
      else groups.push(next);
      next = receiveMessageOnPort(port)?.message;
    }
    if (groups.length > 0) send(writer.commit(groups));
    if (closing) {
      try {
        db.exec('PRAGMA wal_checkpoint(TRUNCATE)'); // also if the WAL was removed, or another connection is still open
      } catch {
        // The WAL holds it.
      }
      db.close(); // being the last connection, it removes the WAL
      port.close();
    }
  });
}
