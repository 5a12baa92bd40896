// What a request can be refused with: the one place where errors get their code and HTTP status.
import { HttpException } from '@nestjs/common';
import * as z from 'zod';
import { DomainError, type Issue } from '../domain/errors.ts';
import { LogUnavailable, UndecodableEvent } from '../event-store/event-store.ts';
import { ConfigurationUnavailable } from '../read-models/directory/configuration-unavailable.ts';
import { DatabaseUnavailable } from '../read-models/engine/database/database.ts';
import { UnreadableJson } from '../commands/strict-json.ts';

const statuses = {
  BAD_USER_INPUT: 400,
  UNAUTHENTICATED: 401,
  FORBIDDEN: 403,
  NOT_FOUND: 404,
  METHOD_NOT_ALLOWED: 405,
  REQUEST_TIMEOUT: 408,
  CONFLICT: 409,
  PAYLOAD_TOO_LARGE: 413,
  UNSUPPORTED_MEDIA_TYPE: 415,
  TOO_MANY_REQUESTS: 429,
  UNAVAILABLE: 503,
} as const;
export type RefusedBecause = keyof typeof statuses;

/** `message` names the thing and the remedy. Nothing was stored. */
export class Refusal extends Error {
  override name = 'Refusal';
  readonly issues: readonly Issue[];
  /** Of the HTTP answer, names in lower case. */
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    readonly code: RefusedBecause,
    message: string,
    { issues = [], headers = {} }: { readonly issues?: readonly Issue[]; readonly headers?: Readonly<Record<string, string>> } = {},
  ) {
    super(message);
    this.issues = issues;
    this.headers = headers;
  }

  get status(): number {
    return statuses[this.code];
  }
}

/** For bodies as a whole; the largest `data` of a message is in `payload-size.ts`. */
export const largestBody = 16 * 1024 * 1024;

/** @returns undefined for what is no refusal but a failure of ours. */
export const refusalOf = (error: unknown): Refusal | undefined => {
  if (error instanceof Refusal) return error;
  if (error instanceof DomainError) return new Refusal(error.code, error.message, { issues: error.issues });
  if (error instanceof UnreadableJson)
    return new Refusal('BAD_USER_INPUT', error.message, { issues: [{ path: error.path, message: error.message }] });
  if (error instanceof LogUnavailable)
    return new Refusal('UNAVAILABLE', `The log can't be used just now; try again. ${error.message}`, {
      headers: { 'retry-after': String(Math.max(1, Math.ceil(error.retryAfterSeconds))) },
    });
  if (error instanceof ConfigurationUnavailable)
    return new Refusal('UNAVAILABLE', error.message, {
      headers: { 'retry-after': String(Math.max(1, Math.ceil(error.retryAfterSeconds))) },
    });
  if (error instanceof UndecodableEvent)
    return new Refusal('UNAVAILABLE', `${error.message}. Run the version of Hookledger that wrote it on this replica, too.`, {
      headers: { 'retry-after': '5' },
    });
  if (error instanceof DatabaseUnavailable)
    return new Refusal('UNAVAILABLE', `The views can't be read just now; try again. ${error.message}`, { headers: { 'retry-after': '1' } });
  return refusalOfStatus(statusOf(error), error);
};

/** Fastify's and Nest's own errors carry a status. */
const statusOf = (error: unknown): number | undefined => {
  if (error instanceof HttpException) return error.getStatus();
  const status = error instanceof Error && 'statusCode' in error ? error.statusCode : undefined;
  return typeof status === 'number' ? status : undefined;
};

const refusalOfStatus = (status: number | undefined, error: unknown): Refusal | undefined => {
  if (status === undefined || status < 400 || status > 499) return undefined;
  if (status === 413)
    return new Refusal(
      'PAYLOAD_TOO_LARGE',
      `A request may have at most ${largestBody} bytes (16 MiB); send fewer messages in one request.`,
    );
  if (status === 415) return new Refusal('UNSUPPORTED_MEDIA_TYPE', 'Bodies must be JSON; send `content-type: application/json`.');
  const code = Object.entries(statuses).find(([, value]) => value === status)?.[0] as RefusedBecause | undefined;
  return new Refusal(code ?? 'BAD_USER_INPUT', error instanceof Error ? error.message : 'The request is refused.');
};

/** Dotted: `messages.3.data`. */
const dotted = (...parts: readonly PropertyKey[]) => parts.map(String).join('.');

/** Unknown fields are refused by name, each with an issue of its own. */
const issuesOf = (error: z.ZodError, at: readonly PropertyKey[]): Issue[] =>
  error.issues.flatMap((issue): Issue[] => {
    const path = [...at, ...issue.path];
    if (issue.code !== 'unrecognized_keys') return [{ path: dotted(...path), message: issue.message }];
    return issue.keys.map((key) => ({ path: dotted(...path, key), message: `There is no field ${JSON.stringify(key)}; leave it out.` }));
  });

const mostIssues = 20;

/** One sentence of all issues. */
const summary = (issues: readonly Issue[]): string => {
  const [first] = issues;
  const said = first ? [first.path, first.message].filter((part) => part !== '').join(': ') : 'The input is not valid';
  return issues.length > 1 ? `${said} (and ${issues.length - 1} more, see issues)` : said;
};

export const badIssues = (issues: readonly Issue[]) =>
  new Refusal('BAD_USER_INPUT', summary(issues), { issues: issues.slice(0, mostIssues) });

/** @throws Refusal BAD_USER_INPUT with the issues, their paths beginning with `at`. */
export const validate = <T>(schema: z.ZodType<T>, value: unknown, ...at: readonly PropertyKey[]): T => {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw badIssues(issuesOf(parsed.error, at));
};
