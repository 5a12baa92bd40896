// How many attempts a lane keeps in memory. The rest waits in the table.
import type { ReceiverState } from './request-limiter.ts';

/** Attempts offered to a lane that it queues, per request it may have in flight: a dead endpoint fills only its own share of the memory. */
const queuedPerRequest = 64;
/** The same where other replicas can send them, too, and while the receiver does not answer. */
const fewQueuedPerRequest = 4;
/** Attempts that a lane reads from the table at a time, and while the memory budget is full: many lanes make many attempts. */
const readSize = 256;
const smallReadSize = 16;

type LaneState = {
  /** Other replicas can send what is queued. */
  readonly isShared: boolean;
  readonly receiverState: ReceiverState;
  /** Requests that the lane may have in flight. */
  readonly requests: number;
};

export const offersQueued = ({ isShared, receiverState, requests }: LaneState): number =>
  requests * (isShared || receiverState === 'silent' ? fewQueuedPerRequest : queuedPerRequest);

/** Where replicas share the table, a lane takes only what it can send soon. */
export const attemptsRead = ({ isShared, receiverState, requests }: LaneState, isMemoryFull: boolean): number => {
  if (isShared) return 2 * requests;
  return isMemoryFull || receiverState === 'silent' ? smallReadSize : readSize;
};
