// Switches to a newer build of tables that several processes share. The current leader catches the newer build up with the one in use; the standbys
// wait for that. Guarantee: each process starts its next term, and reads, on the newer build once that holds everything applied. The older build stays
// until no process has it open. Limit: if a process that starts meanwhile leads the newer build, both builds are written until that one has caught up.
import type { Position } from '../../../domain/ids.ts';
import { LogUnavailable, type EventStore } from '../../../event-store/event-store.ts';
import { catchUp } from '../catch-up.ts';
import type { Consumer, EventHeader } from '../consumer.ts';
import type { CheckpointSchema, Database, Tables } from '../database/database.ts';
import { Progress } from '../progress.ts';
import { pause } from './bell.ts';
import type { ConsumerTables } from './consumer-tables.ts';
import { messageOf, sentenceOf, type RunnerStatus } from './runner-status.ts';

/** For how many checks a standby waits for the leader to catch the newer build up, before it looks again whether it can lead itself. */
const checksToWaitForLeader = 3;
/** After how many checks a build that couldn't be used is tried again. */
const checksAfterFailure = 30;

type SwitchedBuild<S> = {
  readonly tables: Tables<S>;
  /** Whether this process leads the new build. */
  readonly isLeader: boolean;
  /** The new leader's position, if another process leads and has told it. */
  readonly position: Position | undefined;
};

export class SharedBuildSwitch<S extends CheckpointSchema, Retained extends EventHeader> {
  /** When a build that couldn't be used may be tried again, in `performance.now()` time. */
  private triesAgainAt = -Infinity;

  constructor(
    private readonly consumer: Consumer<S, Retained>,
    private readonly store: Pick<EventStore, 'follow'>,
    private readonly database: Pick<Database, 'isTransient'>,
    private readonly tables: ConsumerTables<S>,
    private readonly status: RunnerStatus,
    /** Aborts when the process ends. */
    private readonly ending: AbortSignal,
    private readonly options: {
      readonly maxBatch: number;
      readonly buildCheckMs: number;
      /** How long a replaced build is kept before it is dropped. */
      readonly dropAfterMs: number;
    },
  ) {}

  async isDue(): Promise<boolean> {
    if (this.consumer.exclusiveVersion || this.ending.aborted || performance.now() < this.triesAgainAt) return false;
    try {
      // If the answer doesn't come, a standby must still be able to take over.
      return await Promise.race([this.tables.current.hasNewerBuild(), pause(this.options.buildCheckMs, this.ending).then(() => false)]);
    } catch {
      return false; // the database is unavailable, which is reported elsewhere
    }
  }

  /**
   * Call it when `isDue`, between two terms.
   * @param isLeader whether this process leads the tables in use
   * @returns undefined to stay on the tables in use for now; another process may have become their leader meanwhile
   */
  async run(isLeader: boolean): Promise<SwitchedBuild<S> | undefined> {
    const { buildCheckMs, dropAfterMs } = this.options;
    const before = this.tables.current;
    this.consumer.clearCache?.();
    const leaderProgress = new Progress();
    let newest: Tables<S> | undefined;
    try {
      newest = await this.tables.openNewest();
      newest.group?.listen({ onCheckpoint: (position) => leaderProgress.advance(position) });
      const leadsNewest = isLeader && (await newest.group?.acquireLeadership()) === true;
      if (!leadsNewest) await newest.group?.standBy();
      const hasCaughtUp = leadsNewest
        ? await this.catchUpNewest(newest)
        : await this.waitForLeader(leaderProgress, isLeader ? buildCheckMs : checksToWaitForLeader * buildCheckMs);
      if (hasCaughtUp) {
        this.tables.switchTo(newest);
        setTimeout(() => void this.drop(before), dropAfterMs).unref();
        return { tables: newest, isLeader: leadsNewest, position: leadsNewest ? undefined : leaderProgress.position };
      }
      if (isLeader) this.triesAgainAt = performance.now() + buildCheckMs;
    } catch (error) {
      const isTransient = error instanceof LogUnavailable || this.database.isTransient(error);
      this.triesAgainAt = performance.now() + (isTransient ? 1 : checksAfterFailure) * buildCheckMs;
      if (!this.ending.aborted) this.status.reportDefect(`The rebuilt tables can't be used: ${sentenceOf(error)}`, error);
    }
    this.consumer.clearCache?.();
    await newest?.close().catch(() => undefined);
    return undefined;
  }

  /** @returns whether `newest` holds everything applied here. It may hold more, if its last leader went on with it. */
  private async catchUpNewest(newest: Tables<S>): Promise<boolean> {
    const { progress } = this.status;
    const from = await newest.checkpoint();
    if (from !== undefined && from > (progress.position ?? '')) return true;
    return catchUp(newest, progress, this.consumer, this.store, this.ending, this.options.maxBatch);
  }

  /** @returns whether the newer build's leader has caught up in that time with everything applied to the tables in use */
  private async waitForLeader(leaderProgress: Progress, withinMs: number): Promise<boolean> {
    const { progress } = this.status;
    const until = performance.now() + withinMs;
    const end = () => leaderProgress.end();
    this.ending.addEventListener('abort', end);
    try {
      for (let goal = progress.position; goal !== undefined && (leaderProgress.position ?? '') < goal; goal = progress.position) {
        const leftMs = this.ending.aborted ? 0 : Math.max(0, until - performance.now());
        if (!(await leaderProgress.reached(goal, leftMs))) return false;
      }
      return !this.ending.aborted;
    } finally {
      this.ending.removeEventListener('abort', end);
    }
  }

  /** The last process that has the build open drops it. */
  private async drop(replaced: Tables<S>): Promise<void> {
    if (this.ending.aborted) return;
    try {
      await this.tables.closeReplaced(replaced);
      await this.tables.dropOlderBuilds();
    } catch (error) {
      this.status.reportDefect(messageOf(error), error);
    }
  }
}
