// Appending: single writes go out at once, as many as there are; an append of several streams is checked first, as the server has no transaction
// over them. docs/adr/0013 says what holds.
import type { Position } from '../../domain/ids.ts';
import {
  LogUnavailable,
  StreamDamaged,
  WrongExpectedRevision,
  type Appended,
  type ExpectedRevision,
  type RevisionConflict,
} from '../event-store.ts';
import { CallFailed } from './client-thread.ts';
import type { EncodedWrite } from './client.worker.ts';
import { classifyFailure } from './failures.ts';
import type { LogServer } from './log-server.ts';
import { StreamLocks } from './stream-locks.ts';

/** `stream`: its name above the port. `isNew`: it is known to nobody else, so that nothing can be there. */
export type WriteToServer = { readonly stream: string; readonly write: EncodedWrite; readonly bytes: number; readonly isNew: boolean };

export class Appender {
  readonly #server: LogServer;
  readonly #maxBytes: number;
  readonly #turns = new StreamLocks();
  readonly #underWay = new Set<Promise<unknown>>();
  /** The same write, on its way more than once: where it was found to stand. */
  readonly #same = new Map<string, { count: number; position: Position | undefined }>();
  #bytes = 0;
  /** The last of our events that anybody here knows of. */
  #seen = '' as Position;

  /** @param maxBytes more is refused while something is on its way */
  constructor(server: LogServer, maxBytes: number) {
    this.#server = server;
    this.#maxBytes = maxBytes;
  }

  /** Somebody here was given this event. */
  noteSeen(position: Position): void {
    if (position > this.#seen) this.#seen = position;
  }

  async append(writes: readonly WriteToServer[]): Promise<readonly Appended[]> {
    const bytes = writes.reduce((sum, each) => sum + each.bytes, 0);
    if (this.#bytes + bytes > this.#maxBytes && this.#bytes > 0)
      throw new LogUnavailable('More is on its way to the log server than is taken: nothing was written. Repeat the request later.');
    const streams = writes.map(({ stream }) => stream);
    const [only, ...others] = writes;
    if (!only) return [];
    const work = this.#turns.run(streams, { alone: others.length > 0 }, async () =>
      others.length === 0 ? [await this.#appendOne(only)] : this.#appendSeveral(writes),
    );
    this.#bytes += bytes;
    this.#underWay.add(work);
    try {
      return await work;
    } finally {
      this.#underWay.delete(work);
      this.#bytes -= bytes;
    }
  }

  /** When all that is on its way has come to an end. */
  async finished(): Promise<void> {
    await Promise.allSettled(this.#underWay);
  }

  /** What may conflict is looked at before anything is written; from then on, only another process can still come in between. */
  async #appendSeveral(writes: readonly WriteToServer[]): Promise<readonly Appended[]> {
    // 1. Where do the streams stand that somebody else may have written to?
    const checked = writes.filter(({ isNew }) => !isNew);
    const [first, ...more] = checked;
    const standing = new Map<WriteToServer, Appended>();
    if (more.length > 0) {
      const found = await Promise.all(checked.map(async (each) => [each, await this.#look(each)] as const));
      const conflicts: RevisionConflict[] = [];
      for (const [each, there] of found) {
        if (there && 'actual' in there) conflicts.push(there);
        else if (there) standing.set(each, there);
      }
      if (conflicts.length > 0) throw new WrongExpectedRevision(conflicts);
    } else if (first) standing.set(first, await this.#appendOne(first)); // the only one that can be refused goes first
    // 2. Append what is not there yet, all at once.
    const outcomes = await Promise.allSettled(writes.map(async (each) => standing.get(each) ?? this.#appendOne(each)));
    const failures = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason as unknown] : []));
    const other = failures.find((error) => !(error instanceof WrongExpectedRevision));
    if (other !== undefined) throw other;
    const conflicts = failures.flatMap((error) => (error instanceof WrongExpectedRevision ? error.conflicts : []));
    if (conflicts.length > 0) throw new WrongExpectedRevision(conflicts);
    return outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
  }

  /** Undefined: the stream is where the write expects it. Else where it is instead, or where the same events stand already. */
  async #look(each: WriteToServer): Promise<Appended | RevisionConflict | undefined> {
    const [, expected, strings] = each.write;
    const count = strings.length / 4;
    const [last] = await this.#read(each, 'end', 1);
    const actual = last?.revision ?? -1;
    if (actual === expected) return undefined;
    const conflict = { stream: each.stream, expected: revisionOf(expected), actual: revisionOf(actual) };
    if (actual < expected + count) return conflict;
    const events = await this.#read(each, expected + 1, count);
    const end = events.at(-1);
    if (!end || events.length < count || !events.every(({ id }, i) => id === strings[i * 4])) return conflict;
    return { revision: end.revision, position: end.position, deduplicated: true };
  }

  /** @throws WrongExpectedRevision, StreamDamaged, LogUnavailable */
  async #appendOne(each: WriteToServer): Promise<Appended> {
    const [stream, expected, strings] = each.write;
    const seen = this.#seen;
    const key = `${expected}/${stream}`;
    const same = this.#same.get(key) ?? { count: 0, position: undefined };
    same.count += 1;
    this.#same.set(key, same);
    try {
      const { revision, position } = await this.#server.append(each.write);
      if (revision !== expected + strings.length / 4) throw damaged(this.#server, stream);
      // The server does not say whether it wrote anything. Sometimes it does not say where either: then it did not.
      if (position === undefined) {
        const [event] = await this.#read(each, revision, 1);
        if (!event) throw damaged(this.#server, stream);
        return { revision, position: event.position, deduplicated: true };
      }
      // What stands where something was seen before was not written now.
      const deduplicated = position <= seen || position === same.position;
      same.position = position;
      this.noteSeen(position);
      return { revision, position, deduplicated };
    } catch (error) {
      throw this.#refused(error, each);
    } finally {
      same.count -= 1;
      if (same.count === 0) this.#same.delete(key);
    }
  }

  async #read(each: WriteToServer, from: number | 'end', count: number) {
    const range = { stream: each.write[0], from, count, backwards: from === 'end' };
    try {
      return await this.#server.read((thread, timeoutMs) => thread.read(range, timeoutMs));
    } catch (error) {
      throw this.#refused(error, each);
    }
  }

  #refused(error: unknown, { stream, write: [onServer, expected] }: WriteToServer): unknown {
    if (!(error instanceof CallFailed)) return error;
    switch (classifyFailure(error.failure)) {
      case 'conflict':
        return new WrongExpectedRevision([{ stream, expected: revisionOf(expected), actual: revisionOf(error.failure.actual ?? -1) }]);
      case 'deleted':
        return damaged(this.#server, onServer);
      case 'too-large':
        return new TypeError(`${stream}: the log server does not take so large a write.`);
      default:
        return error;
    }
  }
}

/** @param stream as the server knows it */
export const damaged = ({ name }: LogServer, stream: string): StreamDamaged =>
  new StreamDamaged(
    `The stream ${stream} at ${name} was deleted or cut on the server, which Hookledger never does. Restore the server from a backup.`,
  );

const revisionOf = (revision: number): ExpectedRevision => (revision === -1 ? 'no-stream' : revision);
