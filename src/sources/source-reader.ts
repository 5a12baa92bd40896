// The reader of one source: follows the server's events from the recorded position, has them published, and has the new position recorded.
import type { BaseLogger } from 'pino';
import { Backoff } from '../backoff.ts';
import type { Caller } from '../commands/caller.ts';
import type { CommandExecutor } from '../commands/command-executor.ts';
import type { Position } from '../domain/ids.ts';
import { defaultOrganization } from '../domain/organization.ts';
import { reading } from '../domain/reading.ts';
import { streamPrefixOf } from '../domain/source.ts';
import { readingStream } from '../domain/streams.ts';
import { foldStream } from '../event-store/event-store.ts';
import type { ForeignEvent, ForeignEvents } from '../event-store/foreign-events.ts';
import type { SourceView } from '../read-models/queries/source-queries.ts';
import { ReadingRecorder, type RecordedReading } from './reading-recorder.ts';
import { SourcePublisher, type PublisherParts } from './source-publisher.ts';

export type SourceParts = PublisherParts & {
  readonly foreign: ForeignEvents;
  readonly executor: CommandExecutor;
  readonly log: Pick<BaseLogger, 'info' | 'warn'>;
  readonly count: (source: string, outcome: 'published' | 'skipped', events: number) => void;
};

export type ReaderOptions = {
  /** Between two records of the position. */
  readonly recordEveryMs?: number;
  /** Before the first one. */
  readonly firstRecordMs?: number;
  /** The first pause after a failure; doubles up to 30 s. */
  readonly retryMs?: number;
};

export type ReaderStatus = {
  readonly position: Position | null;
  /** The age of the oldest event that was read and not yet handled; 0: there is none. */
  readonly lagSeconds: number;
  /** Why it does not go on, or what it is retrying; a sentence. */
  readonly error: string | undefined;
};

/** In metrics. Who may read them is not who may see what customers call their sources. */
export const labelOf = ({ configuration: { organizationId, settings } }: SourceView): string =>
  organizationId === defaultOrganization ? settings.name : 'of other organizations';

/** Events that may be on their way into the log at one time. */
const batchSize = 100;
const maxRetryMs = 30_000;

/** Reading can't go on until a person has done something. */
class NeedsPerson extends Error {}

export class SourceReader {
  private readonly ending = new AbortController();
  private readonly options: Required<ReaderOptions>;
  private readonly caller: Caller;
  private readonly publisher: SourcePublisher;
  private running: Promise<void> = Promise.resolve();
  private position: Position | null = null;
  /** The first event of the batch that is being published. */
  private handling: ForeignEvent | undefined;
  private error: string | undefined;

  constructor(
    readonly source: SourceView,
    private readonly parts: SourceParts,
    { recordEveryMs = 5_000, firstRecordMs = 500, retryMs = 1_000 }: ReaderOptions = {},
  ) {
    this.options = { recordEveryMs, firstRecordMs, retryMs };
    const { organizationId, settings } = source.configuration;
    this.caller = { organizationId, actor: `system:source:${settings.name}`, correlationId: source.id };
    const onTrouble = (error: unknown) => this.trouble(error);
    this.publisher = new SourcePublisher(source, this.caller, parts, { signal: this.signal, retryMs, onTrouble });
  }

  start(): void {
    this.running = this.run();
  }

  /** Finishes what is being published, and records it if the log can be written. */
  async stop(): Promise<void> {
    this.ending.abort();
    await this.running;
  }

  status(): ReaderStatus {
    const { handling } = this;
    const lagSeconds = handling ? Math.max(0, (Date.now() - Date.parse(handling.recordedAt)) / 1000) : 0;
    return { position: this.position, lagSeconds, error: this.error };
  }

  private get signal() {
    return this.ending.signal;
  }

  private async run(): Promise<void> {
    const backoff = new Backoff({ firstMs: this.options.retryMs, longestMs: maxRetryMs });
    while (!this.signal.aborted) {
      const before = this.position;
      try {
        await this.read();
      } catch (error) {
        if (this.signal.aborted) break;
        this.trouble(error);
        if (error instanceof NeedsPerson) break;
        if (this.position !== before) backoff.reset();
        await backoff.pause(this.signal);
      } finally {
        this.handling = undefined;
      }
    }
  }

  /** Reads until it is stopped. */
  private async read(): Promise<void> {
    // 1. Begin where the log says that reading came to.
    const failed = new AbortController();
    const recorder = new ReadingRecorder(await this.load(), this.source, this.caller, this.parts.executor, this.options, (error) =>
      failed.abort(error),
    );
    this.position = recorder.position;
    const { configuration } = this.source;
    const streamPrefix = streamPrefixOf(configuration.settings.streams);
    const refusal = this.parts.foreign.refusal(streamPrefix);
    if (refusal !== undefined) throw new NeedsPerson(refusal);
    try {
      // 2. Publish batch by batch.
      const signal = AbortSignal.any([this.signal, failed.signal]);
      const after = this.position ?? configuration.after;
      for await (const { events, through } of this.parts.foreign.follow(after, { streamPrefix, signal, batchSize })) {
        if (!(await this.handle(events, through, recorder))) break; // it was stopped meanwhile
        await recorder.recordInTime();
      }
      // 3. It was stopped: record the rest.
      await recorder.close();
      failed.signal.throwIfAborted();
      await recorder.recordRest();
    } finally {
      await recorder.close();
    }
  }

  /** The state that the views have, and the events since. */
  private async load(): Promise<RecordedReading> {
    const { id, configuration, reading: known } = this.source;
    const recorded = await this.parts.store.readStream(readingStream(id), known ? { from: known.revision } : {});
    const last = recorded.at(-1);
    if (last?.copiedFrom)
      throw new NeedsPerson(
        `The log was copied here, so the position of "${configuration.settings.name}" belongs to another server. Delete the source and create it again: events that were published are not published again.`,
      );
    const state = foldStream(reading, recorded); // the newest event has the whole state
    return last ? { state, revision: last.revision } : { state, revision: 'no-stream' };
  }

  /** @returns false: it was stopped before all were published */
  private async handle(events: readonly ForeignEvent[], through: Position, recorder: ReadingRecorder): Promise<boolean> {
    const { eventTypes } = this.source.configuration.settings;
    const selected = eventTypes.length === 0 ? events : events.filter(({ type }) => eventTypes.includes(type));
    this.handling = selected[0];
    const skipped = await this.publisher.publishAll(selected);
    if (!skipped) return false;
    const published = selected.length - skipped.length;
    recorder.add(published, skipped, through);
    this.position = through;
    this.handling = undefined;
    this.error = undefined;
    this.parts.count(labelOf(this.source), 'published', published);
    this.parts.count(labelOf(this.source), 'skipped', skipped.length);
    return true;
  }

  /** Logs an error once for as long as it stays the same. */
  private trouble(error: unknown): void {
    const sentence = error instanceof Error ? error.message : String(error);
    const { name } = this.source.configuration.settings;
    if (this.error !== sentence) this.parts.log.warn({ source: name, err: error }, `The source "${name}" does not go on: ${sentence}`);
    this.error = sentence;
  }
}
