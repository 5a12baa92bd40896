// Why publishing failed: Hookledger refused it, or could not be reached.

/** A place in what was sent and what is wrong there, with the remedy. `path` is dotted: `3.data`. */
export type Issue = { readonly path: string; readonly message: string };

export class HookledgerError extends Error {
  override name = 'HookledgerError';
  constructor(
    message: string,
    /** How often it was tried. */
    readonly attempts: number,
    options?: { readonly cause?: unknown },
  ) {
    super(message, options);
  }
}

/** What a problem document (RFC 9457) says. */
export type Problem = {
  readonly status: number;
  readonly title: string;
  readonly detail: string;
  readonly issues: readonly Issue[];
  /** When it may be tried again, where the answer said so. */
  readonly retryAfterSeconds: number | undefined;
};

/** It was answered with a problem: nothing of the request was stored. */
export class RefusedError extends HookledgerError implements Problem {
  override name = 'RefusedError';
  /** Of HTTP: 400 what was sent is wrong, 401 the key, 403 its role, 409 the id was used before for other content, 413 too large, 429 too many, 503. */
  readonly status: number;
  readonly title: string;
  readonly detail: string;
  readonly issues: readonly Issue[];
  readonly retryAfterSeconds: number | undefined;

  constructor({ status, title, detail, issues, retryAfterSeconds }: Problem, attempts: number) {
    super(detail, attempts);
    this.status = status;
    this.title = title;
    this.detail = detail;
    this.issues = issues;
    this.retryAfterSeconds = retryAfterSeconds;
  }
}

/** No answer came, or none of Hookledger's; `cause` has more. What was sent may have been stored: publish it again with the same ids. */
export class UnreachableError extends HookledgerError {
  override name = 'UnreachableError';
}
