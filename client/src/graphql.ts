// Asks Hookledger's GraphQL API, for the classes that look and administer.
import { RefusedError, UnreachableError, type Issue } from './errors.ts';

export type GraphQLOptions = {
  /** Hookledger's URL: `https://hooks.example.com` */
  readonly url: string | URL;
  readonly key: string;
  /** For keys that span the installation: the organization. Default: `default`. */
  readonly organization?: string | undefined;
  /** Time limit of one request, in milliseconds. Default: 30,000. */
  readonly timeoutMs?: number;
  /** Replaces the global `fetch`. */
  readonly fetch?: typeof fetch;
};

export class GraphQL {
  readonly #options: GraphQLOptions;
  readonly #url: URL;

  /** @throws TypeError when `url` is not a URL. */
  constructor(options: GraphQLOptions) {
    this.#options = options;
    this.#url = new URL('graphql', String(options.url).replace(/\/?$/, '/'));
  }

  /** @returns `data` @throws RefusedError if Hookledger refuses it, UnreachableError if no answer comes */
  async ask<T>(query: string, variables: Readonly<Record<string, unknown>>): Promise<T> {
    const { key, organization, timeoutMs = 30_000, fetch = globalThis.fetch } = this.#options;
    let response: Response;
    let answer: Answer<T>;
    try {
      response = await fetch(this.#url, {
        method: 'POST',
        headers: {
          authorization: `Bearer ${key}`,
          'content-type': 'application/json',
          ...(organization !== undefined && { 'hookledger-organization': organization }),
        },
        body: JSON.stringify({ query, variables }),
        redirect: 'manual',
        signal: AbortSignal.timeout(timeoutMs),
      });
      answer = (await response.json()) as Answer<T>;
    } catch (cause) {
      throw new UnreachableError(`${this.#url.origin} could not be reached, or its answer is not Hookledger's.`, 1, { cause });
    }
    const [error] = answer.errors ?? [];
    if (answer.data && !error) return answer.data;
    if (error) throw refusedError(error, response);
    if (answer.detail !== undefined) throw refusedError({ message: answer.detail, extensions: answer }, response);
    throw new UnreachableError(`${this.#url.origin} answered, but the answer is not Hookledger's; correct \`url\`.`, 1);
  }
}

type Extensions = {
  readonly code?: string;
  readonly type?: string;
  readonly requestId?: string;
  readonly issues?: readonly Issue[];
};
type GraphQLProblem = { readonly message: string; readonly extensions?: Extensions };
/** GraphQL's answer, or a problem document. */
type Answer<T> = Extensions & { readonly data?: T | null; readonly errors?: readonly GraphQLProblem[]; readonly detail?: string };

const statusOf: Readonly<Record<string, number>> = {
  BAD_USER_INPUT: 400,
  UNAUTHENTICATED: 401,
  FORBIDDEN: 403,
  NOT_FOUND: 404,
  CONFLICT: 409,
  TOO_MANY_REQUESTS: 429,
  UNAVAILABLE: 503,
};

const refusedError = ({ message, extensions = {} }: GraphQLProblem, { status, headers }: Response): RefusedError => {
  const { code = '', type, requestId, issues = [] } = extensions;
  const seconds = Number(headers.get('retry-after') ?? Number.NaN);
  return new RefusedError(
    {
      type,
      status: statusOf[code] ?? status,
      title: code === '' ? 'The request was refused' : code,
      detail: message,
      issues,
      requestId: requestId ?? headers.get('x-request-id') ?? undefined,
      retryAfterSeconds: Number.isFinite(seconds) ? seconds : undefined,
    },
    1,
  );
};
