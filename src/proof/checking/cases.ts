// What is known of deliveries and batches while a log is checked: of the newest. The others are read from the log again where one is needed, so that
// memory does not grow with the log.
import type { Attempts } from '../../domain/attempts.ts';
import type { DeliveryEvent } from '../../domain/delivery.ts';
import type { EndpointId, MessageId, OrganizationId } from '../../domain/ids.ts';
import type { MessageEvent } from '../../domain/message.ts';
import type { RecordedEvent } from '../../event-store/event-store.ts';
import type { Exhausted } from './judge-step.ts';

export type Case = {
  readonly organizationId: OrganizationId;
  readonly endpointId: EndpointId;
  /** Undefined: it is a batch. */
  readonly messageId: MessageId | undefined;
  readonly test: boolean;
  /** Deliveries that it stands for. */
  readonly size: number;
  /** Of its stream; -1: nothing became of it yet. */
  revision: number;
  state: Attempts;
  /** The last attempt failed for good: this must follow. */
  exhausted: Exhausted | undefined;
  /** An event is missing or can't be read, so that what follows can't be judged. */
  isBroken: boolean;
  /** It goes in a batch. */
  isInBatch: boolean;
};

export const noEndpoint = '' as EndpointId;
export const newCase = {
  revision: -1,
  state: { status: 'pending', attempt: 1, failuresInSeries: 0 } as Attempts,
  exhausted: undefined,
  isBroken: false,
  isInBatch: false,
};
export const brokenCase: Case = {
  ...newCase,
  organizationId: '' as Case['organizationId'],
  endpointId: noEndpoint,
  messageId: undefined,
  test: false,
  size: 0,
  isBroken: true,
};

export const newDelivery = (
  message: RecordedEvent<MessageEvent>,
  messageId: MessageId,
  endpointId: EndpointId,
  test: true | undefined,
): Case => ({
  ...newCase,
  organizationId: message.data.organizationId,
  endpointId,
  messageId,
  test: test ?? false,
  size: 1,
});

export type Beginning = RecordedEvent<DeliveryEvent & { type: 'delivery.replay-requested' }>;
/** Of a delivery that a replay made. */
export const isBeginning = (event: RecordedEvent): event is Beginning =>
  event.type === 'delivery.replay-requested' && event.data.messageType !== undefined && event.revision === 0;

const mostKept = 100_000;

export class Cases {
  private newer = new Map<string, Case>();
  private older = new Map<string, Case>();

  /** By stream. */
  get(stream: string): Case | undefined {
    const known = this.newer.get(stream);
    if (known) return known;
    const again = this.older.get(stream);
    if (again) this.set(stream, again);
    return again;
  }

  /** The oldest half is let go when there are many. */
  set(stream: string, known: Case): void {
    this.newer.set(stream, known);
    if (this.newer.size < mostKept / 2) return;
    this.older = this.newer;
    this.newer = new Map();
  }
}
