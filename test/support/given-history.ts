// Given a history: the events of some messages and of what happened to their deliveries, as the deciders make them.
import { accepted, record, recorded } from './samples.ts';
import { delivery, type DeliveryCommand, type DeliverySubject } from '../../src/domain/delivery.ts';
import type { EndpointId, MessageId, OrganizationId } from '../../src/domain/ids.ts';
import type { RecordedEvent } from '../../src/event-store/event-store.ts';
import { deliveryIdOf } from '../../src/event-store/id-generation.ts';

export const subjectOf = (messageId: string, endpointId: EndpointId = 'e1' as EndpointId): DeliverySubject => ({
  organizationId: 'default' as OrganizationId,
  messageId: messageId as MessageId,
  endpointId,
});
export const of = (subject: DeliverySubject) => `delivery-${deliveryIdOf(subject.messageId, subject.endpointId)}`;

/** The events of some messages and of what happened to their deliveries, in log order. */
export const history = (commands: readonly { message: number; endpoint: number; what: string }[]): RecordedEvent[] => {
  const events: RecordedEvent[] = [];
  const streams = new Map<string, { state: ReturnType<typeof delivery.evolve>; revision: number }>();
  const push = (event: Parameters<typeof recorded>[0], stream: string, revision: number) => {
    const recordedAt = new Date(Date.UTC(2026, 0, 1) + events.length * 1000).toISOString();
    events.push(recorded(event, { stream, revision, position: events.length + 1, recordedAt }));
  };
  for (const { message: id, endpoint, what } of commands) {
    const subject = subjectOf(`m${id}`, `e${endpoint}` as EndpointId);
    const stream = of(subject);
    const known = streams.get(stream);
    if (what === 'delete') push({ type: 'endpoint.deleted', data: {} }, `endpoint-e${endpoint}`, 0);
    else if (!known) {
      push(accepted([subject.endpointId]), `message-m${id}`, 0);
      streams.set(stream, { state: delivery.initial, revision: -1 });
    } else {
      const now = new Date(Date.UTC(2026, 0, 1) + events.length * 1000);
      const attempt = record(known.state.attempt, { startedAt: now.toISOString() });
      const policy = { delaysSeconds: [0, 3, 9], jitter: 0 };
      const failure: DeliveryCommand = {
        type: 'RecordFailure',
        subject,
        record: attempt,
        failure: 'TIMEOUT',
        error: 'x',
        policy,
        random: 0,
      };
      const all: Record<string, DeliveryCommand> = {
        success: { type: 'RecordSuccess', subject, record: attempt },
        failure,
        retry: { type: 'RequestRetry', subject, now },
        cancel: { type: 'Cancel', subject, now, reason: 'x' },
      };
      for (const event of delivery.decide(all[what] ?? failure, known.state)) {
        push(event, stream, ++known.revision);
        known.state = delivery.evolve(known.state, event);
      }
    }
  }
  return events;
};
