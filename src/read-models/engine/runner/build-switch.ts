// Goes over to tables that another process has built anew beside those in use, where nobody else has them open. (Where others have:
// shared-change-over.ts.) Guarantee: it goes over once they hold all that those in use hold, so that whoever follows the consumer notices nothing;
// where they can't be used, it goes on with what it has.
import type { EventStore } from '../../../event-store/event-store.ts';
import { catchUp } from '../catch-up.ts';
import type { Consumer, EventHeader } from '../consumer.ts';
import type { CheckpointSchema, Database, Tables } from '../database/database.ts';
import { asSentence, messageOf, type RunnerStatus } from './runner-status.ts';
import type { ConsumerTables } from './consumer-tables.ts';

export class BuildSwitch<S extends CheckpointSchema, Retained extends EventHeader> {
  /** There is a newer build of the tables. */
  private due = false;

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
      /** A build that was replaced is dropped so long after. */
      readonly dropAfterMs: number;
    },
    /** Told when it is time to go over. */
    private readonly wake: () => void,
  ) {}

  /** It is time to go over: between two transactions. */
  get isDue(): boolean {
    return this.due;
  }

  async checkForNewerBuild(): Promise<void> {
    const { current } = this.tables;
    try {
      if (this.status.state !== 'live' || !(await current.isReplaced()) || current !== this.tables.current) return;
      this.due = true;
      this.wake();
    } catch (error) {
      if (!this.database.isTransient(error))
        this.status.reportProblem(`It can't be seen whether it was built anew: ${asSentence(messageOf(error))}`, error);
    }
  }

  async run(): Promise<void> {
    await this.switchOver();
    this.due = false;
  }

  private async switchOver(): Promise<void> {
    const before = this.tables.current;
    this.consumer.clearCache?.();
    let anew: Tables<S> | undefined;
    try {
      anew = await this.tables.openNewest();
      const isThere = await catchUp(anew, this.status.progress, this.consumer, this.store, this.ending, this.options.maxBatch);
      if (!isThere) return await anew.close(); // they are further than these: soon these are, too
    } catch (error) {
      this.consumer.clearCache?.();
      await anew?.close();
      if (!this.ending.aborted)
        this.status.reportProblem(`The tables that were built anew can't be used: ${asSentence(messageOf(error))}`, error);
      return;
    }
    this.tables.switchTo(anew);
    this.tables.closeReplacedLater(before);
    setTimeout(
      () => void this.tables.dropOlderBuilds().catch((error: unknown) => this.status.reportProblem(messageOf(error), error)),
      this.options.dropAfterMs,
    ).unref();
  }
}
