// Organizations, API keys and portal sessions: what a platform's own service does with an admin key.
import { UnreachableError } from './errors.ts';
import type { FoundPage, PageOptions } from './finder.ts';
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

/** As `apiKeys` lists it: the key itself is stored nowhere. Times are ISO 8601; `lastUsedAt` is to the hour. */
export type ApiKey = {
  readonly id: string;
  readonly name: string;
  readonly role: ApiKeyRole;
  readonly spansOrganizations: boolean;
  readonly createdAt: string;
  readonly createdBy: string;
  readonly lastUsedAt: string | null;
  readonly expiresAt: string | null;
  readonly revokedAt: string | null;
};

/** Left out: it stays as it is. Null: the installation's default. */
export type OrganizationLimits = {
  readonly messagesPerSecond?: number | null;
  readonly endpoints?: number | null;
  readonly waitingDeliveries?: number | null;
  readonly payloadBytes?: number | null;
  readonly portalSessionsPerHour?: number | null;
};
/** `metadata`: a JSON object of at most 16 KiB, shown back to admins. */
export type OrganizationSettings = {
  readonly name: string;
  readonly metadata?: Readonly<Record<string, unknown>>;
  readonly limits?: OrganizationLimits;
};
export type Organization = {
  readonly id: string;
  readonly name: string;
  readonly status: 'ACTIVE' | 'SUSPENDED';
  readonly suspendedReason: string | null;
  readonly createdAt: string;
};
/** `search`: part of the id or the name, any case. */
export type OrganizationFilter = { readonly search?: string; readonly status?: Organization['status'] };

type PageAnswer<T> = {
  readonly nodes: readonly T[];
  readonly pageInfo: { readonly hasNextPage: boolean; readonly endCursor: string | null };
};
const pageOf = <T>({ nodes, pageInfo }: PageAnswer<T>): FoundPage<T> => ({ nodes, ...pageInfo });
const pageInfo = 'pageInfo { hasNextPage endCursor }';
const organizationFields = '{ id name status suspendedReason createdAt }';

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

  /** Newest first. */
  async apiKeys({ includeRevoked = false, ...page }: PageOptions & { readonly includeRevoked?: boolean } = {}): Promise<FoundPage<ApiKey>> {
    const query = `query ($first: Int, $after: String, $includeRevoked: Boolean) { apiKeys(first: $first, after: $after, includeRevoked: $includeRevoked) {
      nodes { id name role spansOrganizations createdAt createdBy lastUsedAt expiresAt revokedAt } ${pageInfo} } }`;
    return pageOf(await this.#ask<PageAnswer<ApiKey>>(query, { ...page, includeRevoked }));
  }

  // ── Organizations: with a key that spans the installation ──

  /** With an id of your own, such as your customer's. The same again answers the same organization. */
  createOrganization(input: OrganizationSettings & { readonly id?: string }): Promise<Organization> {
    return this.#ask(`mutation ($input: OrganizationInput!) { createOrganization(input: $input) ${organizationFields} }`, { input });
  }

  /** Only what is given changes. */
  updateOrganization(id: string, input: Partial<OrganizationSettings>): Promise<Organization> {
    const mutation = `mutation ($id: ID!, $input: OrganizationPatch!) { updateOrganization(id: $id, input: $input) ${organizationFields} }`;
    return this.#ask(mutation, { id, input });
  }

  /** Publishing is refused with the reason, deliveries are held, reading goes on. */
  suspendOrganization(id: string, reason?: string): Promise<Organization> {
    const mutation = `mutation ($id: ID!, $reason: String) { suspendOrganization(id: $id, reason: $reason) ${organizationFields} }`;
    return this.#ask(mutation, { id, reason });
  }

  resumeOrganization(id: string): Promise<Organization> {
    return this.#ask(`mutation ($id: ID!) { resumeOrganization(id: $id) ${organizationFields} }`, { id });
  }

  /** For good. @param confirmName its name */
  async deleteOrganization(id: string, confirmName: string): Promise<void> {
    const mutation = 'mutation ($id: ID!, $confirmName: String!) { deleteOrganization(id: $id, confirmName: $confirmName) }';
    await this.#ask(mutation, { id, confirmName });
  }

  /** Newest first. */
  async organizations(filter: OrganizationFilter = {}, page: PageOptions = {}): Promise<FoundPage<Organization>> {
    const query = `query ($filter: OrganizationFilter, $first: Int, $after: String) { organizations(filter: $filter, first: $first, after: $after) {
      nodes ${organizationFields} ${pageInfo} } }`;
    return pageOf(await this.#ask<PageAnswer<Organization>>(query, { filter, ...page }));
  }

  // ── Portal sessions ──

  createPortalSession(input: NewPortalSession): Promise<PortalSession> {
    return this.#ask('mutation ($input: PortalSessionInput!) { createPortalSession(input: $input) { token url expiresAt } }', { input });
  }

  /** Ends all that were opened in the organization until now. */
  async endPortalSessions(): Promise<void> {
    await this.#ask('mutation { endPortalSessions }', {});
  }

  /** @throws RefusedError if Hookledger refuses it, UnreachableError if no answer comes */
  async #ask<T>(query: string, variables: Readonly<Record<string, unknown>>): Promise<T> {
    const data = await this.#graphql.ask<Readonly<Record<string, T>>>(query, variables);
    const [value] = Object.values(data);
    if (value === undefined) throw new UnreachableError("The answer is not Hookledger's; correct `url`.", 1);
    return value;
  }
}
