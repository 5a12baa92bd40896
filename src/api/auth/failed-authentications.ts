// Failed authentications: counted in a metric, logged without the key, and limited per address. A valid key is looked up first, so it is never
// refused for the failures of others at the same address.
import { RateLimiterMemory } from 'rate-limiter-flexible';
import { consume, secondsUntil } from '../http/rate-limit.ts';
import { Refusal } from '../refusal.ts';
import type { ApiLog } from '../tokens.ts';
import type { AuthenticationFailure } from './authentication.ts';

/** Failures that an address may have within the window before it gets 429 instead of 401. */
const mostFailures = 200;
const windowSeconds = 10;

export class FailedAuthentications {
  private readonly limiter = new RateLimiterMemory({ points: mostFailures, duration: windowSeconds });

  constructor(
    private readonly log: ApiLog,
    private readonly count: (failure: AuthenticationFailure) => void,
  ) {}

  /** @returns the refusal for the client: `refusal`, or 429 once the address has failed too often */
  async record(refusal: Refusal, failure: AuthenticationFailure, address: string, requestId: string): Promise<Refusal> {
    this.count(failure);
    const state = await consume(this.limiter, address);
    if (state.consumedPoints <= mostFailures) {
      this.log.info({ requestId, address, failure }, 'Authentication failed');
      return refusal;
    }
    const seconds = Math.max(1, secondsUntil(state, windowSeconds));
    if (state.consumedPoints === mostFailures + 1)
      this.log.warn({ address }, `${mostFailures} authentications failed within ${windowSeconds} s; the next ones get 429`);
    return new Refusal(
      'TOO_MANY_REQUESTS',
      `Too many requests without a valid API key came from this address; wait ${seconds} s. Requests with a valid key are still served.`,
      { headers: { 'retry-after': String(seconds) } },
    );
  }
}
