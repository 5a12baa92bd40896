// GraphQL errors: each has a code and none has a stack trace. Internal errors are answered with one fixed sentence.
import { randomUUID } from 'node:crypto';
import { GraphQLError, type GraphQLFormattedError } from 'graphql';
import { refusalOf, type Refusal } from '../refusal.ts';
import { failureSentence } from '../rest/problem-filter.ts';
import type { ApiLog } from '../tokens.ts';

/** For a refusal before execution. Apollo takes the status and headers of the response from `http`. */
export const asGraphQLError = (refusal: Refusal): GraphQLError =>
  new GraphQLError(refusal.message, {
    originalError: refusal,
    extensions: { code: refusal.code, http: { status: refusal.status, headers: new Map(Object.entries(refusal.headers)) } },
  });

/** The error that a resolver threw; graphql-js wraps it. */
const originalErrorOf = (error: unknown): unknown =>
  error instanceof GraphQLError && error.originalError ? originalErrorOf(error.originalError) : error;

/** The path in the message of a value that has the wrong type: `Variable "$input" got invalid value … at "input.headers[0].name"; …` */
const pathIn = (message: string): string => {
  const [, at = ''] = /^Variable "\$[^]*? at "([^"]+)"; /.exec(message) ?? /^Variable "\$(\w+)" /.exec(message) ?? [];
  return at.replaceAll(/\[(\d+)\]/g, '.$1');
};

/** The issues of an error that refuses an operation for its cost. */
const issuesOf = ({ extensions }: GraphQLError): unknown => extensions['issues'];

/** Adds a code and issues to `formatted`, which has the message, locations and path. */
export const formatGraphQLError =
  (log: ApiLog) =>
  (formatted: GraphQLFormattedError, error: unknown): GraphQLFormattedError => {
    const { message, locations, path } = formatted;
    const place = { ...(locations && { locations }), ...(path && { path }) };
    const cause = originalErrorOf(error);
    const refusal = refusalOf(cause);
    if (refusal) {
      const issues = refusal.issues.length > 0 ? { issues: refusal.issues } : {};
      return { message: refusal.message, ...place, extensions: { code: refusal.code, ...issues } };
    }
    // The client must correct whatever graphql-js and Apollo reject, regardless of their code.
    if (cause instanceof GraphQLError && formatted.extensions?.['code'] !== 'INTERNAL_SERVER_ERROR')
      return { message, ...place, extensions: { code: 'BAD_USER_INPUT', issues: issuesOf(cause) ?? [{ path: pathIn(message), message }] } };
    const id = randomUUID();
    log.error({ err: cause, failure: id, path }, 'A GraphQL field failed');
    return { message: failureSentence(id), ...place, extensions: { code: 'INTERNAL_SERVER_ERROR' } };
  };
