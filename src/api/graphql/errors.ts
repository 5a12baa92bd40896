// GraphQL errors: every one has a code, none has a stack trace, and what is no refusal is told as one fixed sentence.
import { randomUUID } from 'node:crypto';
import { GraphQLError, type GraphQLFormattedError } from 'graphql';
import { refusalOf, type Refusal } from '../refusal.ts';
import { failureSentence } from '../rest/problem-filter.ts';
import type { ApiLog } from '../tokens.ts';

/** Of a refusal before anything was carried out; Apollo takes status and headers of its answer from here. */
export const asGraphQLError = (refusal: Refusal): GraphQLError =>
  new GraphQLError(refusal.message, {
    originalError: refusal,
    extensions: { code: refusal.code, http: { status: refusal.status, headers: new Map(Object.entries(refusal.headers)) } },
  });

/** The error that a resolver threw, below those that graphql-js put around it. */
const originalErrorOf = (error: unknown): unknown =>
  error instanceof GraphQLError && error.originalError ? originalErrorOf(error.originalError) : error;

/** A value that does not fit its type: `Variable "$input" got invalid value … at "input.headers[0].name"; …` */
const pathIn = (message: string): string => {
  const [, at = ''] = /^Variable "\$[^]*? at "([^"]+)"; /.exec(message) ?? /^Variable "\$(\w+)" /.exec(message) ?? [];
  return at.replaceAll(/\[(\d+)\]/g, '.$1');
};

/** `formatted` has message, locations and path; only a code and issues are added. */
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
    // What graphql-js and Apollo find wrong with a request is the client's to mend, whichever of their codes it has.
    if (cause instanceof GraphQLError && formatted.extensions?.['code'] !== 'INTERNAL_SERVER_ERROR')
      return { message, ...place, extensions: { code: 'BAD_USER_INPUT', issues: [{ path: pathIn(message), message }] } };
    const id = randomUUID();
    log.error({ err: cause, failure: id, path }, 'A GraphQL field failed');
    return { message: failureSentence(id), ...place, extensions: { code: 'INTERNAL_SERVER_ERROR' } };
  };
