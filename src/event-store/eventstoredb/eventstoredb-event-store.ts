// The log in EventStoreDB or KurrentDB: its streams and events are the server's own, and any number of processes may use it.
// Guarantee: what `append` has answered is durable as the server understands it (fsync, and a majority of its cluster), and an append whose answer
// was lost is repeated to the letter, which writes nothing twice. Limit: docs/adr/0013 says how far one append of several streams is all or nothing.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Position } from '../../domain/ids.ts';
import { checkWrites } from '../check-writes.ts';
import { codec, type StoredEvent } from '../codec.ts';
import type { ConfigurationEvent } from '../../domain/catalog.ts';
import {
  configurationCategories,
  LogUnavailable,
  UndecodableEvent,
  type Appended,
  type EventStore,
  type RecordedEvent,
  type Write,
} from '../event-store.ts';
import type { ForeignEvents } from '../foreign-events.ts';
import { Appender, damaged, type WriteToServer } from './appender.ts';
import { CallFailed } from './client-thread.ts';
import { followLog } from './following.ts';
import { ForeignEventsOnServer } from './foreign-events-on-server.ts';
import { TipFinder } from './tip-finder.ts';
import { findMarker, type Marker } from './log-marker.ts';
import { createLogServer, type LogServer, type LogServerOptions } from './log-server.ts';
import { toServerPosition } from './positions.ts';
import { categories, categoryOf, isCategory, type Category } from '../../domain/streams.ts';

export type EventStoreDbOptions = LogServerOptions & {
  /** As `readConnection` takes it. */
  readonly url: string;
  /** Comes before the name of every stream on the server, so that one server holds several installations. Letters, digits and _. */
  readonly prefix?: string;
  /** false: a server that holds no log is refused instead of given one. */
  readonly create?: boolean;
  /** Appends are refused while more than this is on its way. */
  readonly maxBytesInFlight?: number;
};

const MiB = 1024 * 1024;
/** The server refuses an append of more than 1 MiB, in which it counts more than the JSON. */
const maxWriteBytes = 900_000;
const eventOverhead = 100;
/** How long closing waits for appends that are on their way. */
const closeWithinMs = 5_000;

export class EventStoreDbEventStore implements EventStore {
  /** Names this log among all: positions of another one mean nothing here. */
  readonly id: string;
  /** What others write to the same server. */
  readonly foreign: ForeignEvents;
  readonly #server: LogServer;
  readonly #prefix: string;
  readonly #begin: Position;
  readonly #end: TipFinder;
  readonly #appending: Appender;
  readonly #closing = new AbortController();

  private constructor(server: LogServer, { id, position }: Marker, { prefix = '', maxBytesInFlight = 16 * MiB }: EventStoreDbOptions) {
    this.id = id;
    this.#server = server;
    this.#prefix = prefix;
    this.#begin = position;
    this.#end = new TipFinder(this.#prefixesOf(categories), position);
    this.#appending = new Appender(server, maxBytesInFlight);
    this.foreign = new ForeignEventsOnServer(server, prefix, this.#closing.signal);
  }

  /** @throws LogUnusable with a sentence that says what to do; a server that is away is waited for first */
  static async open(options: EventStoreDbOptions): Promise<EventStoreDbEventStore> {
    const { prefix = '', create = true } = options;
    const server = createLogServer(options);
    try {
      return await server.connect(async (thread, timeoutMs) => {
        const marker = await findMarker(thread, timeoutMs, { server: server.name, prefix, create });
        const store = new EventStoreDbEventStore(server, marker, options);
        const tip = await store.#end.find(thread, timeoutMs);
        if (tip !== undefined) store.#appending.noteSeen(tip);
        return store;
      });
    } catch (error) {
      await server.close();
      throw error;
    }
  }

  async append(writes: readonly Write[]): Promise<readonly Appended[]> {
    checkWrites(writes);
    const toServer = writes.map((write) => this.#encode(write));
    if (this.#closing.signal.aborted) throw new LogUnavailable('The log is closed.');
    return this.#appending.append(toServer);
  }

  async readStream(stream: string, { from = 0, upTo = Number.MAX_SAFE_INTEGER }: { from?: number; upTo?: number } = {}) {
    if (upTo < from) return [];
    const range = { stream: this.#prefix + stream, from, count: Math.min(upTo - from + 1, Number.MAX_SAFE_INTEGER) };
    try {
      const events = await this.#server.read((thread, timeoutMs) => thread.read(range, timeoutMs));
      const [first] = events;
      if (first && first.revision !== from) throw damaged(this.#server, range.stream);
      return events.map((event) => this.#decode(event));
    } catch (error) {
      throw error instanceof CallFailed ? damaged(this.#server, range.stream) : error;
    }
  }

  async *follow(
    after: Position | undefined,
    { signal, batchSize = 1000 }: Parameters<EventStore['follow']>[1],
  ): AsyncGenerator<readonly RecordedEvent[]> {
    for await (const batch of this.#followStored(after, { signal, batchSize, of: categories, tellEnd: false })) {
      const events: RecordedEvent[] = [];
      for (const stored of batch) {
        try {
          events.push(this.#decode(stored));
        } catch (error) {
          if (events.length > 0) yield events;
          throw error;
        }
      }
      const last = events.at(-1);
      if (last) this.#appending.noteSeen(last.position);
      yield events;
    }
  }

  async *followConfiguration(
    after: Position | undefined,
    { signal }: { readonly signal: AbortSignal },
  ): AsyncGenerator<readonly (RecordedEvent<ConfigurationEvent> | UndecodableEvent)[]> {
    for await (const batch of this.#followStored(after, { signal, batchSize: 1000, of: configurationCategories, tellEnd: true })) {
      const last = batch.at(-1);
      if (last) this.#appending.noteSeen(last.position);
      yield batch.map((stored) => {
        try {
          return this.#decode(stored) as RecordedEvent<ConfigurationEvent>; // of a stream of configuration
        } catch (error) {
          if (error instanceof UndecodableEvent) return error;
          throw error;
        }
      });
    }
  }

  async *#followStored(
    after: Position | undefined,
    options: { readonly signal: AbortSignal; readonly batchSize: number; readonly of: readonly Category[]; readonly tellEnd: boolean },
  ): AsyncGenerator<readonly StoredEvent[]> {
    const ending = AbortSignal.any([options.signal, this.#closing.signal]);
    if (ending.aborted) return;
    if (after !== undefined) toServerPosition(after);
    const log = { server: this.#server, prefixes: this.#prefixesOf(options.of), begin: this.#begin, end: this.#end };
    yield* followLog(log, after, { ...options, signal: ending });
  }

  async tip(): Promise<Position | undefined> {
    const tip = await this.#server.read((thread, timeoutMs) => this.#end.find(thread, timeoutMs));
    if (tip !== undefined) this.#appending.noteSeen(tip);
    return tip;
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await Promise.race([this.#appending.finished(), sleep(closeWithinMs, undefined, { ref: false })]);
    await this.#server.close();
  }

  #encode({ stream, expectedRevision, events, isNew = false }: Write): WriteToServer {
    if (!isCategory(categoryOf(stream)))
      throw new TypeError(`${stream}: the name of a stream begins with one of ${categories.join('-, ')}-.`);
    const strings: string[] = [];
    let bytes = 0;
    for (const event of events) {
      const { id, type, data, metadata } = codec.encode(event);
      strings.push(id, type, data, metadata);
      bytes += Buffer.byteLength(data) + Buffer.byteLength(metadata) + eventOverhead;
    }
    if (bytes > maxWriteBytes)
      throw new TypeError(`${stream}: a write may have at most ${maxWriteBytes} bytes, and this one has ${bytes}.`);
    const expected = expectedRevision === 'no-stream' ? -1 : expectedRevision;
    return { stream, write: [this.#prefix + stream, expected, strings], bytes, isNew };
  }

  #decode(stored: StoredEvent): RecordedEvent {
    return codec.decode({ ...stored, stream: stored.stream.slice(this.#prefix.length) });
  }

  #prefixesOf(all: readonly string[]): string[] {
    return all.map((category) => `${this.#prefix}${category}-`);
  }
}
