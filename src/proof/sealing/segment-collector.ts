// Decides what to seal and when: reads new events, hashes them into a segment, and hands the segment over once it is full or old enough.
// Keeps no state of its own: the log says how far it is sealed.
import type { Position } from '../../domain/ids.ts';
import { sealingStream } from '../../domain/streams.ts';
import type { StoredLogReader } from '../../event-store/stored-log.ts';
import { canonicalOf } from './canonical-event.ts';
import { leafHash } from './merkle-tree.ts';
import { SegmentBuilder, type Segment } from './seal.ts';
import { lastSealedPosition, readNewestSeal, readSeal } from './stored-seals.ts';

type CollectorOptions = {
  /** Most events in one segment. */
  readonly mostEvents: number;
  /** Longest time before an event that was read is sealed. */
  readonly everyMs: number;
  /** No other process can seal this log. */
  readonly isOnlySealer: boolean;
  /** Milliseconds, by a clock that nobody can set. */
  readonly now: () => number;
};

/** `position`: how far the log is sealed. `oldest`: when the oldest unsealed event was recorded. */
export type Backlog = { readonly events: number; readonly position: Position | undefined; readonly oldest: string | undefined };

/** A process leaves sealing to another one until that one has recorded no seal for so many intervals. */
const patience = 3;

export class SegmentCollector {
  private builder = new SegmentBuilder();
  /** The number of the newest seal in the log, and the position of the last event in it. */
  private number = 0;
  private sealedTo: Position | undefined;
  /** Position of the last event in the builder. */
  private readTo: Position | undefined;
  /** The first event in the builder that is not a seal: seals alone are not worth another seal. */
  private oldest: { readonly recordedAt: string; readonly since: number } | undefined;
  private quietUntil = 0;

  constructor(
    private readonly log: StoredLogReader,
    private readonly options: CollectorOptions,
    /** Resolves once the seal is recorded: true, or false if another process was faster. */
    private readonly record: (number: number, segment: Segment) => Promise<boolean>,
  ) {}

  async start(): Promise<void> {
    const newest = await readNewestSeal(this.log);
    if (newest) await this.continueAfter(newest.number);
  }

  /** Reads what is new, and records the segments that are due. */
  async collect(): Promise<void> {
    // 1. Leave sealing to another process while it does so.
    if (!this.options.isOnlySealer) {
      while (await this.log.at(sealingStream, this.number + 1)) {
        await this.continueAfter(this.number + 1);
        this.quietUntil = this.options.now() + patience * this.options.everyMs;
      }
      if (this.options.now() < this.quietUntil) return;
    }
    // 2. Read the new events, and seal each full segment.
    for await (const batch of this.log.read(this.readTo)) {
      for (const event of batch) {
        const { stream, revision, recordedAt, position } = event;
        const { text, originalPosition } = canonicalOf(event);
        this.builder.add(leafHash(text), { position: originalPosition, last: { stream, revision } });
        this.readTo = position;
        if (stream !== sealingStream) this.oldest ??= { recordedAt, since: this.options.now() };
        if (this.builder.count >= this.options.mostEvents && !(await this.seal())) return;
      }
    }
    // 3. Seal the rest once it has waited long enough.
    if (this.oldest && this.options.now() >= this.oldest.since + this.options.everyMs) await this.seal();
  }

  backlog(): Backlog {
    return { events: this.builder.count, position: this.sealedTo, oldest: this.oldest?.recordedAt };
  }

  /** @returns false if another process recorded this seal: reading must start again behind it */
  private async seal(): Promise<boolean> {
    const segment = this.builder.segment();
    if (!segment) return true;
    const number = this.number + 1;
    if (!(await this.record(number, segment))) {
      await this.continueAfter(number);
      this.quietUntil = this.options.now() + patience * this.options.everyMs;
      return false;
    }
    this.number = number;
    this.sealedTo = this.readTo;
    this.builder = new SegmentBuilder();
    this.oldest = undefined;
    return true;
  }

  private async continueAfter(number: number): Promise<void> {
    const found = await readSeal(this.log, number);
    const end = found && (await lastSealedPosition(this.log, found.seal));
    if (!found || end === undefined) throw new Error(`The last event that seal ${number} covers is not in the log.`);
    this.number = number;
    this.sealedTo = this.readTo = end;
    this.builder = new SegmentBuilder();
    this.oldest = undefined;
  }
}
