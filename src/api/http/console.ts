// The console: one page for all of its addresses, and its files. Both are public and hold nothing; what the console shows, it asks the API for.
import { randomBytes } from 'node:crypto';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { readAsset, readPage } from './console-files.ts';
import { consolePages } from './served-paths.ts';

/** The component library writes style elements, which carry the nonce of the page. Nothing else is inline, and nothing is loaded from elsewhere. */
const policyWith = (nonce: string, ancestors: readonly string[]) =>
  [
    "default-src 'none'",
    "script-src 'self'",
    `style-src 'self' 'nonce-${nonce}'`,
    "img-src 'self' data:",
    "font-src 'self'",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'self'",
    `frame-ancestors ${ancestors.length === 0 ? "'none'" : ancestors.join(' ')}`,
  ].join('; ');

export const sendConsole = (reply: FastifyReply): FastifyReply => sendPage(reply, readPage('index.html'));

/** @param ancestors origins of pages that may embed it */
export const sendPage = (reply: FastifyReply, page: string, ancestors: readonly string[] = []): FastifyReply => {
  const nonce = randomBytes(16).toString('base64');
  return reply
    .type('text/html; charset=utf-8')
    .headers({
      'content-security-policy': policyWith(nonce, ancestors),
      'cache-control': 'no-store',
      'referrer-policy': 'no-referrer',
      'x-content-type-options': 'nosniff',
    })
    .send(page.replaceAll('{{nonce}}', nonce));
};

export const serveConsole = (fastify: FastifyInstance): void => {
  for (const page of consolePages) fastify.get(page, (_, reply) => sendConsole(reply));
  fastify.get<{ Params: { name: string } }>('/assets/:name', (request, reply) => sendAsset(request.params.name, request, reply));
};

/** Its name changes with its content, so browsers may keep it for ever. */
const sendAsset = (name: string, { headers }: FastifyRequest, reply: FastifyReply) => {
  const file = readAsset(name, headers['accept-encoding'] ?? '');
  if (file === undefined) return reply.callNotFound();
  if (file.encoding !== undefined) void reply.header('content-encoding', file.encoding);
  return reply
    .type(file.type)
    .headers({
      'cache-control': 'public, max-age=31536000, immutable',
      'x-content-type-options': 'nosniff',
      vary: 'accept-encoding',
    })
    .send(file.content);
};
