// Authentication: from the API key or the portal session's token that came with a request to who asks.
import { hash, timingSafeEqual } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import type { Caller } from '../../commands/caller.ts';
import { hashOfKey } from '../../commands/organization-commands.ts';
import type { ApiKeyRole } from '../../domain/api-key.ts';
import { asOrganizationId, type ApiKeyId, type EndpointId } from '../../domain/ids.ts';
import { defaultOrganization } from '../../domain/organization.ts';
import type { PortalCapability } from '../../domain/portal-capability.ts';
import type { ApiKeyUses } from '../../read-models/api-key-uses.ts';
import { isExpired, type ApiKeyEntry } from '../../read-models/directory/api-key-index.ts';
import type { Arrivals } from '../../read-models/directory/arrivals.ts';
import { EndpointDirectory } from '../../read-models/directory/endpoint-directory.ts';
import { Refusal, refusalOf } from '../refusal.ts';
import { actingOrganization, type NamedOrganization } from './acting-organization.ts';
import { isPortalToken, longestToken, PortalTokens, type PortalTokenContent } from './portal-token.ts';
import { sightOf, sightOfPortal, type Sight } from './sight.ts';

type Authenticated = Caller & {
  /** Of the API key, or the subject of the portal session. */
  readonly name: string;
  readonly sight: Sight;
  /** Hex SHA-256 of the API key, or of the organization and subject of a portal session. Limits count by it. */
  readonly keyHash: string;
  /** ISO 8601. Undefined: the key does not expire. */
  readonly expiresAt: string | undefined;
};

export type ApiKeyCaller = Authenticated & {
  readonly kind: 'API_KEY';
  readonly actorId: ApiKeyId;
  readonly role: ApiKeyRole;
  readonly spansOrganizations: boolean;
};

export type PortalCaller = Authenticated & {
  readonly kind: 'PORTAL';
  readonly capabilities: readonly PortalCapability[];
  /** The only ones that it sees. Undefined: all of the organization. */
  readonly endpointIds: ReadonlySet<EndpointId> | undefined;
  readonly session: PortalTokenContent;
};

export type AuthenticatedCaller = ApiKeyCaller | PortalCaller;

/** Whether the caller may know of the whole installation. */
export const coversInstallation = (caller: AuthenticatedCaller): boolean =>
  caller.kind === 'API_KEY' && (caller.spansOrganizations || caller.organizationId === defaultOrganization);

/** As a request gives them. `keyHash`: of the key that its cookie names. */
export type Credentials = {
  readonly authorization?: string | undefined;
  readonly keyHash?: string | undefined;
  readonly organization?: NamedOrganization;
};

/** `unknown`: never issued here, or revoked. `ended`: a portal session, by endPortalSessions or with its organization. */
export type AuthenticationFailure = 'missing' | 'malformed' | 'unknown' | 'expired' | 'ended';

export class Unauthenticated extends Refusal {
  constructor(
    readonly failure: AuthenticationFailure,
    message: string,
  ) {
    super('UNAUTHENTICATED', message, { headers: { 'www-authenticate': 'Bearer realm="hookledger"' } });
  }
}

const bearer = new RegExp(`^Bearer +([\\x21-\\x7e]{1,${longestToken}})$`, 'i');

@Injectable()
export class Authentication {
  constructor(
    private readonly directory: EndpointDirectory,
    private readonly uses: Pick<ApiKeyUses, 'record'>,
    private readonly portalTokens: PortalTokens,
    private readonly arrivals: Pick<Arrivals, 'organization' | 'apiKey'>,
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
    const [, key] = bearer.exec(authorization) ?? [];
    if (key === undefined) throw new Unauthenticated('malformed', 'The header `Authorization` is not of the form `Bearer <API key>`.');
    return isPortalToken(key)
      ? this.withPortalToken(key, correlationId, organization)
      : this.withKey(hashOfKey(key), correlationId, organization);
  }

  /** @throws as `authenticate` */
  by({ authorization, keyHash, organization }: Credentials, correlationId: string): AuthenticatedCaller {
    return keyHash === undefined
      ? this.authenticate(authorization, correlationId, organization)
      : this.withKey(keyHash, correlationId, organization);
  }

  /** As `by`, and once more where another replica may just have issued the key, or made the organization. @throws as `authenticate`, and LogUnavailable */
  async whenKnown(credentials: Credentials, correlationId: string): Promise<AuthenticatedCaller> {
    try {
      return this.by(credentials, correlationId);
    } catch (error) {
      if (await this.mayPassNow(error, credentials)) return this.by(credentials, correlationId);
      throw error;
    }
  }

  /** Whether what refused these has arrived here. @throws as `Arrivals` */
  private async mayPassNow(error: unknown, { authorization, keyHash, organization }: Credentials): Promise<boolean> {
    if (error instanceof Refusal && error.code === 'NOT_FOUND') return this.arrivals.organization(asOrganizationId(String(organization)));
    if (!(error instanceof Unauthenticated) || (error.failure !== 'unknown' && error.failure !== 'ended')) return false;
    const [, key = ''] = bearer.exec(authorization ?? '') ?? [];
    if (keyHash === undefined && isPortalToken(key)) {
      const session = this.portalTokens.read(key);
      return (
        session !== undefined &&
        !this.directory.organizations.has(session.organizationId) &&
        this.arrivals.organization(session.organizationId)
      );
    }
    return this.arrivals.apiKey(keyHash ?? hashOfKey(key));
  }

  /**
   * The caller whose API key has this hash, however the request names the key.
   * @throws Unauthenticated, ConfigurationUnavailable, and as `actingOrganization`
   */
  withKey(keyHash: string, correlationId: string, organization?: NamedOrganization): ApiKeyCaller {
    const known = this.known(keyHash);
    if (!known)
      throw new Unauthenticated(
        'unknown',
        'The API key is not known here, or was revoked; ask an admin of your organization for a new one.',
      );
    const { id, name, role, expiresAt } = known;
    return {
      kind: 'API_KEY',
      organizationId: actingOrganization(known, organization, this.directory),
      spansOrganizations: known.spansOrganizations !== false,
      mayCreateOrganizations: known.spansOrganizations !== false && role === 'ADMIN',
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

  /** Why the caller is no longer accepted, for what goes on longer than a request: revoked, expired, ended, or it can't be checked now. */
  refusalNow(caller: AuthenticatedCaller): Refusal | undefined {
    const { keyHash, organizationId } = caller;
    try {
      if (caller.kind === 'PORTAL') {
        this.checkSession(caller.session);
        return undefined;
      }
      if (!this.known(keyHash)) return new Unauthenticated('unknown', 'The API key was revoked.');
      return this.directory.organizations.has(organizationId) ? undefined : new Unauthenticated('unknown', 'The organization was deleted.');
    } catch (error) {
      const refusal = refusalOf(error);
      if (refusal) return refusal;
      throw error;
    }
  }

  private withPortalToken(token: string, correlationId: string, organization: NamedOrganization): PortalCaller {
    const session = this.portalTokens.read(token);
    if (!session)
      throw new Unauthenticated(
        'unknown',
        'The token of the portal session was not made here; open the portal from where you were sent to it.',
      );
    this.checkSession(session);
    const { subject, capabilities, endpointIds, expiresAt } = session;
    const organizationId = actingOrganization(
      { organizationId: session.organizationId, spansOrganizations: false },
      organization,
      this.directory,
    );
    return {
      kind: 'PORTAL',
      organizationId,
      actor: `portal:${subject}`,
      name: subject,
      correlationId,
      capabilities,
      endpointIds: endpointIds && new Set(endpointIds),
      sight: sightOfPortal(capabilities),
      keyHash: hash('sha256', JSON.stringify(['portal', organizationId, subject]), 'hex'),
      expiresAt: new Date(expiresAt).toISOString(),
      session,
    };
  }

  /** A counter above the known one is of an end that this process has not followed yet. @throws Unauthenticated, ConfigurationUnavailable */
  private checkSession({ organizationId, counter, expiresAt }: PortalTokenContent): void {
    if (expiresAt <= this.now())
      throw new Unauthenticated('expired', `The portal session expired at ${new Date(expiresAt).toISOString()}; open the portal again.`);
    const known = this.directory.portalCounter(organizationId);
    if (known === undefined || counter < known) throw new Unauthenticated('ended', 'The portal session was ended; open the portal again.');
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
