// The one exception filter: errors become problem documents (RFC 9457), and GraphQL errors where the request was for /graphql.
import { STATUS_CODES } from 'node:http';
import { Catch, Inject, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { graphqlPath } from '../graphql/path.ts';
import { refusalOf, type Refusal } from '../refusal.ts';
import { API_LOG, type ApiLog } from '../tokens.ts';

/** What anyone is told of a failure of ours; the log has the rest, under the same id. */
export const failureSentence = (id: string) => `Something failed here that should not have; the log of the server says what, under ${id}.`;

@Catch()
export class ProblemFilter implements ExceptionFilter {
  constructor(@Inject(API_LOG) private readonly log: ApiLog) {}

  catch(error: unknown, host: ArgumentsHost): unknown {
    // GraphQL: returned, so that it reaches `formatError`.
    if (host.getType<string>() !== 'http') return error;
    const [request, reply] = host.getArgs<[FastifyRequest, FastifyReply]>();
    const refusal = refusalOf(error);
    if (!refusal) this.log.error({ err: error, requestId: request.id, method: request.method, path: pathOf(request) }, 'A request failed');
    const status = refusal?.status ?? 500;
    const message = refusal?.message ?? failureSentence(request.id);
    if (!request.raw.complete) dropTheRest(request, reply);
    const headers: Record<string, string> = { 'x-request-id': request.id, ...refusal?.headers };
    if (pathOf(request) === graphqlPath) {
      const code = refusal?.code ?? 'INTERNAL_SERVER_ERROR';
      const body = { errors: [{ message, extensions: { code, ...issuesOf(refusal) } }] };
      return reply.code(status).headers(headers).type('application/json; charset=utf-8').send(JSON.stringify(body));
    }
    const problem = { type: 'about:blank', title: STATUS_CODES[status], status, detail: message, ...issuesOf(refusal) };
    return reply.code(status).headers(headers).type('application/problem+json; charset=utf-8').send(JSON.stringify(problem));
  }
}

/**
 * A client that still sends reads no answer from a connection that was closed under it. So the rest of its body is dropped unread for up to 10 s;
 * then the connection closes, unless everything has arrived.
 */
const dropTheRest = ({ raw }: FastifyRequest, reply: FastifyReply): void => {
  reply.removeHeader('connection');
  reply.raw.once('finish', () => {
    if (raw.complete) return;
    raw.resume();
    const late = setTimeout(() => raw.socket.destroy(), longestDropMs);
    raw.once('close', () => clearTimeout(late));
  });
};
const longestDropMs = 10_000;

const pathOf = ({ url }: FastifyRequest) => url.split('?', 1)[0];

const issuesOf = (refusal: Refusal | undefined) => (refusal && refusal.issues.length > 0 ? { issues: refusal.issues } : {});
