// The id of the GraphQL request that is being answered over HTTP. Apollo formats errors without saying which request they are of.
import { AsyncLocalStorage } from 'node:async_hooks';
import { randomUUID } from 'node:crypto';
import type { FastifyInstance } from 'fastify';
import { graphqlPath } from './path.ts';

const requestIds = new AsyncLocalStorage<string>();

export const currentRequestId = (): string => requestIds.getStore() ?? randomUUID();

/** Not before the body is read: what happens then does not belong to the request's asynchronous context. */
export const rememberRequestIds = (fastify: FastifyInstance): void => {
  fastify.addHook('preHandler', ({ id, routeOptions }, _, done) => {
    if (routeOptions.url === graphqlPath) requestIds.run(id, done);
    else done();
  });
};
