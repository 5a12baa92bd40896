// Authentication before the body: a request that carries one is refused by its headers alone, before the first byte of the body is read.
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { organizationHeader } from '../auth/acting-organization.ts';
import { Unauthenticated, type Authentication, type AuthenticatedCaller } from '../auth/authentication.ts';
import type { FailedAuthentications } from '../auth/failed-authentications.ts';
import type { ConsoleSessions } from '../auth/console-session.ts';
import type { ClientAddress } from './client-address.ts';
import { onRequest } from './on-request.ts';
import { servedPathOf } from './served-paths.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** Unset where a request without a body carries no valid key: the handler says whether it needs one. */
    caller?: AuthenticatedCaller;
  }
}

const withoutBody = new Set(['GET', 'HEAD', 'OPTIONS']);

/** A body may come with any method; only those that carry none may go on without a key. */
const carriesBody = ({ method, headers }: FastifyRequest) =>
  !withoutBody.has(method) || headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;

export const authenticateFirst = (
  fastify: FastifyInstance,
  authentication: Authentication,
  failures: FailedAuthentications,
  addressOf: ClientAddress,
  sessions: ConsoleSessions,
): void => {
  onRequest(fastify, (request) => {
    const { authorization } = request.headers;
    const { key } = servedPathOf(request);
    if (key === 'in its body') return undefined;
    try {
      const organization = request.headers[organizationHeader];
      const keyHash = authorization === undefined && key !== 'not needed' ? sessions.keyHashIn(request.method, request.headers) : undefined;
      if (keyHash !== undefined) request.caller = authentication.withKey(keyHash, request.id, organization);
      else if (authorization !== undefined || carriesBody(request))
        request.caller = authentication.authenticate(authorization, request.id, organization);
      return undefined;
    } catch (error) {
      if (!(error instanceof Unauthenticated) && !carriesBody(request)) return undefined; // the handler says whether it needs a key
      if (!(error instanceof Unauthenticated)) throw error;
      return refuse(request, error);
    }
  });
  const refuse = async (request: FastifyRequest, error: Unauthenticated): Promise<void> => {
    const refusal = await failures.record(error, error.failure, addressOf(request.raw), request.id);
    if (carriesBody(request)) throw refusal;
  };
  // Node would ask for the body before anybody looked at the headers. It is asked for once somebody wants it.
  fastify.server.on('checkContinue', (request, response) => {
    asksFirst.add(request);
    fastify.server.emit('request', request, response);
  });
  fastify.addHook('preParsing', (request, reply, payload, done) => {
    if (asksFirst.delete(request.raw)) reply.raw.writeContinue();
    done(null, payload);
  });
};

/** Requests with `Expect: 100-continue` that were not yet asked for their bodies. */
const asksFirst = new WeakSet<object>();
