// What is shown from the log itself: an endpoint as it was, a message's data, the events behind a message.
import { Inject, Injectable } from '@nestjs/common';
import { type BatchEvent } from '../../../domain/batch.ts';
import { fold } from '../../../domain/decider.ts';
import { type DeliveryEvent } from '../../../domain/delivery.ts';
import { endpoint, type EndpointEvent } from '../../../domain/endpoint.ts';
import type { BatchId, DeliveryId, EndpointId, MessageId, OrganizationId } from '../../../domain/ids.ts';
import { type MessageEvent } from '../../../domain/message.ts';
import { type OrganizationEvent } from '../../../domain/organization.ts';
import type { EventStore, RecordedEvent } from '../../../event-store/event-store.ts';
import { knownPosition } from '../../../read-models/history/position.ts';
import { EVENT_STORE } from '../../tokens.ts';
import type { EndpointSource } from '../endpoints/endpoint.types.ts';
import { batchStream, deliveryStream, endpointStream, messageStream, organizationStream } from '../../../domain/streams.ts';

@Injectable()
export class History {
  constructor(@Inject(EVENT_STORE) private readonly store: EventStore) {}

  /**
   * Undefined where it was not registered yet, or was deleted already. `upTo` is a revision of its stream, `asOfPosition` one of the log.
   * @throws DomainError BAD_USER_INPUT at a position that never was
   */
  async endpoint(
    id: EndpointId,
    until: { readonly upTo?: number; readonly asOf?: Date; readonly asOfPosition?: string } = {},
  ): Promise<EndpointSource | undefined> {
    const { upTo, asOf, asOfPosition } = until;
    const end = asOfPosition === undefined ? undefined : knownPosition(asOfPosition, await this.store.tip(), 'asOfPosition');
    const all = await this.endpointEvents(id, upTo);
    const events = all.filter(
      ({ recordedAt, position }) =>
        (asOf === undefined || Date.parse(recordedAt) <= asOf.getTime()) && (end === undefined || position <= end),
    );
    const state = fold(endpoint, events);
    const [first, last] = [events[0], events.at(-1)];
    if (state.exists !== 'yes' || !first || !last) return undefined;
    return { id, configuration: state.configuration, createdAt: first.recordedAt, updatedAt: last.recordedAt };
  }

  // A stream holds its aggregate's events only.
  async endpointEvents(id: EndpointId, upTo?: number): Promise<readonly RecordedEvent<EndpointEvent>[]> {
    const events = await this.store.readStream(endpointStream(id), upTo === undefined ? {} : { upTo });
    return events as readonly RecordedEvent<EndpointEvent>[];
  }

  async organizationEvents(id: OrganizationId): Promise<readonly RecordedEvent<OrganizationEvent>[]> {
    return (await this.store.readStream(organizationStream(id))) as readonly RecordedEvent<OrganizationEvent>[];
  }

  async deliveryEvents(id: DeliveryId): Promise<readonly RecordedEvent<DeliveryEvent>[]> {
    return (await this.store.readStream(deliveryStream(id))) as readonly RecordedEvent<DeliveryEvent>[];
  }

  /** What became of a batch, and what is in it. */
  async batchEvents(id: BatchId): Promise<readonly RecordedEvent<BatchEvent>[]> {
    return (await this.store.readStream(batchStream(id))) as readonly RecordedEvent<BatchEvent>[];
  }

  async accepted(id: MessageId): Promise<RecordedEvent<MessageEvent> | undefined> {
    const [event] = await this.store.readStream(messageStream(id), { upTo: 0 });
    return event?.type === 'message.accepted' ? event : undefined;
  }
}
