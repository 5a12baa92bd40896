// The rate limit: so many requests a second for each API key, on each replica. What exceeds it is refused before its body is read.
import type { FastifyInstance } from 'fastify';
import { RateLimiterMemory, type RateLimiterRes } from 'rate-limiter-flexible';
import { Refusal } from './refusal.ts';

const windowSeconds = 1;

/**
 * Counted by the key as it is sent, before it is known whether it is valid; requests without one are refused anyway, and health needs none.
 * Answers carry `ratelimit-limit`, `ratelimit-remaining` and `ratelimit-reset` (seconds), as in draft-ietf-httpapi-ratelimit-headers-06.
 */
export const limitRates = (fastify: FastifyInstance, perSecond: number): void => {
  const limiter = new RateLimiterMemory({ points: perSecond * windowSeconds, duration: windowSeconds });
  fastify.addHook('onRequest', async (request, reply) => {
    const key = request.headers.authorization;
    if (key === undefined) return;
    // It rejects with the state, too, where there is none left.
    const state = await limiter.consume(key).catch((exceeded: unknown) => exceeded as RateLimiterRes);
    const headers = {
      'ratelimit-limit': String(perSecond * windowSeconds),
      'ratelimit-remaining': String(Math.max(0, state.remainingPoints)),
      'ratelimit-reset': String(Math.ceil(state.msBeforeNext / 1000)),
    };
    if (state.consumedPoints > perSecond * windowSeconds) throw tooMany(perSecond, state, headers);
    reply.headers(headers);
  });
};

const tooMany = (perSecond: number, { msBeforeNext }: RateLimiterRes, headers: Record<string, string>) =>
  new Refusal('TOO_MANY_REQUESTS', `This API key may make ${perSecond} requests a second; wait, or send several messages in one request.`, {
    headers: { ...headers, 'retry-after': String(Math.max(1, Math.ceil(msBeforeNext / 1000))) },
  });
