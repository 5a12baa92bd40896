// Short hand for tests: the events of a log, as the deciders would write them.
import type { LedgerEvent } from '../../src/domain/catalog.ts';
import { delivery, deliveryStream, type DeliveryCommand, type DeliveryEvent, type DeliverySubject } from '../../src/domain/delivery.ts';
import { fold } from '../../src/domain/decider.ts';
import { endpoint, endpointStream, type EndpointCommand, type EndpointSettings } from '../../src/domain/endpoint.ts';
import type { EndpointId, MessageId, OrganizationId, Position } from '../../src/domain/ids.ts';
import { messageStream } from '../../src/domain/message.ts';
import { deliveryIdOf, messageIdOf } from '../../src/event-store/ids.ts';
import type { MemoryEventStore } from './memory-event-store.ts';

export const settings: EndpointSettings = {
  name: 'An endpoint',
  url: 'https://receiver.example/hook',
  description: null,
  eventTypes: ['*'],
  filter: null,
  format: 'ENVELOPE',
  formatOptions: null,
  signature: 'NONE',
  useOrganizationKey: false,
  headers: [],
  retryPolicy: { delaysSeconds: [0, 60], jitter: 0 },
  timeoutSeconds: 30,
  batch: null,
};

export const minute = 60_000;
export const hour = 60 * minute;

/** Writes into a log at a clock that the test moves. */
export class EventLog {
  now = Date.parse('2026-01-01T12:00:00.000Z');

  constructor(
    readonly store: MemoryEventStore,
    private readonly organization = 'default' as OrganizationId,
  ) {}

  record(stream: string, ...events: readonly LedgerEvent[]): Position {
    return this.store.record(...events.map((event) => ({ stream, event, at: new Date(this.now) })));
  }

  endpoint(id: string, ...commands: readonly EndpointCommand[]): EndpointId {
    const stream = endpointStream(id as EndpointId);
    for (const command of commands.length > 0 ? commands : [this.registering()]) this.decide(stream, endpoint, command);
    return id as EndpointId;
  }

  registering(changed: Partial<EndpointSettings> = {}): EndpointCommand {
    return { type: 'Register', organizationId: this.organization, settings: { ...settings, ...changed }, secret: null, disabled: false };
  }

  message(
    clientId: string,
    endpoints: readonly string[],
    { type = 'meeting.ended', test, skipped = [] }: { type?: string; test?: true; skipped?: readonly string[] } = {},
  ): MessageId {
    const id = messageIdOf(this.organization, clientId);
    this.record(messageStream(id), {
      type: 'message.accepted',
      data: {
        organizationId: this.organization,
        clientId,
        type,
        timestamp: new Date(this.now).toISOString(),
        data: {},
        destinations: endpoints.map((endpointId) => ({ endpointId: endpointId as EndpointId })),
        skipped: skipped as readonly EndpointId[],
        routedAt: '' as Position,
        ...(test ? { test } : {}),
      },
    });
    return id;
  }

  private subject(message: MessageId, to: string, test?: true): DeliverySubject {
    return { organizationId: this.organization, messageId: message, endpointId: to as EndpointId, ...(test ? { test } : {}) };
  }

  /** @param result the response code, or undefined for no connection */
  attempt(message: MessageId, to: string, attempt: number, result: number | undefined, test?: true): Position {
    const record = {
      attempt,
      startedAt: new Date(this.now).toISOString(),
      durationMs: 10,
      url: settings.url,
      endpointRevision: 0,
      requestHeaders: {},
      ...(result === undefined ? {} : { responseCode: result }),
    };
    const subject = this.subject(message, to, test);
    if (result !== undefined && result < 300) return this.deliver(subject, { type: 'RecordSuccess', subject, record });
    const failure = result === undefined ? ('CONNECTION' as const) : ('HTTP_STATUS' as const);
    const policy = test ? { delaysSeconds: [0], jitter: 0 } : settings.retryPolicy;
    return this.deliver(subject, { type: 'RecordFailure', subject, record, failure, error: 'It failed.', policy, random: 0 });
  }

  retry(message: MessageId, to: string): Position {
    const subject = this.subject(message, to);
    return this.deliver(subject, { type: 'RequestRetry', subject, now: new Date(this.now) });
  }

  cancel(message: MessageId, to: string): Position {
    const subject = this.subject(message, to);
    return this.deliver(subject, { type: 'Cancel', subject, now: new Date(this.now), reason: 'a test' });
  }

  routed(message: MessageId, to: string): boolean {
    return this.store.log.some(
      ({ stream, data }) =>
        stream === messageStream(message) && 'destinations' in data && data.destinations.some((each) => each.endpointId === to),
    );
  }

  isOpen(message: MessageId, to: string): boolean {
    const stream = deliveryStream(deliveryIdOf(message, to as EndpointId));
    // A delivery's stream holds its own events only.
    return fold(delivery, this.store.log.filter((event) => event.stream === stream) as unknown as DeliveryEvent[]).status === 'pending';
  }

  private deliver({ messageId, endpointId }: DeliverySubject, command: DeliveryCommand): Position {
    return this.decide(deliveryStream(deliveryIdOf(messageId, endpointId)), delivery, command);
  }

  private decide<C, E extends LedgerEvent, S>(
    stream: string,
    decider: { initial: S; evolve: (state: S, event: E) => S; decide: (command: C, state: S) => readonly E[] },
    command: C,
  ): Position {
    // A stream holds the events of its own aggregate only.
    const history = this.store.log.filter((event) => event.stream === stream) as unknown as E[];
    return this.record(stream, ...decider.decide(command, fold(decider, history)));
  }
}
