// Follows the log: reads ahead, and commits rows and checkpoint together, batch by batch; for as long as the process runs or, where several take
// turns, for a term. Guarantee: each event is applied exactly once, in log order, however often it ends and begins again from the checkpoint.
// Limit: it stops at an event that can't be applied; everything before that is.
import type { BaseLogger } from 'pino';
import type { Position } from '../../../domain/ids.ts';
import { LogUnavailable, UndecodableEvent, type EventStore } from '../../../event-store/event-store.ts';
import { retainedOf, type Consumer, type EventHeader } from '../consumer.ts';
import { CheckpointMoved, type CheckpointSchema, type Database } from '../database/database.ts';
import type { BuildSwitch } from './build-switch.ts';
import type { OlderVersions } from './older-versions.ts';
import { isLive, PendingEvents } from './pending-events.ts';
import { asSentence, messageOf, type RunnerStatus } from './runner-status.ts';
import type { ConsumerTables } from './consumer-tables.ts';
import { Bell, pause } from './bell.ts';

const longestRetryMs = 5_000;

/** An event that could not be applied. Everything before it is. */
class PoisonEvent extends Error {
  override name = 'PoisonEvent';
  constructor(event: EventHeader, cause: unknown) {
    super(`The event at position ${event.position} (${event.type} in ${event.stream}) can't be applied: ${messageOf(cause)}`, { cause });
  }
}

export class LogFollower<S extends CheckpointSchema, Retained extends EventHeader> {
  readonly pending: PendingEvents<Retained>;
  /** Ends with the term, and with the process. */
  private term = new AbortController();
  /** Where the log ended at the start of the process, and of the term; events after it are live. */
  private tip: Position | undefined;
  private lastCommit = -Infinity;
  /** How reading ended, if it did. */
  private readingEnded: { readonly error?: unknown } | undefined;
  /** There is something to do; and there is room for what is read. */
  private readonly arrived = new Bell();
  private readonly taken = new Bell();

  constructor(
    private readonly consumer: Consumer<S, Retained>,
    private readonly store: Pick<EventStore, 'tip' | 'follow'>,
    private readonly database: Pick<Database, 'isTransient'>,
    private readonly tables: ConsumerTables<S>,
    private readonly status: RunnerStatus,
    private readonly older: OlderVersions<S>,
    private readonly buildSwitch: BuildSwitch<S, Retained>,
    private readonly log: Pick<BaseLogger, 'info'>,
    private readonly options: { readonly maxBatch: number; readonly lingerMs: number; readonly retryMs: number },
  ) {
    this.pending = new PendingEvents(options.maxBatch);
  }

  // ── What others ask of it ──

  /** A term of its own: what was read in the last one and not committed comes again. */
  startTerm(): void {
    this.term = new AbortController();
    this.pending.clear();
    this.readingEnded = undefined;
  }

  async readTip(): Promise<void> {
    this.tip = await this.store.tip();
  }

  isAtTip(checkpoint: Position | undefined): boolean {
    return this.tip === undefined || (checkpoint !== undefined && checkpoint >= this.tip);
  }

  async begin(checkpoint: Position | undefined): Promise<void> {
    await this.older.check();
    this.status.state = 'catching-up';
    this.lastCommit = this.isAtTip(checkpoint) ? -Infinity : performance.now();
    if (!this.older.isWaiting && this.isAtTip(checkpoint)) await this.goLive();
  }

  /** Until the term ends, or it must stop; does not reject. */
  async work(checkpoint: Position | undefined): Promise<void> {
    await Promise.all([this.readEvents(checkpoint), this.writeEvents()]);
  }

  /** As `Progress.reached`, and who lingers goes now. */
  reached(position: Position, timeoutMs: number): Promise<boolean> {
    const reached = this.status.progress.reached(position, this.status.hasStopped() ? 0 : timeoutMs);
    this.arrived.ring();
    return reached;
  }

  wake(): void {
    this.arrived.ring();
  }

  /** The process ends, or its term. */
  get stopping(): boolean {
    return this.term.signal.aborted;
  }

  /** Finishes the running transaction. */
  stop(): void {
    this.term.abort();
    this.arrived.ring();
    this.taken.ring();
  }

  /** As `stop`; where others have the tables open, one of them may go on now, and the consumer is told so. */
  endTerm(): void {
    const isOver = this.stopping;
    this.stop();
    if (isOver || this.status.state === 'elsewhere' || !this.tables.current.group) return;
    if (!this.status.hasStopped()) this.status.state = 'elsewhere';
    this.consumer.onTermLost?.();
    this.log.info({ consumer: this.consumer.name }, `${this.consumer.name} may be run elsewhere from now on.`);
  }

  // ── Reading ──

  private async readEvents(checkpoint: Position | undefined): Promise<void> {
    let after = checkpoint;
    for (;;) {
      try {
        for await (const batch of this.store.follow(after, { signal: this.term.signal, batchSize: this.options.maxBatch })) {
          after = batch.at(-1)?.position ?? after;
          for (const event of batch) this.pending.add(retainedOf(this.consumer, event, isLive([event], this.tip)));
          this.pending.endRead();
          this.arrived.ring();
          while (this.isFull() && !this.stopping && !this.status.hasStopped()) await this.taken.next;
          if (this.status.hasStopped()) break;
        }
        this.readingEnded = {};
      } catch (error) {
        if (error instanceof LogUnavailable && !this.stopping) {
          this.status.reportProblem(`The log can't be read: ${asSentence(messageOf(error))} It is tried again.`, error);
          await pause(error.retryAfterSeconds * 1000, this.term.signal);
          continue;
        }
        this.readingEnded = { error };
      }
      return this.arrived.ring();
    }
  }

  private isFull(): boolean {
    return this.pending.isFull(this.status.state === 'catching-up');
  }

  // ── Writing ──

  private async writeEvents(): Promise<void> {
    const { pending, buildSwitch, older } = this;
    try {
      for (;;) {
        while (pending.isEmpty && !this.readingEnded && !this.stopping && !buildSwitch.isDue && !older.isDue) await this.arrived.next;
        if (buildSwitch.isDue) await buildSwitch.run();
        if (older.isDue) await this.recheckOlderVersions();
        if (pending.isEmpty && !this.readingEnded && !this.stopping) continue;
        await this.linger();
        if (this.stopping) return;
        if (pending.isEmpty && this.readingEnded?.error !== undefined) throw this.readingEnded.error;
        if (pending.isEmpty && this.readingEnded) return;
        const batch = pending.take(this.tip);
        this.taken.ring();
        await this.commit(batch);
        if (this.status.state === 'catching-up' && !older.isWaiting && this.isAtTip(this.status.progress.position)) await this.goLive();
      }
    } catch (error) {
      if (this.stopping) return;
      const passes = error instanceof CheckpointMoved || error instanceof LogUnavailable || this.database.isTransient(error);
      if (this.tables.current.group && passes) {
        this.status.reportProblem(`It is taken up again from the checkpoint: ${asSentence(messageOf(error))}`, error);
        return this.endTerm();
      }
      this.stopAt(error);
    }
  }

  /**
   * Under load, commits are `lingerMs` apart, so that each one carries what came in between: most deliveries begin and end in one, and are
   * one row written once. Who waits for a position, and the last of catching up, waits for nothing.
   */
  private async linger(): Promise<void> {
    const until = this.lastCommit + this.options.lingerMs;
    let timer: NodeJS.Timeout | undefined;
    while (!this.isFull() && !this.readingEnded && !this.stopping) {
      const { state, progress } = this.status;
      const { last } = this.pending;
      if (state === 'catching-up' && last && this.tip !== undefined && last.position >= this.tip) break;
      const left = until - performance.now();
      if (left <= 0 || (state === 'live' && progress.isAwaited)) break;
      // It may fire a fraction of a millisecond early, and is needed once more then.
      timer ??= setTimeout(() => {
        timer = undefined;
        this.arrived.ring();
      }, Math.ceil(left));
      await this.arrived.next;
    }
    clearTimeout(timer);
  }

  /** Commits all of it; where one event can't be applied, all that is before it. */
  private async commit(batch: readonly Retained[]): Promise<void> {
    try {
      await this.commitWithRetry(batch);
    } catch (error) {
      const [first] = batch;
      if (!first || error instanceof PoisonEvent || error instanceof CheckpointMoved || this.stopping) throw error;
      if (batch.length === 1) throw new PoisonEvent(first, error);
      const half = Math.ceil(batch.length / 2);
      await this.commit(batch.slice(0, half));
      await this.commit(batch.slice(half));
    }
  }

  private async commitWithRetry(batch: readonly Retained[]): Promise<void> {
    const last = batch.at(-1);
    if (!last) return;
    for (let wait = this.options.retryMs; ; wait = Math.min(2 * wait, longestRetryMs)) {
      try {
        await this.tables.current.transaction((tx) => this.consumer.apply(batch, tx), last.position);
        break;
      } catch (error) {
        if (!this.database.isTransient(error)) throw error;
        this.status.reportProblem(`The database can't be written: ${asSentence(messageOf(error))} It is tried again.`, error);
        await pause(wait, this.term.signal);
        if (this.stopping) throw error;
      }
    }
    this.status.error = undefined;
    this.lastCommit = performance.now();
    this.pending.committed(batch);
    this.status.progress.advance(last.position);
    this.consumer.onCommitted?.(batch, isLive(batch, this.tip));
  }

  /** From here on queries see this version; older ones are no longer needed. */
  private async goLive(): Promise<void> {
    const { current } = this.tables;
    if (current.group) await current.transaction(async (tx) => this.consumer.onTermCaughtUp?.(tx));
    this.status.state = 'live';
    this.consumer.onCaughtUp?.();
    this.tables.closeOlder();
    await this.tables.dropOlder();
  }

  /** What the older ones have recorded until they ended comes first. */
  private async recheckOlderVersions(): Promise<void> {
    if (!(await this.older.recheck())) return;
    await this.readTip();
    if (this.isAtTip(this.status.progress.position)) await this.goLive();
  }

  private stopAt(error: unknown): void {
    const named = [PoisonEvent, UndecodableEvent, CheckpointMoved].some((kind) => error instanceof kind);
    this.status.stopWithError(`${named ? '' : 'It can no longer follow the log: '}${messageOf(error)}`, error);
    this.endTerm();
  }
}
