// Refusals: why a request is refused, and the one place that maps errors to their code and HTTP status.
import { HttpException } from '@nestjs/common';
import { DomainError, type Issue } from '../domain/errors.ts';
import { LogUnavailable, UndecodableEvent } from '../event-store/event-store.ts';
import { ConfigurationUnavailable } from '../read-models/directory/configuration-unavailable.ts';
import { DatabaseUnavailable } from '../read-models/engine/database/database.ts';
import { ReadBudgetSpent } from '../read-models/engine/read-budget.ts';
import { ViewsIncomplete } from '../read-models/views/first-build.ts';
import { PublishRefused, SomeRefused } from '../commands/publish-refused.ts';
import { IntakeFull } from '../commands/intake-queue.ts';
import { UnreadableJson } from '../commands/strict-json.ts';
import { keysOf } from '../keys-of.ts';

export const statusOfCode = {
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
  REQUEST_HEADER_FIELDS_TOO_LARGE: 431,
  UNAVAILABLE: 503,
  LOOP_DETECTED: 508,
} as const;
export type ErrorCode = keyof typeof statusOfCode;

/** The request was refused, and nothing was stored. `message` names the thing and the remedy. */
export class Refusal extends Error {
  override name = 'Refusal';
  readonly issues: readonly Issue[];
  /** For the HTTP response; names in lower case. */
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    readonly code: ErrorCode,
    message: string,
    { issues = [], headers = {} }: { readonly issues?: readonly Issue[]; readonly headers?: Readonly<Record<string, string>> } = {},
  ) {
    super(message);
    this.issues = issues;
    this.headers = headers;
  }

  get status(): number {
    return statusOfCode[this.code];
  }
}

/** The limit on a whole request body; the limit on one message's `data` is in `publish-limits.ts`. */
export const largestBody = 16 * 1024 * 1024;

/** @returns undefined for internal errors. */
export const refusalOf = (error: unknown): Refusal | undefined => {
  if (error instanceof Refusal) return error;
  if (error instanceof DomainError) return new Refusal(error.code, error.message, { issues: error.issues });
  if (error instanceof UnreadableJson)
    return new Refusal('BAD_USER_INPUT', error.message, { issues: [{ path: error.path, message: error.message }] });
  if (error instanceof SomeRefused) return refusalOfSome(error);
  if (error instanceof PublishRefused) return new Refusal(error.code, error.message, { headers: retryAfter(error.retryAfterSeconds) });
  if (error instanceof LogUnavailable)
    return new Refusal('UNAVAILABLE', `The log can't be used right now; try again. ${error.message}`, {
      headers: { 'retry-after': String(Math.max(1, Math.ceil(error.retryAfterSeconds))) },
    });
  if (error instanceof IntakeFull)
    return new Refusal('UNAVAILABLE', error.message, { headers: { 'retry-after': String(error.retryAfterSeconds) } });
  if (error instanceof ConfigurationUnavailable)
    return new Refusal('UNAVAILABLE', error.message, {
      headers: { 'retry-after': String(Math.max(1, Math.ceil(error.retryAfterSeconds))) },
    });
  if (error instanceof ViewsIncomplete)
    return new Refusal('UNAVAILABLE', error.message, { headers: { 'retry-after': String(error.retryAfterSeconds) } });
  if (error instanceof UndecodableEvent)
    return new Refusal('UNAVAILABLE', `${error.message}. Run the version of Hookledger that wrote it on this replica, too.`, {
      headers: { 'retry-after': '5' },
    });
  if (error instanceof DatabaseUnavailable)
    return new Refusal('UNAVAILABLE', `The views can't be read right now; try again. ${error.message}`, {
      headers: { 'retry-after': '1' },
    });
  if (error instanceof ReadBudgetSpent)
    return error.reason === 'time'
      ? new Refusal('UNAVAILABLE', error.message, { headers: { 'retry-after': '5' } })
      : new Refusal('BAD_USER_INPUT', error.message, { issues: [{ path: '', message: error.message }] });
  return refusalOfStatus(statusOf(error), error);
};

const retryAfter = (seconds: number | undefined): Record<string, string> =>
  seconds === undefined ? {} : { 'retry-after': String(seconds) };

/**
 * Of a request with messages of several organizations. Its code is that of all that are refused, where they have one.
 * @param prefix of the paths of the issues
 */
export const refusalOfSome = ({ refused, message }: SomeRefused, prefix = ''): Refusal => {
  const all = Array.from(refused.values());
  const [first] = all;
  const code = first && all.every((each) => each.code === first.code) ? first.code : 'BAD_USER_INPUT';
  const waits = all.map(({ retryAfterSeconds }) => retryAfterSeconds);
  const longest = waits.includes(undefined) ? undefined : Math.max(...waits.map((wait = 0) => wait));
  const issues = Array.from(refused, ([index, { code: own, message: why, retryAfterSeconds }]) => ({
    path: `${prefix}${index}.organization`,
    message: why,
    code: own,
    ...(retryAfterSeconds !== undefined && { retryAfterSeconds }),
  }));
  return new Refusal(code, message, { issues, headers: retryAfter(longest) });
};

/** Errors of Fastify and Nest carry a status. */
const statusOf = (error: unknown): number | undefined => {
  if (error instanceof HttpException) return error.getStatus();
  const status = error instanceof Error && 'statusCode' in error ? error.statusCode : undefined;
  return typeof status === 'number' ? status : undefined;
};

const codeOfStatus: ReadonlyMap<number, ErrorCode> = new Map(keysOf(statusOfCode).map((code) => [statusOfCode[code], code]));

const refusalOfStatus = (status: number | undefined, error: unknown): Refusal | undefined => {
  if (status === undefined || status < 400 || status > 499) return undefined;
  if (status === 413)
    return new Refusal(
      'PAYLOAD_TOO_LARGE',
      `A request may have at most ${largestBody} bytes (16 MiB); send fewer messages in one request.`,
    );
  if (status === 415) return new Refusal('UNSUPPORTED_MEDIA_TYPE', 'The body must be JSON; send `content-type: application/json`.');
  return new Refusal(codeOfStatus.get(status) ?? 'BAD_USER_INPUT', error instanceof Error ? error.message : 'The request is refused.');
};
