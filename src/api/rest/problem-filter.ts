// The one exception filter: errors become problem documents (RFC 9457), and GraphQL errors where the request was for /graphql.
import { Catch, Inject, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { graphqlPath } from '../graphql/path.ts';
import { dropTheRest } from '../http/refuse-early.ts';
import { problemContentType, problemDocument, problemExtensions } from '../problem.ts';
import { Refusal, refusalOf } from '../refusal.ts';
import { API_LOG, COUNT_REFUSAL, type ApiLog, type CountRefusal } from '../tokens.ts';

@Catch()
export class ProblemFilter implements ExceptionFilter {
  constructor(
    @Inject(API_LOG) private readonly log: ApiLog,
    @Inject(COUNT_REFUSAL) private readonly countRefusal: CountRefusal,
  ) {}

  catch(error: unknown, host: ArgumentsHost): unknown {
    // GraphQL: returned, so that it reaches `formatError`.
    if (host.getType<string>() !== 'http') return error;
    const [request, reply] = host.getArgs<[FastifyRequest, FastifyReply]>();
    const { id: requestId, method } = request;
    const path = pathOf(request);
    const refusal = request.is404 ? noSuchRoute(request, path, error) : refusalOf(error);
    this.countRefusal(refusal?.code ?? 'INTERNAL_SERVER_ERROR');
    if (refusal) this.log.debug({ requestId, method, path, code: refusal.code }, 'A request was refused');
    else this.log.error({ err: error, requestId, method, path }, 'A request failed');
    if (!request.raw.complete) dropTheRest(request, reply);
    const headers: Record<string, string> = { 'x-request-id': requestId, ...refusal?.headers };
    const problem = problemDocument(refusal, requestId);
    reply.code(problem.status).headers(headers);
    if (path !== graphqlPath) return reply.type(problemContentType).send(JSON.stringify(problem));
    const extensions = problemExtensions(refusal?.code ?? 'INTERNAL_SERVER_ERROR', requestId, refusal?.issues);
    return reply.type('application/json; charset=utf-8').send(JSON.stringify({ errors: [{ message: problem.detail, extensions }] }));
  }
}

/** Who may not ask is not told what there is. */
const comeBefore: ReadonlySet<string> = new Set(['UNAUTHENTICATED', 'TOO_MANY_REQUESTS', 'UNAVAILABLE']);

/** No route takes the request: 405 where one has its path with another method, else 404, whatever is wrong with its body. */
const noSuchRoute = ({ server, method }: FastifyRequest, path: string, error: unknown): Refusal | undefined => {
  const refusal = refusalOf(error);
  if (!refusal || comeBefore.has(refusal.code)) return refusal;
  const methods = server.methodsOf(path);
  if (methods.length === 0)
    return new Refusal('NOT_FOUND', `There is nothing at ${path}; messages are taken at /v1/messages, and queries at ${graphqlPath}.`);
  const allowed = methods.join(', ');
  return new Refusal('METHOD_NOT_ALLOWED', `${path} takes ${allowed}, not ${method}.`, { headers: { allow: allowed } });
};

const pathOf = ({ url }: FastifyRequest): string => url.split('?', 1)[0] ?? url;
