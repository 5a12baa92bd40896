// The endpoint directory: every organization, API key and endpoint as it is now, in memory, on every replica. Intake and delivery go by it.
// An event that can't be read or applied makes the one organization, key or endpoint of its stream unusable, and nothing else (ADR 31).
import type { BaseLogger } from 'pino';
import type { ApiKeyEvent } from '../../domain/api-key.ts';
import type { ConfigurationEvent } from '../../domain/catalog.ts';
import type { EndpointEvent } from '../../domain/endpoint-events.ts';
import { endpoint } from '../../domain/endpoint.ts';
import { notFound } from '../../domain/errors.ts';
import { noPosition, type ApiKeyId, type EndpointId, type OrganizationId, type Position } from '../../domain/ids.ts';
import type { EventType } from '../../domain/organization.ts';
import { isOrganizationEvent, type OrganizationEvent } from '../../domain/organization-events.ts';
import type { RoutedContent, RoutingSteps, TypeKind } from '../../domain/routing.ts';
import {
  apiKeyIdIn,
  apiKeyStream,
  categoryOf,
  endpointIdIn,
  endpointStream,
  organizationIdIn,
  organizationStream,
} from '../../domain/streams.ts';
import { UndecodableEvent, type EventStore, type RecordedEvent } from '../../event-store/event-store.ts';
import type { Vault } from '../../secrets/vault.ts';
import type { ConsumerStatus } from '../engine/consumer-runner.ts';
import type { Progress } from '../engine/progress.ts';
import { ApiKeyIndex, type ApiKeyEntry } from './api-key-index.ts';
import { ConfigurationFollower } from './configuration-follower.ts';
import { EndpointChangesFeed } from './endpoint-changes-feed.ts';
import type { OrganizationEntry } from './organization-entry.ts';
import { OrganizationIndex } from './organization-index.ts';
import type { PortalSettings } from '../../domain/portal-settings.ts';
import { ResolvedEndpoint, timesAfter, type OrganizationKeys } from './resolved-endpoint.ts';
import { recordedWith, type Routing } from './routing-index.ts';
import { UnusableStreams } from './unusable-streams.ts';

type NamedOrganization = OrganizationKeys & { readonly id: OrganizationId; readonly name: string };

export class EndpointDirectory {
  private readonly follower: ConfigurationFollower;
  readonly organizations: OrganizationIndex;
  private readonly organizationOf = new Map<EndpointId, OrganizationEntry>();
  private readonly apiKeys = new ApiKeyIndex();
  private readonly deleted = new Set<EndpointId>();
  private readonly unusable: UnusableStreams;
  private readonly changes = new EndpointChangesFeed();

  /** @param keys checks the API keys, if they are those of another log than the one that is followed */
  constructor(
    store: Pick<EventStore, 'followConfiguration'>,
    vault: Vault,
    log: Pick<BaseLogger, 'info' | 'warn' | 'error'>,
    private readonly keys?: Pick<EndpointDirectory, 'apiKey'>,
  ) {
    this.unusable = new UnusableStreams(log);
    this.organizations = new OrganizationIndex(vault, this.unusable);
    this.follower = new ConfigurationFollower(
      store,
      log,
      (event) => this.take(event),
      () => this.notify(this.organizationOf.keys()),
    );
  }

  /**
   * Resolves when everything that the log holds now is applied.
   * @throws SecretUnreadable when the master key opens no organization's key, or the error of the log
   */
  async start(): Promise<void> {
    await this.follower.start();
    this.organizations.open();
    if (!this.failure) return this.unusable.startReporting();
    await this.follower.stop();
    throw this.failure;
  }

  stop(): Promise<void> {
    return this.follower.stop();
  }

  /** How far the configuration is applied. */
  get progress(): Progress {
    return this.follower.progress;
  }

  /** Why nothing here can be used, if that is so. */
  get failure(): Error | undefined {
    return this.follower.failure ?? this.organizations.failure;
  }

  status(): ConsumerStatus {
    return this.follower.status(this.unusable.summary);
  }

  /** How many organizations, keys and endpoints can't be used because of an event that can't be read. */
  get unusableCount(): number {
    return this.unusable.size;
  }

  // ── Lookups ──

  organization(id: OrganizationId): NamedOrganization | undefined {
    const entry = this.organizations.get(id);
    return entry?.isOpen ? { id, name: entry.state.name, keyring: entry.keyring, signingKey: entry.signingKey } : undefined;
  }

  /** How often the organization's portal sessions were ended. @returns undefined if there is no such organization @throws ConfigurationUnavailable */
  portalCounter(id: OrganizationId): number | undefined {
    this.follower.check();
    this.unusable.check(organizationStream(id));
    return this.organizations.get(id)?.state.portalCounter;
  }

  organizationIds(): readonly OrganizationId[] {
    return this.organizations.ids;
  }

  /** @throws DomainError NOT_FOUND, ConfigurationUnavailable */
  requireOrganization(id: OrganizationId): NamedOrganization {
    this.unusable.check(organizationStream(id));
    const found = this.organization(id);
    if (!found) throw notFound('There is no such organization.');
    return found;
  }

  /** For publishing. @throws DomainError NOT_FOUND, FORBIDDEN if it is suspended; ConfigurationUnavailable */
  requireActive(id: OrganizationId): void {
    this.follower.check();
    this.organizations.requireActive(id);
  }

  endpoints(id: OrganizationId): Iterable<ResolvedEndpoint> {
    return this.organizations.get(id)?.endpoints.values() ?? [];
  }

  endpoint(id: EndpointId): ResolvedEndpoint | undefined {
    return this.organizationOf.get(id)?.endpoints.get(id);
  }

  /** @throws DomainError NOT_FOUND, ConfigurationUnavailable */
  requireEndpoint(organizationId: OrganizationId, id: EndpointId): ResolvedEndpoint {
    this.unusable.check(organizationStream(organizationId));
    this.unusable.check(endpointStream(id));
    const found = this.endpoint(id);
    if (found?.configuration.organizationId === organizationId) return found;
    throw notFound(`There is no endpoint "${id}"; \`endpoints\` lists the ones that exist.`);
  }

  /**
   * For an endpoint that is in the log, though the directory may not have reached it yet.
   * @returns undefined when it was deleted @throws ConfigurationUnavailable when it can't be used here
   */
  async whenAvailable(id: EndpointId): Promise<ResolvedEndpoint | undefined> {
    if (!this.organizationOf.has(id) && !this.deleted.has(id) && !this.unusable.has(endpointStream(id))) await this.changes.next(id);
    this.unusable.check(endpointStream(id));
    return this.endpoint(id);
  }

  /** Nothing may be sent to the endpoint now: it is paused, disabled or unusable, or its configuration may be out of date. */
  isHeld(id: EndpointId): boolean {
    if (this.follower.failure || this.unusable.has(endpointStream(id))) return true;
    const found = this.endpoint(id);
    if (!found) return false;
    const { status, organizationId } = found.configuration;
    const isSuspended = this.organizationOf.get(id)?.state.suspension !== null;
    return status !== 'ENABLED' || isSuspended || this.unusable.has(organizationStream(organizationId));
  }

  eventType(id: OrganizationId, name: string): EventType | undefined {
    return this.organizations.eventType(id, name);
  }

  eventTypes(id: OrganizationId): readonly EventType[] {
    return this.organizations.eventTypes(id);
  }

  /** The types that portal sessions of the organization never see. */
  internalTypes(id: OrganizationId): ReadonlySet<string> {
    return this.organizations.internalTypes(id);
  }

  /** What the definition of a type says, or follows from its name. */
  kindOf(id: OrganizationId, type: string): TypeKind {
    return this.organizations.kindOf(id, type);
  }

  /**
   * @param hash hex SHA-256 of the key
   * @returns undefined when there is no such key, or it was revoked
   * @throws ConfigurationUnavailable when that can't be known here
   */
  apiKey(hash: string): ApiKeyEntry | undefined {
    if (this.keys) return this.keys.apiKey(hash);
    this.follower.check();
    const entry = this.apiKeys.find(hash);
    if (entry && this.organizations.isDeleted(entry.organizationId)) return undefined;
    if (entry) this.unusable.check(apiKeyStream(entry.id));
    else this.unusable.checkUnidentifiedKeys((id) => this.apiKeys.has(id));
    return entry;
  }

  /** The keys of an organization that were not revoked. @throws ConfigurationUnavailable */
  apiKeysOf(organization: OrganizationId): readonly ApiKeyEntry[] {
    this.follower.check();
    return this.apiKeys.of(organization);
  }

  /**
   * Where a message goes: decided once, on the configuration of this moment. An endpoint that can't be used is routed to by the last configuration
   * that could be read; its deliveries are held.
   * @throws ConfigurationUnavailable
   */
  route(id: OrganizationId, type: string, message: RoutedContent, now: Date): RoutingSteps<Routing> {
    this.follower.check();
    this.unusable.check(organizationStream(id));
    return recordedWith(this.routedAt, this.organizations.get(id)?.routing.route(type, message, now));
  }

  /** How the organization's portal looks. Undefined: there is no such organization. */
  portalSettings(id: OrganizationId): PortalSettings | undefined {
    return this.organizations.get(id)?.state.portalSettings;
  }

  /** The position that a routing decided now is recorded with; empty for an empty log. */
  get routedAt(): Position {
    return this.progress.position ?? noPosition;
  }

  /** Calls back after an endpoint changed, was deleted, changed its status, or can no longer be used. */
  onEndpointChanged(listener: (id: EndpointId) => void): void {
    this.changes.listen(listener);
  }

  // ── Events ──

  private take(event: RecordedEvent<ConfigurationEvent> | UndecodableEvent): void {
    try {
      if (event instanceof UndecodableEvent) throw event;
      this.apply(event);
    } catch (error) {
      this.unusable.add(event.stream, error);
      if (categoryOf(event.stream) === 'organization')
        this.notify(Array.from(this.endpoints(organizationIdIn(event.stream)), ({ id }) => id));
    }
    if (categoryOf(event.stream) === 'endpoint') this.notify([endpointIdIn(event.stream)]);
  }

  private apply(event: RecordedEvent<ConfigurationEvent>): void {
    if (isOrganizationEvent(event)) return this.applyOrganization(organizationIdIn(event.stream), event);
    if (event.type === 'apikey.issued' || event.type === 'apikey.revoked') return this.applyApiKey(apiKeyIdIn(event.stream), event);
    return this.applyEndpoint(endpointIdIn(event.stream), event);
  }

  private applyOrganization(id: OrganizationId, event: OrganizationEvent): void {
    const concerned = Array.from(this.organizations.apply(id, event));
    if (event.type === 'organization.deleted') for (const each of concerned) this.forget(each);
    this.notify(concerned);
  }

  private forget(id: EndpointId): void {
    this.organizationOf.delete(id);
    this.deleted.add(id);
    this.unusable.delete(endpointStream(id)); // whatever it was, it is gone
  }

  private applyApiKey(id: ApiKeyId, event: RecordedEvent & ApiKeyEvent): void {
    this.apiKeys.apply(id, event);
    if (event.type === 'apikey.revoked') this.unusable.delete(apiKeyStream(id)); // whatever it was, it is revoked
  }

  private applyEndpoint(id: EndpointId, event: RecordedEvent & EndpointEvent): void {
    const before = this.endpoint(id);
    const state = endpoint.evolve(before ? { exists: 'yes', configuration: before.configuration } : endpoint.initial, event);
    const owner = this.organizationOf.get(id) ?? (event.type === 'endpoint.registered' ? this.ownerOf(event.data) : undefined);
    if (state.exists === 'no-more' || (state.exists === 'yes' && !owner)) {
      owner?.endpoints.delete(id);
      owner?.routing.delete(id);
      if (state.exists === 'yes') this.organizations.leave(state.configuration.organizationId, id);
      else this.organizations.endpointDeleted(id);
      this.forget(id);
    } else if (owner && state.exists === 'yes') {
      const resolved = new ResolvedEndpoint(id, event.revision, state.configuration, owner, timesAfter(event, before));
      this.organizationOf.set(id, owner);
      owner.endpoints.set(id, resolved);
      owner.routing.set(resolved);
    }
  }

  /** Undefined: it was deleted just before. */
  private ownerOf({ organizationId }: { readonly organizationId: OrganizationId }): OrganizationEntry | undefined {
    this.unusable.check(organizationStream(organizationId));
    const owner = this.organizations.get(organizationId);
    if (!owner && !this.organizations.isDeleted(organizationId)) throw new Error(`Its organization ${organizationId} is not in the log.`);
    return owner;
  }

  private notify(ids: Iterable<EndpointId>): void {
    for (const id of ids) this.changes.changed(id);
  }
}
