// Why a command can be refused. The API maps `code` to an HTTP status and a GraphQL error in one place.

/** A place in the refused input and what is wrong there, with the remedy. `path` is dotted: `messages.3.data`. */
export type Issue = { readonly path: string; readonly message: string };

export type RefusalCode = 'BAD_USER_INPUT' | 'NOT_FOUND' | 'CONFLICT';

/** A command was refused. `message` names the thing and the remedy in one sentence; nothing was recorded. */
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
export const notFound = (message: string) => new DomainError('NOT_FOUND', message);
export const conflict = (message: string) => new DomainError('CONFLICT', message);
