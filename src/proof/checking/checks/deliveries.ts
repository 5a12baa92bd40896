// Checks the streams of deliveries: each delivery was routed, or made by a replay, and its events name it correctly.
import { attempts } from '../../../domain/attempts.ts';
import { deliveryIdIn, messageStream } from '../../../domain/streams.ts';
import type { StoredEvent } from '../../../event-store/codec.ts';
import { deliveryIdOf } from '../../../event-store/id-generation.ts';
import type { CountsByEndpoint } from '../delivery-counts.ts';
import { isDeliveryStart, type DeliveryStart, type DeliveryTracker } from '../delivery-tracker.ts';
import type { ReadEarlier } from '../earlier-events.ts';
import type { EventOf } from '../event-category.ts';
import type { Findings } from '../findings.ts';
import { newReplayedDelivery, type TrackedDelivery } from '../tracked-deliveries.ts';
import type { AttemptCheck } from './attempts.ts';
import { checkEventId, commandIdsOf } from './event-ids.ts';
import { isSentByJob, type JobCheck } from './jobs.ts';
import { checkRevision } from './revisions.ts';

export class DeliveryCheck {
  constructor(
    private readonly findings: Findings,
    private readonly deliveries: DeliveryTracker,
    private readonly attempts: AttemptCheck,
    private readonly jobs: JobCheck,
    private readonly counts: CountsByEndpoint,
    private readonly readEarlier: ReadEarlier,
  ) {}

  /** @param event undefined if it is unreadable */
  check(stored: StoredEvent, event: EventOf<'delivery'> | undefined): Promise<void> | undefined {
    const recent = this.deliveries.recentDelivery(stored.stream);
    if (!recent || (event && isSentByJob(event))) return this.checkWithLookups(stored, event);
    this.checkAttempt(stored, event, recent);
    return undefined;
  }

  private async checkWithLookups(stored: StoredEvent, event: EventOf<'delivery'> | undefined): Promise<void> {
    if (event) await this.jobs.checkSent(event);
    const delivery = await this.deliveries.deliveryBefore(stored, event);
    if (delivery) this.checkAttempt(stored, event, delivery);
    else if (event && isDeliveryStart(event)) await this.checkStart(event);
    else {
      checkRevision(this.findings, stored, stored.revision);
      if (event) this.findings.wrong('conservation', event, `No message of this delivery was routed to ${event.data.endpointId}.`);
    }
  }

  private checkAttempt(stored: StoredEvent, event: EventOf<'delivery'> | undefined, delivery: TrackedDelivery): void {
    if (event) this.checkSubject(event, delivery);
    this.attempts.check(stored, event, delivery);
  }

  private checkSubject(event: EventOf<'delivery'>, delivery: TrackedDelivery): void {
    const { organizationId, messageId, endpointId, test } = event.data;
    const isSame =
      delivery.organizationId === organizationId &&
      delivery.messageId === messageId &&
      delivery.endpointId === endpointId &&
      delivery.isTest === (test ?? false);
    if (!isSame)
      this.findings.wrong(
        'ids',
        event,
        `Its stream belongs to the delivery of message ${delivery.messageId} to ${delivery.endpointId}, but it names another.`,
      );
  }

  /** A replay makes a delivery of a message that was accepted before, and was not routed to this endpoint. */
  private async checkStart(event: DeliveryStart): Promise<void> {
    const { stream, data } = event;
    const { organizationId, messageId, endpointId, messageType, attempt } = data;
    checkRevision(this.findings, event, 0);
    checkEventId(this.findings, event, commandIdsOf(event));
    this.findings.checked('states');
    this.findings.checked('conservation');
    if (deliveryIdOf(messageId, endpointId) !== deliveryIdIn(stream))
      this.findings.wrong('ids', event, `Its delivery's id does not follow from message ${messageId} and ${endpointId}.`);
    const [message] = await this.readEarlier(messageStream(messageId), 1);
    if (message?.type !== 'message.accepted' || message.data.organizationId !== organizationId || message.position >= event.position)
      this.findings.wrong('conservation', event, `It sends message ${messageId}, which was not accepted before.`);
    else if (message.data.type !== messageType)
      this.findings.wrong('states', event, `It says that its message is a ${messageType}, but that is a ${message.data.type}.`);
    if (attempt !== 1) this.findings.wrong('states', event, `It starts with attempt ${attempt}.`);
    const state = attempts.evolve(attempts.initial, { type: 'replay-requested', data });
    this.deliveries.trackDelivery(stream, newReplayedDelivery(data, state));
    this.counts.routed(endpointId);
  }
}
