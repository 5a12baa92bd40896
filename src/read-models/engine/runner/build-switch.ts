// Goes over to tables that another process has built anew beside those in use, where nobody else has them open. (Where others have:
// shared-change-over.ts.) Guarantee: it goes over once they hold all that those in use hold, so that whoever follows the consumer notices nothing;
// where they can't be used, it goes on with what it has.
import type { EventStore } from '../../../event-store/event-store.ts';
import { catchUp } from '../catch-up.ts';
import type { Consumer, EventHeader } from '../consumer.ts';
import type { Bookkeeping, Database, Namespace } from '../database/database.ts';
import { ended, sentenceOf, type RunnerStatus } from './runner-status.ts';
import type { ConsumerTables } from './consumer-tables.ts';

export class BuildSwitch<S extends Bookkeeping, Retained extends EventHeader> {
  /** There is a newer build of the tables. */
  private due = false;

  constructor(
    private readonly consumer: Consumer<S, Retained>,
    private readonly store: Pick<EventStore, 'follow'>,
    private readonly database: Pick<Database, 'isTransient'>,
    private readonly tables: ConsumerTables<S>,
    private readonly standing: RunnerStatus,
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

  async look(): Promise<void> {
    const { namespace } = this.tables;
    try {
      if (this.standing.state !== 'live' || !(await namespace.isReplaced()) || namespace !== this.tables.namespace) return;
      this.due = true;
      this.wake();
    } catch (error) {
      if (!this.database.isTransient(error))
        this.standing.trouble(`It can't be seen whether it was built anew: ${ended(sentenceOf(error))}`, error);
    }
  }

  async carryOut(): Promise<void> {
    await this.goOver();
    this.due = false;
  }

  private async goOver(): Promise<void> {
    const before = this.tables.namespace;
    this.consumer.forget?.();
    let anew: Namespace<S> | undefined;
    try {
      anew = await this.tables.openNewest();
      const isThere = await catchUp(anew, this.standing.progress, this.consumer, this.store, this.ending, this.options.maxBatch);
      if (!isThere) return await anew.close(); // they are further than these: soon these are, too
    } catch (error) {
      this.consumer.forget?.();
      await anew?.close();
      if (!this.ending.aborted) this.standing.trouble(`The tables that were built anew can't be used: ${ended(sentenceOf(error))}`, error);
      return;
    }
    this.tables.goOnWith(anew);
    this.tables.closeReplacedLater(before);
    setTimeout(
      () => void this.tables.dropOlderBuilds().catch((error: unknown) => this.standing.trouble(sentenceOf(error), error)),
      this.options.dropAfterMs,
    ).unref();
  }
}
