// Seals a log as it grows: reads it as it is stored, hashes it, and says what is to be sealed. What it needs to know is in the log.
import type { Position } from '../../domain/ids.ts';
import type { StoredLogReader } from '../../event-store/stored-log.ts';
import { canonicalOf } from './canonical-event.ts';
import { leafHash } from './merkle-tree.ts';
import { SegmentBuilder, type Segment } from './seal.ts';
import { newestSealIn, sealedUpTo, sealIn } from './seals-in-log.ts';
import { sealingStream } from '../../domain/streams.ts';

export type SealingOptions = {
  /** A seal has so many events at most. */
  readonly mostEvents: number;
  /** So long at most after an event was found, it is sealed. */
  readonly everyMs: number;
  /** No other process can seal the log. */
  readonly isAlone: boolean;
  /** Milliseconds since 1970. */
  readonly now: () => number;
};

/** `oldest`: when the oldest event that is not sealed was recorded. */
export type Waiting = { readonly events: number; readonly position: Position | undefined; readonly oldest: string | undefined };

/** Another process that wrote the newest seal is taken to be sealing for so many intervals. */
const patience = 3;

export class LogSealing {
  private builder = new SegmentBuilder();
  /** The newest seal in the log, and where it ends. */
  private number = 0;
  private sealedTo: Position | undefined;
  /** Events up to here are in the builder. */
  private readTo: Position | undefined;
  /** The first of them that is no seal: seals alone are not worth another one. */
  private oldest: { readonly recordedAt: string; readonly since: number } | undefined;
  private quietUntil = 0;

  constructor(
    private readonly log: StoredLogReader,
    private readonly options: SealingOptions,
    /** Resolves when it is recorded. */
    private readonly record: (number: number, segment: Segment) => Promise<boolean>,
  ) {}

  async start(): Promise<void> {
    const newest = await newestSealIn(this.log);
    if (newest) await this.goOnAfter(newest.number);
  }

  /** Seals what there is to seal now. */
  async look(): Promise<void> {
    // 1. Somebody else seals this log: one is enough. Where there is one process only, there is nobody else.
    if (!this.options.isAlone) {
      while (await this.log.at(sealingStream, this.number + 1)) {
        await this.goOnAfter(this.number + 1);
        this.quietUntil = this.options.now() + patience * this.options.everyMs;
      }
      if (this.options.now() < this.quietUntil) return;
    }
    // 2. What is new.
    for await (const batch of this.log.read(this.readTo)) {
      for (const event of batch) {
        const { stream, revision, recordedAt, position } = event;
        const { text, first } = canonicalOf(event);
        this.builder.add(leafHash(text), { position: first, last: { stream, revision } });
        this.readTo = position;
        if (stream !== sealingStream) this.oldest ??= { recordedAt, since: this.options.now() };
        if (this.builder.count >= this.options.mostEvents && !(await this.seal())) return;
      }
    }
    // 3. What has waited for long enough.
    if (this.oldest && this.options.now() >= this.oldest.since + this.options.everyMs) await this.seal();
  }

  waiting(): Waiting {
    return { events: this.builder.count, position: this.sealedTo, oldest: this.oldest?.recordedAt };
  }

  /** @returns whether to go on from here */
  private async seal(): Promise<boolean> {
    const segment = this.builder.segment();
    if (!segment) return true;
    const number = this.number + 1;
    if (!(await this.record(number, segment))) {
      await this.goOnAfter(number);
      this.quietUntil = this.options.now() + patience * this.options.everyMs;
      return false;
    }
    this.number = number;
    this.sealedTo = this.readTo;
    this.builder = new SegmentBuilder();
    this.oldest = undefined;
    return true;
  }

  private async goOnAfter(number: number): Promise<void> {
    const found = await sealIn(this.log, number);
    const end = found && (await sealedUpTo(this.log, found.seal));
    if (!found || end === undefined) throw new Error(`The event that seal ${number} ends with is not in the log.`);
    this.number = number;
    this.sealedTo = this.readTo = end;
    this.builder = new SegmentBuilder();
    this.oldest = undefined;
  }
}
