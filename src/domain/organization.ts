// Organization: the tenant. Owns endpoints, event types, API keys, a signing key, and the key that encrypts its secrets.
// The signing key arrives here encrypted, as an opaque string. Equal plain texts have equal cipher texts.
import type { Decider } from './decider.ts';
import { badInput, conflict, notFound } from './errors.ts';
import { organizationId, type OrganizationId } from './ids.ts';
import { jsonEqual, type Json } from './json.ts';
import { sameName } from './names.ts';
import { defaultPortalSettings, fromStored, toStored, type PortalSettings } from './portal-settings.ts';
import type { TypeKind } from './routing.ts';
import type { Audience, EventTypeDefinition, OrganizationEvent, OrganizationLimits } from './organization-events.ts';

/** Exists from the start, and can't be suspended or deleted. Its stream also holds what is shared by all organizations. */
export const defaultOrganization = organizationId.parse('default');

/** The platform's own id of its customer fits: an id, a slug or a UUID. */
export const organizationIdSyntax = /^[A-Za-z0-9][A-Za-z0-9._~-]{0,127}$/;

// ── State ──

/** `group` serves subscriptions, `sample` test deliveries. A retired type remains defined. */
export type EventType = EventTypeDefinition & { readonly retired: boolean; readonly audience: Audience };
type EventTypes = ReadonlyMap<string, EventType>;

/** What may be said of an organization. What is left out is not changed, and not compared. */
export type OrganizationSettings = {
  readonly name?: string | undefined;
  readonly metadata?: Json | undefined;
  /** Only the given ones. */
  readonly limits?: OrganizationLimits | undefined;
};

export type Organization =
  | { exists: 'not-yet' }
  | {
      exists: 'yes';
      name: string;
      /** Wrapped by a master key, the newest last. All are needed: the log still holds what the older ones encrypted. */
      encryptionKeys: readonly [string, ...string[]];
      /** Null only in logs that are older than signing keys, until the next start. */
      signingKey: string | null;
      eventTypes: EventTypes;
      /** Defined for all organizations. Only `default` has any. */
      sharedTypes: EventTypes;
      metadata: Json;
      limits: OrganizationLimits;
      /** Null: it is active. */
      suspension: { readonly reason: string | null } | null;
      /** How often its portal sessions were ended: those opened under a lower number are over. */
      portalCounter: number;
      portalSettings: PortalSettings;
    }
  | { exists: 'no-more' };
type Existing = Organization & { exists: 'yes' };

const change = (state: Organization, changed: Partial<Existing>): Organization =>
  state.exists === 'yes' ? { ...state, ...changed } : state;

const withType = (state: Organization, name: string, shared: true | undefined, to: EventType | undefined): Organization => {
  if (state.exists !== 'yes' || !to) return state;
  const types = new Map(shared ? state.sharedTypes : state.eventTypes).set(name, to);
  return { ...state, ...(shared ? { sharedTypes: types } : { eventTypes: types }) };
};

const evolve = (state: Organization, event: OrganizationEvent): Organization => {
  switch (event.type) {
    case 'organization.registered':
      return {
        exists: 'yes',
        name: event.data.name,
        encryptionKeys: [event.data.encryptionKey],
        signingKey: null,
        eventTypes: new Map(),
        sharedTypes: new Map(),
        metadata: event.data.metadata ?? {},
        limits: event.data.limits ?? {},
        suspension: null,
        portalCounter: 0,
        portalSettings: defaultPortalSettings,
      };
    case 'organization.renamed':
    case 'organization.metadata-changed':
    case 'organization.limits-changed':
      return change(state, event.data);
    case 'organization.suspended':
      return change(state, { suspension: event.data });
    case 'organization.resumed':
      return change(state, { suspension: null });
    case 'organization.deleted':
      return { exists: 'no-more' };
    case 'organization.encryption-key-rotated':
      return state.exists === 'yes' ? { ...state, encryptionKeys: [...state.encryptionKeys, event.data.encryptionKey] } : state;
    case 'organization.encryption-keys-rewrapped': {
      const [first, ...others] = event.data.encryptionKeys;
      return first === undefined ? state : change(state, { encryptionKeys: [first, ...others] });
    }
    case 'organization.signing-key-set':
      return change(state, { signingKey: event.data.key });
    case 'organization.portal-sessions-ended':
      return change(state, { portalCounter: event.data.counter });
    case 'organization.portal-settings-changed':
      return change(state, { portalSettings: fromStored(event.data) });
    case 'organization.event-type-defined': {
      const { shared, audience = 'PUBLIC', ...definition } = event.data;
      return withType(state, definition.name, shared, { ...definition, audience, retired: false });
    }
    case 'organization.event-type-retired': {
      const { name, shared } = event.data;
      const defined = state.exists === 'yes' ? typesOf(state, shared).get(name) : undefined;
      return withType(state, name, shared, defined && { ...defined, retired: true });
    }
  }
};

const typesOf = (state: Existing, shared: true | undefined): EventTypes => (shared ? state.sharedTypes : state.eventTypes);

// ── Decisions ──

type DefineEventType = {
  type: 'DefineEventType';
  name: string;
  group?: string | undefined;
  description: string | null;
  sample: Json | null;
  audience?: Audience | undefined;
  shared?: true | undefined;
};

type Registration = { name: string; encryptionKey: string; metadata?: Json | undefined; limits?: OrganizationLimits | undefined };

export type OrganizationCommand =
  /** Decides nothing if there is one, whatever its name. */
  | (Registration & { type: 'RegisterOrganization' })
  /** `signingKey`: encrypted. */
  | {
      type: 'CreateOrganization';
      id: OrganizationId;
      settings: OrganizationSettings & { readonly name: string };
      encryptionKey: string;
      signingKey: string;
    }
  | { type: 'ChangeOrganization'; settings: OrganizationSettings }
  | { type: 'SuspendOrganization'; id: OrganizationId; reason: string | null }
  | { type: 'ResumeOrganization' }
  | { type: 'DeleteOrganization'; id: OrganizationId; confirmName: string }
  | { type: 'RotateEncryptionKey'; encryptionKey: string }
  /** `from`: the keys that `to` are, wrapped otherwise. Refused if the organization has others by now. */
  | { type: 'RewrapEncryptionKeys'; from: readonly string[]; to: readonly string[] }
  | { type: 'SetSigningKey'; key: string }
  /** Decides nothing if there is one. */
  | { type: 'SetFirstSigningKey'; key: string }
  | DefineEventType
  | { type: 'RetireEventType'; name: string; shared?: true | undefined }
  /** `counter`: the next one. */
  | { type: 'EndPortalSessions'; counter: number }
  | { type: 'ChangePortalSettings'; settings: PortalSettings };

/** Every copy of the state, and every process, has them in memory. */
export const mostEventTypes = 2_000;

/** The group of an event type that was defined without one, or not at all: the part before the first dot. */
export const defaultGroup = (eventType: string) => eventType.split('.', 1)[0] ?? eventType;

/** What its definition says, or follows from its name. @param defined by its organization, else for all of them */
export const kindOf = (eventType: string, defined: Pick<EventType, 'group' | 'audience'> | undefined): TypeKind => ({
  group: defined?.group ?? defaultGroup(eventType),
  isInternal: defined?.audience === 'INTERNAL',
});

/**
 * Of an event type, as its organization defined it, else as it was defined for all of them.
 * @param installation `default`, which has the shared types
 */
export const kindIn = (state: Organization, installation: Organization, eventType: string): TypeKind => {
  const own = state.exists === 'yes' ? state.eventTypes.get(eventType) : undefined;
  const shared = installation.exists === 'yes' ? installation.sharedTypes.get(eventType) : undefined;
  return kindOf(eventType, own ?? shared);
};

const isSameList = (a: readonly string[], b: readonly string[]) => a.length === b.length && a.every((each, i) => each === b[i]);

/** A limit that is null or absent is the installation's default, so both are the same. */
const ownLimits = (limits: OrganizationLimits): OrganizationLimits =>
  Object.fromEntries(Object.entries(limits).filter(([, value]) => value !== null && value !== undefined));

/** One event for each setting that is given and differs. */
const changesTo = (state: Existing, { name, metadata, limits }: OrganizationSettings): readonly OrganizationEvent[] => {
  const events: OrganizationEvent[] = [];
  if (name !== undefined && name !== state.name) events.push({ type: 'organization.renamed', data: { name } });
  if (metadata !== undefined && !jsonEqual(metadata, state.metadata))
    events.push({ type: 'organization.metadata-changed', data: { metadata } });
  const changed = ownLimits({ ...state.limits, ...limits });
  if (!jsonEqual(changed as Json, ownLimits(state.limits) as Json))
    events.push({ type: 'organization.limits-changed', data: { limits: changed } });
  return events;
};

const create = (command: OrganizationCommand & { type: 'CreateOrganization' }, state: Organization): readonly OrganizationEvent[] => {
  const { id, settings, encryptionKey, signingKey } = command;
  if (state.exists === 'no-more')
    throw conflict(`The organization "${id}" was deleted, and its id is never used again; choose another.`, 'id');
  if (state.exists === 'yes') {
    if (changesTo(state, settings).length === 0) return [];
    throw conflict(
      `The organization "${id}" exists with other content; use \`updateOrganization\` to change it, or choose another id.`,
      'id',
    );
  }
  return [registered({ ...settings, encryptionKey }), { type: 'organization.signing-key-set', data: { key: signingKey } }];
};

const registered = ({ name, encryptionKey, metadata, limits }: Registration): OrganizationEvent => ({
  type: 'organization.registered',
  data: { name, encryptionKey, ...(metadata !== undefined && { metadata }), ...(limits && { limits: ownLimits(limits) }) },
});

const refuseForDefault = (id: OrganizationId, what: string) => {
  if (id === defaultOrganization) throw conflict(`The organization \`${defaultOrganization}\` can't be ${what}.`, 'id');
};

const defineEventType = (command: DefineEventType, state: Existing): readonly OrganizationEvent[] => {
  const types = typesOf(state, command.shared);
  const defined = types.get(command.name);
  if (!defined && types.size >= mostEventTypes)
    throw conflict(
      command.shared
        ? `There are ${mostEventTypes} shared event types, and there may be no more.`
        : `The organization has ${mostEventTypes} event types, and may have no more. Types that nobody defined can be published and subscribed to as well.`,
    );
  const { name, group = defined?.group ?? defaultGroup(name), description, sample, shared } = command;
  const { audience = defined?.audience ?? 'PUBLIC' } = command;
  const definition = { name, group, description, sample };
  if (defined && jsonEqual(defined, { ...definition, audience, retired: false })) return [];
  const data = { ...definition, ...(audience === 'INTERNAL' && { audience }), ...(shared && { shared }) };
  return [{ type: 'organization.event-type-defined', data }];
};

const decide = (command: OrganizationCommand, state: Organization): readonly OrganizationEvent[] => {
  if (command.type === 'CreateOrganization') return create(command, state);
  if (command.type === 'RegisterOrganization') return state.exists === 'not-yet' ? [registered(command)] : [];
  if (command.type === 'DeleteOrganization' && state.exists === 'no-more') return [];
  if (state.exists !== 'yes') throw notFound('There is no such organization.');
  switch (command.type) {
    case 'ChangeOrganization':
      return changesTo(state, command.settings);
    case 'SuspendOrganization': {
      refuseForDefault(command.id, 'suspended');
      const { reason } = command;
      return state.suspension?.reason === reason ? [] : [{ type: 'organization.suspended', data: { reason } }];
    }
    case 'ResumeOrganization':
      return state.suspension === null ? [] : [{ type: 'organization.resumed', data: {} }];
    case 'DeleteOrganization':
      refuseForDefault(command.id, 'deleted');
      if (!sameName(command.confirmName, state.name))
        throw badInput('confirmName', `This is not the organization's name; its name is ${JSON.stringify(state.name)}.`);
      return [{ type: 'organization.deleted', data: {} }];
    case 'RotateEncryptionKey':
      if (state.encryptionKeys.includes(command.encryptionKey)) return [];
      return [{ type: 'organization.encryption-key-rotated', data: { encryptionKey: command.encryptionKey } }];
    case 'RewrapEncryptionKeys': {
      const { from, to } = command;
      if (isSameList(to, state.encryptionKeys)) return [];
      if (from.length !== to.length || !isSameList(from, state.encryptionKeys))
        throw conflict("The organization's encryption keys were changed meanwhile; re-wrap them again.");
      return [{ type: 'organization.encryption-keys-rewrapped', data: { encryptionKeys: to } }];
    }
    case 'SetSigningKey':
      return command.key === state.signingKey ? [] : [{ type: 'organization.signing-key-set', data: { key: command.key } }];
    case 'SetFirstSigningKey':
      return state.signingKey !== null ? [] : [{ type: 'organization.signing-key-set', data: { key: command.key } }];
    case 'EndPortalSessions': {
      const { counter } = command;
      return counter <= state.portalCounter ? [] : [{ type: 'organization.portal-sessions-ended', data: { counter } }];
    }
    case 'ChangePortalSettings': {
      const { settings } = command;
      return jsonEqual(settings, state.portalSettings) ? [] : [{ type: 'organization.portal-settings-changed', data: toStored(settings) }];
    }
    case 'DefineEventType':
      return defineEventType(command, state);
    case 'RetireEventType': {
      const { name, shared } = command;
      const defined = typesOf(state, shared).get(name);
      if (!defined) throw notFound(`There is no event type "${name}"; \`eventTypes\` lists the ones that are defined.`);
      return defined.retired ? [] : [{ type: 'organization.event-type-retired', data: { name, ...(shared && { shared }) } }];
    }
  }
};

export const organization: Decider<OrganizationCommand, OrganizationEvent, Organization> = {
  initial: { exists: 'not-yet' },
  evolve,
  decide,
};
