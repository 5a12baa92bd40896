// Goes over to tables that were built anew beside those in use, where other processes have these open, too. Whose term it is brings the newest build
// to where the older one is; the others wait for that. Guarantee: each begins its next term, and reads, on the newest build, as soon as that holds
// all that was applied. The older one stays until nobody has it open. Limit: where a process that starts then has begun to write to the newest, both
// are written until that one has caught up.
import type { Position } from '../../../domain/ids.ts';
import { LogUnavailable, type EventStore } from '../../../event-store/event-store.ts';
import { catchUp } from '../catch-up.ts';
import type { Consumer, EventHeader } from '../consumer.ts';
import type { CheckpointSchema, Database, Tables } from '../database/database.ts';
import { Progress } from '../progress.ts';
import { asSentence, messageOf, type RunnerStatus } from './runner-status.ts';
import type { ConsumerTables } from './consumer-tables.ts';
import { pause } from './bell.ts';

/** Who stands by waits so many looks for another process to bring what was built anew to where the older tables are, before it looks who may write. */
const longestBringUp = 3;
/** What can't be used is tried again after so many. */
const looksAfterFailure = 30;

export type SwitchedBuild<S> = {
  readonly tables: Tables<S>;
  /** Whether this process may write to them. */
  readonly isLeader: boolean;
  /** How far whoever writes to them has come, where it is another process that was heard. */
  readonly position: Position | undefined;
};

export class SharedBuildSwitch<S extends CheckpointSchema, Retained extends EventHeader> {
  /** When those that could not be used are tried again; as `performance.now()`. */
  private triesAgainAt = -Infinity;

  constructor(
    private readonly consumer: Consumer<S, Retained>,
    private readonly store: Pick<EventStore, 'follow'>,
    private readonly database: Pick<Database, 'isTransient'>,
    private readonly tables: ConsumerTables<S>,
    private readonly status: RunnerStatus,
    /** The process ends. */
    private readonly ending: AbortSignal,
    private readonly options: {
      readonly maxBatch: number;
      readonly buildCheckMs: number;
      /** A build that was replaced is dropped so long after. */
      readonly dropAfterMs: number;
    },
  ) {}

  async isDue(): Promise<boolean> {
    if (this.consumer.exclusiveVersion || this.ending.aborted || performance.now() < this.triesAgainAt) return false;
    try {
      // Who stands by must be able to take over, though this answer fails to come.
      return await Promise.race([this.tables.current.isReplaced(), pause(this.options.buildCheckMs, this.ending).then(() => false)]);
    } catch {
      return false; // the database is away, which shows elsewhere
    }
  }

  /**
   * When it is due, between two terms.
   * @param mine whether this process may write to what it has
   * @returns undefined where it must stay on what it has, and is to be asked again; others may have come to write to that meanwhile
   */
  async run(mine: boolean): Promise<SwitchedBuild<S> | undefined> {
    const { buildCheckMs, dropAfterMs } = this.options;
    const before = this.tables.current;
    this.consumer.clearCache?.();
    const heard = new Progress();
    let anew: Tables<S> | undefined;
    try {
      anew = await this.tables.openNewest();
      anew.group?.listen({ onCheckpoint: (position) => heard.advance(position) });
      const writes = mine && (await anew.group?.acquireLeadership()) === true;
      if (!writes) await anew.group?.standBy();
      if (writes ? await this.catchUpNewest(anew) : await this.waitForLeader(heard, mine ? buildCheckMs : longestBringUp * buildCheckMs)) {
        this.tables.switchTo(anew);
        setTimeout(() => void this.drop(before), dropAfterMs).unref();
        return { tables: anew, isLeader: writes, position: writes ? undefined : heard.position };
      }
      if (mine) this.triesAgainAt = performance.now() + buildCheckMs;
    } catch (error) {
      const passes = error instanceof LogUnavailable || this.database.isTransient(error);
      this.triesAgainAt = performance.now() + (passes ? 1 : looksAfterFailure) * buildCheckMs;
      if (!this.ending.aborted)
        this.status.reportProblem(`The tables that were built anew can't be used: ${asSentence(messageOf(error))}`, error);
    }
    this.consumer.clearCache?.();
    await anew?.close().catch(() => undefined);
    return undefined;
  }

  /** @returns whether they hold all that was applied here. They may hold more, as whoever had them before may have gone on with them. */
  private async catchUpNewest(anew: Tables<S>): Promise<boolean> {
    const { progress } = this.status;
    const from = await anew.checkpoint();
    if (from !== undefined && from > (progress.position ?? '')) return true;
    return catchUp(anew, progress, this.consumer, this.store, this.ending, this.options.maxBatch);
  }

  /** @returns whether they hold all that was applied, here or elsewhere, within that time; somebody else writes to them. */
  private async waitForLeader(heard: Progress, withinMs: number): Promise<boolean> {
    const { progress } = this.status;
    const until = performance.now() + withinMs;
    const end = () => heard.end();
    this.ending.addEventListener('abort', end);
    try {
      for (let goal = progress.position; goal !== undefined && (heard.position ?? '') < goal; goal = progress.position) {
        const leftMs = this.ending.aborted ? 0 : Math.max(0, until - performance.now());
        if (!(await heard.reached(goal, leftMs))) return false;
      }
      return !this.ending.aborted;
    } finally {
      this.ending.removeEventListener('abort', end);
    }
  }

  /** Unless another process has it open still; that one drops it then. */
  private async drop(before: Tables<S>): Promise<void> {
    if (this.ending.aborted) return;
    try {
      await this.tables.closeReplaced(before);
      await this.tables.dropOlderBuilds();
    } catch (error) {
      this.status.reportProblem(messageOf(error), error);
    }
  }
}
