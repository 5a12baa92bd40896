// Takes turns with the other processes that share the tables. The leader runs the consumer for a term; the others stand by.
// Guarantee: a leader writes until it loses its connection, hangs, can't read the log, finds the checkpoint moved, meets an event that its version can't
// apply, or ends; another process then takes over from the checkpoint.
// Limit: per term, the consumer hears of an event at most once through `receive` and `onCommitted`.
import type { BaseLogger } from 'pino';
import type { Position } from '../../../domain/ids.ts';
import type { Consumer, EventHeader } from '../consumer.ts';
import type { CheckpointSchema, ReplicaGroup, Tables } from '../database/database.ts';
import { Bell, pause } from './bell.ts';
import type { ConsumerTables } from './consumer-tables.ts';
import type { LogFollower } from './log-follower.ts';
import type { LogWatch } from './log-watch.ts';
import { sentenceOf, type RunnerStatus } from './runner-status.ts';
import type { SharedBuildSwitch } from './shared-build-switch.ts';

/** No client of another process waits longer than this for a position. */
const longestWaitElsewhereMs = 5_000;
/** For how many checks a process that met an event it can't apply waits for another one to lead, before it counts as stopped. */
const checksForSuccessor = 4;

const logOutOfReach = "Can't read the log, so this process leaves leading to another one. Retrying.";

type Obstacle = NonNullable<LogFollower<CheckpointSchema, EventHeader>['obstacle']>;

const remedies = {
  elsewhere: 'Another replica takes over. Run the version of Hookledger that wrote the event on this one, too.',
  superseded: 'A newer version of Hookledger runs beside this one and goes on. Run that version on this replica, too.',
  waiting: 'A newer version of Hookledger runs beside this one, and goes on once no replica runs this version any more.',
  stopped: 'No replica that runs can go on with it. Run the version of Hookledger that wrote the event.',
};

export class Leadership<S extends CheckpointSchema, Retained extends EventHeader> {
  /** The term has ended because there is a newer build; leadership is kept. */
  private endedForNewerBuild = false;
  private readonly newerBuild = new Bell();
  private checksAtObstacle = 0;
  /** This process couldn't read the log. It does not compete before it can. */
  private hasLostLog = false;

  constructor(
    private readonly consumer: Consumer<S, Retained>,
    private readonly tables: ConsumerTables<S>,
    private readonly status: RunnerStatus,
    private readonly follower: LogFollower<S, Retained>,
    private readonly buildSwitch: SharedBuildSwitch<S, Retained>,
    /** Aborts when the process ends. */
    private readonly ending: AbortSignal,
    private readonly log: Pick<BaseLogger, 'info' | 'warn'>,
    private readonly standbyMs: number,
    private readonly logWatch: LogWatch,
  ) {}

  listenTo(tables: Tables<S>): void {
    const areInUse = () => tables === this.tables.current; // a newer build may have replaced them
    tables.group?.listen({
      onLeadershipLost: () => areInUse() && this.follower.endTerm(),
      onCheckpoint: (position) => areInUse() && this.followLeader(position),
      onPositionAwaited: (position) =>
        areInUse() && this.status.state !== 'elsewhere' && void this.follower.reached(position, longestWaitElsewhereMs),
      onNewerBuild: () => (this.newerBuild.ring(), void this.endTermForNewerBuild()),
    });
  }

  /** @returns whether this process is the leader */
  async acquire(): Promise<boolean> {
    if (!this.status.hasStopped()) this.status.state = 'elsewhere';
    try {
      const isLeader = await this.group.acquireLeadership();
      if (!isLeader) this.status.resolveProblem(); // a leader still has to begin its term
      return isLeader;
    } catch (error) {
      this.status.reportProblem(`Can't write to the database: ${sentenceOf(error)} Retrying.`, error);
      return false;
    }
  }

  /** Leads or stands by until the process ends or the consumer has stopped. */
  async run(acquired: boolean): Promise<void> {
    for (let isLeader = acquired; ;) {
      isLeader = await this.switchToNewestBuild(isLeader);
      if (isLeader && !(await this.readsLog())) {
        await this.group.releaseLeadership();
        isLeader = false;
      }
      if (isLeader) {
        await this.runTerm();
        if (!this.endedForNewerBuild) await this.group.releaseLeadership();
      } else await Promise.race([pause(this.standbyMs * (0.75 + Math.random() / 2), this.ending), this.newerBuild.next]);
      if (this.ending.aborted || (this.status.hasStopped() && !this.follower.obstacle)) return;
      if (this.hasLostLog && !(await this.readsLog())) isLeader = false;
      else isLeader = this.follower.obstacle ? await this.standAside(this.follower.obstacle) : await this.acquire();
    }
  }

  /** Ends the term if there is a newer build. The next term begins on that build. */
  async endTermForNewerBuild(): Promise<void> {
    const { current } = this.tables;
    if (this.status.state === 'elsewhere' || !(await this.buildSwitch.isDue())) return;
    if (this.follower.hasTermEnded || current !== this.tables.current) return;
    this.endedForNewerBuild = true;
    this.follower.endTerm();
  }

  /** Otherwise it leaves leading to another process. */
  private async readsLog(): Promise<boolean> {
    this.hasLostLog = !(await this.logWatch.answers(this.ending));
    if (this.hasLostLog && !this.ending.aborted) this.status.reportProblem(logOutOfReach, undefined);
    return !this.hasLostLog;
  }

  /** Ends the term once this process can't read the log. */
  private async endTermWithoutLog(over: AbortSignal): Promise<void> {
    await this.logWatch.untilLost(over);
    if (over.aborted || this.follower.hasTermEnded) return;
    this.hasLostLog = true;
    this.status.reportProblem(logOutOfReach, undefined);
    this.follower.endTerm();
  }

  private get group(): ReplicaGroup<S> {
    const { group } = this.tables.current;
    if (!group) throw new Error(`No other process shares the tables of ${this.consumer.name}.`);
    return group;
  }

  /** The leader, another process, has committed up to here. */
  private followLeader(position: Position): void {
    const { obstacle } = this.follower;
    if (this.status.state !== 'elsewhere' && !obstacle) return;
    if (obstacle && position >= obstacle.position) this.passObstacle(obstacle);
    this.status.progress.advance(position);
    if (this.follower.isAtTip(position)) this.tables.closeOlder();
    this.consumer.onCommittedElsewhere?.(position);
  }

  /**
   * This version can't apply the event, so it leaves leading to another process until that one has.
   * @returns false: this process does not lead
   */
  private async standAside(obstacle: Obstacle): Promise<false> {
    const { name, exclusiveVersion = false } = this.consumer;
    const sentence = sentenceOf(obstacle);
    const isFirst = this.checksAtObstacle++ === 0;
    if (isFirst) this.log.warn({ consumer: name }, `${name}: this process leaves leading to another one. ${sentence}`);
    try {
      await this.group.releaseLeadership();
      await this.group.standBy();
      const running = await this.group.findRunning();
      if (!this.follower.obstacle) return false; // another process has applied it meanwhile
      if (running === 'newer-version')
        this.status.standAside('superseded', `${sentence} ${exclusiveVersion ? remedies.waiting : remedies.superseded}`);
      else if (running || this.checksAtObstacle < checksForSuccessor)
        this.status.standAside('elsewhere', `${sentence} ${remedies.elsewhere}`);
      else if (this.status.state !== 'stopped') this.status.stopWithError(`${sentence} ${remedies.stopped}`, obstacle);
    } catch (error) {
      this.status.reportProblem(`Can't reach the database: ${sentenceOf(error)} Retrying.`, error);
    }
    return false;
  }

  /** Another process has applied the event, so this one may lead again. */
  private passObstacle({ position }: Obstacle): void {
    this.follower.obstacle = undefined;
    this.checksAtObstacle = 0;
    this.status.state = 'elsewhere';
    this.status.error = undefined;
    this.log.info(
      { consumer: this.consumer.name, position },
      `${this.consumer.name}: another process has applied the event at ${position}.`,
    );
  }

  /**
   * Called between two terms.
   * @param isLeader whether this process leads the tables in use
   * @returns whether it leads the tables it continues with
   */
  private async switchToNewestBuild(isLeader: boolean): Promise<boolean> {
    if (!(await this.buildSwitch.isDue())) return isLeader;
    const switched = await this.buildSwitch.run(isLeader);
    if (!switched) return isLeader && this.acquire(); // it may have lost the lock meanwhile
    this.listenTo(switched.tables);
    if (switched.position !== undefined) this.followLeader(switched.position);
    return switched.isLeader;
  }

  /** Runs the consumer from the checkpoint on, until the connection is lost, the checkpoint was moved by another process, or this process ends. */
  private async runTerm(): Promise<void> {
    const { name } = this.consumer;
    const { current } = this.tables;
    if (this.ending.aborted) return;
    this.endedForNewerBuild = false;
    const over = new AbortController();
    this.follower.startTerm();
    try {
      const checkpoint = await current.checkpoint();
      if (checkpoint !== undefined) this.status.progress.advance(checkpoint);
      await current.transaction(async (tx) => this.consumer.onTermStart?.(tx));
      await this.follower.readTip();
      this.log.info({ consumer: name, checkpoint }, `${name}: this process is the leader now.`);
      await this.follower.begin(checkpoint);
      void this.endTermWithoutLog(AbortSignal.any([over.signal, this.ending]));
      await this.follower.follow(checkpoint);
    } catch (error) {
      this.status.reportProblem(`Can't take over: ${sentenceOf(error)} Retrying.`, error);
      await pause(this.standbyMs, this.ending);
    }
    over.abort();
    this.follower.endTerm();
  }
}
