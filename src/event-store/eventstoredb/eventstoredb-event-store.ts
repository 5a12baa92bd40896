// The log in EventStoreDB or KurrentDB: its streams and events are the server's, and any number of processes may use it.
// Guarantee: a confirmed append is durable as the server defines it (fsync, on a majority of its cluster). An append whose answer was lost is
// repeated exactly, which writes nothing twice. Limit: docs/adr/0013 says how far one append to several streams is all or nothing.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Position } from '../../domain/ids.ts';
import { codec, decodeConfiguration, type StoredEvent } from '../codec.ts';
import type { ConfigurationEvent } from '../../domain/catalog.ts';
import {
  checkWrites,
  configurationCategories,
  LogUnavailable,
  type UndecodableEvent,
  type Appended,
  type EventStore,
  type RecordedEvent,
  type Write,
} from '../event-store.ts';
import type { ForeignEvents } from '../foreign-events.ts';
import type { ConfigurationBatch, UnindexedConfiguration } from '../unindexed-configuration.ts';
import { Appender, damaged, type WriteToServer } from './appender.ts';
import { CallFailed } from './call-failed.ts';
import { followLog, type LogBatch } from './following.ts';
import { ForeignEventsOnServer } from './foreign-events-on-server.ts';
import { TipFinder } from './tip-finder.ts';
import { findMarker, type Marker } from './log-marker.ts';
import { createLogServer, type LogServer, type LogServerOptions } from './log-server.ts';
import { toServerPosition } from './positions.ts';
import { categories, categoryOf, isCategory, type Category } from '../../domain/streams.ts';

export type EventStoreDbOptions = LogServerOptions & {
  /** The connection string, as `readConnection` reads it. */
  readonly url: string;
  /** Precedes the name of every stream on the server, so one server can hold several installations. Letters, digits and _. */
  readonly prefix?: string;
  /** false: refuse a server that holds no log, instead of creating one. */
  readonly create?: boolean;
  /** Appends are refused while more than this is pending. */
  readonly maxBytesInFlight?: number;
};

const MiB = 1024 * 1024;
/** The server refuses an append of more than 1 MiB, and counts more than the JSON. */
const maxWriteBytes = 900_000;
const eventOverhead = 100;
/** How long closing waits for pending appends. */
const closeWithinMs = 5_000;

export class EventStoreDbEventStore implements EventStore, UnindexedConfiguration {
  /** Unique to this log; positions of another log mean nothing here. */
  readonly id: string;
  /** What other services write to the same server. */
  readonly foreign: ForeignEvents;
  readonly #server: LogServer;
  readonly #prefix: string;
  readonly #begin: Position;
  readonly #tipFinder: TipFinder;
  readonly #appender: Appender;
  readonly #closing = new AbortController();

  private constructor(server: LogServer, { id, position }: Marker, { prefix = '', maxBytesInFlight = 16 * MiB }: EventStoreDbOptions) {
    this.id = id;
    this.#server = server;
    this.#prefix = prefix;
    this.#begin = position;
    this.#tipFinder = new TipFinder(this.#prefixesOf(categories), position);
    this.#appender = new Appender(server, maxBytesInFlight);
    this.foreign = new ForeignEventsOnServer(server, prefix, this.#closing.signal);
  }

  /** Waits for an unavailable server. @throws LogUnusable, whose message says what to do */
  static async open(options: EventStoreDbOptions): Promise<EventStoreDbEventStore> {
    const { prefix = '', create = true } = options;
    const server = createLogServer(options);
    try {
      return await server.connect(async (thread, timeoutMs) => {
        const marker = await findMarker(thread, timeoutMs, { server: server.name, prefix, create });
        const store = new EventStoreDbEventStore(server, marker, options);
        const tip = await store.#tipFinder.find(thread, timeoutMs);
        if (tip !== undefined) store.#appender.noteSeen(tip);
        return store;
      });
    } catch (error) {
      await server.close();
      throw error;
    }
  }

  async append(writes: readonly Write[]): Promise<readonly Appended[]> {
    checkWrites(writes);
    const toServer = writes.map((write) => this.#encodeWrite(write));
    if (this.#closing.signal.aborted) throw new LogUnavailable('The log is closed.');
    return this.#appender.append(toServer);
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
    for await (const batch of this.#followStored(after, categories, { signal, batchSize, announceEnd: false })) {
      if (batch.events.length === 0) continue;
      const events: RecordedEvent[] = [];
      for (const stored of batch.events) {
        try {
          events.push(this.#decode(stored));
        } catch (error) {
          if (events.length > 0) yield events;
          throw error;
        }
      }
      const last = events.at(-1);
      if (last) this.#appender.noteSeen(last.position);
      yield events;
    }
  }

  async *followConfiguration(
    after: Position | undefined,
    { signal }: { readonly signal: AbortSignal },
  ): AsyncGenerator<readonly (RecordedEvent<ConfigurationEvent> | UndecodableEvent)[]> {
    for await (const { events, isEnd } of this.followStoredConfiguration(after, { signal })) {
      if (events.length > 0) yield events.map(decodeConfiguration);
      if (isEnd) yield [];
    }
  }

  async *followStoredConfiguration(
    after: Position | undefined,
    { signal }: { readonly signal: AbortSignal },
  ): AsyncGenerator<ConfigurationBatch> {
    const options = { signal, batchSize: 1000, announceEnd: true };
    for await (const { events, ...end } of this.#followStored(after, configurationCategories, options)) {
      const last = events.at(-1);
      if (last) this.#appender.noteSeen(last.position);
      yield { events: events.map((stored) => this.#withoutPrefix(stored)), ...end };
    }
  }

  async *#followStored(
    after: Position | undefined,
    categories: readonly Category[],
    { signal, batchSize, announceEnd }: { readonly signal: AbortSignal; readonly batchSize: number; readonly announceEnd: boolean },
  ): AsyncGenerator<LogBatch> {
    const ending = AbortSignal.any([signal, this.#closing.signal]);
    if (ending.aborted) return;
    if (after !== undefined) toServerPosition(after);
    const log = { server: this.#server, prefixes: this.#prefixesOf(categories), begin: this.#begin, tipFinder: this.#tipFinder };
    yield* followLog(log, after, { signal: ending, batchSize, announceEnd });
  }

  async tip(): Promise<Position | undefined> {
    const tip = await this.#server.read((thread, timeoutMs) => this.#tipFinder.find(thread, timeoutMs));
    if (tip !== undefined) this.#appender.noteSeen(tip);
    return tip;
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await Promise.race([this.#appender.settled(), sleep(closeWithinMs, undefined, { ref: false })]);
    await this.#server.close();
  }

  #encodeWrite({ stream, expectedRevision, events, isNew = false }: Write): WriteToServer {
    if (!isCategory(categoryOf(stream)))
      throw new TypeError(`${stream}: the name of a stream must begin with one of ${categories.join('-, ')}-.`);
    const strings: string[] = [];
    let bytes = 0;
    for (const event of events) {
      const { id, type, data, metadata } = codec.encode(event);
      strings.push(id, type, data, metadata);
      bytes += Buffer.byteLength(data) + Buffer.byteLength(metadata) + eventOverhead;
    }
    if (bytes > maxWriteBytes) throw new TypeError(`${stream}: a write may have at most ${maxWriteBytes} bytes; this one has ${bytes}.`);
    const expected = expectedRevision === 'no-stream' ? -1 : expectedRevision;
    return { stream, write: [this.#prefix + stream, expected, strings], bytes, isNew };
  }

  #decode(stored: StoredEvent): RecordedEvent {
    return codec.decode(this.#withoutPrefix(stored));
  }

  #withoutPrefix(stored: StoredEvent): StoredEvent {
    return { ...stored, stream: stored.stream.slice(this.#prefix.length) };
  }

  #prefixesOf(categories: readonly string[]): string[] {
    return categories.map((category) => `${this.#prefix}${category}-`);
  }
}
