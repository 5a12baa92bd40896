// The log on a server in stored form, for copying and checking.
import type { Position } from '../../domain/ids.ts';
import type { StoredEvent } from '../codec.ts';
import { LogUnusable } from '../event-store.ts';
import type { EventToStore, StoredLog } from '../stored-log.ts';
import { CallFailed } from './call-failed.ts';
import type { EncodedWrite } from './client/messages.ts';
import { followLog, type FollowedLog } from './following.ts';
import { TipFinder } from './tip-finder.ts';
import { findMarker } from './log-marker.ts';
import { createLogServer, type LogServer, type LogServerOptions } from './log-server.ts';
import { toServerPosition } from './positions.ts';
import { categories } from '../../domain/streams.ts';

type StoredLogOnServerOptions = LogServerOptions & { readonly url: string; readonly prefix: string; readonly create: boolean };

/** Appends pending at one time. The server executes them in order of arrival, and they arrive in order once the connection is open. */
const mostAppends = 128;
/** The limits of one append. */
const mostEvents = 100;
const mostBytes = 500_000;

export class StoredLogOnServer implements StoredLog {
  readonly name: string;
  readonly #server: LogServer;
  readonly #prefix: string;
  readonly #log: FollowedLog;

  private constructor(server: LogServer, prefix: string, log: FollowedLog) {
    this.name = prefix === '' ? server.name : `${server.name} (prefix ${prefix})`;
    this.#server = server;
    this.#prefix = prefix;
    this.#log = log;
  }

  /** @throws LogUnusable */
  static async open(options: StoredLogOnServerOptions): Promise<StoredLogOnServer> {
    const { prefix, create } = options;
    const server = createLogServer(options);
    try {
      return await server.connect(async (thread, timeoutMs) => {
        const { position: begin } = await findMarker(thread, timeoutMs, { server: server.name, prefix, create });
        const prefixes = categories.map((category) => `${prefix}${category}-`);
        const tipFinder = new TipFinder(prefixes, begin);
        await tipFinder.find(thread, timeoutMs);
        return new StoredLogOnServer(server, prefix, { server, prefixes, begin, tipFinder });
      });
    } catch (error) {
      await server.close();
      throw error;
    }
  }

  async last(): Promise<StoredEvent | undefined> {
    const tip = await this.#tip();
    if (tip === undefined) return undefined;
    const event = await this.#server.read((thread, timeoutMs) => thread.readAt(tip, timeoutMs));
    return event && this.#withoutPrefix(event);
  }

  async *read(after: Position | undefined): AsyncGenerator<readonly StoredEvent[]> {
    const tip = await this.#tip();
    if (tip === undefined || (after !== undefined && after >= tip)) return;
    const { signal } = new AbortController();
    for await (const { events, through } of followLog(this.#log, after, { signal, batchSize: 1_000, announceEnd: false })) {
      const upToTip = events.filter(({ position }) => position <= tip).map((event) => this.#withoutPrefix(event));
      if (upToTip.length > 0) yield upToTip;
      if (through >= tip) return;
    }
  }

  async at(stream: string, revision: number): Promise<StoredEvent | undefined> {
    const range = { stream: this.#prefix + stream, from: revision, count: 1 };
    const [event] = await this.#server.read((thread, timeoutMs) => thread.read(range, timeoutMs));
    return event?.revision === revision ? this.#withoutPrefix(event) : undefined; // from a truncated stream the server returns the next event it has
  }

  /** Sends many appends at one time, and checks afterwards that the server executed them in order. */
  async append(events: readonly EventToStore[]): Promise<void> {
    const writes = this.#writesOf(events);
    for (let i = 0; i < writes.length; i += mostAppends) {
      const [first, ...more] = writes.slice(i, i + mostAppends);
      if (!first) break;
      const answers = [await this.#append(first), ...(await Promise.all(more.map((write) => this.#append(write))))];
      const positions = answers.flatMap(({ position }) => (position === undefined ? [] : [position]));
      if (positions.some((position, j) => j > 0 && position <= (positions[j - 1] ?? '')))
        throw new LogUnusable(
          `${this.name} wrote events out of order, so this copy can't be used. Copy into an empty log: another prefix or another server.`,
        );
    }
  }

  share(position: Position, end: Position): number {
    const [from, here, there] = [this.#log.begin, position, end].map((each) => Number(toServerPosition(each).commit));
    return ((here ?? 0) - (from ?? 0)) / Math.max(1, (there ?? 0) - (from ?? 0));
  }

  close(): Promise<void> {
    return this.#server.close();
  }

  #tip() {
    return this.#server.read((thread, timeoutMs) => this.#log.tipFinder.find(thread, timeoutMs));
  }

  async #append(write: EncodedWrite) {
    try {
      return await this.#server.append(write);
    } catch (error) {
      if (!(error instanceof CallFailed)) throw error;
      throw new LogUnusable(
        `${this.name} refuses the event after revision ${write[1]} of ${write[0]}: something else writes to this log. Stop it, and copy into an empty log.`,
        { cause: error },
      );
    }
  }

  /** Consecutive events of one stream go in one append. */
  #writesOf(events: readonly EventToStore[]): EncodedWrite[] {
    const writes: { stream: string; expected: number; strings: string[]; bytes: number }[] = [];
    for (const { stream, revision, id, type, data, metadata } of events) {
      const bytes = Buffer.byteLength(data) + Buffer.byteLength(metadata);
      const last = writes.at(-1);
      const continuesLast =
        last !== undefined &&
        last.stream === stream &&
        last.expected + last.strings.length / 4 + 1 === revision &&
        last.strings.length / 4 < mostEvents &&
        last.bytes + bytes <= mostBytes;
      if (continuesLast) {
        last.strings.push(id, type, data, metadata);
        last.bytes += bytes;
      } else writes.push({ stream, expected: revision - 1, strings: [id, type, data, metadata], bytes });
    }
    return writes.map(({ stream, expected, strings }) => [this.#prefix + stream, expected, strings]);
  }

  #withoutPrefix(event: StoredEvent): StoredEvent {
    return { ...event, stream: event.stream.slice(this.#prefix.length) };
  }
}
