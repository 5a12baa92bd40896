// Follows the log: reads ahead, and commits rows and checkpoint together, batch by batch, until the process ends or, with shared tables, its term does.
// Guarantee: each event is applied exactly once, in log order, however often following ends and resumes from the checkpoint.
// Limit: it stops at an event that can't be applied. Everything before that event is applied. With shared tables only the term ends there, because
// another process may run a version that can apply it.
import type { BaseLogger } from 'pino';
import { Backoff } from '../../../backoff.ts';
import { OwnSlice } from '../../../time-slices.ts';
import type { Position } from '../../../domain/ids.ts';
import { LogUnavailable, UndecodableEvent, type EventStore, type RecordedEvent } from '../../../event-store/event-store.ts';
import type { Consumer, EventHeader } from '../consumer.ts';
import { CheckpointMoved, type CheckpointSchema, type Database } from '../database/database.ts';
import { Bell, pause } from './bell.ts';
import type { BuildSwitch } from './build-switch.ts';
import type { ConsumerTables } from './consumer-tables.ts';
import type { OlderVersions } from './older-versions.ts';
import { isLive, PendingEvents } from './pending-events.ts';
import { messageOf, sentenceOf, type RunnerStatus } from './runner-status.ts';

const longestRetryMs = 5_000;

/** An event that can't be applied. Everything before it is. */
class PoisonEvent extends Error {
  override name = 'PoisonEvent';
  readonly position: Position;
  constructor({ position, type, stream }: EventHeader, cause: unknown) {
    super(`The event at position ${position} (${type} in ${stream}) can't be applied: ${messageOf(cause)}`, { cause });
    this.position = position;
  }
}

export class LogFollower<S extends CheckpointSchema, Retained extends EventHeader> {
  readonly pending: PendingEvents<Retained>;
  /** Aborts when the term, or the process, ends. */
  private term = new AbortController();
  /** Where the log ended when the process, or its term, began. Later events are live. */
  private tip: Position | undefined;
  private lastCommit = -Infinity;
  /** Set once reading has ended. */
  private readingEnded: { readonly error?: unknown } | undefined;
  private readonly workArrived = new Bell();
  private readonly batchTaken = new Bell();
  /** With shared tables: the event at which the last term ended, because this version can't apply it. */
  obstacle: UndecodableEvent | PoisonEvent | undefined;

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

  /** Begins a new term. Events read in the last one and not committed come again. */
  startTerm(): void {
    this.term = new AbortController();
    this.pending.clear();
    this.readingEnded = undefined;
    this.obstacle = undefined;
  }

  async readTip(): Promise<void> {
    this.tip = await this.store.tip();
  }

  isAtTip(checkpoint: Position | undefined): boolean {
    return this.tip === undefined || (checkpoint !== undefined && checkpoint >= this.tip);
  }

  async begin(checkpoint: Position | undefined): Promise<void> {
    await this.older.check();
    this.status.resolveProblem();
    this.status.state = 'catching-up';
    this.lastCommit = this.isAtTip(checkpoint) ? -Infinity : performance.now();
    if (!this.older.isWaiting && this.isAtTip(checkpoint)) await this.goLive();
  }

  /** Resolves when the term has ended or the consumer had to stop. Never rejects. */
  async follow(checkpoint: Position | undefined): Promise<void> {
    await Promise.all([this.readEvents(checkpoint), this.writeEvents()]);
  }

  /** Like `Progress.reached`. Also ends the wait of a commit that lingers. */
  reached(position: Position, timeoutMs: number): Promise<boolean> {
    const reached = this.status.progress.reached(position, this.status.hasStopped() ? 0 : timeoutMs);
    this.workArrived.ring();
    return reached;
  }

  wake(): void {
    this.workArrived.ring();
  }

  /** True too when the process ends. */
  get hasTermEnded(): boolean {
    return this.term.signal.aborted;
  }

  /** Lets the running transaction finish. */
  stop(): void {
    this.term.abort();
    this.workArrived.ring();
    this.batchTaken.ring();
  }

  /** Like `stop`. With shared tables, another process may take over now, and the consumer is notified. */
  endTerm(): void {
    const hadEnded = this.hasTermEnded;
    this.stop();
    if (hadEnded || this.status.state === 'elsewhere' || !this.tables.current.group) return;
    if (!this.status.hasStopped()) this.status.state = 'elsewhere';
    this.consumer.onTermLost?.();
    this.log.info({ consumer: this.consumer.name }, `${this.consumer.name}: this process is no longer the leader.`);
  }

  // ── Reading ──

  private async readEvents(checkpoint: Position | undefined): Promise<void> {
    let after = checkpoint;
    for (;;) {
      try {
        for await (const batch of this.store.follow(after, { signal: this.term.signal, batchSize: this.options.maxBatch })) {
          after = batch.at(-1)?.position ?? after;
          await this.receive(batch);
          this.pending.endRead();
          this.workArrived.ring();
          while (this.isFull() && !this.hasTermEnded && !this.status.hasStopped()) await this.batchTaken.next;
          if (this.status.hasStopped()) break;
        }
        this.readingEnded = {};
      } catch (error) {
        if (error instanceof LogUnavailable && !this.hasTermEnded) {
          this.status.reportProblem(`Can't read the log: ${sentenceOf(error)} Retrying.`, error);
          await pause(error.retryAfterSeconds * 1000, this.term.signal);
          // Without new events, nothing else would tell that the log is back.
          await this.store.tip().then(
            () => this.status.resolveProblem(),
            () => undefined,
          );
          continue;
        }
        this.readingEnded = { error };
      }
      return this.workArrived.ring();
    }
  }

  /** In slices, and no more than one transaction can take: one event may mean hundreds of rows. */
  private async receive(batch: readonly RecordedEvent[]): Promise<void> {
    const slice = new OwnSlice();
    for (const event of batch) {
      const retained = this.consumer.receive(event, isLive([event], this.tip));
      this.pending.add(retained, this.consumer.weightOf?.(retained));
      while (this.pending.isHeavy && !this.hasTermEnded && !this.status.hasStopped()) {
        this.workArrived.ring();
        await this.batchTaken.next;
      }
      const turn = slice.giveWay();
      if (turn) await turn;
      if (this.hasTermEnded || this.status.hasStopped()) return;
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
        while (pending.isEmpty && !this.readingEnded && !this.hasTermEnded && !buildSwitch.isDue && !older.isCheckDue)
          await this.workArrived.next;
        if (buildSwitch.isDue) await buildSwitch.run();
        if (older.isCheckDue) await this.recheckOlderVersions();
        if (pending.isEmpty && !this.readingEnded && !this.hasTermEnded) continue;
        await this.linger();
        if (this.hasTermEnded) return;
        if (pending.isEmpty && this.readingEnded?.error !== undefined) throw this.readingEnded.error;
        if (pending.isEmpty && this.readingEnded) return;
        const batch = pending.take(this.tip);
        this.batchTaken.ring();
        await this.commit(batch);
        if (this.status.state === 'catching-up' && !older.isWaiting && this.isAtTip(this.status.progress.position)) await this.goLive();
      }
    } catch (error) {
      if (this.hasTermEnded) return;
      const isTransient = error instanceof CheckpointMoved || error instanceof LogUnavailable || this.database.isTransient(error);
      if (this.tables.current.group && isTransient) {
        this.status.reportProblem(`Resuming from the checkpoint: ${sentenceOf(error)}`, error);
        return this.endTerm();
      }
      this.stopAt(error);
    }
  }

  /**
   * Under load, keeps commits `lingerMs` apart to make batches larger: most deliveries then begin and end in one batch, and are one row written once.
   * Doesn't wait while a client waits for a position, or at the end of catching up.
   */
  private async linger(): Promise<void> {
    const until = this.lastCommit + this.options.lingerMs;
    let timer: NodeJS.Timeout | undefined;
    while (!this.isFull() && !this.readingEnded && !this.hasTermEnded) {
      const { state, progress } = this.status;
      const { last } = this.pending;
      if (state === 'catching-up' && last && this.tip !== undefined && last.position >= this.tip) break;
      const left = until - performance.now();
      if (left <= 0 || (state === 'live' && progress.isAwaited)) break;
      // A timer may fire a fraction of a millisecond early, and is then set once more.
      timer ??= setTimeout(() => {
        timer = undefined;
        this.workArrived.ring();
      }, Math.ceil(left));
      await this.workArrived.next;
    }
    clearTimeout(timer);
  }

  /** Commits the batch. If one event can't be applied, commits everything before it and throws PoisonEvent. */
  private async commit(batch: readonly Retained[]): Promise<void> {
    try {
      await this.commitWithRetry(batch);
    } catch (error) {
      const [first] = batch;
      if (!first || error instanceof PoisonEvent || error instanceof CheckpointMoved || this.hasTermEnded) throw error;
      if (batch.length === 1) throw new PoisonEvent(first, error);
      const half = Math.ceil(batch.length / 2);
      await this.commit(batch.slice(0, half));
      await this.commit(batch.slice(half));
    }
  }

  private async commitWithRetry(batch: readonly Retained[]): Promise<void> {
    const last = batch.at(-1);
    if (!last) return;
    for (const backoff = new Backoff({ firstMs: this.options.retryMs, longestMs: longestRetryMs }); ;) {
      try {
        await this.tables.current.transaction((tx) => this.consumer.apply(batch, tx), last.position);
        break;
      } catch (error) {
        if (!this.database.isTransient(error)) throw error;
        this.status.reportProblem(`Can't write to the database: ${sentenceOf(error)} Retrying.`, error);
        await backoff.pause(this.term.signal);
        if (this.hasTermEnded) throw error;
      }
    }
    this.status.resolveProblem();
    this.lastCommit = performance.now();
    this.pending.committed(batch);
    this.status.progress.advance(last.position);
    this.consumer.onCommitted?.(batch, isLive(batch, this.tip));
  }

  /** From here on queries read this version, and older ones are dropped. */
  private async goLive(): Promise<void> {
    const { current } = this.tables;
    if (current.group) await current.transaction(async (tx) => this.consumer.onTermCaughtUp?.(tx));
    this.status.state = 'live';
    this.consumer.onCaughtUp?.();
    this.tables.closeOlder();
    await this.tables.dropOlder();
  }

  /** Applies what the older versions recorded before they ended, and only then goes live. */
  private async recheckOlderVersions(): Promise<void> {
    if (!(await this.older.recheck())) return;
    await this.readTip();
    if (this.isAtTip(this.status.progress.position)) await this.goLive();
  }

  private stopAt(error: unknown): void {
    const isObstacle = error instanceof PoisonEvent || error instanceof UndecodableEvent;
    if (isObstacle && this.tables.current.group) this.obstacle = error;
    else {
      const saysWhere = isObstacle || error instanceof CheckpointMoved;
      this.status.stopWithError(`${saysWhere ? '' : "Can't follow the log any longer: "}${messageOf(error)}`, error);
    }
    this.endTerm();
  }
}
