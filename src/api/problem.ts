// Problems: what a client is told of an error, as a problem document (RFC 9457) or as the extensions of a GraphQL error. docs/problems.md has a section
// for each type.
import { STATUS_CODES } from 'node:http';
import type { Issue } from '../domain/errors.ts';
import { statusOfCode, type ErrorCode, type Refusal } from './refusal.ts';
import { keysOf } from '../keys-of.ts';

type ProblemCode = ErrorCode | 'INTERNAL_SERVER_ERROR';

export const problemCodes: readonly ProblemCode[] = [...keysOf(statusOfCode), 'INTERNAL_SERVER_ERROR'];

/** A URI that names the problem. It is never changed and resolves to nothing; its last part is the heading in docs/problems.md. */
const typeOf = (code: ProblemCode) => `urn:hookledger:problem:${code.toLowerCase().replaceAll('_', '-')}`;

export const problemContentType = 'application/problem+json; charset=utf-8';

/** What anyone is told of an internal error; the log has the rest, under the same id. */
export const failureSentence = (requestId: string) =>
  `Something failed here that should not have; the log of the server says what, under ${requestId}.`;

/** @param refusal undefined for an internal error */
export const problemDocument = (refusal: Refusal | undefined, requestId: string) => {
  const status = refusal?.status ?? 500;
  return {
    type: typeOf(refusal?.code ?? 'INTERNAL_SERVER_ERROR'),
    title: STATUS_CODES[status],
    status,
    detail: refusal?.message ?? failureSentence(requestId),
    requestId,
    ...issuesIn(refusal?.issues),
  };
};

/** The extensions of a GraphQL error. */
export const problemExtensions = (code: ProblemCode, requestId: string, issues?: readonly Issue[]) => ({
  code,
  type: typeOf(code),
  requestId,
  ...issuesIn(issues),
});

const issuesIn = (issues: readonly Issue[] | undefined) => (issues && issues.length > 0 ? { issues } : {});
