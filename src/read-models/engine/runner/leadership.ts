// Takes turns with the other processes that have the same tables open: one of them runs the consumer, for a term, and the others stand by.
// Guarantee: whoever's term it is writes until its connection is lost, the checkpoint is not where it left it, or the process ends; another one takes
// over then, from the checkpoint. Limit: `received` and `committed` are told at most once per term.
import type { BaseLogger } from 'pino';
import type { Position } from '../../../domain/ids.ts';
import type { Consumer, EventHeader } from '../consumer.ts';
import type { CheckpointSchema, Tables, ReplicaGroup } from '../database/database.ts';
import type { LogFollower } from './log-follower.ts';
import type { SharedBuildSwitch } from './shared-build-switch.ts';
import { asSentence, messageOf, type RunnerStatus } from './runner-status.ts';
import type { ConsumerTables } from './consumer-tables.ts';
import { Bell, pause } from './bell.ts';

/** Whoever asks at another process waits no longer than this. */
const awaitedElsewhereMs = 5_000;

export class Leadership<S extends CheckpointSchema, Retained extends EventHeader> {
  /** The term has ended for a newer build. */
  private endedForNewerBuild = false;
  private readonly newerBuild = new Bell();

  constructor(
    private readonly consumer: Consumer<S, Retained>,
    private readonly tables: ConsumerTables<S>,
    private readonly status: RunnerStatus,
    private readonly follower: LogFollower<S, Retained>,
    private readonly buildSwitch: SharedBuildSwitch<S, Retained>,
    /** The process ends. */
    private readonly ending: AbortSignal,
    private readonly log: Pick<BaseLogger, 'info'>,
    private readonly standbyMs: number,
  ) {}

  listenTo(namespace: Tables<S>): void {
    const isOwn = () => namespace === this.tables.current; // others may have taken its place
    namespace.group?.listen({
      onLeadershipLost: () => isOwn() && this.follower.endTerm(),
      onCheckpoint: (position) => isOwn() && this.advanceTo(position),
      onPositionAwaited: (position) =>
        isOwn() && this.status.state !== 'elsewhere' && void this.follower.reached(position, awaitedElsewhereMs),
      onNewerBuild: () => (this.newerBuild.ring(), void this.endTermForNewerBuild()),
    });
  }

  /** @returns whether it is this process's turn */
  async acquire(): Promise<boolean> {
    if (!this.status.hasStopped()) this.status.state = 'elsewhere';
    try {
      const mine = await this.group.acquireLeadership();
      this.status.error = undefined;
      return mine;
    } catch (error) {
      this.status.reportProblem(`The database can't be written: ${asSentence(messageOf(error))} It is tried again.`, error);
      return false;
    }
  }

  /** Until the process ends, or the consumer has stopped. */
  async run(acquired: boolean): Promise<void> {
    for (let mine = acquired; ;) {
      mine = await this.switchToNewestBuild(mine);
      if (mine) {
        await this.runTerm();
        if (!this.endedForNewerBuild) await this.group.releaseLeadership();
      } else await Promise.race([pause(this.standbyMs * (0.75 + Math.random() / 2), this.ending), this.newerBuild.next]);
      if (this.ending.aborted || this.status.hasStopped()) return;
      mine = await this.acquire();
    }
  }

  /** Ends the term where there is a newer build: the next one begins on that. */
  async endTermForNewerBuild(): Promise<void> {
    const { current } = this.tables;
    if (this.status.state === 'elsewhere' || !(await this.buildSwitch.isDue())) return;
    if (this.follower.stopping || current !== this.tables.current) return;
    this.endedForNewerBuild = true;
    this.follower.endTerm();
  }

  private get group(): ReplicaGroup<S> {
    const { group } = this.tables.current;
    if (!group) throw new Error(`The tables of ${this.consumer.name} are this process's alone.`);
    return group;
  }

  private advanceTo(position: Position): void {
    if (this.status.state !== 'elsewhere') return;
    this.status.progress.advance(position);
    if (this.follower.isAtTip(position)) this.tables.closeOlder();
    this.consumer.onCommittedElsewhere?.(position);
  }

  /**
   * Between two terms.
   * @param mine whether this process may write to what it has
   * @returns whether it may write to what it goes on with
   */
  private async switchToNewestBuild(mine: boolean): Promise<boolean> {
    if (!(await this.buildSwitch.isDue())) return mine;
    const wentOver = await this.buildSwitch.run(mine);
    if (!wentOver) return mine && this.acquire(); // unless it was lost meanwhile
    this.listenTo(wentOver.tables);
    if (wentOver.position !== undefined) this.advanceTo(wentOver.position);
    return wentOver.isLeader;
  }

  /** A term: from the checkpoint on, until the connection is lost, the checkpoint is not where it was left, or the process ends. */
  private async runTerm(): Promise<void> {
    const { name } = this.consumer;
    const { current } = this.tables;
    if (this.ending.aborted) return;
    this.endedForNewerBuild = false;
    this.follower.startTerm();
    try {
      const checkpoint = await current.checkpoint();
      if (checkpoint !== undefined) this.status.progress.advance(checkpoint);
      await current.transaction(async (tx) => this.consumer.onTermStart?.(tx));
      await this.follower.readTip();
      this.log.info({ consumer: name, checkpoint }, `${name} is run here from now on.`);
      await this.follower.begin(checkpoint);
      await this.follower.work(checkpoint);
    } catch (error) {
      this.status.reportProblem(`It can't be taken over: ${asSentence(messageOf(error))} It is tried again.`, error);
      await pause(this.standbyMs, this.ending);
    }
    this.follower.endTerm();
  }
}
