// GraphQL errors: each has a code, a type and the request's id, and none has a stack trace. Internal errors are answered with one fixed sentence.
import { GraphQLError, type GraphQLFormattedError } from 'graphql';
import type { Issue } from '../../domain/errors.ts';
import { failureSentence, problemExtensions } from '../problem.ts';
import { refusalOf, type Refusal } from '../refusal.ts';
import type { ApiLog, CountRefusal } from '../tokens.ts';
import { pathOfError } from './error-path.ts';
import { currentRequestId } from './request-id.ts';

/** For a refusal before execution. Apollo takes the status and headers of the response from `http`. */
export const asGraphQLError = (refusal: Refusal): GraphQLError =>
  new GraphQLError(refusal.message, {
    originalError: refusal,
    extensions: { code: refusal.code, http: { status: refusal.status, headers: new Map(Object.entries(refusal.headers)) } },
  });

/** The error that a resolver threw; graphql-js wraps it. */
const originalErrorOf = (error: unknown): unknown =>
  error instanceof GraphQLError && error.originalError ? originalErrorOf(error.originalError) : error;

/** The issues of an error that refuses an operation for its cost. */
const issuesOf = ({ extensions }: GraphQLError): readonly Issue[] | undefined => extensions['issues'] as readonly Issue[] | undefined;

/** graphql-js repeats the whole value of a variable that it refuses, with whatever secrets are in it. */
const withoutValue = (message: string, cause: GraphQLError): string => {
  const [, variable] = /^(Variable "\$\w+") got invalid value /.exec(message) ?? [];
  return variable === undefined || cause.message === message ? message : `${variable} is not valid: ${cause.message}`;
};

const isOfClient = (cause: unknown, { extensions }: GraphQLFormattedError): cause is GraphQLError =>
  cause instanceof GraphQLError && extensions?.['code'] !== 'INTERNAL_SERVER_ERROR';

/** Adds code, type, request id and issues to `formatted`, which has the message, locations and path. */
export const formatGraphQLError =
  (log: ApiLog, countRefusal: CountRefusal) =>
  (formatted: GraphQLFormattedError, error: unknown, requestId = currentRequestId()): GraphQLFormattedError => {
    const { message, locations, path } = formatted;
    const place = { ...(locations && { locations }), ...(path && { path }) };
    const cause = originalErrorOf(error);
    const refusal = refusalOf(cause);
    countRefusal(refusal?.code ?? (isOfClient(cause, formatted) ? 'BAD_USER_INPUT' : 'INTERNAL_SERVER_ERROR'));
    if (refusal) return { message: refusal.message, ...place, extensions: problemExtensions(refusal.code, requestId, refusal.issues) };
    // The client must correct whatever graphql-js and Apollo reject, regardless of their code.
    if (isOfClient(cause, formatted)) {
      const shown = withoutValue(message, cause);
      const issues = issuesOf(cause) ?? [{ path: pathOfError(message, error), message: shown }];
      return { message: shown, ...place, extensions: problemExtensions('BAD_USER_INPUT', requestId, issues) };
    }
    log.error({ err: cause, requestId, path }, 'A GraphQL field failed');
    return { message: failureSentence(requestId), ...place, extensions: problemExtensions('INTERNAL_SERVER_ERROR', requestId) };
  };
