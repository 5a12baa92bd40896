// Errors of publishing: Hookledger refused the request, or could not be reached.

/** One mistake in a request: where it is (`path`, dotted: `3.data`), what is wrong, and how to fix it. */
export type Issue = { readonly path: string; readonly message: string };

export class HookledgerError extends Error {
  override name = 'HookledgerError';
  constructor(
    message: string,
    /** How many attempts were made. */
    readonly attempts: number,
    options?: { readonly cause?: unknown },
  ) {
    super(message, options);
  }
}

/** The content of a problem document (RFC 9457). */
export type Problem = {
  readonly status: number;
  readonly title: string;
  readonly detail: string;
  readonly issues: readonly Issue[];
  /** Seconds until a retry makes sense, if the answer says so. */
  readonly retryAfterSeconds: number | undefined;
};

/** Hookledger answered with a problem. It stored nothing of the request. */
export class RefusedError extends HookledgerError implements Problem {
  override name = 'RefusedError';
  /**
   * The HTTP status: 400 the request is wrong; 401 the key is wrong; 403 the key's role does not allow it; 409 the id was used before for other
   * content; 413 the request is too large; 429 too many requests; 503 Hookledger can't store anything just now.
   */
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

/** No answer came, or it was not Hookledger's; see `cause`. Hookledger may have stored the messages: publish them again with the same ids. */
export class UnreachableError extends HookledgerError {
  override name = 'UnreachableError';
}
