// The runner: follows the log for one consumer and commits rows and checkpoint together, batch by batch. If several processes run the same consumer on
// one database, one of them leads, for a term, and the others stand by. Its parts are in runner/.
// Guarantee: each event is applied exactly once, in log order, however often the process ends. Limit: per term, the consumer hears of an event at most
// once through `receive` and `onCommitted`, and not through `onCommitted` if the process ends right after the commit.
import type { Kysely } from 'kysely';
import type { BaseLogger } from 'pino';
import type { Position } from '../../domain/ids.ts';
import type { EventStore, RecordedEvent } from '../../event-store/event-store.ts';
import type { Consumer, EventHeader } from './consumer.ts';
import type { BuildId, CheckpointSchema, Database, Tables } from './database/database.ts';
import { BuildSwitch } from './runner/build-switch.ts';
import { ConsumerTables } from './runner/consumer-tables.ts';
import { Leadership } from './runner/leadership.ts';
import { LogFollower } from './runner/log-follower.ts';
import { LogWatch } from './runner/log-watch.ts';
import { OlderVersions } from './runner/older-versions.ts';
import { RunnerStatus, type ConsumerState } from './runner/runner-status.ts';
import { SharedBuildSwitch } from './runner/shared-build-switch.ts';

export type RunnerOptions = {
  /** How many events to read at once, and to commit at once when live. While catching up, a transaction takes several reads. */
  readonly maxBatch?: number;
  /** The shortest time between two commits under load. The first event after such a time is committed at once. */
  readonly lingerMs?: number;
  /** The first pause before a failed transaction is retried. Doubles up to 5 s. */
  readonly retryMs?: number;
  /** About how often a standby tries to take over. */
  readonly standbyMs?: number;
  /** How often to check for rebuilt tables. */
  readonly buildCheckMs?: number;
  /** How long a replaced build is kept before it is dropped. By then its readers have switched. */
  readonly dropAfterMs?: number;
  /** Milliseconds since 1970. */
  readonly now?: () => number;
};

export type ConsumerStatus = {
  readonly name: string;
  readonly version: number;
  /** `elsewhere`: this process stands by; another one runs the consumer, or none does yet. */
  readonly state: ConsumerState;
  /** Everything up to here is applied and committed, as far as this process knows. */
  readonly position: Position | undefined;
  /** Events read from the log and not yet committed. */
  readonly lagEvents: number;
  /** Age of the oldest event not yet applied, as far as this process knows; 0 when there is none. */
  readonly lagSeconds: number;
  /** Why the consumer stopped, or which problem it is retrying: one sentence. */
  readonly error?: string;
  /** It has stopped for now, and goes on without a restart when what it lacks is back. */
  readonly recovers?: boolean;
  /** It can't do its work now, and retries. */
  readonly isImpeded?: true;
  /** Its tables don't hold yet what the log held at the start, here or at the replica that runs it. */
  readonly isBuilding?: true;
};

export class ConsumerRunner<S extends CheckpointSchema, Retained extends EventHeader = RecordedEvent> {
  private readonly consumerTables: ConsumerTables<S>;
  private readonly runnerStatus: RunnerStatus;
  private readonly follower: LogFollower<S, Retained>;
  private readonly older: OlderVersions<S>;
  private readonly buildSwitch: BuildSwitch<S, Retained>;
  private readonly leadership: Leadership<S, Retained>;
  private readonly buildCheckMs: number;
  private readonly now: () => number;

  private readonly ending = new AbortController();
  private buildChecks: NodeJS.Timeout | undefined;
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
    const tables = (this.consumerTables = new ConsumerTables(consumer, database, log));
    const status = (this.runnerStatus = new RunnerStatus(consumer.name, log));
    this.older = new OlderVersions(consumer, tables, log, standbyMs, wake);
    this.buildSwitch = new BuildSwitch(consumer, store, database, tables, status, signal, { maxBatch, dropAfterMs }, wake);
    this.follower = new LogFollower(consumer, store, database, tables, status, this.older, this.buildSwitch, log, {
      maxBatch,
      lingerMs,
      retryMs,
    });
    const shared = new SharedBuildSwitch(consumer, store, database, tables, status, signal, { maxBatch, buildCheckMs, dropAfterMs });
    this.leadership = new Leadership(consumer, tables, status, this.follower, shared, signal, log, standbyMs, new LogWatch(store));
  }

  /** Opens the consumer's tables and begins to follow. Resolves before it has caught up. */
  async start(): Promise<void> {
    const tables = await this.consumerTables.start();
    const checkpoint = await tables.checkpoint();
    if (checkpoint !== undefined) this.runnerStatus.progress.advance(checkpoint);
    await this.follower.readTip();
    if (!this.follower.isAtTip(checkpoint)) await this.consumerTables.openOlder();
    this.buildChecks = setInterval(() => void this.checkForNewerBuild(), this.buildCheckMs).unref();
    if (tables.group) {
      this.leadership.listenTo(tables);
      this.running = this.leadership.run(await this.leadership.acquire());
    } else {
      await tables.transaction(async (tx) => this.consumer.onTermStart?.(tx));
      await this.follower.begin(checkpoint);
      this.running = this.follower.follow(checkpoint);
    }
  }

  private checkForNewerBuild(): Promise<void> {
    return this.tables.group ? this.leadership.endTermForNewerBuild() : this.buildSwitch.checkForNewerBuild();
  }

  /**
   * The connection for queries: reads this version's tables or, until they have caught up, an older version's that it can read.
   * Get it again for each query: rebuilt tables may have replaced these.
   */
  get read(): Kysely<S> {
    return this.consumerTables.read;
  }

  /** Which tables `read` reads. Without `build`: the newest build of that older version. */
  get readBuild(): BuildId | { readonly version: number } {
    return this.consumerTables.readBuild;
  }

  /** Until this version has caught up, if it can read an older one. */
  get readsOlderVersion(): boolean {
    return this.readBuild.version !== this.consumer.version;
  }

  /** This version's tables. */
  get tables(): Tables<S> {
    return this.consumerTables.current;
  }

  /** @returns whether everything up to `position` was applied and committed within `timeoutMs`; false at once if the consumer has stopped */
  async reached(position: Position, timeoutMs: number): Promise<boolean> {
    const reached = this.follower.reached(position, timeoutMs);
    if (this.runnerStatus.state === 'elsewhere' && this.runnerStatus.progress.isAwaited) this.tables.group?.hurryLeader(position);
    return reached;
  }

  status(): ConsumerStatus {
    const { name, version } = this.consumer;
    const { state, progress, error, isImpeded } = this.runnerStatus;
    const oldest = this.follower.pending.oldest(state === 'catching-up');
    return {
      name,
      version,
      state: this.older.isWaiting && state === 'catching-up' ? 'elsewhere' : state,
      position: progress.position,
      lagEvents: this.follower.pending.count,
      lagSeconds: oldest ? Math.max(0, (this.now() - Date.parse(oldest.recordedAt)) / 1000) : 0,
      ...(error === undefined ? {} : { error }),
      ...(this.follower.obstacle && this.tables.group ? { recovers: true } : {}), // a newer version may start
      ...(isImpeded && { isImpeded }),
    };
  }

  /** Finishes the running transaction. Events read and not applied come again at the next start. */
  async stop(): Promise<void> {
    clearInterval(this.buildChecks);
    this.ending.abort();
    this.follower.stop();
    await this.running;
    this.runnerStatus.stop();
    await this.consumerTables.close();
  }
}
