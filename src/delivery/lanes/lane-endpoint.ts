// A lane's endpoint, as it is configured at the moment.
import type { EndpointId, OrganizationId } from '../../domain/ids.ts';
import { isBatch, isTest, type ScheduleAttempt } from '../saga/saga-commands.ts';
import type { LaneContext } from './lane-context.ts';

export class LaneEndpoint {
  private owner: OrganizationId | undefined;

  constructor(
    private readonly id: EndpointId,
    private readonly directory: LaneContext['directory'],
  ) {}

  /** Whose it is, as far as the directory knew it at any time; else empty. */
  get organization(): string {
    this.owner ??= this.directory.endpoint(this.id)?.configuration.organizationId;
    return this.owner ?? '';
  }

  get settings() {
    return this.directory.endpoint(this.id)?.configuration.settings;
  }

  /** Null: it takes no batches. */
  get batch() {
    return this.settings?.batch ?? null;
  }

  get maxBatchSize(): number {
    return this.batch?.maxSize ?? 0;
  }

  /** Only an endpoint's first attempts go in batches; tests and retries go by themselves. */
  takesInBatch({ isFirst, subject }: ScheduleAttempt): boolean {
    return isFirst && !isBatch(subject) && !isTest(subject) && this.batch !== null;
  }

  /** A paused or disabled endpoint gets nothing but tests. One that is gone is not held: its deliveries are cancelled. */
  get isHeld(): boolean {
    return this.directory.isHeld(this.id);
  }
}
