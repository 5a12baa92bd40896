// API keys and portal sessions: what a platform's own service does with an admin key.
import { RefusedError, UnreachableError } from './errors.ts';

export type HookledgerAdminOptions = {
  /** Hookledger's URL: `https://hooks.example.com` */
  readonly url: string | URL;
  /** API key with the role ADMIN. */
  readonly key: string;
  /** The organization to act for, if the key spans the installation. Default: that of the key. */
  readonly organization?: string | undefined;
  /** Time limit of a request, in milliseconds. Default: 30,000. */
  readonly timeoutMs?: number;
  /** Replaces the global `fetch`. */
  readonly fetch?: typeof fetch;
};

export type ApiKeyRole = 'ADMIN' | 'OPERATOR' | 'PUBLISHER' | 'VIEWER' | 'AUDITOR';
export type PortalCapability = 'VIEW_PAYLOADS' | 'MANAGE_ENDPOINTS' | 'VIEW_SECRETS' | 'SEND_TESTS' | 'RETRY';

export type NewApiKey = {
  readonly name: string;
  readonly role: ApiKeyRole;
  readonly spansOrganizations?: boolean;
  /** ISO 8601, or a Date. Default: it does not expire. */
  readonly expiresAt?: string | Date | undefined;
};
/** `key` is shown this once. */
export type IssuedApiKey = { readonly id: string; readonly key: string; readonly expiresAt: string | null };

export type NewPortalSession = {
  /** Who looks: the log shows what the session does as `portal:<subject>`. */
  readonly subject: string;
  /** 60 to 86400. Default: 3600. */
  readonly ttlSeconds?: number;
  /** Default: all. */
  readonly capabilities?: readonly PortalCapability[];
  /** Only these, at most 100. Default: all of the organization. */
  readonly endpointIds?: readonly string[];
};
/** `url` is the portal, with the token behind the #. */
export type PortalSession = { readonly token: string; readonly url: string; readonly expiresAt: string };

export class HookledgerAdmin {
  readonly #options: HookledgerAdminOptions;
  readonly #url: URL;

  /** @throws TypeError when `url` is not a URL. */
  constructor(options: HookledgerAdminOptions) {
    this.#options = options;
    this.#url = new URL('graphql', String(options.url).replace(/\/?$/, '/'));
  }

  issueApiKey({ expiresAt, ...key }: NewApiKey): Promise<IssuedApiKey> {
    const mutation = `mutation ($name: String!, $role: ApiKeyRole!, $spansOrganizations: Boolean, $expiresAt: DateTime) {
      issueApiKey(name: $name, role: $role, spansOrganizations: $spansOrganizations, expiresAt: $expiresAt) { id key expiresAt }
    }`;
    return this.#ask(mutation, { ...key, expiresAt: expiresAt instanceof Date ? expiresAt.toISOString() : expiresAt });
  }

  async revokeApiKey(id: string): Promise<void> {
    await this.#ask('mutation ($id: ID!) { revokeApiKey(id: $id) }', { id });
  }

  createPortalSession(input: NewPortalSession): Promise<PortalSession> {
    return this.#ask('mutation ($input: PortalSessionInput!) { createPortalSession(input: $input) { token url expiresAt } }', { input });
  }

  /** Ends all that were opened in the organization until now. */
  async endPortalSessions(): Promise<void> {
    await this.#ask('mutation { endPortalSessions }', {});
  }

  /** @throws RefusedError if Hookledger refuses it, UnreachableError if no answer comes */
  async #ask<T>(query: string, variables: Readonly<Record<string, unknown>>): Promise<T> {
    const { key, organization, timeoutMs = 30_000, fetch = globalThis.fetch } = this.#options;
    let response: Response;
    let answer: Answer | undefined;
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
      answer = (await response.json()) as Answer;
    } catch (cause) {
      throw new UnreachableError(`${this.#url.origin} could not be reached, or its answer is not Hookledger's.`, 1, { cause });
    }
    const [error] = answer.errors ?? [];
    if (error) throw refusedError(error, response);
    const [value] = Object.values(answer.data ?? {});
    if (value === undefined || value === null)
      throw new UnreachableError(`${this.#url.origin} answered, but the answer is not Hookledger's; correct \`url\`.`, 1);
    return value as T; // as the query asks for it
  }
}

type GraphQLProblem = {
  readonly message: string;
  readonly extensions?: {
    readonly code?: string;
    readonly type?: string;
    readonly requestId?: string;
    readonly issues?: readonly { readonly path: string; readonly message: string }[];
  };
};
type Answer = { readonly data?: Readonly<Record<string, unknown>> | null; readonly errors?: readonly GraphQLProblem[] };

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
      title: code,
      detail: message,
      issues,
      requestId: requestId ?? headers.get('x-request-id') ?? undefined,
      retryAfterSeconds: Number.isFinite(seconds) ? seconds : undefined,
    },
    1,
  );
};
