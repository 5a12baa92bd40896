// The runner: follows the log for one consumer and commits rows and checkpoint together, batch by batch. Where several processes run the same
// consumer on one database, one of them does so at a time, for a term, and the others stand by.
// Guarantee: each event is applied exactly once, in log order, however often the process ends. Limit: `received` and `committed` are told
// at most once per term, and `committed` not at all for a batch whose commit was the last thing that the process did.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Kysely } from 'kysely';
import type { BaseLogger } from 'pino';
import type { Position } from '../domain/ids.ts';
import { LogUnavailable, UndecodableEvent, type EventStore, type RecordedEvent } from '../event-store/event-store.ts';
import type { Consumer, Place } from './consumer.ts';
import {
  CheckpointMoved,
  type Bookkeeping,
  type CreateTables,
  type Database,
  type Namespace,
  type ReadOnly,
  type Sharing,
  type Transaction,
} from './database/database.ts';
import { Progress } from './progress.ts';

export type RunnerOptions = {
  /** Events read from the log at once, and in one transaction when live; while catching up, a transaction takes several reads. */
  readonly maxBatch?: number;
  /** How long after a commit the next one waits for company. An event that arrives when nothing was committed for so long waits for nothing. */
  readonly lingerMs?: number;
  /** The first wait before a transaction is tried again that the database could not take; doubles up to 5 s. */
  readonly retryMs?: number;
  /** How often a process that stands by looks whether it may take over, about. */
  readonly standbyMs?: number;
  /** How often it looks whether its tables were built anew. */
  readonly lookMs?: number;
  /** A build that was replaced is dropped so long after: whoever reads it has been told by then. */
  readonly dropAfterMs?: number;
  /** Milliseconds since 1970. */
  readonly now?: () => number;
};

/** Which tables: of which version of the consumer, and which build of them. */
export type Edition = { readonly version: number; readonly build: number };

export type ConsumerStatus = {
  readonly name: string;
  readonly version: number;
  /** `elsewhere`: another process runs it, or nobody yet; this one stands by. */
  readonly state: 'starting' | 'catching-up' | 'live' | 'elsewhere' | 'stopped';
  /** Everything up to here is applied and committed, as far as is known. */
  readonly position: Position | undefined;
  /** Events read from the log and not yet committed. */
  readonly lagEvents: number;
  /** How old the oldest event is that is not yet applied, as far as is known; 0 when there is none. */
  readonly lagSeconds: number;
  /** Why it stopped, or what it is trying to get past; a sentence. */
  readonly error?: string;
};

/** While catching up: the fewer transactions, the fewer times a page of an index is written. */
const readsPerTransaction = 5;
const longestRetryMs = 5_000;
/** What was replaced stays open this long, for queries that had begun on it. */
const graceMs = 30_000;
/** Who stands by waits so many looks for another process to bring what was built anew to where the older tables are, before it looks who may write. */
const longestBringUp = 3;
/** What can't be used is tried again after so many. */
const looksAfterFailure = 30;
/** Whoever asks at another process waits no longer than this. */
const awaitedElsewhereMs = 5_000;

/** An event that could not be applied. Everything before it is. */
class PoisonEvent extends Error {
  override name = 'PoisonEvent';
  constructor(event: Place, cause: unknown) {
    super(`The event at position ${event.position} (${event.type} in ${event.stream}) can't be applied: ${sentenceOf(cause)}`, { cause });
  }
}

export class ConsumerRunner<S extends Bookkeeping, Kept extends Place = RecordedEvent> {
  private readonly progress = new Progress();
  private readonly ending = new AbortController();
  private term = new AbortController();
  private readonly maxBatch: number;
  private readonly lingerMs: number;
  private readonly retryMs: number;
  private readonly standbyMs: number;
  private readonly lookMs: number;
  private readonly dropAfterMs: number;
  private readonly now: () => number;

  private state: ConsumerStatus['state'] = 'starting';
  private error: string | undefined;
  private own: Namespace<S> | undefined;
  private older: ReadOnly<S> | undefined;
  private olderVersion: number | undefined;
  /** There is a newer build of the tables. */
  private wasBuiltAnew = false;
  /** Other processes still run an older version; and it is time to look whether they do. */
  private isWaiting = false;
  private looksForOlder = false;
  private looking: NodeJS.Timeout | undefined;
  /** The term has ended for a newer build; and when those that could not be used are tried again. */
  private movesOn = false;
  private triesNewestAt = -Infinity;
  /** What was replaced, while queries may still be on it. */
  private readonly replaced = new Set<Namespace<S>>();
  /** Where the log ended at the start of the process, and of the term; events after it are live. */
  private tip: Position | undefined;
  /** Read, but in no transaction yet; and those of the running one. */
  private pending: Kept[] = [];
  private pendingReads = 0;
  private applying: readonly Kept[] = [];
  private lastApplied: Kept | undefined;
  private lastCommit = -Infinity;
  /** How reading ended, if it did. */
  private readingEnded: { readonly error?: unknown } | undefined;
  private readonly arrived = new Bell();
  private readonly taken = new Bell();
  private readonly stirred = new Bell();
  private running: Promise<void> = Promise.resolve();

  constructor(
    private readonly consumer: Consumer<S, Kept>,
    private readonly store: Pick<EventStore, 'tip' | 'follow'>,
    private readonly database: Database,
    private readonly log: Pick<BaseLogger, 'info' | 'warn' | 'error'>,
    {
      maxBatch = 2000,
      lingerMs = 50,
      retryMs = 50,
      standbyMs = 1000,
      lookMs = 1000,
      dropAfterMs = 2000,
      now = Date.now,
    }: RunnerOptions = {},
  ) {
    this.maxBatch = maxBatch;
    this.lingerMs = lingerMs;
    this.retryMs = retryMs;
    this.standbyMs = standbyMs;
    this.lookMs = lookMs;
    this.dropAfterMs = dropAfterMs;
    this.now = now;
  }

  /** Opens the consumer's tables and begins to follow; resolves before it has caught up. */
  async start(): Promise<void> {
    const { name, version, readsSince = version } = this.consumer;
    const own = await this.open();
    this.own = own;
    const checkpoint = await own.checkpoint();
    if (checkpoint !== undefined) this.progress.advance(checkpoint);
    this.tip = await this.store.tip();
    if (!this.isAtTip(checkpoint)) {
      const standing = await this.database.versions(name);
      const readable = standing.findLast((each) => each < version && each >= readsSince);
      if (readable !== undefined) {
        this.older = await this.database.openReadOnly<S>(name, readable);
        this.olderVersion = readable;
      }
    }
    this.looking = setInterval(() => void this.look(), this.lookMs).unref();
    if (own.sharing) {
      this.listenTo(own);
      this.running = this.takeTurns(await this.acquire());
    } else {
      await this.begin(checkpoint);
      this.running = this.work(checkpoint);
    }
  }

  private open(): Promise<Namespace<S>> {
    const { name, version, oneVersion = false } = this.consumer;
    const createTables: CreateTables<S> = (db, int64) => this.consumer.createTables(db, int64);
    return this.database.open<S>(name, version, createTables, { oneVersion });
  }

  /** What queries see: this version's tables; until it has caught up, those of an older version that they can read. Take it anew per query. */
  get read(): Kysely<S> {
    return this.older?.read ?? this.namespace.read;
  }

  /** The tables that `read` is on; of an older version, its newest build. */
  get reads(): Edition | { readonly version: number } {
    const older = this.older && this.olderVersion;
    return older === undefined ? { version: this.consumer.version, build: this.namespace.build } : { version: older };
  }

  /** This version's tables. */
  get namespace(): Namespace<S> {
    if (!this.own) throw new Error(`The consumer ${this.consumer.name} was not started.`);
    return this.own;
  }

  /** @returns whether everything up to `position` was applied and committed within `timeoutMs`; false at once when it has stopped. */
  async reached(position: Position, timeoutMs: number): Promise<boolean> {
    const reached = this.progress.reached(position, this.state === 'stopped' ? 0 : timeoutMs);
    if (this.state === 'elsewhere' && this.progress.isAwaited) this.own?.sharing?.awaits(position);
    this.arrived.ring(); // who lingers goes now
    return reached;
  }

  status(): ConsumerStatus {
    const { name, version } = this.consumer;
    const oldest = this.applying[0] ?? this.pending[0] ?? (this.state === 'catching-up' ? this.lastApplied : undefined);
    return {
      name,
      version,
      state: this.isWaiting && this.state === 'catching-up' ? 'elsewhere' : this.state,
      position: this.progress.position,
      lagEvents: this.applying.length + this.pending.length,
      lagSeconds: oldest ? Math.max(0, (this.now() - Date.parse(oldest.recordedAt)) / 1000) : 0,
      ...(this.error === undefined ? {} : { error: this.error }),
    };
  }

  /** Finishes the running transaction; what was read and not applied comes again at the next start. */
  async stop(): Promise<void> {
    clearInterval(this.looking);
    this.ending.abort();
    this.term.abort();
    this.arrived.ring();
    this.taken.ring();
    await this.running;
    this.state = 'stopped';
    this.progress.end();
    await this.older?.close();
    this.older = undefined;
    for (const each of this.replaced) await each.close();
    await this.own?.close();
  }

  /** The process ends, or its term. */
  private get stopping() {
    return this.term.signal.aborted;
  }

  private isAtTip(checkpoint: Position | undefined): boolean {
    return this.tip === undefined || (checkpoint !== undefined && checkpoint >= this.tip);
  }

  // ── Turns ── Where others have the namespace open, too.

  private async takeTurns(acquired: boolean): Promise<void> {
    for (let mine = acquired; ;) {
      mine = await this.goOnWithNewest(mine);
      if (mine) {
        await this.serve();
        if (!this.movesOn) await this.sharing.release();
      } else await Promise.race([this.pause(this.standbyMs * (0.75 + Math.random() / 2), this.ending.signal), this.stirred.next]);
      if (this.ending.signal.aborted || this.hasStopped()) return;
      mine = await this.acquire();
    }
  }

  private get sharing(): Sharing<S> {
    const { sharing } = this.namespace;
    if (!sharing) throw new Error(`The tables of ${this.consumer.name} are this process's alone.`);
    return sharing;
  }

  private listenTo(namespace: Namespace<S>): void {
    const isOwn = () => namespace === this.own; // others may have taken its place
    namespace.sharing?.listen({
      lost: () => isOwn() && this.endTerm(),
      moved: (position) => isOwn() && this.movedElsewhere(position),
      awaited: (position) => isOwn() && this.state !== 'elsewhere' && void this.reached(position, awaitedElsewhereMs),
      replaced: () => (this.stirred.ring(), void this.look()),
    });
  }

  private async acquire(): Promise<boolean> {
    if (this.state !== 'stopped') this.state = 'elsewhere';
    try {
      const mine = await this.sharing.acquire();
      this.error = undefined;
      return mine;
    } catch (error) {
      this.trouble(`The database can't be written: ${ended(sentenceOf(error))} It is tried again.`, error);
      return false;
    }
  }

  /** A term: from the checkpoint on, until the connection is lost, the checkpoint is not where it was left, or the process ends. */
  private async serve(): Promise<void> {
    const { name } = this.consumer;
    if (this.ending.signal.aborted) return;
    this.movesOn = false;
    this.term = new AbortController();
    this.pending = [];
    this.pendingReads = 0;
    this.applying = [];
    this.readingEnded = undefined;
    try {
      const checkpoint = await this.namespace.checkpoint();
      if (checkpoint !== undefined) this.progress.advance(checkpoint);
      await this.namespace.transaction(async (tx) => this.consumer.takesOver?.(tx));
      this.tip = await this.store.tip();
      this.log.info({ consumer: name, checkpoint }, `${name} is run here from now on.`);
      await this.begin(checkpoint);
      await this.work(checkpoint);
    } catch (error) {
      this.trouble(`It can't be taken over: ${ended(sentenceOf(error))} It is tried again.`, error);
      await this.pause(this.standbyMs, this.ending.signal);
    }
    this.endTerm();
  }

  private endTerm(): void {
    const isOver = this.stopping;
    this.term.abort();
    this.arrived.ring();
    this.taken.ring();
    if (isOver || this.state === 'elsewhere' || !this.own?.sharing) return;
    if (!this.hasStopped()) this.state = 'elsewhere';
    this.consumer.lost?.();
    this.log.info({ consumer: this.consumer.name }, `${this.consumer.name} may be run elsewhere from now on.`);
  }

  private movedElsewhere(position: Position): void {
    if (this.state !== 'elsewhere') return;
    this.progress.advance(position);
    if (this.isAtTip(position)) this.closeOlder();
    this.consumer.committedElsewhere?.(position);
  }

  /** TypeScript believes that a field is what it was before an `await`. */
  private hasStopped(): boolean {
    return this.state === 'stopped';
  }

  // ── Following ──

  private async begin(checkpoint: Position | undefined): Promise<void> {
    await this.lookForOlder();
    this.state = 'catching-up';
    this.lastCommit = this.isAtTip(checkpoint) ? -Infinity : performance.now();
    if (!this.isWaiting && this.isAtTip(checkpoint)) await this.becomeLive();
  }

  private async work(checkpoint: Position | undefined): Promise<void> {
    await Promise.all([this.readEvents(checkpoint), this.writeEvents()]);
  }

  private async readEvents(checkpoint: Position | undefined): Promise<void> {
    let after = checkpoint;
    for (;;) {
      try {
        for await (const batch of this.store.follow(after, { signal: this.term.signal, batchSize: this.maxBatch })) {
          after = batch.at(-1)?.position ?? after;
          for (const event of batch) this.pending.push(this.keep(event));
          this.pendingReads++;
          this.arrived.ring();
          while (this.isFull() && !this.stopping && this.state !== 'stopped') await this.taken.next;
          if (this.state === 'stopped') break;
        }
        this.readingEnded = {};
      } catch (error) {
        if (error instanceof LogUnavailable && !this.stopping) {
          this.trouble(`The log can't be read: ${ended(sentenceOf(error))} It is tried again.`, error);
          await this.pause(error.retryAfterSeconds * 1000);
          continue;
        }
        this.readingEnded = { error };
      }
      return this.arrived.ring();
    }
  }

  private async writeEvents(): Promise<void> {
    try {
      for (;;) {
        while (this.pending.length === 0 && !this.readingEnded && !this.stopping && !this.wasBuiltAnew && !this.looksForOlder)
          await this.arrived.next;
        if (this.wasBuiltAnew) {
          await this.changeOver();
          this.wasBuiltAnew = false;
        }
        if (this.looksForOlder) {
          this.looksForOlder = false;
          if (this.isWaiting) await this.lookAgainForOlder();
        }
        if (this.pending.length === 0 && !this.readingEnded && !this.stopping) continue;
        await this.linger();
        if (this.stopping) return;
        if (this.pending.length === 0 && this.readingEnded?.error !== undefined) throw this.readingEnded.error;
        if (this.pending.length === 0 && this.readingEnded) return;
        await this.commit(this.take());
        if (this.state === 'catching-up' && !this.isWaiting && this.isAtTip(this.progress.position)) await this.becomeLive();
      }
    } catch (error) {
      if (this.stopping) return;
      const passes = error instanceof CheckpointMoved || error instanceof LogUnavailable || this.database.isTransient(error);
      if (this.namespace.sharing && passes) {
        this.trouble(`It is taken up again from the checkpoint: ${ended(sentenceOf(error))}`, error);
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
    const until = this.lastCommit + this.lingerMs;
    let timer: NodeJS.Timeout | undefined;
    while (!this.isFull() && !this.readingEnded && !this.stopping) {
      const last = this.pending.at(-1);
      if (this.state === 'catching-up' && last && this.tip !== undefined && last.position >= this.tip) break;
      const left = until - performance.now();
      if (left <= 0 || (this.state === 'live' && this.progress.isAwaited)) break;
      // It may fire a fraction of a millisecond early, and is needed once more then.
      timer ??= setTimeout(() => {
        timer = undefined;
        this.arrived.ring();
      }, Math.ceil(left));
      await this.arrived.next;
    }
    clearTimeout(timer);
  }

  /** A read is bounded in bytes as well, so that counting reads bounds the memory, whatever the size of the events. */
  private isFull(): boolean {
    return this.state === 'catching-up' ? this.pendingReads >= readsPerTransaction : this.pending.length >= this.maxBatch;
  }

  /** All that is pending, up to where live events begin. */
  private take(): readonly Kept[] {
    const [first = [], ...rest] = this.cutAtTip(this.pending);
    this.pending = rest.flat();
    this.pendingReads = 0;
    this.applying = first;
    this.taken.ring();
    return first;
  }

  /** Commits all of it; where one event can't be applied, all that is before it. */
  private async commit(batch: readonly Kept[]): Promise<void> {
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

  private async transact(batch: readonly Kept[]): Promise<void> {
    const last = batch.at(-1);
    if (!last) return;
    for (let wait = this.retryMs; ; wait = Math.min(2 * wait, longestRetryMs)) {
      try {
        await this.namespace.transaction((tx) => this.consumer.apply(batch, tx), last.position);
        break;
      } catch (error) {
        if (!this.database.isTransient(error)) throw error;
        this.trouble(`The database can't be written: ${ended(sentenceOf(error))} It is tried again.`, error);
        await this.pause(wait);
        if (this.stopping) throw error;
      }
    }
    this.error = undefined;
    this.lastCommit = performance.now();
    this.lastApplied = last;
    this.applying = this.applying.slice(batch.length);
    this.progress.advance(last.position);
    this.consumer.committed?.(batch, this.isLive(batch));
  }

  /** From here on queries see this version; older ones are no longer needed. */
  private async becomeLive(): Promise<void> {
    if (this.namespace.sharing) await this.namespace.transaction(async (tx) => this.consumer.inPlace?.(tx));
    this.state = 'live';
    this.consumer.caughtUp?.();
    this.closeOlder();
    await this.dropOlder();
  }

  /** An older version goes on until its last process has ended; this one builds its tables meanwhile. */
  private async lookForOlder(): Promise<void> {
    const { name, version, oneVersion } = this.consumer;
    const waited = this.isWaiting;
    this.isWaiting = oneVersion === true && (await this.namespace.sharing?.isOlderUsed()) === true;
    if (!this.isWaiting) return;
    if (!waited)
      this.log.info({ consumer: name, version }, `${name}: version ${version} waits until those that run an older one have ended.`);
    setTimeout(() => {
      this.looksForOlder = true;
      this.arrived.ring();
    }, this.standbyMs).unref();
  }

  /** What the older ones have recorded until they ended comes first. */
  private async lookAgainForOlder(): Promise<void> {
    await this.lookForOlder();
    if (this.isWaiting) return;
    this.tip = await this.store.tip();
    if (this.isAtTip(this.progress.position)) await this.becomeLive();
  }

  /** Builds before the one in use, and versions before this one. */
  private async dropOlder(): Promise<void> {
    const { name, version } = this.consumer;
    await this.dropOlderBuilds();
    for (const each of await this.database.versions(name)) {
      if (each >= version) continue;
      await this.database.drop(name, each);
      this.log.info({ consumer: name, version, dropped: each }, `${name}: version ${version} has caught up; version ${each} was dropped.`);
    }
  }

  private async dropOlderBuilds(): Promise<void> {
    const { name, version } = this.consumer;
    for (const each of await this.database.builds(name, version))
      if (each < this.namespace.build) await this.database.drop(name, version, each);
  }

  private closeOlder(): void {
    const { older } = this;
    this.older = undefined;
    if (older) setTimeout(() => void older.close(), graceMs).unref();
  }

  // ── Built anew ── Beside these tables, by another process.

  private async look(): Promise<void> {
    const { namespace } = this;
    if (namespace.sharing) return this.moveOn();
    try {
      if (this.state !== 'live' || !(await namespace.isReplaced()) || namespace !== this.own) return;
      this.wasBuiltAnew = true;
      this.arrived.ring();
    } catch (error) {
      if (!this.database.isTransient(error)) this.trouble(`It can't be seen whether it was built anew: ${ended(sentenceOf(error))}`, error);
    }
  }

  /**
   * Goes on with tables that were built anew, once they hold all that these hold. Whoever follows the consumer notices nothing. Where they can't be
   * used, it goes on with these.
   */
  private async changeOver(): Promise<void> {
    const before = this.namespace;
    this.consumer.forget?.();
    let anew: Namespace<S> | undefined;
    try {
      anew = await this.open();
      if (!(await this.catchUp(anew))) return await anew.close(); // they are further than these: soon these are, too
    } catch (error) {
      this.consumer.forget?.();
      await anew?.close();
      if (!this.stopping) this.trouble(`The tables that were built anew can't be used: ${ended(sentenceOf(error))}`, error);
      return;
    }
    this.replaceBy(anew);
    setTimeout(() => void this.close(before), graceMs).unref();
    setTimeout(
      () => void this.dropOlderBuilds().catch((error: unknown) => this.trouble(sentenceOf(error), error)),
      this.dropAfterMs,
    ).unref();
  }

  private replaceBy(anew: Namespace<S>): void {
    const { name, version } = this.consumer;
    this.replaced.add(this.namespace);
    this.own = anew;
    this.log.info({ consumer: name, version, build: anew.build }, `${name}: goes on with the tables that were built anew.`);
  }

  private close(before: Namespace<S>): Promise<void> {
    return before.close().finally(() => this.replaced.delete(before));
  }

  /** @returns false when the tables are further than what was applied here. */
  private async catchUp(anew: Namespace<S>): Promise<boolean> {
    const from = await anew.checkpoint();
    const to = this.progress.position;
    if (to === undefined || (from !== undefined && from > to)) return from === undefined;
    for await (const events of upTo(to, this.store, from, this.ending.signal, this.maxBatch)) {
      const kept = events.map((event) => this.consumer.received?.(event, false) ?? (event as Place as Kept));
      await anew.transaction((tx) => applyAgain(this.consumer, kept, tx), events.at(-1)?.position);
    }
    return (await anew.checkpoint()) === to;
  }

  // ── Built anew, where others have it open, too ── Whose term it is brings the newest build to where the older one is; the others wait for that.
  // Guarantee: each begins its next term, and reads, on the newest build, as soon as that holds all that was applied. The older one stays until nobody
  // has it open. Limit: where a process that starts then has begun to write to the newest, both are written until that one has caught up.

  private async moveOn(): Promise<void> {
    const { namespace } = this;
    if (this.state === 'elsewhere' || !(await this.isToMoveOn(namespace)) || this.stopping || namespace !== this.own) return;
    this.movesOn = true;
    this.endTerm();
  }

  private async isToMoveOn(from: Namespace<S>): Promise<boolean> {
    if (this.consumer.oneVersion || this.ending.signal.aborted || performance.now() < this.triesNewestAt) return false;
    try {
      return await from.isReplaced();
    } catch {
      return false; // the database is away, which shows elsewhere
    }
  }

  /**
   * Between two terms. Stays on what it has while it must, and is asked again.
   * @param mine whether this process may write to what it has
   * @returns whether it may write to what it goes on with
   */
  private async goOnWithNewest(mine: boolean): Promise<boolean> {
    const before = this.namespace;
    if (!(await this.isToMoveOn(before))) return mine;
    this.consumer.forget?.();
    const heard = new Progress();
    let anew: Namespace<S> | undefined;
    try {
      anew = await this.open();
      anew.sharing?.listen({ moved: (position) => heard.advance(position) });
      const writes = mine && (await anew.sharing?.acquire()) === true;
      if (!writes) await anew.sharing?.stand();
      if (writes ? await this.bringUp(anew) : await this.isBroughtUp(heard, mine ? this.lookMs : longestBringUp * this.lookMs)) {
        this.replaceBy(anew);
        this.listenTo(anew);
        if (!writes && heard.position !== undefined) this.movedElsewhere(heard.position);
        setTimeout(() => void this.dropShared(before), this.dropAfterMs).unref();
        return writes;
      }
      if (mine) this.triesNewestAt = performance.now() + this.lookMs;
    } catch (error) {
      const passes = error instanceof LogUnavailable || this.database.isTransient(error);
      this.triesNewestAt = performance.now() + (passes ? 1 : looksAfterFailure) * this.lookMs;
      if (!this.ending.signal.aborted) this.trouble(`The tables that were built anew can't be used: ${ended(sentenceOf(error))}`, error);
    }
    this.consumer.forget?.();
    await anew?.close().catch(() => undefined);
    return mine && this.acquire(); // unless it was lost meanwhile
  }

  /** @returns whether they hold all that was applied here. They may hold more, as whoever had them before may have gone on with them. */
  private async bringUp(anew: Namespace<S>): Promise<boolean> {
    const from = await anew.checkpoint();
    return (from !== undefined && from > (this.progress.position ?? '')) || this.catchUp(anew);
  }

  /** @returns whether they hold all that was applied, here or elsewhere, within that time; somebody else writes to them. */
  private async isBroughtUp(heard: Progress, withinMs: number): Promise<boolean> {
    const until = performance.now() + withinMs;
    const end = () => heard.end();
    this.ending.signal.addEventListener('abort', end);
    try {
      for (let goal = this.progress.position; goal !== undefined && (heard.position ?? '') < goal; goal = this.progress.position) {
        const leftMs = this.ending.signal.aborted ? 0 : Math.max(0, until - performance.now());
        if (!(await heard.reached(goal, leftMs))) return false;
      }
      return !this.ending.signal.aborted;
    } finally {
      this.ending.signal.removeEventListener('abort', end);
    }
  }

  /** Unless another process has it open still; that one drops it then. */
  private async dropShared(before: Namespace<S>): Promise<void> {
    if (this.ending.signal.aborted) return;
    try {
      await this.close(before);
      await this.dropOlderBuilds();
    } catch (error) {
      this.trouble(sentenceOf(error), error);
    }
  }

  private stopAt(error: unknown): void {
    const { name } = this.consumer;
    this.state = 'stopped';
    const named = [PoisonEvent, UndecodableEvent, CheckpointMoved].some((kind) => error instanceof kind);
    this.error = `${named ? '' : 'It can no longer follow the log: '}${sentenceOf(error)}`;
    this.log.error({ consumer: name, err: error }, `${name} has stopped: ${this.error}`);
    this.progress.end();
    this.endTerm();
  }

  private trouble(sentence: string, error: unknown): void {
    if (this.error !== sentence) this.log.warn({ consumer: this.consumer.name, err: error }, `${this.consumer.name}: ${sentence}`);
    this.error = sentence;
  }

  private pause(ms: number, signal = this.term.signal): Promise<void> {
    return sleep(ms, undefined, { signal }).catch(() => undefined);
  }

  private keep(event: RecordedEvent): Kept {
    // Without `received`, what is kept is the event.
    return this.consumer.received ? this.consumer.received(event, this.isLive([event])) : (event as Place as Kept);
  }

  private isLive([first]: readonly Place[]): boolean {
    return first !== undefined && (this.tip === undefined || first.position > this.tip);
  }

  /** One part, or two where the batch begins before the live events and ends among them. */
  private cutAtTip(batch: readonly Kept[]): Kept[][] {
    const { tip } = this;
    const last = batch.at(-1);
    if (!last || tip === undefined || last.position <= tip || this.isLive(batch)) return [batch.slice()];
    const firstLive = batch.findIndex(({ position }) => position > tip);
    return [batch.slice(0, firstLive), batch.slice(firstLive)];
  }
}

export const applyAgain = <S extends Bookkeeping, Kept extends Place>(
  consumer: Consumer<S, Kept>,
  batch: readonly Kept[],
  tx: Transaction<S>,
) => (consumer.applyAgain ? consumer.applyAgain(batch, tx) : consumer.apply(batch, tx));

/** What the log holds after `from`, `to` included; it holds `to`. */
export async function* upTo(
  to: Position,
  store: Pick<EventStore, 'follow'>,
  from: Position | undefined,
  signal: AbortSignal,
  batchSize: number,
): AsyncGenerator<readonly RecordedEvent[]> {
  if (from !== undefined && from >= to) return;
  for await (const batch of store.follow(from, { signal, batchSize })) {
    const last = batch.at(-1);
    if (last === undefined) continue;
    if (last.position <= to) yield batch;
    else {
      const within = batch.filter(({ position }) => position <= to);
      if (within.length > 0) yield within;
    }
    if (last.position >= to) return;
  }
}

/** Wakes all who wait for the next ring. */
class Bell {
  private rung = Promise.withResolvers<void>();

  get next(): Promise<void> {
    return this.rung.promise;
  }

  ring(): void {
    this.rung.resolve();
    this.rung = Promise.withResolvers();
  }
}

const sentenceOf = (error: unknown) => (error instanceof Error ? error.message : String(error));
const ended = (sentence: string) => (sentence.endsWith('.') ? sentence : `${sentence}.`);
