// The reader of one source: from the server's events to published messages, and how far it came into the log.
// Guarantee: one message for each event, however often it is read, and by how many: the message's id follows from the event's, and whoever
// publishes it second is refused by its revision. What was read since the last record is read again after a crash. Limit: none of time, as a
// message's stream stays in the log for ever.
import { setTimeout as sleep } from 'node:timers/promises';
import type { CommandBus } from '@nestjs/cqrs';
import type { BaseLogger } from 'pino';
import type { Caller } from '../commands/caller.ts';
import type { CommandExecutor } from '../commands/command-executor.ts';
import { PublishMessages, type MessageInput } from '../commands/publish-messages.ts';
import { NotEvaluated } from '../delivery/formats/format-error.ts';
import { fold } from '../domain/decider.ts';
import { DomainError } from '../domain/errors.ts';
import type { Position } from '../domain/ids.ts';
import { reading, type Reading, type ReadingEvent, type SkippedEvent } from '../domain/reading.ts';
import { streamPrefixOf } from '../domain/source.ts';
import { LogUnavailable, type EventStore, type ExpectedRevision } from '../event-store/event-store.ts';
import type { ForeignEvent, ForeignEvents } from '../event-store/foreign-events.ts';
import { messageIdOf } from '../event-store/id-generation.ts';
import type { SourceView } from '../read-models/queries/source-queries.ts';
import { messageOf, shorten, type Evaluate } from './source-message.ts';
import { messageStream, readingStream } from '../domain/streams.ts';

export type SourceParts = {
  readonly foreign: ForeignEvents;
  readonly store: Pick<EventStore, 'readStream'>;
  readonly executor: CommandExecutor;
  readonly commands: Pick<CommandBus, 'execute'>;
  /** @param owner who takes turns with others */
  readonly evaluate: (owner: string, ...of: Parameters<Evaluate>) => ReturnType<Evaluate>;
  readonly log: Pick<BaseLogger, 'info' | 'warn'>;
  readonly count: (source: string, outcome: 'published' | 'skipped', events: number) => void;
};

export type ReaderOptions = {
  /** How far apart records of how far it came are, but for a first one, which waits for `firstRecordMs`. */
  readonly recordEveryMs?: number;
  readonly firstRecordMs?: number;
  /** The first wait before it is begun again after a failure; doubles up to 30 s. */
  readonly retryMs?: number;
};

export type ReaderStatus = {
  readonly position: Position | null;
  /** How old the oldest event is that was read and not yet handled; 0 when there is none. */
  readonly lagSeconds: number;
  /** Why it does not go on, or what it is trying to get past; a sentence. */
  readonly error: string | undefined;
};

/** As many as may be on their way into the log at one time. */
const batchSize = 100;
/** So many events that were handled, or skipped, and not recorded, are recorded at once. */
const mostUnrecorded = 5_000;
const mostSkipped = 100;
/** A source in whose streams nothing happens is recorded this often, so that a start has not all of the server's events to look through. */
const idleRecordMs = 60 * 60_000;
const longestRetryMs = 30_000;
const longestText = 500;

type Standing = { readonly state: Reading; readonly revision: ExpectedRevision };

/** It can't go on until a person has done something. */
class NeedsPerson extends Error {}

export class SourceReader {
  private readonly ending = new AbortController();
  private readonly recordEveryMs: number;
  private readonly firstRecordMs: number;
  private readonly retryMs: number;
  private readonly caller: Caller;
  private running: Promise<void> = Promise.resolve();

  private standing: Standing = { state: reading.initial, revision: 'no-stream' };
  /** What was handled since the last record. */
  private unrecorded = { published: 0, skipped: [] as SkippedEvent[] };
  private position: Position | null = null;
  private handling: ForeignEvent | undefined;
  private error: string | undefined;
  private recording: Promise<void> = Promise.resolve();
  private recordedAt = -Infinity;
  private idleSince = 0;
  private timer: NodeJS.Timeout | undefined;
  /** Ends the following of this try. */
  private lost = new AbortController();

  constructor(
    readonly source: SourceView,
    private readonly parts: SourceParts,
    { recordEveryMs = 5_000, firstRecordMs = 500, retryMs = 1_000 }: ReaderOptions = {},
  ) {
    this.recordEveryMs = recordEveryMs;
    this.firstRecordMs = firstRecordMs;
    this.retryMs = retryMs;
    const { organizationId, settings } = source.configuration;
    this.caller = { organizationId, actor: `system:source:${settings.name}`, correlationId: source.id };
  }

  start(): void {
    this.running = this.run();
  }

  /** What is on its way is finished, and recorded if the log can be written. */
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
    for (let wait = this.retryMs; !this.signal.aborted; wait = Math.min(2 * wait, longestRetryMs)) {
      const before = this.position;
      try {
        await this.read();
      } catch (error) {
        if (this.signal.aborted) break;
        this.trouble(error);
        if (error instanceof NeedsPerson) break;
        if (this.position !== before) wait = this.retryMs;
        await sleep(wait, undefined, { signal: this.signal }).catch(() => undefined);
      } finally {
        clearTimeout(this.timer);
        this.timer = undefined;
        this.handling = undefined;
      }
    }
  }

  private async read(): Promise<void> {
    // 1. Where it stands.
    this.standing = await this.load();
    this.position = this.standing.state.position;
    this.unrecorded = { published: 0, skipped: [] };
    this.idleSince = performance.now();
    const { configuration } = this.source;
    const streamPrefix = streamPrefixOf(configuration.settings.streams);
    const refusal = this.parts.foreign.refusal(streamPrefix);
    if (refusal !== undefined) throw new NeedsPerson(refusal);

    // 2. From there on, batch by batch.
    this.lost = new AbortController();
    const signal = AbortSignal.any([this.signal, this.lost.signal]);
    const after = this.position ?? configuration.after;
    for await (const { events, through } of this.parts.foreign.follow(after, { streamPrefix, signal, batchSize })) {
      if (!(await this.handle(events, through))) break; // it was stopped among them
      await this.recordInTime();
    }
    await this.recording;
    this.lost.signal.throwIfAborted();

    // 3. It was stopped.
    await this.record().catch((error: unknown) => {
      if (!(error instanceof LogUnavailable)) throw error; // what is not recorded is read again
    });
  }

  /** What the views knew of it, and what was recorded since. */
  private async load(): Promise<Standing> {
    const { id, configuration, reading: known } = this.source;
    const recorded = await this.parts.store.readStream(readingStream(id), known ? { from: known.revision } : {});
    const last = recorded.at(-1);
    if (last?.copiedFrom)
      throw new NeedsPerson(
        `The log was copied to where it is now, so where "${configuration.settings.name}" stands is a place of another server. Delete it and create it anew: what was published of its events is not published again.`,
      );
    const state = fold(reading, recorded as unknown as Iterable<ReadingEvent>); // the last one that it advanced to says all
    return last ? { state, revision: last.revision } : { state, revision: 'no-stream' };
  }

  /** Publishes what events there are up to a position, or notes why not. @returns false when it was stopped before all was done. */
  private async handle(events: readonly ForeignEvent[], through: Position): Promise<boolean> {
    const { eventTypes } = this.source.configuration.settings;
    const taken = eventTypes.length === 0 ? events : events.filter(({ type }) => eventTypes.includes(type));
    this.handling = taken[0];
    const published: Promise<string | undefined>[] = [];
    // Messages are made one after the other, as templates take turns, and published side by side, in this order.
    for (const event of taken) {
      const message = await this.messageOf(event);
      if (message === undefined) break;
      published.push(typeof message === 'string' ? Promise.resolve(message) : this.publish(event, message));
    }
    const outcomes = await Promise.allSettled(published);
    for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
    if (published.length < taken.length || this.signal.aborted) return false;
    const skipped = outcomes.flatMap((outcome, i) => {
      const [event, reason] = [taken[i], outcome.status === 'fulfilled' ? outcome.value : undefined];
      return event && reason !== undefined ? [skippedEvent(event, reason)] : [];
    });
    // All at once: what is recorded is what was handled up to that position.
    this.unrecorded.published += taken.length - skipped.length;
    this.unrecorded.skipped.push(...skipped);
    this.position = through;
    this.handling = undefined;
    this.error = undefined;
    const { name } = this.source.configuration.settings;
    this.parts.count(name, 'published', taken.length - skipped.length);
    this.parts.count(name, 'skipped', skipped.length);
    return true;
  }

  /** Undefined: it was stopped before it could be told. */
  private async messageOf(event: ForeignEvent): Promise<MessageInput | string | undefined> {
    while (!this.signal.aborted) {
      try {
        const { id, configuration } = this.source;
        return await messageOf(event, configuration.settings, (template, input) => this.parts.evaluate(id, template, input));
      } catch (error) {
        if (!(error instanceof NotEvaluated)) throw error;
        this.trouble(error);
        await sleep(this.retryMs, undefined, { signal: this.signal }).catch(() => undefined);
      }
    }
    return undefined;
  }

  /** @returns undefined when there is a message of it, else why not. */
  private async publish(event: ForeignEvent, message: MessageInput): Promise<string | undefined> {
    const command = new PublishMessages({ ...this.caller, causationId: event.id }, [message]);
    for (;;) {
      try {
        await this.parts.commands.execute(command);
        return undefined;
      } catch (error) {
        if (error instanceof DomainError) return (await this.isPublished(event)) ? undefined : error.message;
        if (!(error instanceof LogUnavailable)) throw error;
        this.trouble(error);
        if (this.signal.aborted) return undefined; // it is not counted then
        await sleep(error.retryAfterSeconds * 1000, undefined, { signal: this.signal }).catch(() => undefined);
      }
    }
  }

  /** Whether the message that stands there was made of this event, when the mapping was another. */
  private async isPublished(event: ForeignEvent): Promise<boolean> {
    const { organizationId, correlationId } = this.caller;
    const [accepted] = await this.parts.store.readStream(messageStream(messageIdOf(organizationId, event.id)), { upTo: 0 });
    return accepted?.metadata.causationId === event.id && accepted.metadata.correlationId === correlationId;
  }

  /** Sees to it that what was handled is recorded: at once where it is much, else soon. */
  private async recordInTime(): Promise<void> {
    const now = performance.now();
    const { published, skipped } = this.unrecorded;
    const handled = published + skipped.length;
    if (handled >= mostUnrecorded || skipped.length >= mostSkipped) await this.recordInTurn();
    else if (handled > 0) this.recordIn(Math.max(this.firstRecordMs, this.recordedAt + this.recordEveryMs - now));
    else if (now - this.idleSince > idleRecordMs) this.recordIn(0);
  }

  private recordIn(ms: number): void {
    this.timer ??= setTimeout(() => {
      this.timer = undefined;
      this.recordInTurn().catch((error: unknown) => {
        if (error instanceof LogUnavailable) this.recordIn(error.retryAfterSeconds * 1000);
        else this.lost.abort(error);
      });
    }, ms);
  }

  private recordInTurn(): Promise<void> {
    const recorded = this.recording.then(() => this.record());
    this.recording = recorded.catch(() => undefined);
    return recorded;
  }

  /** What was handled up to now, in one append. */
  private async record(): Promise<void> {
    const { state, revision } = this.standing;
    const to = this.position;
    if (to === null || to === state.position) return;
    const { published } = this.unrecorded;
    const skipped = this.unrecorded.skipped.slice();
    const stream = readingStream(this.source.id);
    const outcome = await this.parts.executor.execute(
      {
        stream,
        decider: reading,
        command: { type: 'Advance', from: state.position, to, published, skipped },
        expected: { state, revision, isCertain: true },
      },
      { actor: this.caller.actor, correlationId: this.caller.correlationId, commandId: `${state.position ?? ''}/${to}` },
    );
    if (outcome.events.length === 0) throw new Error('Somebody else has read this source meanwhile; it is gone on from where they are.');
    this.standing = { state: outcome.state, revision: outcome.revision };
    this.unrecorded = { published: this.unrecorded.published - published, skipped: this.unrecorded.skipped.slice(skipped.length) };
    this.recordedAt = performance.now();
    this.idleSince = this.recordedAt;
  }

  private trouble(error: unknown): void {
    const sentence = error instanceof Error ? error.message : String(error);
    const { name } = this.source.configuration.settings;
    if (this.error !== sentence) this.parts.log.warn({ source: name, err: error }, `The source "${name}" does not go on: ${sentence}`);
    this.error = sentence;
  }
}

const skippedEvent = ({ id, stream, revision, position, type }: ForeignEvent, reason: string): SkippedEvent => ({
  id,
  stream: shorten(stream, longestText),
  revision,
  position,
  type: shorten(type, longestText),
  reason: shorten(reason, longestText),
});
