// The runner: follows the log for one consumer and commits rows and checkpoint together, batch by batch. Where several processes run the same
// consumer on one database, one of them does so at a time, for a term, and the others stand by. Its parts stand in running/.
// Guarantee: each event is applied exactly once, in log order, however often the process ends. Limit: `received` and `committed` are told
// at most once per term, and `committed` not at all for a batch whose commit was the last thing that the process did.
import type { Kysely } from 'kysely';
import type { BaseLogger } from 'pino';
import type { Position } from '../../domain/ids.ts';
import type { EventStore, RecordedEvent } from '../../event-store/event-store.ts';
import type { Consumer, EventHeader } from './consumer.ts';
import type { CheckpointSchema, Database, Tables } from './database/database.ts';
import { BuildSwitch } from './runner/build-switch.ts';
import { LogFollower } from './runner/log-follower.ts';
import { OlderVersions } from './runner/older-versions.ts';
import { SharedBuildSwitch } from './runner/shared-build-switch.ts';
import { RunnerStatus, type ConsumerState } from './runner/runner-status.ts';
import { ConsumerTables, type BuildId } from './runner/consumer-tables.ts';
import { Leadership } from './runner/leadership.ts';

export type { BuildId };

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
  readonly buildCheckMs?: number;
  /** A build that was replaced is dropped so long after: whoever reads it has been told by then. */
  readonly dropAfterMs?: number;
  /** Milliseconds since 1970. */
  readonly now?: () => number;
};

export type ConsumerStatus = {
  readonly name: string;
  readonly version: number;
  /** `elsewhere`: another process runs it, or nobody yet; this one stands by. */
  readonly state: ConsumerState;
  /** Everything up to here is applied and committed, as far as is known. */
  readonly position: Position | undefined;
  /** Events read from the log and not yet committed. */
  readonly lagEvents: number;
  /** How old the oldest event is that is not yet applied, as far as is known; 0 when there is none. */
  readonly lagSeconds: number;
  /** Why it stopped, or what it is trying to get past; a sentence. */
  readonly error?: string;
};

export class ConsumerRunner<S extends CheckpointSchema, Retained extends EventHeader = RecordedEvent> {
  /** What is open: this version's tables, an older version's, and those that were replaced. */
  private readonly open: ConsumerTables<S>;
  /** State, position and error, which all parts go by. */
  private readonly runnerStatus: RunnerStatus;
  /** Between two transactions, the follower waits for processes of an older version, and goes over to tables that were built anew. */
  private readonly follower: LogFollower<S, Retained>;
  private readonly older: OlderVersions<S>;
  private readonly buildSwitch: BuildSwitch<S, Retained>;
  /** Where others have the tables open, too: when the follower works, and, between two terms, on which tables. */
  private readonly leadership: Leadership<S, Retained>;
  private readonly buildCheckMs: number;
  private readonly now: () => number;

  private readonly ending = new AbortController();
  private looking: NodeJS.Timeout | undefined;
  private running: Promise<void> = Promise.resolve();

  constructor(
    private readonly consumer: Consumer<S, Retained>,
    store: Pick<EventStore, 'tip' | 'follow'>,
    database: Database,
    log: Pick<BaseLogger, 'info' | 'warn' | 'error'>,
    {
      maxBatch = 2000,
      lingerMs = 50,
      retryMs = 50,
      standbyMs = 1000,
      buildCheckMs = 1000,
      dropAfterMs = 2000,
      now = Date.now,
    }: RunnerOptions = {},
  ) {
    this.buildCheckMs = buildCheckMs;
    this.now = now;
    const wake = () => this.follower.wake();
    const { signal } = this.ending;
    const tables = (this.open = new ConsumerTables(consumer, database, log));
    const standing = (this.runnerStatus = new RunnerStatus(consumer.name, log));
    this.older = new OlderVersions(consumer, tables, log, standbyMs, wake);
    this.buildSwitch = new BuildSwitch(consumer, store, database, tables, standing, signal, { maxBatch, dropAfterMs }, wake);
    this.follower = new LogFollower(consumer, store, database, tables, standing, this.older, this.buildSwitch, log, {
      maxBatch,
      lingerMs,
      retryMs,
    });
    const shared = new SharedBuildSwitch(consumer, store, database, tables, standing, signal, { maxBatch, buildCheckMs, dropAfterMs });
    this.leadership = new Leadership(consumer, tables, standing, this.follower, shared, signal, log, standbyMs);
  }

  /** Opens the consumer's tables and begins to follow; resolves before it has caught up. */
  async start(): Promise<void> {
    const own = await this.open.start();
    const checkpoint = await own.checkpoint();
    if (checkpoint !== undefined) this.runnerStatus.progress.advance(checkpoint);
    await this.follower.readTip();
    if (!this.follower.isAtTip(checkpoint)) await this.open.openOlder();
    this.looking = setInterval(() => void this.checkForNewerBuild(), this.buildCheckMs).unref();
    if (own.group) {
      this.leadership.listenTo(own);
      this.running = this.leadership.run(await this.leadership.acquire());
    } else {
      await this.follower.begin(checkpoint);
      this.running = this.follower.work(checkpoint);
    }
  }

  /** Whether the tables were built anew, by another process. */
  private checkForNewerBuild(): Promise<void> {
    return this.tables.group ? this.leadership.endTermForNewerBuild() : this.buildSwitch.checkForNewerBuild();
  }

  /** What queries see: this version's tables; until it has caught up, those of an older version that they can read. Take it anew per query. */
  get read(): Kysely<S> {
    return this.open.read;
  }

  /** The tables that `read` is on; of an older version, its newest build. */
  get readBuild(): BuildId | { readonly version: number } {
    return this.open.readBuild;
  }

  /** This version's tables. */
  get tables(): Tables<S> {
    return this.open.current;
  }

  /** @returns whether everything up to `position` was applied and committed within `timeoutMs`; false at once when it has stopped. */
  async reached(position: Position, timeoutMs: number): Promise<boolean> {
    const reached = this.follower.reached(position, timeoutMs);
    if (this.runnerStatus.state === 'elsewhere' && this.runnerStatus.progress.isAwaited) this.tables.group?.hurryLeader(position);
    return reached;
  }

  status(): ConsumerStatus {
    const { name, version } = this.consumer;
    const { state, progress, error } = this.runnerStatus;
    const oldest = this.follower.pending.oldest(state === 'catching-up');
    return {
      name,
      version,
      state: this.older.isWaiting && state === 'catching-up' ? 'elsewhere' : state,
      position: progress.position,
      lagEvents: this.follower.pending.count,
      lagSeconds: oldest ? Math.max(0, (this.now() - Date.parse(oldest.recordedAt)) / 1000) : 0,
      ...(error === undefined ? {} : { error }),
    };
  }

  /** Finishes the running transaction; what was read and not applied comes again at the next start. */
  async stop(): Promise<void> {
    clearInterval(this.looking);
    this.ending.abort();
    this.follower.stop();
    await this.running;
    this.runnerStatus.stop();
    await this.open.close();
  }
}
