// Pages of other origins that may call the API. None unless the configuration names them.
// Only bearer tokens count there: no answer allows credentials, so a browser sends no cookie of ours for another site's page.
import type { FastifyInstance, FastifyRequest } from 'fastify';

/** Browsers ask again after so long. */
const preflightSeconds = 600;
const preflight = {
  'access-control-allow-methods': 'GET, POST',
  'access-control-allow-headers': 'authorization, content-type, hookledger-organization, x-request-id',
  'access-control-max-age': String(preflightSeconds),
};
const readable = 'x-request-id, retry-after, ratelimit-limit, ratelimit-remaining, ratelimit-reset';

const isPreflight = ({ method, headers }: FastifyRequest) => method === 'OPTIONS' && headers['access-control-request-method'] !== undefined;

/** Before anything can refuse a request, so that pages can read refusals as well. @param origins as browsers send them */
export const allowOrigins = (fastify: FastifyInstance, origins: readonly string[]): void => {
  if (origins.length === 0) return;
  const allowed = new Set(origins);
  fastify.addHook('onRequest', (request, reply, done) => {
    reply.header('vary', 'origin');
    const { origin } = request.headers;
    if (origin === undefined || !allowed.has(origin)) return done();
    reply.headers({ 'access-control-allow-origin': origin, 'access-control-expose-headers': readable });
    if (!isPreflight(request)) return done();
    void reply.code(204).headers(preflight).send();
  });
};
