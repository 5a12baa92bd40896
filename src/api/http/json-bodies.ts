// Reads JSON bodies. Large ones are parsed in steps, and other requests have their turns in between.
import type { FastifyInstance } from 'fastify';
import { largeJson, parseLargeJson } from '../../commands/large-json.ts';
import { parseStrictJson } from '../../commands/strict-json.ts';
import { takeInSlices } from '../../time-slices.ts';
import { Refusal } from '../refusal.ts';
import { asError } from './on-request.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** Length of the JSON body; unset if there was none. */
    bodyBytes?: number;
  }
}

/** The only type of body that is read. @param countBytes called with the length of each body that was read */
export const readJsonBodies = (fastify: FastifyInstance, countBytes: (bytes: number) => void): void => {
  fastify.removeAllContentTypeParsers();
  fastify.addContentTypeParser('application/json', { parseAs: 'buffer' }, (request, body: Buffer, done) => {
    const encoding = request.headers['content-encoding'];
    if (encoding !== undefined && encoding !== 'identity') {
      const message = `Bodies are taken as they are; send it without \`content-encoding: ${encoding}\`.`;
      return done(new Refusal('UNSUPPORTED_MEDIA_TYPE', message));
    }
    request.bodyBytes = body.length;
    countBytes(body.length);
    if (body.length >= largeJson) return void parseInSlices(body, done);
    let parsed: unknown;
    try {
      parsed = parseStrictJson(body);
    } catch (error) {
      return done(asError(error));
    }
    done(null, parsed);
  });
};

const parseInSlices = async (body: Buffer, done: (error: Error | null, parsed?: unknown) => void): Promise<void> => {
  let parsed: unknown;
  try {
    parsed = await takeInSlices(parseLargeJson(body));
  } catch (error) {
    return done(asError(error));
  }
  done(null, parsed);
};
