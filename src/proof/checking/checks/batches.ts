// Checks the streams of batches: their ids, that their deliveries were routed, and that no delivery is in two batches.
import { batchIdIn, deliveryStream } from '../../../domain/streams.ts';
import type { StoredEvent } from '../../../event-store/codec.ts';
import { batchIdOf, deliveryIdOf } from '../../../event-store/id-generation.ts';
import type { DeliveryTracker } from '../delivery-tracker.ts';
import type { EventOf } from '../event-category.ts';
import type { Findings } from '../findings.ts';
import { isInPartition, type Partition } from '../partition.ts';
import { newBatch, unknownBatch } from '../tracked-deliveries.ts';
import type { AttemptCheck } from './attempts.ts';
import { BatchMemberships } from './batch-memberships.ts';
import { checkEventId, isByDispatcher } from './event-ids.ts';
import type { JobCheck } from './jobs.ts';
import { checkRevision } from './revisions.ts';

type BatchClosed = Extract<EventOf<'batch'>, { type: 'batch.closed' }>;
type BatchAttemptEvent = Exclude<EventOf<'batch'>, BatchClosed>;

export class BatchCheck {
  private readonly memberships = new BatchMemberships();

  constructor(
    private readonly findings: Findings,
    private readonly partition: Partition,
    private readonly deliveries: DeliveryTracker,
    private readonly attempts: AttemptCheck,
    private readonly jobs: JobCheck,
  ) {}

  /** A new batch. @param isOurs it belongs to this partition; if not, only those of its deliveries that do are checked */
  async checkClosed(event: BatchClosed, isOurs: boolean): Promise<void> {
    await this.checkMembers(event);
    if (isOurs) this.checkStart(event);
  }

  private async checkMembers(event: BatchClosed): Promise<void> {
    const { endpointId, messages } = event.data;
    for (const messageId of messages) {
      if (!isInPartition(messageId, this.partition)) continue;
      this.findings.checked('conservation');
      const stream = deliveryStream(deliveryIdOf(messageId, endpointId));
      const delivery = await this.deliveries.deliveryOf(stream, messageId, endpointId, event.position);
      this.memberships.add({ delivery: stream, batch: event.stream, position: event.position });
      if (delivery) this.attempts.movedToBatch(stream, delivery);
      else this.findings.wrong('conservation', event, `It contains message ${messageId}, which was not routed to ${endpointId}.`);
    }
  }

  /** A later event of a batch of this partition. @param event undefined if it is unreadable */
  async check(stored: StoredEvent, event: BatchAttemptEvent | undefined): Promise<void> {
    if (event) await this.jobs.checkSent(event);
    const batch = await this.deliveries.batchBefore(stored);
    if (!batch) {
      checkRevision(this.findings, stored, 0);
      this.deliveries.trackBatch(stored.stream, unknownBatch(stored.revision));
      return;
    }
    if (event && batch.kind === 'batch' && !batch.isBroken) {
      const { endpointId, size } = event.data;
      if (endpointId !== batch.endpointId || size !== batch.size)
        this.findings.wrong('ids', event, `Its stream is a batch of ${batch.size} to ${batch.endpointId}, but it names another.`);
    }
    this.attempts.check(stored, event, batch);
  }

  /** Call after the last event. */
  end(): void {
    for (const { delivery, batch, position, before } of this.memberships.repeated())
      this.findings.wrong(
        'conservation',
        { position, type: 'batch.closed', stream: batch },
        `It contains ${delivery}, which is in ${before} already.`,
      );
  }

  private checkStart(event: BatchClosed): void {
    const { stream } = event;
    const { endpointId, number, messages } = event.data;
    checkRevision(this.findings, event, 0);
    checkEventId(this.findings, event, isByDispatcher(event) ? [`${batchIdIn(stream)}/${messages.join()}`] : undefined);
    if (batchIdOf(endpointId, number) !== batchIdIn(stream))
      this.findings.wrong('ids', event, `Its batch's id does not follow from its endpoint and number ${number}.`);
    this.deliveries.trackBatch(stream, newBatch(endpointId, messages));
  }
}
