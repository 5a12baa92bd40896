// What the router itself refuses, as problem documents: which methods a path takes, URLs that can't be decoded, and requests that are no HTTP.
import { randomUUID } from 'node:crypto';
import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { problemContentType, problemDocument } from '../problem.ts';
import { Refusal } from '../refusal.ts';
import { checkIsListed } from './served-paths.ts';

declare module 'fastify' {
  interface FastifyInstance {
    /** The methods of the routes with this path; none if there is no such path. */
    methodsOf(path: string): readonly string[];
  }
}

/** Call it before there is any route. */
export const rememberRoutes = (fastify: FastifyInstance): void => {
  const methods = new Map<string, Set<string>>();
  fastify.addHook('onRoute', ({ url, method }) => {
    checkIsListed(url);
    const known = methods.get(url) ?? new Set();
    methods.set(url, known);
    for (const each of [method].flat()) known.add(each);
  });
  fastify.decorate('methodsOf', (path: string) => [...(methods.get(path) ?? [])].toSorted((a, b) => a.localeCompare(b)));
};

/** Fastify's answer to a request that it can't route, such as `/%zz`. */
export const refuseUnroutable = (_: unknown, { id }: FastifyRequest, reply: FastifyReply): void => {
  const refusal = new Refusal('BAD_USER_INPUT', 'The path of the URL is not percent-encoded correctly.');
  void reply
    .code(refusal.status)
    .header('x-request-id', id)
    .type(problemContentType)
    .send(JSON.stringify(problemDocument(refusal, id)));
};

/** Node's answer to bytes that are no HTTP request, or one that is too long or too slow. There is no request yet. */
export const refuseUnreadable = (error: Error & { readonly code?: string }, socket: Socket): void => {
  if (error.code === 'ECONNRESET' || socket.destroyed) return;
  if (!socket.writable) return void socket.destroy();
  const id = randomUUID();
  const refusal = unreadable(error.code);
  const body = JSON.stringify(problemDocument(refusal, id));
  const head = [
    `HTTP/1.1 ${refusal.status} ${STATUS_CODES[refusal.status] ?? ''}`,
    `content-type: ${problemContentType}`,
    `content-length: ${Buffer.byteLength(body)}`,
    `x-request-id: ${id}`,
    'connection: close',
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`);
};

const unreadable = (code: string | undefined): Refusal => {
  if (code === 'HPE_HEADER_OVERFLOW')
    return new Refusal('REQUEST_HEADER_FIELDS_TOO_LARGE', 'The headers are larger than 16 KiB; send fewer or shorter ones.');
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return new Refusal('REQUEST_TIMEOUT', 'The request did not arrive in time; send it again.');
  return new Refusal('BAD_USER_INPUT', 'This is not a valid HTTP/1.1 request.');
};
