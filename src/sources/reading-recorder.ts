// The recorder of a reading: records how far a source has been read, now and then and not for each event. After a crash, the events
// since the last record are read again.
import type { Caller } from '../commands/caller.ts';
import type { CommandExecutor } from '../commands/command-executor.ts';
import type { Position } from '../domain/ids.ts';
import { reading, type Reading, type SkippedEvent } from '../domain/reading.ts';
import { readingStream } from '../domain/streams.ts';
import { LogUnavailable, type ExpectedRevision } from '../event-store/event-store.ts';
import type { SourceView } from '../read-models/queries/source-queries.ts';

/** The reading as the log has it. */
export type RecordedReading = { readonly state: Reading; readonly revision: ExpectedRevision };

type RecorderOptions = {
  /** Between two records. */
  readonly recordEveryMs: number;
  /** Before the first one. */
  readonly firstRecordMs: number;
};

/** More events than these are recorded at once. */
const maxUnrecorded = 5_000;
const maxUnrecordedSkipped = 100;
/** How often the position of a source without new events is recorded: the next start would otherwise read through all of the server's events since. */
const idleRecordMs = 60 * 60_000;

export class ReadingRecorder {
  private published = 0;
  private skipped: SkippedEvent[] = [];
  private handledUpTo: Position | null;
  private recordedAt = -Infinity;
  private idleSince = performance.now();
  private timer: NodeJS.Timeout | undefined;
  private recording: Promise<void> = Promise.resolve();

  constructor(
    private recorded: RecordedReading,
    private readonly source: Pick<SourceView, 'id'>,
    private readonly caller: Caller,
    private readonly executor: CommandExecutor,
    private readonly options: RecorderOptions,
    /** Called when a record failed for another reason than that the log is unavailable. */
    private readonly onFailure: (error: unknown) => void,
  ) {
    this.handledUpTo = recorded.state.position;
  }

  /** Events were read and handled up to this position; null: none yet. */
  get position(): Position | null {
    return this.handledUpTo;
  }

  add(published: number, skipped: readonly SkippedEvent[], upTo: Position): void {
    this.published += published;
    this.skipped.push(...skipped);
    this.handledUpTo = upTo;
  }

  /** Records now if there is much to record, otherwise soon. */
  async recordInTime(): Promise<void> {
    const now = performance.now();
    const handled = this.published + this.skipped.length;
    const { firstRecordMs, recordEveryMs } = this.options;
    if (handled >= maxUnrecorded || this.skipped.length >= maxUnrecordedSkipped) await this.recordInTurn();
    else if (handled > 0) this.recordIn(Math.max(firstRecordMs, this.recordedAt + recordEveryMs - now));
    else if (now - this.idleSince > idleRecordMs) this.recordIn(0);
  }

  /** Records the rest, unless the log is unavailable: then it is read again. */
  async recordRest(): Promise<void> {
    await this.record().catch((error: unknown) => {
      if (!(error instanceof LogUnavailable)) throw error;
    });
  }

  /** Resolves when nothing is being recorded, and nothing will be. */
  async close(): Promise<void> {
    clearTimeout(this.timer);
    await this.recording;
    clearTimeout(this.timer);
  }

  private recordIn(ms: number): void {
    this.timer ??= setTimeout(() => {
      this.timer = undefined;
      this.recordInTurn().catch((error: unknown) => {
        if (error instanceof LogUnavailable) this.recordIn(error.retryAfterSeconds * 1000);
        else this.onFailure(error);
      });
    }, ms);
  }

  private recordInTurn(): Promise<void> {
    const recorded = this.recording.then(() => this.record());
    this.recording = recorded.catch(() => undefined);
    return recorded;
  }

  private async record(): Promise<void> {
    const { state, revision } = this.recorded;
    const to = this.handledUpTo;
    if (to === null || to === state.position) return;
    const { published } = this;
    const skipped = this.skipped.slice();
    const outcome = await this.executor.execute(
      {
        stream: readingStream(this.source.id),
        decider: reading,
        command: { type: 'Advance', from: state.position, to, published, skipped },
        expected: { state, revision, isCertain: true },
      },
      { actor: this.caller.actor, correlationId: this.caller.correlationId, commandId: `${state.position ?? ''}/${to}` },
    );
    if (outcome.events.length === 0)
      throw new Error('Another process has read this source meanwhile. Reading continues from its position.');
    this.recorded = { state: outcome.state, revision: outcome.revision };
    this.published -= published;
    this.skipped = this.skipped.slice(skipped.length);
    this.recordedAt = performance.now();
    this.idleSince = this.recordedAt;
  }
}
