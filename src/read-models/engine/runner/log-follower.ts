// Follows the log: reads ahead, and commits rows and checkpoint together, batch by batch; for as long as the process runs or, where several take
// turns, for a term. Guarantee: each event is applied exactly once, in log order, however often it ends and begins again from the checkpoint.
// Limit: it stops at an event that can't be applied; everything before that is.
import type { BaseLogger } from 'pino';
import type { Position } from '../../../domain/ids.ts';
import { LogUnavailable, UndecodableEvent, type EventStore } from '../../../event-store/event-store.ts';
import { retainedOf, type Consumer, type EventHeader } from '../consumer.ts';
import { CheckpointMoved, type Bookkeeping, type Database } from '../database/database.ts';
import type { BuildSwitch } from './build-switch.ts';
import type { OlderVersions } from './older-versions.ts';
import { isLive, PendingEvents } from './pending-events.ts';
import { ended, sentenceOf, type RunnerStatus } from './runner-status.ts';
import type { ConsumerTables } from './consumer-tables.ts';
import { Bell, pause } from './bell.ts';

const longestRetryMs = 5_000;

/** An event that could not be applied. Everything before it is. */
class PoisonEvent extends Error {
  override name = 'PoisonEvent';
  constructor(event: EventHeader, cause: unknown) {
    super(`The event at position ${event.position} (${event.type} in ${event.stream}) can't be applied: ${sentenceOf(cause)}`, { cause });
  }
}

export class LogFollower<S extends Bookkeeping, Retained extends EventHeader> {
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
    private readonly standing: RunnerStatus,
    private readonly older: OlderVersions<S>,
    private readonly changeOver: BuildSwitch<S, Retained>,
    private readonly log: Pick<BaseLogger, 'info'>,
    private readonly options: { readonly maxBatch: number; readonly lingerMs: number; readonly retryMs: number },
  ) {
    this.pending = new PendingEvents(options.maxBatch);
  }

  // ── What others ask of it ──

  /** A term of its own: what was read in the last one and not committed comes again. */
  renew(): void {
    this.term = new AbortController();
    this.pending.clear();
    this.readingEnded = undefined;
  }

  async lookForTip(): Promise<void> {
    this.tip = await this.store.tip();
  }

  isAtTip(checkpoint: Position | undefined): boolean {
    return this.tip === undefined || (checkpoint !== undefined && checkpoint >= this.tip);
  }

  async begin(checkpoint: Position | undefined): Promise<void> {
    await this.older.look();
    this.standing.state = 'catching-up';
    this.lastCommit = this.isAtTip(checkpoint) ? -Infinity : performance.now();
    if (!this.older.isWaiting && this.isAtTip(checkpoint)) await this.becomeLive();
  }

  /** Until the term ends, or it must stop; does not reject. */
  async work(checkpoint: Position | undefined): Promise<void> {
    await Promise.all([this.readEvents(checkpoint), this.writeEvents()]);
  }

  /** As `Progress.reached`, and who lingers goes now. */
  reached(position: Position, timeoutMs: number): Promise<boolean> {
    const reached = this.standing.progress.reached(position, this.standing.hasStopped() ? 0 : timeoutMs);
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
    if (isOver || this.standing.state === 'elsewhere' || !this.tables.namespace.sharing) return;
    if (!this.standing.hasStopped()) this.standing.state = 'elsewhere';
    this.consumer.lost?.();
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
          while (this.isFull() && !this.stopping && !this.standing.hasStopped()) await this.taken.next;
          if (this.standing.hasStopped()) break;
        }
        this.readingEnded = {};
      } catch (error) {
        if (error instanceof LogUnavailable && !this.stopping) {
          this.standing.trouble(`The log can't be read: ${ended(sentenceOf(error))} It is tried again.`, error);
          await pause(error.retryAfterSeconds * 1000, this.term.signal);
          continue;
        }
        this.readingEnded = { error };
      }
      return this.arrived.ring();
    }
  }

  private isFull(): boolean {
    return this.pending.isFull(this.standing.state === 'catching-up');
  }

  // ── Writing ──

  private async writeEvents(): Promise<void> {
    const { pending, changeOver, older } = this;
    try {
      for (;;) {
        while (pending.isEmpty && !this.readingEnded && !this.stopping && !changeOver.isDue && !older.isDue) await this.arrived.next;
        if (changeOver.isDue) await changeOver.carryOut();
        if (older.isDue) await this.lookAgainForOlder();
        if (pending.isEmpty && !this.readingEnded && !this.stopping) continue;
        await this.linger();
        if (this.stopping) return;
        if (pending.isEmpty && this.readingEnded?.error !== undefined) throw this.readingEnded.error;
        if (pending.isEmpty && this.readingEnded) return;
        const batch = pending.take(this.tip);
        this.taken.ring();
        await this.commit(batch);
        if (this.standing.state === 'catching-up' && !older.isWaiting && this.isAtTip(this.standing.progress.position))
          await this.becomeLive();
      }
    } catch (error) {
      if (this.stopping) return;
      const passes = error instanceof CheckpointMoved || error instanceof LogUnavailable || this.database.isTransient(error);
      if (this.tables.namespace.sharing && passes) {
        this.standing.trouble(`It is taken up again from the checkpoint: ${ended(sentenceOf(error))}`, error);
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
      const { state, progress } = this.standing;
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
      await this.transact(batch);
    } catch (error) {
      const [first] = batch;
      if (!first || error instanceof PoisonEvent || error instanceof CheckpointMoved || this.stopping) throw error;
      if (batch.length === 1) throw new PoisonEvent(first, error);
      const half = Math.ceil(batch.length / 2);
      await this.commit(batch.slice(0, half));
      await this.commit(batch.slice(half));
    }
  }

  private async transact(batch: readonly Retained[]): Promise<void> {
    const last = batch.at(-1);
    if (!last) return;
    for (let wait = this.options.retryMs; ; wait = Math.min(2 * wait, longestRetryMs)) {
      try {
        await this.tables.namespace.transaction((tx) => this.consumer.apply(batch, tx), last.position);
        break;
      } catch (error) {
        if (!this.database.isTransient(error)) throw error;
        this.standing.trouble(`The database can't be written: ${ended(sentenceOf(error))} It is tried again.`, error);
        await pause(wait, this.term.signal);
        if (this.stopping) throw error;
      }
    }
    this.standing.error = undefined;
    this.lastCommit = performance.now();
    this.pending.committed(batch);
    this.standing.progress.advance(last.position);
    this.consumer.committed?.(batch, isLive(batch, this.tip));
  }

  /** From here on queries see this version; older ones are no longer needed. */
  private async becomeLive(): Promise<void> {
    const { namespace } = this.tables;
    if (namespace.sharing) await namespace.transaction(async (tx) => this.consumer.inPlace?.(tx));
    this.standing.state = 'live';
    this.consumer.caughtUp?.();
    this.tables.closeOlder();
    await this.tables.dropOlder();
  }

  /** What the older ones have recorded until they ended comes first. */
  private async lookAgainForOlder(): Promise<void> {
    if (!(await this.older.lookAgain())) return;
    await this.lookForTip();
    if (this.isAtTip(this.standing.progress.position)) await this.becomeLive();
  }

  private stopAt(error: unknown): void {
    const named = [PoisonEvent, UndecodableEvent, CheckpointMoved].some((kind) => error instanceof kind);
    this.standing.stopAt(`${named ? '' : 'It can no longer follow the log: '}${sentenceOf(error)}`, error);
    this.endTerm();
  }
}
