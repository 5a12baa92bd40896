// Checks what jobs and deliveries say about each other: replays and bulk retries.
import type { RecordedEvent } from '../../../event-store/event-store.ts';
import type { ConfigurationHistory } from '../configuration-history.ts';
import type { ReadEarlier } from '../earlier-events.ts';
import type { Findings } from '../findings.ts';
import { BulkRetryCheck } from './bulk-retries.ts';
import { ReplayCheck } from './replays.ts';

/** Whether a job has sent it, so that checking it needs a look at the job. */
export const isSentByJob = (event: RecordedEvent): boolean =>
  event.type === 'delivery.replay-requested' ||
  event.type === 'batch.replay-requested' ||
  ((event.type === 'delivery.retry-requested' || event.type === 'batch.retry-requested') && event.data.bulkRetryId !== undefined);

export class JobCheck {
  private readonly replays: ReplayCheck;
  private readonly bulkRetries: BulkRetryCheck;

  constructor(findings: Findings, configuration: ConfigurationHistory, readEarlier: ReadEarlier) {
    this.replays = new ReplayCheck(findings, configuration, readEarlier);
    this.bulkRetries = new BulkRetryCheck(findings, configuration, readEarlier);
  }

  /** What is wrong with what a job's own event names, as a sentence; undefined if nothing is. */
  async findProblem(event: RecordedEvent): Promise<string | undefined> {
    return this.bulkRetries.findProblem(event) ?? (await this.replays.findProblem(event));
  }

  /** What a job sends must name a job that was requested for it. */
  async checkSent(event: RecordedEvent): Promise<void> {
    switch (event.type) {
      case 'delivery.replay-requested':
      case 'batch.replay-requested':
        return this.replays.checkSent(event);
      case 'delivery.retry-requested':
      case 'batch.retry-requested':
        return this.bulkRetries.checkRetried(event);
      default:
    }
  }
}
