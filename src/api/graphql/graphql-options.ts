// How GraphQL is served over HTTP: Apollo, with our context, limits and errors. WebSockets are served by subscriptions/subscription-server.ts.
import type { ApolloServerPlugin } from '@apollo/server';
import { Injectable, Inject } from '@nestjs/common';
import type { ApolloDriverConfig } from '@nestjs/apollo';
import type { GqlOptionsFactory } from '@nestjs/graphql';
import type { FastifyRequest } from 'fastify';
import { GraphQLError, OperationTypeNode, type GraphQLFormattedError } from 'graphql';
import { parseStrictJson } from '../../commands/strict-json.ts';
import { Refusal, refusalOf } from '../refusal.ts';
import { API_LOG, COUNT_REFUSAL, type ApiLog, type CountRefusal } from '../tokens.ts';
import { boundExecution } from './bounded-execution.ts';
import { ApiContexts, type ApiContext } from './context.ts';
import { DocumentSizes, maxTokens } from './document-size.ts';
import { asGraphQLError, formatGraphQLError } from './errors.ts';
import { enforceFieldAccess } from './field-access.ts';
import { resolveInOwnersContext } from './in-owners-context.ts';
import { overLimit } from './limits.ts';
import { graphqlPath } from './path.ts';
import { stringifyAnswer } from './stringify-answer.ts';

@Injectable()
export class GraphQLOptions implements GqlOptionsFactory<ApolloDriverConfig> {
  private readonly sizes = new DocumentSizes();
  private readonly format: (formatted: GraphQLFormattedError, error: unknown) => GraphQLFormattedError;

  constructor(
    private readonly contexts: ApiContexts,
    @Inject(API_LOG) log: ApiLog,
    @Inject(COUNT_REFUSAL) countRefusal: CountRefusal,
  ) {
    this.format = formatGraphQLError(log, countRefusal);
  }

  createGqlOptions(): Omit<ApolloDriverConfig, 'driver'> {
    return {
      path: graphqlPath,
      autoSchemaFile: true,
      introspection: true,
      graphiql: false,
      csrfPrevention: true,
      allowBatchedHttpRequests: false,
      persistedQueries: false,
      includeStacktraceInErrorResponses: false,
      autoTransformHttpErrors: false,
      context: (request: FastifyRequest) => this.contextOf(request),
      formatError: this.format,
      parseOptions: { maxTokens },
      transformSchema: (schema) => resolveInOwnersContext(enforceFieldAccess(boundExecution(schema))),
      stringifyResult: stringifyAnswer,
      plugins: [this.limits],
    };
  }

  /**
   * A query by GET was not authenticated before, as it has no body. The size of the document is checked here because Apollo validates before its
   * plugins can refuse anything.
   */
  private contextOf(request: FastifyRequest): ApiContext {
    try {
      const { caller, headers, id } = request;
      const context = caller ? this.contexts.of(caller, headers) : this.contexts.create(headers, id);
      this.sizes.check(documentIn(request));
      checkVariablesOfGet(request);
      return context;
    } catch (error) {
      const refusal = refusalOf(error);
      throw refusal ? asGraphQLError(refusal) : error;
    }
  }

  private readonly limits: ApolloServerPlugin = {
    requestDidStart: () =>
      Promise.resolve({
        didResolveOperation: ({ schema, document, operation, request }) => {
          if (!operation) return Promise.resolve();
          if (operation.operation === OperationTypeNode.SUBSCRIPTION)
            throw new GraphQLError('Subscriptions are served over WebSockets (graphql-transport-ws) at the same path.', {
              extensions: { code: 'BAD_USER_INPUT', http: { status: 400 } },
            });
          const error = overLimit(schema, document, operation, request.variables ?? {});
          if (error) throw error;
          return Promise.resolve();
        },
      }),
  };
}

/** Apollo reads the variables of a GET with `JSON.parse`. Refuses those that it would change. */
const checkVariablesOfGet = ({ method, query }: FastifyRequest): void => {
  const text = method === 'GET' && typeof query === 'object' && query !== null && 'variables' in query ? query.variables : undefined;
  if (typeof text !== 'string' || text === '') return;
  if (JSON.stringify(parseStrictJson(Buffer.from(text))) === JSON.stringify(JSON.parse(text))) return;
  const message = 'A number in the variables has more digits than a double holds; send the query by POST.';
  throw new Refusal('BAD_USER_INPUT', message, { issues: [{ path: 'variables', message }] });
};

/** Apollo refuses a request whose query is no text. */
const documentIn = ({ body, query }: FastifyRequest): unknown =>
  typeof body === 'object' && body !== null && 'query' in body
    ? body.query
    : typeof query === 'object' && query !== null && 'query' in query
      ? query.query
      : undefined;
