// What the checks remember of a delivery, or of a batch, between two of its events.
import { attempts, type Attempts, type Step } from '../../domain/attempts.ts';
import type { EndpointId, MessageId, OrganizationId } from '../../domain/ids.ts';
import type { MessageEvent } from '../../domain/message.ts';
import type { RecordedEvent } from '../../event-store/event-store.ts';

/**
 * The content of the event that says that a delivery has failed. `holdsKey`: whether it must say that its ordering key waits for it; 'unknown' of a
 * batch whose endpoint asks for that, as the deliveries in it may take no turns.
 */
export type Exhausted = Omit<Extract<Step, { type: 'exhausted' }>['data'], 'holdsKey'> & { readonly holdsKey: HoldsKey };
export type HoldsKey = boolean | 'unknown';

type Progress = {
  /** Of the last event in its stream; -1 if there is none. */
  revision: number;
  state: Attempts;
  /** The last attempt failed for good: the next event must say this. */
  expectedExhausted: Exhausted | undefined;
  /** An event is missing or unreadable, so what follows can't be checked against it. */
  isBroken: boolean;
};

export type TrackedDelivery = Progress & {
  readonly kind: 'delivery';
  readonly organizationId: OrganizationId;
  readonly messageId: MessageId;
  readonly endpointId: EndpointId;
  readonly isTest: boolean;
  /** It takes turns under an ordering key. */
  readonly isOrdered: boolean;
  /** Its attempts are then in the batch's stream. */
  isInBatch: boolean;
};

export type TrackedBatch = Progress & {
  readonly kind: 'batch';
  readonly endpointId: EndpointId;
  /** How many deliveries it contains. */
  readonly size: number;
};

/** The first event of its stream, which says what the batch contains, is missing or unreadable. */
export type UnknownBatch = Progress & { readonly kind: 'unknown-batch' };

const noProgress = { revision: -1, state: attempts.initial, expectedExhausted: undefined, isBroken: false };

export const newDelivery = (message: RecordedEvent<MessageEvent>, messageId: MessageId, endpointId: EndpointId): TrackedDelivery => ({
  ...noProgress,
  kind: 'delivery',
  organizationId: message.data.organizationId,
  messageId,
  endpointId,
  isTest: message.data.test ?? false,
  isOrdered: message.data.destinations.some((each) => each.endpointId === endpointId && each.ordering !== undefined),
  isInBatch: false,
});

/** A delivery that a replay made. */
export const newReplayedDelivery = (
  { organizationId, messageId, endpointId }: Pick<TrackedDelivery, 'organizationId' | 'messageId' | 'endpointId'>,
  state: Attempts,
): TrackedDelivery => ({
  ...noProgress,
  kind: 'delivery',
  organizationId,
  messageId,
  endpointId,
  isTest: false,
  isOrdered: false,
  isInBatch: false,
  revision: 0,
  state,
});

export const newBatch = (endpointId: EndpointId, messages: readonly MessageId[]): TrackedBatch => ({
  ...noProgress,
  kind: 'batch',
  endpointId,
  size: messages.length,
  revision: 0,
});

export const unknownBatch = (revision: number): UnknownBatch => ({ ...noProgress, kind: 'unknown-batch', isBroken: true, revision });
