// API keys and portal sessions: what a platform's own service does with an admin key.
import { UnreachableError } from './errors.ts';
import { GraphQL, type GraphQLOptions } from './graphql.ts';

/** `key` has the role ADMIN. `organization`: to act for, if the key spans the installation. */
export type HookledgerAdminOptions = GraphQLOptions;

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
  readonly #graphql: GraphQL;

  /** @throws TypeError when `url` is not a URL. */
  constructor(options: HookledgerAdminOptions) {
    this.#graphql = new GraphQL(options);
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
  async #ask<T>(mutation: string, variables: Readonly<Record<string, unknown>>): Promise<T> {
    const data = await this.#graphql.ask<Readonly<Record<string, T>>>(mutation, variables);
    const [value] = Object.values(data);
    if (value === undefined) throw new UnreachableError("The answer is not Hookledger's; correct `url`.", 1);
    return value;
  }
}
