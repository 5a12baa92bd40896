// GET /portal: what customers see of their organization, with the token of a portal session in the fragment, which browsers send to no server. It needs
// no cookie, so it works in a frame of another site's page. GET /portal.js: the element that such pages embed it with.
import type { FastifyInstance } from 'fastify';
import { readPage } from './console-files.ts';
import { sendPage } from './console.ts';

/** Browsers ask again after so long. */
const scriptSeconds = 300;

/** @param ancestors origins whose pages may embed it, and may tell it a new token; the page carries them */
export const servePortal = (fastify: FastifyInstance, ancestors: readonly string[]): void => {
  fastify.get('/portal', (_, reply) => sendPage(reply, readPage('portal.html').replace('{{ancestors}}', ancestors.join(' ')), ancestors));
  fastify.get('/portal.js', (_, reply) =>
    reply
      .type('text/javascript; charset=utf-8')
      .headers({
        'cache-control': `public, max-age=${scriptSeconds}`,
        'access-control-allow-origin': '*',
        'cross-origin-resource-policy': 'cross-origin',
        'x-content-type-options': 'nosniff',
      })
      .send(readPage('portal.js')),
  );
};
