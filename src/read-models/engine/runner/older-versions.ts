// Waits until the last process has ended that runs an older version of a consumer of which no two versions may do their work at one time: the
// older one goes on until then, and this one builds its tables meanwhile. Limit: it is looked again about every `standbyMs`.
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
    /** Told when it is time to look again. */
    private readonly wake: () => void,
  ) {}

  /** Other processes still run an older version. */
  get isWaiting(): boolean {
    return this.waits;
  }

  /** It is time to look again whether they do. */
  get isDue(): boolean {
    return this.due;
  }

  /** @returns whether it waits */
  async check(): Promise<boolean> {
    const { name, version, exclusiveVersion } = this.consumer;
    const waited = this.waits;
    this.waits = exclusiveVersion === true && (await this.tables.current.group?.isOlderInUse()) === true;
    if (!this.waits) return false;
    if (!waited)
      this.log.info({ consumer: name, version }, `${name}: version ${version} waits until those that run an older one have ended.`);
    setTimeout(() => {
      this.due = true;
      this.wake();
    }, this.standbyMs).unref();
    return true;
  }

  /** When it is due. @returns whether it has waited, and need not any longer */
  async recheck(): Promise<boolean> {
    this.due = false;
    return this.waits && !(await this.check());
  }
}
