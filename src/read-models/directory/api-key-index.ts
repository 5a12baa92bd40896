// The API keys that were not revoked, by their hash. Some may have expired: callers check that.
import { spansInstallation, type ApiKeyEvent, type ApiKeyRole } from '../../domain/api-key.ts';
import type { ApiKeyId, OrganizationId, Position } from '../../domain/ids.ts';

export type ApiKeyEntry = {
  readonly id: ApiKeyId;
  readonly organizationId: OrganizationId;
  readonly name: string;
  readonly role: ApiKeyRole;
  /** It acts for any organization. `by-role`: an older version issued it. */
  readonly spansOrganizations: boolean | 'by-role';
  /** Hex SHA-256 of the key. */
  readonly hash: string;
  /** ISO 8601. Undefined: it does not expire. */
  readonly expiresAt: string | undefined;
  readonly issuedAt: Position;
};

/** @param now milliseconds since 1970 */
export const isExpired = ({ expiresAt }: { readonly expiresAt: string | undefined }, now: number): boolean =>
  expiresAt !== undefined && Date.parse(expiresAt) <= now;

export class ApiKeyIndex {
  private readonly entries = new Map<string, ApiKeyEntry>();
  private readonly hashes = new Map<ApiKeyId, string>();

  apply(id: ApiKeyId, event: ApiKeyEvent & { readonly position: Position }): void {
    if (event.type === 'apikey.revoked') return void this.entries.delete(this.hashes.get(id) ?? '');
    const { organizationId, name, role, hash, expiresAt } = event.data;
    const spans = spansInstallation(event.data);
    const spansOrganizations = spans && event.data.spansOrganizations === undefined ? 'by-role' : spans;
    this.entries.set(hash, { id, organizationId, name, role, spansOrganizations, hash, expiresAt, issuedAt: event.position });
    this.hashes.set(id, hash);
  }

  find(hash: string): ApiKeyEntry | undefined {
    return this.entries.get(hash);
  }

  of(organization: OrganizationId): ApiKeyEntry[] {
    return Array.from(this.entries.values()).filter(({ organizationId }) => organizationId === organization);
  }

  /** Whether the hash of the key is known, also if it was revoked. */
  has(id: ApiKeyId): boolean {
    return this.hashes.has(id);
  }
}
