// Switches a process that has its tables to itself to a newer build of them, which another process has made. (For shared tables: shared-build-switch.ts.)
// Guarantee: it switches once the newer build holds everything that the tables in use hold. If the newer build can't be used, it stays on these.
import type { EventStore } from '../../../event-store/event-store.ts';
import { catchUp } from '../catch-up.ts';
import type { Consumer, EventHeader } from '../consumer.ts';
import type { CheckpointSchema, Database, Tables } from '../database/database.ts';
import type { ConsumerTables } from './consumer-tables.ts';
import { messageOf, sentenceOf, type RunnerStatus } from './runner-status.ts';

export class BuildSwitch<S extends CheckpointSchema, Retained extends EventHeader> {
  private due = false;

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
      /** How long a replaced build is kept before it is dropped. */
      readonly dropAfterMs: number;
    },
    /** Called when the switch is due. */
    private readonly wake: () => void,
  ) {}

  /** There is a newer build: call `run` between two transactions. */
  get isDue(): boolean {
    return this.due;
  }

  async checkForNewerBuild(): Promise<void> {
    const { current } = this.tables;
    try {
      if (this.status.state !== 'live' || !(await current.hasNewerBuild()) || current !== this.tables.current) return;
      this.due = true;
      this.wake();
    } catch (error) {
      if (!this.database.isTransient(error)) this.status.reportDefect(`Can't check for rebuilt tables: ${sentenceOf(error)}`, error);
    }
  }

  async run(): Promise<void> {
    await this.switchOver();
    this.due = false;
  }

  private async switchOver(): Promise<void> {
    const before = this.tables.current;
    this.consumer.clearCache?.();
    let newest: Tables<S> | undefined;
    try {
      newest = await this.tables.openNewest();
      const hasCaughtUp = await catchUp(newest, this.status.progress, this.consumer, this.store, this.ending, this.options.maxBatch);
      if (!hasCaughtUp) return await newest.close(); // it is ahead: the tables in use soon catch up with it
      await newest.transaction(async (tx) => this.consumer.onTermStart?.(tx));
    } catch (error) {
      this.consumer.clearCache?.();
      await newest?.close();
      if (!this.ending.aborted) this.status.reportDefect(`The rebuilt tables can't be used: ${sentenceOf(error)}`, error);
      return;
    }
    this.tables.switchTo(newest);
    this.tables.closeReplacedLater(before);
    setTimeout(
      () => void this.tables.dropOlderBuilds().catch((error: unknown) => this.status.reportDefect(messageOf(error), error)),
      this.options.dropAfterMs,
    ).unref();
  }
}
