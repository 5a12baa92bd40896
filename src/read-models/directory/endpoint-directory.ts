// The endpoint directory: every organization, API key and endpoint as it is now, in memory, on every replica.
// Intake routes by it and the dispatcher configures attempts by it, so neither asks a database.
import { endpoint, type EndpointEvent } from '../../domain/endpoint.ts';
import type { ApiKeyRole } from '../../domain/api-key.ts';
import type { ApiKeyId, EndpointId, OrganizationId, Position } from '../../domain/ids.ts';
import type { JsonObject } from '../../domain/json.ts';
import { groupOf, organization, type EventType, type Organization, type OrganizationEvent } from '../../domain/organization.ts';
import type { EventStore, RecordedEvent } from '../../event-store/event-store.ts';
import type { Vault } from '../../secrets/vault.ts';
import { Progress } from '../engine/progress.ts';
import { idIn } from '../../domain/streams.ts';
import type { RoutedMessage } from '../../domain/routing.ts';
import { ResolvedEndpoint, type OrganizationKeys } from './resolved-endpoint.ts';
import { RoutingIndex } from './routing-index.ts';

export type ApiKeyEntry = {
  readonly id: ApiKeyId;
  readonly organizationId: OrganizationId;
  readonly name: string;
  readonly role: ApiKeyRole;
  /** Hex SHA-256 of the key. */
  readonly hash: string;
};

export type Routing = RoutedMessage & { readonly routedAt: Position };

type OrganizationEntry = OrganizationKeys & {
  readonly id: OrganizationId;
  state: Organization & { exists: 'yes' };
  signingKey: string | null;
  readonly endpoints: Map<EndpointId, ResolvedEndpoint>;
  readonly routing: RoutingIndex;
};

export class EndpointDirectory {
  readonly progress = new Progress();
  /** Why the directory no longer follows the log, if so. */
  failure: Error | undefined;
  private readonly organizations = new Map<OrganizationId, OrganizationEntry>();
  private readonly organizationOf = new Map<EndpointId, OrganizationEntry>();
  private readonly apiKeys = new Map<string, ApiKeyEntry>();
  private readonly hashes = new Map<ApiKeyId, string>();
  private readonly listeners: ((id: EndpointId) => void)[] = [];
  private readonly deleted = new Set<EndpointId>();
  private readonly awaited = new Map<EndpointId, PromiseWithResolvers<void>>();
  private readonly ending = new AbortController();
  private following: Promise<void> = Promise.resolve();

  /** @param keys who knows the API keys, where these are others than those of the log that it follows */
  constructor(
    private readonly store: Pick<EventStore, 'follow'>,
    private readonly vault: Vault,
    private readonly keys?: Pick<EndpointDirectory, 'apiKey'>,
  ) {}

  /** Resolves when everything that the log holds now is known. */
  async start(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.following = this.follow(resolve).catch((error: unknown) => {
        this.failure = error instanceof Error ? error : new Error(String(error));
        reject(this.failure);
      });
    });
  }

  async stop(): Promise<void> {
    this.ending.abort();
    await this.following;
  }

  organization(id: OrganizationId): (OrganizationKeys & { readonly id: OrganizationId; readonly name: string }) | undefined {
    const known = this.organizations.get(id);
    return known && { id, name: known.state.name, keyring: known.keyring, signingKey: known.signingKey };
  }

  endpoints(id: OrganizationId): Iterable<ResolvedEndpoint> {
    return this.organizations.get(id)?.endpoints.values() ?? [];
  }

  eventType(id: OrganizationId, name: string): EventType | undefined {
    return this.organizations.get(id)?.state.eventTypes.get(name);
  }

  eventTypes(id: OrganizationId): readonly EventType[] {
    return Array.from(this.organizations.get(id)?.state.eventTypes.values() ?? []);
  }

  /** The group that a type is defined in, else the one that its name says. */
  groupOf(id: OrganizationId, type: string): string {
    return groupOf(this.organizations.get(id)?.state ?? organization.initial, type);
  }

  endpoint(id: EndpointId): ResolvedEndpoint | undefined {
    return this.organizationOf.get(id)?.endpoints.get(id);
  }

  /** Of one that is in the log, though the directory may not have come to it yet. @returns undefined where it was deleted */
  async whenAvailable(id: EndpointId): Promise<ResolvedEndpoint | undefined> {
    if (!this.organizationOf.has(id) && !this.deleted.has(id)) {
      let awaited = this.awaited.get(id);
      if (!awaited) this.awaited.set(id, (awaited = Promise.withResolvers()));
      await awaited.promise;
    }
    return this.endpoint(id);
  }

  /** @param hash hex SHA-256 of the key */
  apiKey(hash: string): ApiKeyEntry | undefined {
    return this.keys ? this.keys.apiKey(hash) : this.apiKeys.get(hash);
  }

  /** Calls back after an endpoint changed, was deleted, or changed its status. */
  onEndpointChanged(listener: (id: EndpointId) => void): void {
    this.listeners.push(listener);
  }

  /** Where a message goes: decided once, on the configuration of this moment. */
  route(id: OrganizationId, type: string, data: JsonObject, now: Date): Routing {
    const routed = this.organizations.get(id)?.routing.route(type, data, now) ?? { destinations: [], skipped: [] };
    return { ...routed, routedAt: this.progress.position ?? ('' as Position) };
  }

  private async follow(caughtUp: () => void): Promise<void> {
    for await (const batch of this.store.follow(undefined, { signal: this.ending.signal, only: 'configuration' })) {
      for (const event of batch) this.apply(event);
      const last = batch.at(-1);
      if (last) this.progress.advance(last.position);
      else caughtUp();
    }
  }

  private apply(event: RecordedEvent): void {
    const id = idIn(event.stream);
    switch (event.type) {
      case 'organization.registered':
      case 'organization.signing-key-set':
      case 'organization.event-type-defined':
      case 'organization.event-type-retired':
        return this.applyOrganization(id as OrganizationId, event);
      case 'apikey.issued': {
        const { organizationId, name, role, hash } = event.data;
        this.apiKeys.set(hash, { id: id as ApiKeyId, organizationId, name, role, hash });
        this.hashes.set(id as ApiKeyId, hash);
        return;
      }
      case 'apikey.revoked':
        this.apiKeys.delete(this.hashes.get(id as ApiKeyId) ?? '');
        return;
      case 'message.accepted':
      case 'delivery.attempt-succeeded':
      case 'delivery.attempt-failed':
      case 'delivery.exhausted':
      case 'delivery.retry-requested':
      case 'delivery.replay-requested':
      case 'delivery.cancelled':
      case 'batch.closed':
      case 'batch.attempt-succeeded':
      case 'batch.attempt-failed':
      case 'batch.exhausted':
      case 'batch.retry-requested':
      case 'batch.replay-requested':
      case 'replay.requested':
      case 'replay.progressed':
      case 'replay.finished':
      case 'replay.cancelled':
      case 'batch.cancelled':
      case 'ledger.key-created':
      case 'ledger.sealed':
      case 'source.registered':
      case 'source.renamed':
      case 'source.selection-changed':
      case 'source.mapping-changed':
      case 'source.paused':
      case 'source.resumed':
      case 'source.deleted':
      case 'reading.event-skipped':
      case 'reading.advanced':
        return;
      default:
        return this.applyEndpoint(id as EndpointId, event);
    }
  }

  private applyOrganization(id: OrganizationId, event: OrganizationEvent): void {
    const known = this.organizations.get(id);
    const state = organization.evolve(known?.state ?? organization.initial, event);
    if (state.exists !== 'yes') return;
    if (known) {
      known.state = state;
      if (event.type === 'organization.signing-key-set') known.signingKey = known.keyring.open(event.data.key);
      known.routing.groupsChanged();
    } else {
      const keyring = this.vault.keyring(state.encryptionKey);
      const routing = new RoutingIndex((type) => this.groupOf(id, type));
      this.organizations.set(id, { id, state, keyring, signingKey: null, endpoints: new Map(), routing });
    }
  }

  private applyEndpoint(id: EndpointId, event: RecordedEvent & EndpointEvent): void {
    const before = this.endpoint(id);
    const state = endpoint.evolve(before ? { exists: 'yes', configuration: before.configuration } : endpoint.initial, event);
    const owner =
      this.organizationOf.get(id) ?? (event.type === 'endpoint.registered' ? this.organizations.get(event.data.organizationId) : undefined);
    if (!owner) return;
    if (state.exists === 'yes') {
      this.organizationOf.set(id, owner);
      const resolved = new ResolvedEndpoint(id, event.revision, state.configuration, owner);
      owner.endpoints.set(id, resolved);
      owner.routing.set(resolved.matcher);
    } else {
      this.organizationOf.delete(id);
      owner.endpoints.delete(id);
      owner.routing.delete(id);
      this.deleted.add(id);
    }
    this.awaited.get(id)?.resolve();
    this.awaited.delete(id);
    for (const listener of this.listeners) listener(id);
  }
}
