// The HTTP server: Fastify with our limits, request ids and the strict JSON parser.
import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { servePlayground } from './graphql/playground.ts';
import { limitRates } from './rate-limit.ts';
import { largestBody, Refusal } from './refusal.ts';
import type { StartGate } from './start-gate.ts';
import { parseStrictJson } from '../commands/strict-json.ts';

/** A caller's own `x-request-id` is taken over where it is a plain token; it becomes the correlation id of what the request causes. */
const requestIdOf = ({ headers }: { readonly headers: IncomingMessage['headers'] }): string => {
  const given = headers['x-request-id'];
  return typeof given === 'string' && /^[\w.:-]{1,128}$/.test(given) ? given : randomUUID();
};

/** Answered as soon as the log is open; everything else waits for the views. */
const opensFirst = /^\/(v1\/messages|health|metrics)\b/;

/** Nest would add parsers of its own, which take more than the strict one. */
class HttpAdapter extends FastifyAdapter {
  override registerParserMiddleware(): void {}
}

/**
 * Bodies over 16 MiB are refused while they arrive;
 * a request must have arrived within 60 s and its headers may have 16 KiB.
 *
 * @param rateLimit requests a second for each API key
 */
export const createHttpAdapter = (rateLimit: number, gate: StartGate): FastifyAdapter => {
  const adapter = new HttpAdapter({
    bodyLimit: largestBody,
    requestTimeout: 60_000,
    keepAliveTimeout: 72_000,
    trustProxy: false,
    return503OnClosing: true,
    genReqId: requestIdOf,
    http: { maxHeaderSize: 16 * 1024 },
  });
  const fastify = adapter.getInstance();
  fastify.removeAllContentTypeParsers();
  fastify.addContentTypeParser('application/json', { parseAs: 'buffer' }, (request, body: Buffer, done) => {
    try {
      const encoding = request.headers['content-encoding'];
      if (encoding !== undefined && encoding !== 'identity')
        throw new Refusal('UNSUPPORTED_MEDIA_TYPE', `Bodies are taken as they are; send it without \`content-encoding: ${encoding}\`.`);
      request.bodyBytes = body.length;
      done(null, parseStrictJson(body));
    } catch (error) {
      done(error as Error);
    }
  });
  fastify.addHook('onRequest', (request, reply, done) => {
    reply.header('x-request-id', request.id);
    done();
  });
  limitRates(fastify, rateLimit);
  fastify.addHook('onRequest', async ({ url }) => {
    if (!opensFirst.test(url)) await gate.pass();
  });
  servePlayground(fastify);
  return adapter;
};

declare module 'fastify' {
  interface FastifyRequest {
    /** How long the JSON body was; unset where there was none. */
    bodyBytes?: number;
  }
}
