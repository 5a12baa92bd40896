// How GraphQL is served: Apollo over HTTP, graphql-ws over WebSockets, with the same context, limits and errors.
import { randomUUID } from 'node:crypto';
import type { ApolloServerPlugin } from '@apollo/server';
import { Injectable, Inject } from '@nestjs/common';
import type { ApolloDriverConfig } from '@nestjs/apollo';
import { GraphQLSchemaHost, type GqlOptionsFactory } from '@nestjs/graphql';
import type { FastifyRequest } from 'fastify';
import { GraphQLError, Kind, OperationTypeNode, parse, validate, type FormattedExecutionResult, type GraphQLFormattedError } from 'graphql';
import type { Context as WsContext, SubscribePayload } from 'graphql-ws';
import { refusalOf } from '../refusal.ts';
import { StartGate } from '../start-gate.ts';
import { API_LOG, type ApiLog } from '../tokens.ts';
import { ApiContexts, type ApiContext } from './context.ts';
import { asGraphQLError, formatGraphQLError } from './errors.ts';
import { overLimit } from './limits.ts';
import { graphqlPath } from './path.ts';

/** Tokens in one document: far more than people write. */
const maxTokens = 5_000;
const longestConnectionMs = 10_000;

type Ws = WsContext;
/** As graphql-ws has it: every field may be undefined. */
type WsResult = {
  readonly errors?: readonly GraphQLError[] | undefined;
  readonly data?: Record<string, unknown> | null | undefined;
  readonly extensions?: Record<string, unknown> | undefined;
};

@Injectable()
export class GraphQLOptions implements GqlOptionsFactory<ApolloDriverConfig> {
  private readonly format: (formatted: GraphQLFormattedError, error: unknown) => GraphQLFormattedError;

  constructor(
    private readonly contexts: ApiContexts,
    @Inject(GraphQLSchemaHost) private readonly schemaHost: GraphQLSchemaHost,
    private readonly gate: StartGate,
    @Inject(API_LOG) log: ApiLog,
  ) {
    this.format = formatGraphQLError(log);
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
      parseOptions: { maxTokens },
      context: (request: FastifyRequest | Ws) => this.contextOf(request),
      formatError: this.format,
      plugins: [this.limits],
      subscriptions: { 'graphql-ws': this.overWebSockets },
    };
  }

  /** More of graphql-ws's options than Nest's type names; all are passed on. */
  private get overWebSockets() {
    return {
      path: graphqlPath,
      connectionInitWaitTimeout: longestConnectionMs,
      onConnect: (ws: Ws) => this.isKnown(ws),
      onSubscribe: (_: Ws, __: string, payload: SubscribePayload) => this.refusedBefore(payload),
      onNext: (_: Ws, __: string, ___: SubscribePayload, ____: unknown, result: WsResult) => this.shown(result),
      onError: (_: Ws, __: string, ___: SubscribePayload, errors: readonly GraphQLError[]) =>
        errors.map((error) => this.format(error.toJSON(), error)),
    };
  }

  private contextOf(request: FastifyRequest | Ws): ApiContext {
    try {
      if ('connectionParams' in request || !('headers' in request)) return this.contexts.create(authorizationOf(request), randomUUID());
      return this.contexts.create(request.headers.authorization, request.id);
    } catch (error) {
      const refusal = refusalOf(error);
      throw refusal ? asGraphQLError(refusal) : error;
    }
  }

  /** graphql-ws closes the connection with 4403 when it is not. */
  private async isKnown(ws: Ws): Promise<boolean> {
    try {
      await this.gate.pass();
      this.contexts.create(authorizationOf(ws), randomUUID());
      return true;
    } catch (error) {
      if (refusalOf(error)) return false;
      throw error;
    }
  }

  /** What Apollo checks for HTTP, for WebSockets: the size of the document, its validity, and the limits. */
  private refusedBefore({ query, operationName, variables }: SubscribePayload): readonly GraphQLError[] | undefined {
    const { schema } = this.schemaHost;
    try {
      const document = parse(query, { maxTokens });
      const errors = validate(schema, document);
      if (errors.length > 0) return errors;
      for (const definition of document.definitions) {
        if (definition.kind !== Kind.OPERATION_DEFINITION || (operationName && definition.name?.value !== operationName)) continue;
        const error = overLimit(schema, document, definition, variables ?? {});
        if (error) return [error];
      }
      return undefined;
    } catch (error) {
      if (error instanceof GraphQLError) return [error];
      throw error;
    }
  }

  private shown({ errors, data, extensions }: WsResult): FormattedExecutionResult {
    return {
      ...(errors && { errors: errors.map((error) => this.format(error.toJSON(), error)) }),
      ...(data !== undefined && { data }),
      ...(extensions && { extensions }),
    };
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

/** `{authorization}`, `{Authorization}` or `{headers: {…}}`, as clients and playgrounds send it. */
const authorizationOf = ({ connectionParams }: Ws): string | undefined => {
  const params = connectionParams ?? {};
  const headers = typeof params['headers'] === 'object' && params['headers'] !== null ? (params['headers'] as Record<string, unknown>) : {};
  const found = [params['authorization'], params['Authorization'], headers['authorization'], headers['Authorization']];
  return found.find((value): value is string => typeof value === 'string');
};
