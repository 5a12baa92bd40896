// An outage of something that is tried again and again: one warning at its beginning, one line at its end.
import type { BaseLogger } from 'pino';

export class Outage {
  private since: number | undefined;

  constructor(
    /** As in "The sources can't be checked". */
    private readonly what: string,
    private readonly log: Pick<BaseLogger, 'info' | 'warn'>,
  ) {}

  get isOn(): boolean {
    return this.since !== undefined;
  }

  failed(error: unknown): void {
    if (this.since !== undefined) return;
    this.since = performance.now();
    this.log.warn({ err: error }, `${this.what}: ${error instanceof Error ? error.message : String(error)} Retrying.`);
  }

  over(): void {
    if (this.since === undefined) return;
    this.log.info(`It works again after ${((performance.now() - this.since) / 1_000).toFixed(1)} s. Before: ${this.what}.`);
    this.since = undefined;
  }
}
