// The rate limit: requests per second for each API key, on each replica. What exceeds it is refused before its body is read.
import type { FastifyInstance } from 'fastify';
import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible';
import type { AuthenticatedCaller } from '../auth/authentication.ts';
import { Refusal } from '../refusal.ts';
import { servedPathOf } from './served-paths.ts';

const windowSeconds = 1;

/** Until the window ends: a timer ends it, however the machine's clock, by which the limiter says how long that is, is set meanwhile. */
export const secondsUntil = ({ msBeforeNext }: RateLimiterRes, window: number): number =>
  Math.min(window, Math.max(0, Math.ceil(msBeforeNext / 1000)));

/** Counts one for the key. @returns the limiter's state, also once nothing is left */
export const consume = async (limiter: RateLimiterMemory, key: string): Promise<RateLimiterRes> => {
  try {
    return await limiter.consume(key);
  } catch (exceeded) {
    if (exceeded instanceof RateLimiterRes) return exceeded;
    throw exceeded;
  }
};

/** Counts by the authenticated key, however its header is spelled, for HTTP and WebSockets alike. */
export class RateLimit {
  private readonly limiter: RateLimiterMemory;

  constructor(private readonly perSecond: number) {
    this.limiter = new RateLimiterMemory({ points: perSecond * windowSeconds, duration: windowSeconds });
  }

  /**
   * Counts one request of a key: an HTTP request, or an operation that came over a WebSocket.
   * @returns the headers `ratelimit-limit`, `ratelimit-remaining` and `ratelimit-reset` (seconds), as in draft-ietf-httpapi-ratelimit-headers-06
   * @throws Refusal TOO_MANY_REQUESTS
   */
  async count({ keyHash }: Pick<AuthenticatedCaller, 'keyHash'>): Promise<Record<string, string>> {
    const state = await consume(this.limiter, keyHash);
    const resetSeconds = secondsUntil(state, windowSeconds);
    const headers = {
      'ratelimit-limit': String(this.perSecond * windowSeconds),
      'ratelimit-remaining': String(Math.max(0, state.remainingPoints)),
      'ratelimit-reset': String(resetSeconds),
    };
    if (state.consumedPoints <= this.perSecond * windowSeconds) return headers;
    throw new Refusal(
      'TOO_MANY_REQUESTS',
      `This API key may make ${this.perSecond} requests a second; wait, or send several messages in one request.`,
      { headers: { ...headers, 'retry-after': String(Math.max(1, resetSeconds)) } },
    );
  }
}

export const limitRates = (fastify: FastifyInstance, limit: RateLimit): void => {
  fastify.addHook('onRequest', async (request, reply) => {
    const { caller } = request;
    if (caller && servedPathOf(request).isCounted) reply.headers(await limit.count(caller));
  });
};
