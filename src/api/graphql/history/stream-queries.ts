// Queries on single streams of the log: an endpoint as it was, and the events of an endpoint, message, delivery, batch or organization.
import { Inject, Injectable } from '@nestjs/common';
import type { BatchEvent } from '../../../domain/batch.ts';
import type { DomainEvent } from '../../../domain/catalog.ts';
import { fold } from '../../../domain/decider.ts';
import type { DeliveryEvent } from '../../../domain/delivery.ts';
import type { EndpointEvent } from '../../../domain/endpoint-events.ts';
import { endpoint, type EndpointConfiguration } from '../../../domain/endpoint.ts';
import { badInput } from '../../../domain/errors.ts';
import type { BatchId, DeliveryId, EndpointId, MessageId, OrganizationId, Position } from '../../../domain/ids.ts';
import type { MessageEvent } from '../../../domain/message.ts';
import { defaultOrganization } from '../../../domain/organization.ts';
import type { OrganizationEvent } from '../../../domain/organization-events.ts';
import { batchStream, deliveryStream, endpointStream, messageStream, organizationStream } from '../../../domain/streams.ts';
import type { RecordedEvent } from '../../../event-store/event-store.ts';
import { hasPositionFormat } from '../../../event-store/position-format.ts';
import type { ReadLog } from '../../../read-models/engine/budgeted-reads.ts';
import { EVENT_STORE } from '../../tokens.ts';

/** An endpoint as a view shows it, or as the log had it at some moment. Secrets and header values are encrypted. */
export type EndpointSnapshot = {
  readonly id: EndpointId;
  readonly configuration: EndpointConfiguration;
  readonly createdAt: string;
  readonly updatedAt: string;
  /** Of its stream. */
  readonly revision: number;
};

/** A moment of an endpoint: a revision of its stream, a time, or a position of the whole log. None: now. */
type Moment = { readonly revision?: number; readonly time?: Date | undefined; readonly position?: string | undefined };

type Events<E extends DomainEvent> = Promise<readonly RecordedEvent<E>[]>;

/** @throws DomainError BAD_USER_INPUT at a position that never was */
const knownPosition = (given: string, tip: Position | undefined, path: string): Position => {
  if (tip === undefined || !hasPositionFormat(given, tip))
    throw badInput(
      path,
      `"${given.slice(0, 100)}" is no position of this log; positions are what events, messages and attempts are shown with.`,
    );
  if (given > tip) throw badInput(path, `The log has not come to the position ${given} yet; it ends at ${tip}.`);
  return given;
};

@Injectable()
export class StreamQueries {
  constructor(@Inject(EVENT_STORE) private readonly log: ReadLog) {}

  /**
   * @returns undefined if it was not registered by then, or was deleted
   * @throws DomainError BAD_USER_INPUT if the log has no such position
   */
  async endpoint(id: EndpointId, { revision, time, position }: Moment = {}): Promise<EndpointSnapshot | undefined> {
    const end = position === undefined ? undefined : knownPosition(position, await this.log.tip(), 'asOfPosition');
    const events = (await this.endpointEvents(id, revision)).filter(
      (event) => (!time || Date.parse(event.recordedAt) <= time.getTime()) && (end === undefined || event.position <= end),
    );
    const state = fold(endpoint, events);
    const [first, last] = [events[0], events.at(-1)];
    if (state.exists !== 'yes' || !first || !last) return undefined;
    return { id, configuration: state.configuration, createdAt: first.recordedAt, updatedAt: last.recordedAt, revision: last.revision };
  }

  /** @param upTo the last revision to read */
  endpointEvents(id: EndpointId, upTo?: number): Events<EndpointEvent> {
    return this.read(endpointStream(id), upTo);
  }

  /** With those of `default`, which also has what all organizations share. */
  async organizationEvents(id: OrganizationId): Events<OrganizationEvent> {
    const streams = Array.from(new Set([id, defaultOrganization]), (each) => this.read<OrganizationEvent>(organizationStream(each)));
    return (await Promise.all(streams)).flat();
  }

  deliveryEvents(id: DeliveryId): Events<DeliveryEvent> {
    return this.read(deliveryStream(id));
  }

  batchEvents(id: BatchId): Events<BatchEvent> {
    return this.read(batchStream(id));
  }

  async messageAccepted(id: MessageId): Promise<RecordedEvent<MessageEvent> | undefined> {
    const [event] = await this.read<MessageEvent>(messageStream(id), 0);
    return event;
  }

  /** A stream holds only the events of its aggregate. */
  private async read<E extends DomainEvent>(stream: string, upTo?: number): Events<E> {
    const events = await this.log.readStream(stream, upTo === undefined ? {} : { upTo });
    return events as readonly RecordedEvent<E>[];
  }
}
