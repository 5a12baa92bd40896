// Authentication: from the key that came with a request to who asks.
import { timingSafeEqual } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import type { Caller } from '../../commands/caller.ts';
import { hashOfKey } from '../../commands/organization-commands.ts';
import type { ApiKeyRole } from '../../domain/api-key.ts';
import type { ApiKeyId } from '../../domain/ids.ts';
import type { ApiKeyUses } from '../../read-models/api-key-uses.ts';
import { isExpired, type ApiKeyEntry } from '../../read-models/directory/api-key-index.ts';
import { EndpointDirectory } from '../../read-models/directory/endpoint-directory.ts';
import { Refusal, refusalOf } from '../refusal.ts';
import { actingOrganization, type NamedOrganization } from './acting-organization.ts';
import { sightOf, type Sight } from './sight.ts';

export type AuthenticatedCaller = Caller & {
  readonly actorId: ApiKeyId;
  readonly spansOrganizations: boolean;
  readonly name: string;
  readonly role: ApiKeyRole;
  readonly sight: Sight;
  /** Hex SHA-256 of the key. */
  readonly keyHash: string;
  /** ISO 8601. Undefined: the key does not expire. */
  readonly expiresAt: string | undefined;
};

/** `unknown`: never issued here, or revoked. */
export type AuthenticationFailure = 'missing' | 'malformed' | 'unknown' | 'expired';

export class Unauthenticated extends Refusal {
  constructor(
    readonly failure: AuthenticationFailure,
    message: string,
  ) {
    super('UNAUTHENTICATED', message, { headers: { 'www-authenticate': 'Bearer realm="hookledger"' } });
  }
}

@Injectable()
export class Authentication {
  constructor(
    private readonly directory: EndpointDirectory,
    private readonly uses: Pick<ApiKeyUses, 'record'>,
    /** Milliseconds since 1970. */
    private readonly now: () => number = Date.now,
  ) {}

  /**
   * @param authorization the value of the header
   * @param organization the one to act for, as the request names it
   * @throws Unauthenticated, ConfigurationUnavailable, and as `actingOrganization`
   */
  authenticate(authorization: string | undefined, correlationId: string, organization?: NamedOrganization): AuthenticatedCaller {
    if (authorization === undefined || authorization === '')
      throw new Unauthenticated('missing', 'The request carries no API key; send the header `Authorization: Bearer <API key>`.');
    const [, key] = /^Bearer +([\x21-\x7e]{1,512})$/i.exec(authorization) ?? [];
    if (key === undefined) throw new Unauthenticated('malformed', 'The header `Authorization` is not of the form `Bearer <API key>`.');
    return this.withKey(hashOfKey(key), correlationId, organization);
  }

  /**
   * The caller whose API key has this hash, however the request names the key.
   * @throws Unauthenticated, ConfigurationUnavailable, and as `actingOrganization`
   */
  withKey(keyHash: string, correlationId: string, organization?: NamedOrganization): AuthenticatedCaller {
    const known = this.known(keyHash);
    if (!known)
      throw new Unauthenticated(
        'unknown',
        'The API key is not known here, or was revoked; ask an admin of your organization for a new one.',
      );
    const { id, name, role, expiresAt } = known;
    return {
      organizationId: actingOrganization(known, organization, this.directory),
      spansOrganizations: known.spansOrganizations !== false,
      actor: `apikey:${name}`,
      actorId: id,
      name,
      correlationId,
      role,
      sight: sightOf(role),
      keyHash,
      expiresAt,
    };
  }

  /** Why the key is no longer accepted, for what goes on longer than a request: revoked, expired, or it can't be checked now. */
  refusalNow({ keyHash, organizationId }: AuthenticatedCaller): Refusal | undefined {
    try {
      if (!this.known(keyHash)) return new Unauthenticated('unknown', 'The API key was revoked.');
      return this.directory.hasOrganization(organizationId) ? undefined : new Unauthenticated('unknown', 'The organization was deleted.');
    } catch (error) {
      const refusal = refusalOf(error);
      if (refusal) return refusal;
      throw error;
    }
  }

  /**
   * The look-up is by the hash of the key, so how long it takes says nothing of the key; nor does the comparison.
   * @throws Unauthenticated if it expired
   */
  private known(keyHash: string): ApiKeyEntry | undefined {
    const known = this.directory.apiKey(keyHash);
    if (!known || !timingSafeEqual(Buffer.from(known.hash), Buffer.from(keyHash))) return undefined;
    if (isExpired(known, this.now()))
      throw new Unauthenticated('expired', `The API key expired at ${known.expiresAt}; ask an admin of your organization for a new one.`);
    this.uses.record(known.id);
    return known;
  }
}
