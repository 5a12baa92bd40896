// Appending. Writes to one stream go out at once, as many as there are. An append to several streams is checked first, because the server has no
// transaction across streams; docs/adr/0013 says what is guaranteed.
import type { Position } from '../../domain/ids.ts';
import {
  LogUnavailable,
  StreamDamaged,
  WrongExpectedRevision,
  type Appended,
  type ExpectedRevision,
  type RevisionConflict,
} from '../event-store.ts';
import { CallFailed } from './call-failed.ts';
import type { EncodedWrite } from './client/messages.ts';
import { classifyFailure } from './failures.ts';
import { StreamLocks } from './locks.ts';
import type { LogServer } from './log-server.ts';

/** `stream` is the name above the port. `isNew`: nobody else can have written to the stream. */
export type WriteToServer = { readonly stream: string; readonly write: EncodedWrite; readonly bytes: number; readonly isNew: boolean };

export class Appender {
  readonly #server: LogServer;
  readonly #maxBytes: number;
  readonly #locks = new StreamLocks();
  readonly #pending = new Set<Promise<unknown>>();
  /** Writes that are pending, some of them more than once, and the position that the server gave them. */
  readonly #pendingWrites = new Map<string, { count: number; position: Position | undefined }>();
  #pendingBytes = 0;
  /** The last of our events that this process has seen. */
  #lastSeen: Position | undefined;

  /** @param maxBytes appends are refused while more than this is pending */
  constructor(server: LogServer, maxBytes: number) {
    this.#server = server;
    this.#maxBytes = maxBytes;
  }

  /** Call this with every position that this process learns of. It tells new events from those of an earlier append. */
  noteSeen(position: Position): void {
    if (this.#lastSeen === undefined || position > this.#lastSeen) this.#lastSeen = position;
  }

  async append(writes: readonly WriteToServer[]): Promise<readonly Appended[]> {
    const bytes = writes.reduce((sum, each) => sum + each.bytes, 0);
    if (this.#pendingBytes + bytes > this.#maxBytes && this.#pendingBytes > 0)
      throw new LogUnavailable('Too much is on its way to the log server; nothing was written. Repeat the request later.');
    const streams = writes.map(({ stream }) => stream);
    const [only, ...others] = writes;
    if (!only) return [];
    const work = this.#locks.run(streams, { exclusive: others.length > 0 }, async () =>
      others.length === 0 ? [await this.#appendOne(only)] : this.#appendSeveral(writes),
    );
    this.#pendingBytes += bytes;
    this.#pending.add(work);
    try {
      return await work;
    } finally {
      this.#pending.delete(work);
      this.#pendingBytes -= bytes;
    }
  }

  /** Resolves when no append is pending any more. */
  async settled(): Promise<void> {
    await Promise.allSettled(this.#pending);
  }

  /** Checks for conflicts before it writes anything. After the check, only another process can still come in between. */
  async #appendSeveral(writes: readonly WriteToServer[]): Promise<readonly Appended[]> {
    // 1. Check the streams that somebody else may have written to.
    const shared = writes.filter(({ isNew }) => !isNew);
    const [first, ...more] = shared;
    const done = new Map<WriteToServer, Appended>();
    if (more.length > 0) {
      const found = await Promise.all(shared.map(async (each) => [each, await this.#check(each)] as const));
      const conflicts: RevisionConflict[] = [];
      for (const [each, result] of found) {
        if (result && 'actual' in result) conflicts.push(result);
        else if (result) done.set(each, result);
      }
      if (conflicts.length > 0) throw new WrongExpectedRevision(conflicts);
    } else if (first) done.set(first, await this.#appendOne(first)); // only this one can be refused, so it goes first
    // 2. Append the rest at once.
    const outcomes = await Promise.allSettled(writes.map(async (each) => done.get(each) ?? this.#appendOne(each)));
    const failures = outcomes.flatMap((outcome): unknown[] => (outcome.status === 'rejected' ? [outcome.reason] : []));
    const other = failures.find((error) => !(error instanceof WrongExpectedRevision));
    if (other !== undefined) throw other;
    const conflicts = failures.flatMap((error) => (error instanceof WrongExpectedRevision ? error.conflicts : []));
    if (conflicts.length > 0) throw new WrongExpectedRevision(conflicts);
    return outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
  }

  /** Returns a conflict, or the result of an earlier append of the same events; undefined if the stream has the expected revision. */
  async #check(each: WriteToServer): Promise<Appended | RevisionConflict | undefined> {
    const [, expected, strings] = each.write;
    const count = strings.length / 4;
    const [last] = await this.#read(each, 'end', 1);
    const actual = last?.revision ?? -1;
    if (actual === expected) return undefined;
    const conflict = { stream: each.stream, expected: toExpectedRevision(expected), actual: toExpectedRevision(actual) };
    if (actual < expected + count) return conflict;
    const events = await this.#read(each, expected + 1, count);
    const end = events.at(-1);
    if (!end || events.length < count || !events.every(({ id }, i) => id === strings[i * 4])) return conflict;
    return { revision: end.revision, position: end.position, deduplicated: true };
  }

  /** @throws WrongExpectedRevision, StreamDamaged, LogUnavailable */
  async #appendOne(each: WriteToServer): Promise<Appended> {
    const [stream, expected, strings] = each.write;
    const lastSeen = this.#lastSeen;
    const key = `${expected}/${stream}`;
    const same = this.#pendingWrites.get(key) ?? { count: 0, position: undefined };
    same.count += 1;
    this.#pendingWrites.set(key, same);
    try {
      const { revision, position } = await this.#server.append(each.write);
      if (revision !== expected + strings.length / 4) throw damaged(this.#server, stream);
      // The server does not say whether it wrote anything. If it leaves out the position too, it did not.
      if (position === undefined) {
        const [event] = await this.#read(each, revision, 1);
        if (!event) throw damaged(this.#server, stream);
        return { revision, position: event.position, deduplicated: true };
      }
      // An event at a position that was seen before was not written now.
      const deduplicated = (lastSeen !== undefined && position <= lastSeen) || position === same.position;
      same.position = position;
      this.noteSeen(position);
      return { revision, position, deduplicated };
    } catch (error) {
      throw this.#toPortError(error, each);
    } finally {
      same.count -= 1;
      if (same.count === 0) this.#pendingWrites.delete(key);
    }
  }

  async #read(each: WriteToServer, from: number | 'end', count: number) {
    const range = { stream: each.write[0], from, count, backwards: from === 'end' };
    try {
      return await this.#server.read((thread, timeoutMs) => thread.read(range, timeoutMs));
    } catch (error) {
      throw this.#toPortError(error, each);
    }
  }

  #toPortError(error: unknown, { stream, write: [onServer, expected] }: WriteToServer): unknown {
    if (!(error instanceof CallFailed)) return error;
    switch (classifyFailure(error.failure)) {
      case 'conflict': {
        const actual = toExpectedRevision(error.failure.actual ?? -1);
        return new WrongExpectedRevision([{ stream, expected: toExpectedRevision(expected), actual }]);
      }
      case 'deleted':
        return damaged(this.#server, onServer);
      case 'too-large':
        return new TypeError(`${stream}: the write is too large for the log server.`);
      default:
        return error;
    }
  }
}

/** @param stream its name on the server */
export const damaged = ({ name }: LogServer, stream: string): StreamDamaged =>
  new StreamDamaged(
    `The stream ${stream} at ${name} was deleted or truncated on the server, which Hookledger never does. Restore the server from a backup.`,
  );

const toExpectedRevision = (revision: number): ExpectedRevision => (revision === -1 ? 'no-stream' : revision);
