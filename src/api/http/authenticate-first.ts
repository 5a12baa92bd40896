// Authentication before the body: a request that carries one is refused by its headers alone, before the first byte of the body is read.
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { organizationHeader } from '../auth/acting-organization.ts';
import { Unauthenticated, type Authentication, type AuthenticatedCaller, type Credentials } from '../auth/authentication.ts';
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
    let credentials: Credentials | undefined;
    try {
      const keyHash = authorization === undefined && key !== 'not needed' ? sessions.keyHashIn(request.method, request.headers) : undefined;
      credentials = { authorization, keyHash, organization: request.headers[organizationHeader] };
      if (keyHash !== undefined || authorization !== undefined || carriesBody(request))
        request.caller = authentication.by(credentials, request.id);
      return undefined;
    } catch (error) {
      return credentials ? waitFor(request, credentials) : refused(request, error);
    }
  });
  const waitFor = async (request: FastifyRequest, credentials: Credentials): Promise<void> => {
    try {
      request.caller = await authentication.whenKnown(credentials, request.id);
    } catch (error) {
      await refused(request, error);
    }
  };
  const refused = (request: FastifyRequest, error: unknown): Promise<void> | undefined => {
    if (error instanceof Unauthenticated) return refuse(request, error);
    if (carriesBody(request)) throw error;
    return undefined; // the handler says whether it needs a key
  };
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
