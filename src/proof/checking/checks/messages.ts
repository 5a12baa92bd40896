// Checks accepted messages: their ids, and that they went where the configuration of that moment said.
import { deliveryStream, messageIdIn } from '../../../domain/streams.ts';
import type { StoredEvent } from '../../../event-store/codec.ts';
import { deliveryIdOf, messageIdOf } from '../../../event-store/id-generation.ts';
import type { ConfigurationHistory } from '../configuration-history.ts';
import type { CountsByEndpoint } from '../delivery-counts.ts';
import type { DeliveryTracker } from '../delivery-tracker.ts';
import type { EventOf } from '../event-category.ts';
import type { Findings } from '../findings.ts';
import { newDelivery } from '../tracked-deliveries.ts';
import { checkEventId, isUuid } from './event-ids.ts';
import { checkRevision } from './revisions.ts';

export class MessageCheck {
  constructor(
    private readonly findings: Findings,
    private readonly configuration: ConfigurationHistory,
    private readonly deliveries: DeliveryTracker,
    private readonly counts: CountsByEndpoint,
  ) {}

  /** @param event undefined if it is unreadable */
  check(stored: StoredEvent, event: EventOf<'message'> | undefined): void {
    checkRevision(this.findings, stored, 0);
    if (!event) return;
    checkEventId(this.findings, event, undefined);
    this.checkMessageId(event);
    this.findings.checked('routing');
    const problem = this.configuration.findRoutingProblem(event);
    if (problem) this.findings.wrong('routing', event, problem);
    this.trackDeliveries(event);
  }

  private checkMessageId(event: EventOf<'message'>): void {
    const { organizationId, clientId } = event.data;
    const id = messageIdIn(event.stream);
    if (clientId === undefined) {
      if (!isUuid(id)) this.findings.wrong('ids', event, `The message's id ${id} is not a UUID.`);
    } else if (messageIdOf(organizationId, clientId) !== id)
      this.findings.wrong('ids', event, `The message's id ${id} does not follow from ${JSON.stringify(clientId)}.`);
  }

  private trackDeliveries(event: EventOf<'message'>): void {
    const id = messageIdIn(event.stream);
    const { destinations } = event.data;
    for (const [i, { endpointId }] of destinations.entries()) {
      this.findings.checked('conservation');
      if (destinations.findIndex((each) => each.endpointId === endpointId) < i)
        this.findings.wrong('conservation', event, `It was routed to ${endpointId} twice.`);
      this.deliveries.trackDelivery(deliveryStream(deliveryIdOf(id, endpointId)), newDelivery(event, id, endpointId));
      this.counts.routed(endpointId);
    }
  }
}
