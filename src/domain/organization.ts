// Organization: the tenant. Owns endpoints, event types, API keys, a signing key, and the key that encrypts its secrets.
// The signing key arrives here encrypted, as an opaque string. Equal plain texts have equal cipher texts.
import * as z from 'zod';
import type { Decider } from './decider.ts';
import { conflict, notFound } from './errors.ts';
import { json, jsonEqual, type Json } from './json.ts';

// ── Events ── These names and shapes are the storage format. Never edit one: add a version and an upcaster.

const eventType = z.object({
  name: z.string(),
  group: z.string().describe('Endpoints can subscribe to the group instead of the name.'),
  description: z.string().nullable(),
  sample: json.nullable().describe('The payload of a test delivery.'),
});

export const organizationEvents = {
  'organization.registered': z
    .object({ name: z.string(), encryptionKey: z.string().describe('The AES-256 key of its secrets, wrapped by the master key.') })
    .describe('The organization was registered.'),
  'organization.encryption-key-rotated': z
    .object({ encryptionKey: z.string().describe('Another AES-256 key, wrapped by the master key.') })
    .describe('What is encrypted from here on is encrypted under another key. The keys before it go on opening what they encrypted.'),
  'organization.encryption-keys-rewrapped': z
    .object({ encryptionKeys: z.array(z.string()).min(1).readonly().describe('All of them, the newest last.') })
    .describe('The same keys, wrapped by another master key.'),
  'organization.signing-key-set': z
    .object({ key: z.string().describe('Encrypted.') })
    .describe('The signing key was set or replaced. Endpoints that use it sign with it from their next attempt.'),
  'organization.event-type-defined': eventType.describe(
    'An event type was defined. Defining a name again replaces it, and brings a retired one back.',
  ),
  'organization.event-type-retired': z
    .object({ name: z.string() })
    .describe('An event type was retired: it is no longer offered, but remains defined.'),
} as const;

type Of<C extends Record<string, z.ZodType>> = { [K in keyof C & string]: { type: K; data: z.infer<C[K]> } }[keyof C & string];
export type OrganizationEvent = Of<typeof organizationEvents>;

// ── State ──

/** `group` serves subscriptions, `sample` test deliveries. A retired type remains defined. */
export type EventType = z.infer<typeof eventType> & { readonly retired: boolean };
export type Organization =
  | { exists: 'not-yet' }
  | {
      exists: 'yes';
      name: string;
      /** Wrapped by a master key, the newest last. All are needed: the log still holds what the older ones encrypted. */
      encryptionKeys: readonly [string, ...string[]];
      /** Null only in logs that are older than signing keys, until the next start. */
      signingKey: string | null;
      eventTypes: ReadonlyMap<string, EventType>;
    };

const withType = (state: Organization, name: string, to: EventType | undefined): Organization =>
  state.exists === 'yes' && to ? { ...state, eventTypes: new Map(state.eventTypes).set(name, to) } : state;

const evolve = (state: Organization, event: OrganizationEvent): Organization => {
  switch (event.type) {
    case 'organization.registered':
      return {
        exists: 'yes',
        name: event.data.name,
        encryptionKeys: [event.data.encryptionKey],
        signingKey: null,
        eventTypes: new Map(),
      };
    case 'organization.encryption-key-rotated':
      return state.exists === 'yes' ? { ...state, encryptionKeys: [...state.encryptionKeys, event.data.encryptionKey] } : state;
    case 'organization.encryption-keys-rewrapped': {
      const [first, ...others] = event.data.encryptionKeys;
      return state.exists === 'yes' && first !== undefined ? { ...state, encryptionKeys: [first, ...others] } : state;
    }
    case 'organization.signing-key-set':
      return state.exists === 'yes' ? { ...state, signingKey: event.data.key } : state;
    case 'organization.event-type-defined':
      return withType(state, event.data.name, { ...event.data, retired: false });
    case 'organization.event-type-retired': {
      const defined = state.exists === 'yes' ? state.eventTypes.get(event.data.name) : undefined;
      return withType(state, event.data.name, defined && { ...defined, retired: true });
    }
  }
};

// ── Decisions ──

export type OrganizationCommand =
  | { type: 'RegisterOrganization'; name: string; encryptionKey: string }
  | { type: 'RotateEncryptionKey'; encryptionKey: string }
  /** `from`: the keys that `to` are, wrapped otherwise. Refused if the organization has others by now. */
  | { type: 'RewrapEncryptionKeys'; from: readonly string[]; to: readonly string[] }
  | { type: 'SetSigningKey'; key: string }
  /** Decides nothing if there is one. */
  | { type: 'SetFirstSigningKey'; key: string }
  | { type: 'DefineEventType'; name: string; group?: string | undefined; description: string | null; sample: Json | null }
  | { type: 'RetireEventType'; name: string };

/** Every copy of the state, and every process, has them in memory. */
export const mostEventTypes = 2_000;

/** The group of an event type that was defined without one, or not at all: the part before the first dot. */
export const defaultGroup = (eventType: string) => eventType.split('.', 1)[0] ?? eventType;

/** The group that an event type was defined in, else its default group. */
export const groupOf = (state: Organization, eventType: string): string =>
  (state.exists === 'yes' ? state.eventTypes.get(eventType)?.group : undefined) ?? defaultGroup(eventType);

const isSameList = (a: readonly string[], b: readonly string[]) => a.length === b.length && a.every((each, i) => each === b[i]);

const decide = (command: OrganizationCommand, state: Organization): readonly OrganizationEvent[] => {
  if (command.type === 'RegisterOrganization') {
    if (state.exists === 'yes') return [];
    return [{ type: 'organization.registered', data: { name: command.name, encryptionKey: command.encryptionKey } }];
  }
  if (state.exists !== 'yes') throw notFound('There is no such organization.');
  switch (command.type) {
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
    case 'DefineEventType': {
      const defined = state.eventTypes.get(command.name);
      if (!defined && state.eventTypes.size >= mostEventTypes)
        throw conflict(
          `The organization has ${mostEventTypes} event types, and may have no more. Types that nobody defined can be published and subscribed to as well.`,
        );
      const { name, group = defined?.group ?? defaultGroup(name), description, sample } = command;
      const data = { name, group, description, sample };
      return defined && jsonEqual(defined, { ...data, retired: false }) ? [] : [{ type: 'organization.event-type-defined', data }];
    }
    case 'RetireEventType': {
      const defined = state.eventTypes.get(command.name);
      if (!defined) throw notFound(`There is no event type "${command.name}"; \`eventTypes\` lists the ones that are defined.`);
      return defined.retired ? [] : [{ type: 'organization.event-type-retired', data: { name: command.name } }];
    }
  }
};

export const organization: Decider<OrganizationCommand, OrganizationEvent, Organization> = {
  initial: { exists: 'not-yet' },
  evolve,
  decide,
};
