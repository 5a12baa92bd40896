// The worker thread that owns the log's writing connection. Everything that waits is committed in one transaction:
// one fsync for all of it (group commit). Node may run this file by stripping its types, so they must be erasable.
import { DatabaseSync } from 'node:sqlite';
import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';

export type WriterOptions = { readonly file: string; readonly maxBytes?: number | undefined };

/** `events` holds four strings for each event: id, type, data, metadata. `expected` is -1 for no stream. */
export type EncodedWrite = readonly [stream: string, expected: number, events: readonly string[]];
/** What is written whole or not at all: one call of `append`. */
export type Unit = readonly EncodedWrite[];
/** All appends of one tick of the main thread; `at`: its time then, in ms since 1970. */
export type Group = { readonly at: number; readonly units: readonly Unit[] };

/** A write that stands in the log already; of its last event. */
export type Found = { readonly write: number; readonly revision: number; readonly sequence: number };
/** `actual` is -1 where there is no stream. */
export type Conflict = { readonly stream: string; readonly expected: number; readonly actual: number };

/**
 * The answer to `groups` groups, the oldest that are unanswered. The events that were written have the sequences from `first` on,
 * in order; `units` names those units, counted through all the groups, that were not written as they came.
 */
export type Committed = {
  readonly kind: 'committed';
  readonly groups: number;
  readonly first: number;
  readonly at: number;
  readonly units: ReadonlyMap<number, { readonly conflicts: readonly Conflict[] } | { readonly found: readonly Found[] }>;
};
/** Nothing of these groups was written. `errcode` is SQLite's extended result code. */
export type Failed = { readonly kind: 'failed'; readonly groups: number; readonly errcode: number; readonly reason: string };
export type Ready = { readonly kind: 'ready'; readonly tip: number };
export type FromWriter = Ready | Committed | Failed;
export type ToWriter = Group | 'close';

const PAGE_BYTES = 4096;

const openForWriting = ({ file, maxBytes }: WriterOptions) => {
  const db = new DatabaseSync(file, { timeout: 5000 });
  // A checkpoint each 16 MiB of WAL: rarer ones cost less in all, but each holds the commits behind it for longer.
  db.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 4000;
    PRAGMA journal_size_limit = 67108864; PRAGMA cache_size = -6144; PRAGMA temp_store = MEMORY`);
  if (maxBytes !== undefined) db.exec(`PRAGMA max_page_count = ${Math.ceil(maxBytes / PAGE_BYTES)}`);
  return db;
};

const serve = (db: DatabaseSync, answer: (message: FromWriter) => void) => {
  const begin = db.prepare('BEGIN IMMEDIATE');
  const commit = db.prepare('COMMIT');
  const insert = db.prepare(
    'INSERT INTO events (sequence, stream, revision, id, type, recorded_at, data, metadata) VALUES (?, ?, ?, ?, ?, ?, ?, ?)',
  );
  const tipOf = db.prepare('SELECT revision FROM events WHERE stream = ? ORDER BY revision DESC LIMIT 1');
  const standing = db.prepare('SELECT sequence, revision, id FROM events WHERE stream = ? AND revision BETWEEN ? AND ? ORDER BY revision');
  const last = db.prepare('SELECT sequence, recorded_at FROM events ORDER BY sequence DESC LIMIT 1').get();
  let tip = Number(last?.['sequence'] ?? 0);
  let lastAt = Number(last?.['recorded_at'] ?? 0);

  /** The last event of a write that was carried out before: the same ids at the revisions that it asks for. */
  const find = ([stream, expected, events]: EncodedWrite, write: number): Found | undefined => {
    const count = events.length / 4;
    const rows = standing.all(stream, expected + 1, expected + count);
    const end = rows.at(-1);
    if (!end || rows.length < count || !rows.every((row, i) => row['id'] === events[i * 4])) return undefined;
    return { write, revision: Number(end['revision']), sequence: Number(end['sequence']) };
  };

  const writeUnit = (unit: Unit, next: number, at: number) => {
    // 1. Every write is checked before the first row, so a refused unit leaves no trace and needs no savepoint.
    const conflicts: Conflict[] = [];
    const found: Found[] = [];
    for (const [i, write] of unit.entries()) {
      const [stream, expected] = write;
      const actual = Number(tipOf.get(stream)?.['revision'] ?? -1);
      if (actual === expected) continue;
      const same = actual > expected ? find(write, i) : undefined;
      if (same) found.push(same);
      else conflicts.push({ stream, expected, actual });
    }
    if (conflicts.length > 0) return { next, result: { conflicts } };

    // 2. The writes that are new.
    let sequence = next;
    for (const [i, [stream, expected, events]] of unit.entries()) {
      if (found.some(({ write }) => write === i)) continue;
      for (let e = 0, revision = expected + 1; e < events.length; e += 4, revision += 1, sequence += 1) {
        const [id = '', type = '', data = '', metadata = ''] = [events[e], events[e + 1], events[e + 2], events[e + 3]];
        insert.run(sequence, stream, revision, id, type, at, data, metadata);
      }
    }
    return { next: sequence, result: found.length > 0 ? { found } : undefined };
  };

  const commitGroups = (groups: readonly Group[]): Committed | Failed => {
    const at = groups.reduce((latest, group) => Math.max(latest, group.at), lastAt);
    const units: (readonly [number, NonNullable<ReturnType<typeof writeUnit>['result']>])[] = [];
    const first = tip + 1;
    let next = first;
    let counted = 0;
    try {
      begin.run();
      for (const group of groups)
        for (const unit of group.units) {
          const written = writeUnit(unit, next, at);
          next = written.next;
          if (written.result) units.push([counted, written.result]);
          counted += 1;
        }
      commit.run();
    } catch (error) {
      if (!(error instanceof Error && 'errcode' in error)) throw error; // a mistake of ours: this thread ends and is started again
      if (db.isTransaction) db.exec('ROLLBACK');
      return { kind: 'failed', groups: groups.length, errcode: Number(error.errcode), reason: error.message };
    }
    tip = next - 1;
    if (next > first) lastAt = at;
    return { kind: 'committed', groups: groups.length, first, at, units: new Map(units) };
  };

  answer({ kind: 'ready', tip });
  return commitGroups;
};

if (parentPort) {
  const port = parentPort;
  const db = openForWriting(workerData as WriterOptions); // what SqliteEventStore starts this thread with
  const commitGroups = serve(db, (message) => port.postMessage(message));

  port.on('message', (message: ToWriter) => {
    const groups: Group[] = [];
    let closing = false;
    for (let next: ToWriter | undefined = message; next !== undefined;) {
      if (next === 'close') closing = true;
      else groups.push(next);
      next = receiveMessageOnPort(port)?.message;
    }
    if (groups.length > 0) port.postMessage(commitGroups(groups));
    if (closing) {
      db.close(); // as the last connection: checkpoints, and removes the WAL
      port.close();
    }
  });
}
