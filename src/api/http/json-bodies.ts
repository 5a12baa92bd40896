// Reads JSON bodies. Large ones are parsed one in each turn of the event loop, so that others have their turns in between.
import type { FastifyInstance } from 'fastify';
import { parseStrictJson } from '../../commands/strict-json.ts';
import { Refusal } from '../refusal.ts';
import { asError } from './on-request.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** Length of the JSON body; unset if there was none. */
    bodyBytes?: number;
  }
}

/** Parsing one takes a millisecond or more. */
const largeBody = 64 * 1024;

/** The only type of body that is read. @param countBytes called with the length of each body that was read */
export const readJsonBodies = (fastify: FastifyInstance, countBytes: (bytes: number) => void): void => {
  const turns = new OnePerTurn();
  fastify.removeAllContentTypeParsers();
  fastify.addContentTypeParser('application/json', { parseAs: 'buffer' }, (request, body: Buffer, done) => {
    const encoding = request.headers['content-encoding'];
    if (encoding !== undefined && encoding !== 'identity') {
      const message = `Bodies are taken as they are; send it without \`content-encoding: ${encoding}\`.`;
      return done(new Refusal('UNSUPPORTED_MEDIA_TYPE', message));
    }
    request.bodyBytes = body.length;
    countBytes(body.length);
    const parse = () => {
      let parsed: unknown;
      try {
        parsed = parseStrictJson(body);
      } catch (error) {
        return done(asError(error));
      }
      done(null, parsed);
    };
    if (body.length < largeBody) parse();
    else turns.push(parse);
  });
};

class OnePerTurn {
  private readonly tasks: (() => void)[] = [];

  push(task: () => void): void {
    this.tasks.push(task);
    if (this.tasks.length === 1) setImmediate(() => this.runNext());
  }

  private runNext(): void {
    this.tasks[0]?.();
    this.tasks.shift();
    if (this.tasks.length > 0) setImmediate(() => this.runNext());
  }
}
