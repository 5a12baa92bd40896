// The playground: GraphiQL at GET /graphql for browsers, from this server alone. The page is public; what it asks needs a key.
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { readPage } from '../http/console-files.ts';
import { graphqlPath } from './path.ts';

/** No other site, no inline script. The editor sets styles on its elements, and its style sheet carries its fonts. */
const policy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "connect-src 'self'",
  "font-src 'self' data:",
  "img-src 'self' data:",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

const wantsPage = ({ method, url, headers }: FastifyRequest) =>
  method === 'GET' && (url === graphqlPath || url === `${graphqlPath}/`) && (headers.accept ?? '').includes('text/html');

export const servePlayground = (fastify: FastifyInstance): void => {
  fastify.addHook('onRequest', (request, reply, done) => {
    if (!wantsPage(request)) return done();
    void reply
      .type('text/html; charset=utf-8')
      .headers({
        'content-security-policy': policy,
        'referrer-policy': 'no-referrer',
        'x-content-type-options': 'nosniff',
        'cache-control': 'no-cache',
      })
      .send(readPage('playground.html'));
  });
};
