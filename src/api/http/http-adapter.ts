// The HTTP server: Fastify with our limits, request ids and the strict JSON parser. What it does with a request, in this order: id, other origins, the gate at the
// end, playground, authentication, budget of intake, rate limit, the gate at the start; only then is a body read. served-paths.ts says which path is treated how.
import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import type { IntakeQueue } from '../../commands/intake-queue.ts';
import type { Authentication } from '../auth/authentication.ts';
import type { ConsoleSessions } from '../auth/console-session.ts';
import type { FailedAuthentications } from '../auth/failed-authentications.ts';
import { isGraphQLUpgrade } from '../graphql/subscriptions/upgrade.ts';
import { rememberRequestIds } from '../graphql/request-id.ts';
import { servePlayground } from '../graphql/playground.ts';
import { largestBody } from '../refusal.ts';
import { authenticateFirst } from './authenticate-first.ts';
import { allowOrigins } from './cors.ts';
import { serveConsole } from './console.ts';
import type { ClientAddress } from './client-address.ts';
import { limitIntake } from './intake-budget.ts';
import { readJsonBodies } from './json-bodies.ts';
import { serveFrontPage } from './front-page.ts';
import { onRequest } from './on-request.ts';
import { servePortal } from './portal.ts';
import { limitRates, type RateLimit } from './rate-limit.ts';
import { refuseUnreadable, refuseUnroutable, rememberRoutes } from './routes.ts';
import { servedPathOf } from './served-paths.ts';
import { serveSessions } from './session.ts';
import type { StartGate } from './start-gate.ts';
import type { StopGate } from './stop-gate.ts';

/** A caller's own `x-request-id` is kept if it is a plain token. It becomes the correlation id of what the request causes. */
const requestIdOf = ({ headers }: { readonly headers: IncomingMessage['headers'] }): string => {
  const given = headers['x-request-id'];
  return typeof given === 'string' && /^[\w.:-]{1,128}$/.test(given) ? given : randomUUID();
};

/** Nest would add parsers of its own, which accept more than the strict one. */
class HttpAdapter extends FastifyAdapter {
  override registerParserMiddleware(): void {}
}

export type HttpParts = {
  readonly gate: StartGate;
  readonly stopGate: StopGate;
  /** Called with the length of each body that was read. */
  readonly countBytes: (bytes: number) => void;
  readonly authentication: Authentication;
  readonly sessions: ConsoleSessions;
  readonly failures: FailedAuthentications;
  readonly rateLimit: RateLimit;
  readonly intake: Pick<IntakeQueue, 'isFull'> | undefined;
  readonly addressOf: ClientAddress;
  /** Of web pages that may call the API, and that may embed the portal. */
  readonly allowedOrigins: readonly string[];
  readonly portalFrameAncestors: readonly string[];
};

/**
 * Headers may have 16 KiB and must arrive within 10 s, a whole request within 60 s; a body may have 16 MiB. A request to upgrade to anything but
 * GraphQL over WebSockets is served as if it had not asked.
 */
export const createHttpAdapter = ({
  gate,
  stopGate,
  countBytes,
  authentication,
  sessions,
  failures,
  rateLimit,
  intake,
  addressOf,
  allowedOrigins,
  portalFrameAncestors,
}: HttpParts): FastifyAdapter => {
  const adapter = new HttpAdapter({
    bodyLimit: largestBody,
    requestTimeout: 60_000,
    keepAliveTimeout: 72_000,
    trustProxy: false,
    return503OnClosing: false, // the gate refuses, with a problem document
    genReqId: requestIdOf,
    frameworkErrors: refuseUnroutable,
    clientErrorHandler: refuseUnreadable,
    http: { maxHeaderSize: 16 * 1024, headersTimeout: 10_000, connectionsCheckingInterval: 2_000, shouldUpgradeCallback: isGraphQLUpgrade },
  });
  const fastify = adapter.getInstance();
  rememberRoutes(fastify);
  rememberRequestIds(fastify);
  readJsonBodies(fastify, countBytes);
  fastify.addHook('onRequest', (request, reply, done) => {
    reply.header('x-request-id', request.id);
    done();
  });
  allowOrigins(fastify, allowedOrigins);
  stopGate.watch(fastify);
  servePlayground(fastify);
  serveFrontPage(fastify);
  serveConsole(fastify);
  servePortal(fastify, portalFrameAncestors);
  authenticateFirst(fastify, authentication, failures, addressOf, sessions);
  serveSessions(fastify, sessions, authentication, failures, addressOf);
  limitIntake(fastify, intake);
  limitRates(fastify, rateLimit);
  onRequest(fastify, (request) => (gate.isOpen || servedPathOf(request).opensFirst ? undefined : gate.pass()));
  return adapter;
};
