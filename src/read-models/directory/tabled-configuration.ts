// The configuration for the endpoint directory, where the log finds it only by looking at every event: what the table has, and from there on the log.
// What the log brings is written to the table in the background, so a start reads as much as there is configuration, however long the log is.
// Guarantee: the directory gets the same events as from the log alone, in the same order. Limit: while the table can't be used, a start reads all.
import { setTimeout as sleep } from 'node:timers/promises';
import type { BaseLogger } from 'pino';
import { noPosition, type Position } from '../../domain/ids.ts';
import { decodeConfiguration, type StoredEvent } from '../../event-store/codec.ts';
import type { EventStore } from '../../event-store/event-store.ts';
import type { ConfigurationBatch, UnindexedConfiguration } from '../../event-store/unindexed-configuration.ts';
import { Outage } from '../../outage.ts';
import { ChunkUnusable, type Chunk, type ConfigurationChunks } from './configuration-chunks.ts';

type Log = UnindexedConfiguration & Pick<EventStore, 'tip'>;

const writeEveryMs = 10_000;
const longestLastWriteMs = 1_000;
/** A chunk that has as many events, or characters of them, is followed by another one. */
const fullChunk = { events: 500, characters: 512 * 1024 };
/** A first read of a long log waits for the table while as many events are not written. */
const mostUnwritten = 1_000;
/** While the table can't be written, more are forgotten: the next start reads them from the log. */
const mostKept = 20_000;

export class TabledConfiguration implements Pick<EventStore, 'followConfiguration'> {
  /** Of the table, as far as this process knows it. */
  private last: Chunk | undefined;
  /** What the log brought after `last`, up to `through`. */
  private unwritten: StoredEvent[] = [];
  private through: Position = noPosition;
  /** This process leaves the table alone from here on. */
  private isGivenUp = false;
  private writing: Promise<void> = Promise.resolve();
  private readonly outage: Outage;

  constructor(
    private readonly log: Log,
    private readonly chunks: Pick<ConfigurationChunks, 'read' | 'last' | 'add' | 'extend' | 'removeFrom'>,
    private readonly logger: Pick<BaseLogger, 'info' | 'warn'>,
  ) {
    this.outage = new Outage("The table of the configuration can't be written", logger);
  }

  /** Writes what the log brings, until it is disposed of. What is not written then, the next start reads from the log. */
  keepWriting(everyMs = writeEveryMs): AsyncDisposable {
    const timer = setInterval(() => void this.write(), everyMs).unref();
    return {
      [Symbol.asyncDispose]: async () => {
        clearInterval(timer);
        this.isGivenUp = true;
        await Promise.race([this.writing, sleep(longestLastWriteMs, undefined, { ref: false })]);
      },
    };
  }

  async *followConfiguration(
    after: Position | undefined,
    { signal }: { readonly signal: AbortSignal },
  ): ReturnType<EventStore['followConfiguration']> {
    if (after === undefined) for await (const { events } of this.readTable()) if (events.length > 0) yield events.map(decodeConfiguration);
    const from = after ?? this.last?.to;
    for await (const batch of this.log.followStoredConfiguration(from, { signal })) {
      await this.note(batch);
      if (batch.events.length > 0) yield batch.events.map(decodeConfiguration);
      if (batch.isEnd) yield [];
    }
  }

  /** As far as it can be used. What follows is removed: it is written again from the log. */
  private async *readTable(): AsyncGenerator<Chunk> {
    this.last = undefined;
    this.unwritten = [];
    try {
      const tip = await this.log.tip();
      for await (const chunk of this.chunks.read()) {
        if (tip === undefined || chunk.to > tip) throw new ChunkUnusable('It goes on beyond the end of the log.');
        this.last = chunk;
        yield chunk;
      }
    } catch (error) {
      const rest = this.last ? `after position ${this.last.to}` : 'as a whole';
      this.logger.warn(
        { err: error },
        `The table of the configuration can't be used: ${sentenceOf(error)} The log is read instead, ${rest}.`,
      );
      await this.removeUnusable(error);
    }
    this.through = this.last?.to ?? noPosition;
  }

  private async removeUnusable(error: unknown): Promise<void> {
    this.isGivenUp = true;
    if (!(error instanceof ChunkUnusable)) return;
    try {
      await this.chunks.removeFrom(this.last?.to ?? noPosition);
      this.isGivenUp = false;
    } catch {
      // The next start tries again.
    }
  }

  private async note({ events, through, isEnd }: ConfigurationBatch): Promise<void> {
    if (this.isGivenUp) return;
    for (const event of events) if (event.position > this.through) this.unwritten.push(event);
    if (through > this.through) this.through = through;
    if (this.unwritten.length > mostKept) this.giveUp('More changes wait to be written than are kept in memory.');
    else if (this.unwritten.length > mostUnwritten && !this.outage.isOn) await this.write();
    else if (isEnd) void this.write();
  }

  /** Writes all that can be written now, after what is being written. Never rejects. */
  private write(): Promise<void> {
    this.writing = this.writeAfter(this.writing);
    return this.writing;
  }

  private async writeAfter(earlier: Promise<void>): Promise<void> {
    await earlier;
    try {
      while (!this.isGivenUp && (await this.writeChunk()));
      this.outage.over();
    } catch (error) {
      if (!this.isGivenUp) this.outage.failed(error);
    }
  }

  /** @returns whether there may be more to write */
  private async writeChunk(): Promise<boolean> {
    const { last, through } = this;
    const from = last?.to ?? noPosition;
    if (through <= from) return false;
    // A server counts positions of others' events, too. The table ends at one of the log, so a log that lost its end can be told from it.
    const tip = await this.log.tip();
    const end = tip !== undefined && tip < through ? tip : through;
    if (end <= from) return false;
    const isExtended = last !== undefined && !isFull(last.events);
    const events = firstOf(this.unwritten, isExtended ? last.events : []);
    const to = events.length < this.unwritten.length ? (events.at(-1)?.position ?? end) : end;
    const chunk = isExtended ? { from: last.from, to, events: [...last.events, ...events] } : { from, to, events };
    const isWritten = isExtended ? await this.chunks.extend(last, { to, events }) : await this.chunks.add(chunk);
    if (!isWritten) return this.adopt(from);
    this.last = chunk;
    this.unwritten.splice(0, events.length);
    return this.unwritten.length > 0;
  }

  /** Another replica has written. @param from where what is unwritten here begins */
  private async adopt(from: Position): Promise<boolean> {
    const last = await this.chunks.last();
    if (!last || last.to <= from) return this.giveUp('Another process has begun it again.');
    this.last = last;
    this.unwritten = this.unwritten.filter(({ position }) => position > last.to);
    if (last.to > this.through) this.through = last.to;
    return true;
  }

  private giveUp(reason: string): false {
    this.isGivenUp = true;
    this.unwritten = [];
    this.logger.warn(`This process no longer writes the table of the configuration: ${reason} The next start reads more of the log.`);
    return false;
  }
}

const sizeOf = ({ data, metadata }: StoredEvent) => data.length + metadata.length;

const isFull = (events: readonly StoredEvent[]): boolean =>
  events.length >= fullChunk.events || events.reduce((sum, event) => sum + sizeOf(event), 0) >= fullChunk.characters;

/** As many as fill a chunk that has some already; at least one. */
const firstOf = (events: readonly StoredEvent[], before: readonly StoredEvent[]): readonly StoredEvent[] => {
  let characters = before.reduce((sum, event) => sum + sizeOf(event), 0);
  let count = 0;
  for (const event of events) {
    if (count > 0 && (before.length + count >= fullChunk.events || characters >= fullChunk.characters)) break;
    characters += sizeOf(event);
    count += 1;
  }
  return events.slice(0, count);
};

const sentenceOf = (error: unknown) => (error instanceof Error ? error.message : String(error));
