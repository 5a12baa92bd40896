// Waits until no process runs an older version of a consumer that allows only one version at a time. Meanwhile this version builds its tables and
// the older one keeps working. Limit: checks about every `standbyMs`.
import type { BaseLogger } from 'pino';
import type { Consumer } from '../consumer.ts';
import type { CheckpointSchema } from '../database/database.ts';
import type { ConsumerTables } from './consumer-tables.ts';

export class OlderVersions<S extends CheckpointSchema> {
  private waits = false;
  private due = false;

  constructor(
    private readonly consumer: Pick<Consumer<S>, 'name' | 'version' | 'exclusiveVersion'>,
    private readonly tables: Pick<ConsumerTables<S>, 'current'>,
    private readonly log: Pick<BaseLogger, 'info'>,
    private readonly standbyMs: number,
    /** Called when the next check is due. */
    private readonly wake: () => void,
  ) {}

  /** Other processes still run an older version. */
  get isWaiting(): boolean {
    return this.waits;
  }

  get isCheckDue(): boolean {
    return this.due;
  }

  /** @returns whether an older version still runs */
  async check(): Promise<boolean> {
    const { name, version, exclusiveVersion } = this.consumer;
    const waited = this.waits;
    this.waits = exclusiveVersion === true && (await this.tables.current.group?.isOlderInUse()) === true;
    if (!this.waits) return false;
    if (!waited) this.log.info({ consumer: name, version }, `${name}: version ${version} waits until no process runs an older version.`);
    setTimeout(() => {
      this.due = true;
      this.wake();
    }, this.standbyMs).unref();
    return true;
  }

  /** @returns whether the wait has just ended */
  async recheck(): Promise<boolean> {
    this.due = false;
    return this.waits && !(await this.check());
  }
}
