// Refusals of commands. The API maps `code` to an HTTP status and a GraphQL error in one place.

/** A mistake in the input: its dotted path, such as `messages.3.data`, and a sentence with the remedy. */
export type Issue = {
  readonly path: string;
  readonly message: string;
  /** Where several things of one request are refused: what each is refused as. */
  readonly code?: string;
  /** When to come back; left out where that does not help. */
  readonly retryAfterSeconds?: number;
};

export type RefusalCode = 'BAD_USER_INPUT' | 'FORBIDDEN' | 'NOT_FOUND' | 'CONFLICT';

/** A command was refused and recorded nothing. `message` names the thing and the remedy in one sentence. */
export class DomainError extends Error {
  override name = 'DomainError';
  constructor(
    readonly code: RefusalCode,
    message: string,
    readonly issues: readonly Issue[] = [],
  ) {
    super(message);
  }
}

export const badInput = (path: string, message: string) => new DomainError('BAD_USER_INPUT', message, [{ path, message }]);
export const forbidden = (message: string) => new DomainError('FORBIDDEN', message);
export const notFound = (message: string) => new DomainError('NOT_FOUND', message);
/** @param path of the field that is in the way, if one is */
export const conflict = (message: string, path?: string) =>
  new DomainError('CONFLICT', message, path === undefined ? [] : [{ path, message }]);
