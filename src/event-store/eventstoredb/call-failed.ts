// The error of a call to the client's thread, and the failures that this side adds to those of the client.
import type { ClientFailure } from './client/messages.ts';

export class CallFailed extends Error {
  override name = 'CallFailed';
  constructor(readonly failure: ClientFailure) {
    super(failure.message);
  }
}

/** The thread died or was replaced while the call was pending. */
export const lostCall = (message: string): ClientFailure => ({ type: 'lost', code: undefined, message });

/** The call took too long. The client waits forever after some broken connections, so it can't be trusted any more. */
export const unansweredCall = (message: string): ClientFailure => ({ type: 'unanswered', code: undefined, message });
