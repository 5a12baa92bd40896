// Errors of publishing: Hookledger refused the request, or could not be reached.

/** One mistake in a request: where it is (`path`, dotted: `3.data`), what is wrong, and how to fix it. */
export type Issue = {
  readonly path: string;
  readonly message: string;
  /** Where messages of several organizations are refused: what each is refused as, such as `TOO_MANY_REQUESTS`. */
  readonly code?: string;
  /** When to publish that message again; left out where that does not help. */
  readonly retryAfterSeconds?: number;
};

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
  /** A URI that names the kind of problem and never changes, such as `urn:hookledger:problem:conflict`. Undefined if the answer has none. */
  readonly type: string | undefined;
  readonly status: number;
  readonly title: string;
  readonly detail: string;
  readonly issues: readonly Issue[];
  /** Names the request in the log of Hookledger. Undefined if the answer has none. */
  readonly requestId: string | undefined;
  /** Seconds until a retry makes sense, if the answer says so. */
  readonly retryAfterSeconds: number | undefined;
};

/** Hookledger answered with a problem. It stored nothing of the request. */
export class RefusedError extends HookledgerError implements Problem {
  override name = 'RefusedError';
  readonly type: string | undefined;
  /**
   * The HTTP status: 400 the request is wrong; 401 the key is wrong; 403 the key's role does not allow it; 409 the id was used before for other
   * content; 413 the request is too large; 429 too many requests; 503 Hookledger can't store anything just now.
   */
  readonly status: number;
  readonly title: string;
  readonly detail: string;
  readonly issues: readonly Issue[];
  readonly requestId: string | undefined;
  readonly retryAfterSeconds: number | undefined;

  constructor({ type, status, title, detail, issues, requestId, retryAfterSeconds }: Problem, attempts: number) {
    super(detail, attempts);
    this.type = type;
    this.status = status;
    this.title = title;
    this.detail = detail;
    this.issues = issues;
    this.requestId = requestId;
    this.retryAfterSeconds = retryAfterSeconds;
  }
}

/** No answer came, or it was not Hookledger's; see `cause`. Hookledger may have stored the messages: publish them again with the same ids. */
export class UnreachableError extends HookledgerError {
  override name = 'UnreachableError';
}
