// POST and DELETE /v1/session: signing in to the console with an API key, and out. See auth/console-session.ts.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import * as z from 'zod';
import { Unauthenticated, type Authentication } from '../auth/authentication.ts';
import type { ConsoleSessions } from '../auth/console-session.ts';
import type { FailedAuthentications } from '../auth/failed-authentications.ts';
import { validate } from '../input-validation.ts';
import { Refusal, refusalOf } from '../refusal.ts';
import type { ClientAddress } from './client-address.ts';
import { refuseEarly } from './refuse-early.ts';
import { servedPathOf } from './served-paths.ts';

const path = '/v1/session';
/** It is read before anybody is authenticated. */
const { largestBody } = servedPathOf({ routeOptions: {}, url: path });

const signIn = z.strictObject({ key: z.string().min(1, 'is empty').max(512, 'must be at most 512 characters') });

/** These routes are Fastify's own, so Nest's filter does not see their errors. */
const answerRefusal = (error: Error, request: FastifyRequest, reply: FastifyReply): void => {
  const refusal = refusalOf(error);
  if (!refusal) throw error;
  const isTooLarge = refusal.code === 'PAYLOAD_TOO_LARGE';
  refuseEarly(request, reply, isTooLarge ? new Refusal(refusal.code, `Signing in takes at most ${largestBody} bytes.`) : refusal);
};

export const serveSessions = (
  fastify: FastifyInstance,
  sessions: ConsoleSessions,
  authentication: Authentication,
  failures: FailedAuthentications,
  addressOf: ClientAddress,
): void => {
  fastify.post(path, { bodyLimit: largestBody, errorHandler: answerRefusal }, async (request, reply) => {
    const { key } = validate(signIn, request.body);
    try {
      const caller = await authentication.whenKnown({ authorization: `Bearer ${key.trim()}` }, request.id);
      if (caller.kind === 'PORTAL') throw new Refusal('FORBIDDEN', 'This token opens the portal; the console takes an API key.');
      if (caller.role === 'PUBLISHER')
        throw new Refusal('FORBIDDEN', 'A key with the role PUBLISHER publishes and reads nothing; sign in with one that reads.');
      return await reply
        .code(204)
        .headers({ 'set-cookie': sessions.begin(caller, request.headers), 'cache-control': 'no-store' })
        .send();
    } catch (error) {
      if (!(error instanceof Unauthenticated)) throw error;
      const refusal = new Unauthenticated(
        error.failure,
        'This API key is not known here, or it was revoked. Check it, or ask an admin for one.',
      );
      throw await failures.record(refusal, error.failure, addressOf(request.raw), request.id);
    }
  });
  fastify.delete(path, { errorHandler: answerRefusal }, (request, reply) => {
    sessions.checkProof(request.headers);
    return reply
      .code(204)
      .headers({ 'set-cookie': sessions.end(request.headers), 'cache-control': 'no-store' })
      .send();
  });
};
