// The organizations that exist, as they are now, with what their endpoints are reached by. A deleted one is known by its id only: its keys are forgotten.
import { defaultOrganization, kindOf, organization, type EventType } from '../../domain/organization.ts';
import type { OrganizationEvent, OrganizationLimits } from '../../domain/organization-events.ts';
import { forbidden, notFound } from '../../domain/errors.ts';
import type { EndpointId, OrganizationId } from '../../domain/ids.ts';
import type { TypeKind } from '../../domain/routing.ts';
import { organizationStream } from '../../domain/streams.ts';
import type { SecretUnreadable, Vault } from '../../secrets/vault.ts';
import { LockedOrganizations } from './locked-organizations.ts';
import { OrganizationEntry } from './organization-entry.ts';
import { RoutingIndex } from './routing-index.ts';
import type { UnusableStreams } from './unusable-streams.ts';

const none: Iterable<EndpointId> = [];

export class OrganizationIndex {
  private readonly entries = new Map<OrganizationId, OrganizationEntry>();
  private readonly deleted = new Set<OrganizationId>();
  /** Endpoints of deleted organizations that are not deleted yet themselves. */
  private readonly left = new Map<EndpointId, OrganizationId>();
  private readonly locked: LockedOrganizations;
  /** Keys are opened: everything that the log held at the start is applied. */
  private isOpen = false;

  constructor(
    private readonly vault: Vault,
    private readonly unusable: UnusableStreams,
  ) {
    this.locked = new LockedOrganizations(unusable);
  }

  get(id: OrganizationId): OrganizationEntry | undefined {
    return this.entries.get(id);
  }

  get size(): number {
    return this.entries.size;
  }

  get ids(): readonly OrganizationId[] {
    return Array.from(this.entries.keys());
  }

  /** @throws DomainError NOT_FOUND, FORBIDDEN if it is suspended; ConfigurationUnavailable */
  requireActive(id: OrganizationId): void {
    this.unusable.check(organizationStream(id));
    const entry = this.entries.get(id);
    if (!entry) throw notFound('There is no such organization.');
    const { suspension } = entry.state;
    if (suspension) throw forbidden(`The organization is suspended${suspension.reason === null ? '.' : `: ${suspension.reason}`}`);
  }

  /** @throws ConfigurationUnavailable when that can't be known here */
  has(id: OrganizationId): boolean {
    this.unusable.check(organizationStream(id));
    return this.entries.has(id);
  }

  endpointCount(id: OrganizationId): number {
    return this.entries.get(id)?.endpoints.size ?? 0;
  }

  /** Its own; undefined if there is no such organization. */
  limitsOf(id: OrganizationId): OrganizationLimits | undefined {
    return this.entries.get(id)?.state.limits;
  }

  /** The least that an organization of its own is limited to. */
  leastLimit(name: keyof OrganizationLimits): number | undefined {
    let least: number | undefined;
    for (const { state } of this.entries.values()) {
      const own = state.limits[name] ?? undefined;
      if (own !== undefined && (least === undefined || own < least)) least = own;
    }
    return least;
  }

  isDeleted(id: OrganizationId): boolean {
    return this.deleted.has(id);
  }

  /** Those of a deleted organization that are not deleted yet themselves. */
  endpointsLeftBy(id: OrganizationId): readonly EndpointId[] {
    return Array.from(this.left).flatMap(([endpoint, organization]) => (organization === id ? [endpoint] : []));
  }

  /** An endpoint was registered in an organization that had been deleted just before. */
  leave(organization: OrganizationId, id: EndpointId): void {
    this.left.set(id, organization);
  }

  endpointDeleted(id: EndpointId): void {
    this.left.delete(id);
  }

  /** Why no organization's keys can be opened, if that is so. */
  get failure(): SecretUnreadable | undefined {
    return this.locked.failure(this.entries.values());
  }

  /** Call once all that the log held at the start is applied: a key may have been re-wrapped, or its organization deleted. */
  open(): void {
    this.isOpen = true;
    for (const entry of this.entries.values()) this.locked.open(entry);
  }

  /** @returns the endpoints whose deliveries may go on, or may not any more */
  apply(id: OrganizationId, event: OrganizationEvent): Iterable<EndpointId> {
    const entry = this.entries.get(id);
    const state = organization.evolve(entry?.state ?? organization.initial, event);
    if (state.exists === 'no-more') return this.delete(id);
    if (state.exists !== 'yes') return none;
    const kept = { ...state, metadata: {} }; // up to 16 KiB for each of many organizations, and no decision depends on it
    if (entry) entry.set(kept, event.type);
    else this.entries.set(id, new OrganizationEntry(id, kept, this.vault, new RoutingIndex((type) => this.kindOf(id, type))));
    this.kindsChanged(id, event);
    const wasChanged = this.isOpen && this.openKeys(id);
    return wasChanged || event.type === 'organization.suspended' || event.type === 'organization.resumed'
      ? (entry?.endpoints.keys() ?? none)
      : none;
  }

  /** An organization's own definition comes before the one that all share. */
  eventType(id: OrganizationId, name: string): EventType | undefined {
    return this.entries.get(id)?.state.eventTypes.get(name) ?? this.sharedTypes?.get(name);
  }

  /** Its own, and those that all share and it does not define itself. */
  eventTypes(id: OrganizationId): readonly EventType[] {
    return Array.from(new Map([...(this.sharedTypes ?? []), ...(this.entries.get(id)?.state.eventTypes ?? [])]).values());
  }

  /** Whether the type is one that all share, and that the organization does not define itself. */
  isShared(id: OrganizationId, name: string): boolean {
    return !this.entries.get(id)?.state.eventTypes.has(name) && this.sharedTypes?.has(name) === true;
  }

  kindOf(id: OrganizationId, type: string): TypeKind {
    return kindOf(type, this.eventType(id, type));
  }

  /** The types that portal sessions of the organization never see. */
  internalTypes(id: OrganizationId): ReadonlySet<string> {
    const own = this.entries.get(id)?.state.eventTypes ?? new Map<string, EventType>();
    const shared = Array.from(this.sharedTypes?.values() ?? []).filter(({ name }) => !own.has(name));
    return new Set([...own.values(), ...shared].filter(({ audience }) => audience === 'INTERNAL').map(({ name }) => name));
  }

  private get sharedTypes(): ReadonlyMap<string, EventType> | undefined {
    return this.entries.get(defaultOrganization)?.state.sharedTypes;
  }

  private openKeys(id: OrganizationId): boolean {
    const entry = this.entries.get(id);
    return entry !== undefined && this.locked.open(entry);
  }

  private kindsChanged(id: OrganizationId, event: OrganizationEvent): void {
    if (event.type !== 'organization.event-type-defined') return;
    const all = event.data.shared ? this.entries.values() : [this.entries.get(id)];
    for (const each of all) each?.routing.kindsChanged();
  }

  private delete(id: OrganizationId): Iterable<EndpointId> {
    const stream = organizationStream(id);
    const entry = this.entries.get(id);
    this.entries.delete(id);
    this.deleted.add(id);
    const left = Array.from(entry?.endpoints.keys() ?? none);
    for (const each of left) this.left.set(each, id);
    this.locked.forget(id);
    this.unusable.delete(stream); // whatever it was, it is gone
    this.vault.forget(stream);
    return left;
  }
}
