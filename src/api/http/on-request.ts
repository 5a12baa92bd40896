// Hooks that run for every request before its body is read. Those that need not wait cost no promise.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';

type Done = (error?: Error) => void;

/** @param check returns a promise only if it has to wait; throws, or rejects, to refuse the request */
export const onRequest = (
  fastify: FastifyInstance,
  check: (request: FastifyRequest, reply: FastifyReply) => Promise<void> | undefined,
): void => {
  fastify.addHook('onRequest', (request, reply, done) => {
    let waiting: Promise<void> | undefined;
    try {
      waiting = check(request, reply);
    } catch (error) {
      return done(asError(error));
    }
    if (waiting) void continueAfter(waiting, done);
    else done();
  });
};

/** What a check throws is an error; Fastify's types ask for one. */
export const asError = (thrown: unknown): Error => (thrown instanceof Error ? thrown : new Error(String(thrown)));

const continueAfter = async (waiting: Promise<void>, done: Done): Promise<void> => {
  try {
    await waiting;
  } catch (error) {
    return done(asError(error));
  }
  done();
};
