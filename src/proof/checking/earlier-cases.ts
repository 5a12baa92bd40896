// The deliveries and batches that are not known any more while a log is checked, or began before the first event that is. Their streams are read
// for it; they are short. What is found is known from then on.
import type { Step } from '../../domain/attempts.ts';
import type { DeliveryEvent } from '../../domain/delivery.ts';
import type { EndpointId, MessageId, Position } from '../../domain/ids.ts';
import type { StoredEvent } from '../../event-store/codec.ts';
import type { RecordedEvent } from '../../event-store/event-store.ts';
import { deliveryIdOf } from '../../event-store/id-generation.ts';
import { isBeginning, newCase, newDelivery, type Case, type Cases } from './cases.ts';
import type { ConfigurationHistory } from './configuration-history.ts';
import { judgeStep } from './judge-step.ts';
import { deliveryIdIn, messageStream } from '../../domain/streams.ts';

/** What is asked when something is no longer known, or happened before the first event that is checked. */
export type Earlier = {
  /** The events of a stream before a revision, or before a position; those that can't be read are left out. */
  readonly stream: (stream: string, before: number | Position) => Promise<readonly RecordedEvent[]>;
};

export class EarlierCases {
  constructor(
    private readonly cases: Cases,
    private readonly configuration: ConfigurationHistory,
    private readonly earlier: Earlier,
  ) {}

  async delivery(stored: StoredEvent, event: RecordedEvent<DeliveryEvent> | undefined): Promise<Case | undefined> {
    if (!event) return undefined;
    const { messageId, endpointId } = event.data;
    if (deliveryIdOf(messageId, endpointId) !== deliveryIdIn(stored.stream)) return undefined;
    return this.member(stored.stream, messageId, endpointId, stored.revision);
  }

  /** A delivery as it was at a revision, or a position. @returns undefined: its message was not routed there, and no replay made it */
  async member(stream: string, messageId: MessageId, endpointId: EndpointId, before: number | Position): Promise<Case | undefined> {
    const [message] = await this.earlier.stream(messageStream(messageId), 1);
    if (message?.type !== 'message.accepted') return undefined;
    const events = await this.earlier.stream(stream, before);
    const isRouted = message.data.destinations.some((each) => each.endpointId === endpointId);
    if (!isRouted && !(events[0] && isBeginning(events[0]))) return undefined;
    return this.caughtUp(stream, newDelivery(message, messageId, endpointId, message.data.test), events);
  }

  async batch({ stream, revision }: StoredEvent): Promise<Case | undefined> {
    const [closed, ...steps] = await this.earlier.stream(stream, revision);
    if (closed?.type !== 'batch.closed') return undefined;
    const { organizationId, endpointId, messages } = closed.data;
    const known = { ...newCase, organizationId, endpointId, messageId: undefined, test: false, size: messages.length, revision: 0 };
    return this.caughtUp(stream, known, steps);
  }

  /** What happened before was judged then, and is counted; a hole in it was reported. */
  private caughtUp(stream: string, known: Case, events: readonly RecordedEvent[]): Case {
    const policyAt = (revision: number) => this.configuration.retryPolicy(known.endpointId, revision);
    for (const { type, data, revision } of events) {
      const step = { type: type.slice(type.indexOf('.') + 1), data } as Step; // an event is a step and whose it is
      const { state, exhausted } = judgeStep(step, known.state, known.exhausted, policyAt);
      known.isBroken ||= revision !== known.revision + 1;
      known.state = state;
      known.exhausted = exhausted;
      known.revision = revision;
    }
    this.cases.set(stream, known);
    return known;
  }
}
