// Refuses a request before its body is read, and lets the client read the answer although it still sends.
import type { FastifyReply, FastifyRequest } from 'fastify';
import { problemContentType, problemDocument } from '../problem.ts';
import type { Refusal } from '../refusal.ts';

/** Costs little: without the framework's way for errors. Under overload there are many. */
export const refuseEarly = (request: FastifyRequest, reply: FastifyReply, refusal: Refusal): void => {
  if (!request.raw.complete) dropTheRest(request, reply);
  void reply
    .code(refusal.status)
    .headers(refusal.headers)
    .type(problemContentType)
    .send(JSON.stringify(problemDocument(refusal, request.id)));
};

/**
 * A client that still sends reads no answer from a connection that was closed under it. So the rest of its body is dropped unread for up to 10 s;
 * then the connection closes, unless everything has arrived.
 */
export const dropTheRest = ({ raw }: FastifyRequest, reply: FastifyReply): void => {
  reply.removeHeader('connection');
  reply.raw.once('finish', () => {
    if (raw.complete) return;
    raw.resume();
    const late = setTimeout(() => raw.socket.destroy(), longestDropMs);
    raw.once('close', () => clearTimeout(late));
  });
};
const longestDropMs = 10_000;
