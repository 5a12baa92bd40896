// Source: streams of other services on the log's server whose events become messages: which events, as which type, with which data.
// How far it has been read is recorded in a stream of its own (reading.ts), which grows all the time.
import * as z from 'zod';
import type { Decider } from './decider.ts';
import { notFound } from './errors.ts';
import { organizationId, position } from './ids.ts';
import { jsonEqual } from './json.ts';

// ── Events ── These names and shapes are the storage format. Never edit one: add a version and an upcaster.

const name = z.string();
const streams = z.object({
  by: z.enum(['PREFIX', 'CATEGORY']).describe("CATEGORY: the part of the stream's name before the first hyphen."),
  value: z.string(),
});
const eventTypes = z.array(z.string()).readonly().describe('Empty: all.');
const types = z.record(z.string(), z.string()).describe('Message types by event type; other events keep their type.');
const template = z.string().nullable().describe("A JSONata expression that makes the message's data; null: the event's own.");

const organizationFrom = z
  .object({ field: z.string().nullable().describe("A path in the event's data; null: the stream's name, after what the source names.") })
  .nullable()
  .describe("Where an event says which organization its message is for; null: the source's own.");
const createOrganizations = z
  .boolean()
  .describe('Organizations that are named and do not exist are created; else their events are skipped.');

const settings = z.object({ name, streams, eventTypes, types, template });
const organizations = z.object({ organizationFrom, createOrganizations });
export type SourceSettings = z.infer<typeof settings> & z.infer<typeof organizations>;

export const sourceEvents = {
  'source.registered': settings
    .extend({
      organizationId,
      after: position.nullable().describe("It begins after this place of the server's log; null: at its beginning."),
      organizations: organizations.describe("Absent: all messages are for the source's organization.").optional(),
    })
    .describe('A source was registered, with its whole configuration.'),
  'source.renamed': z.object({ name }).describe('The source was renamed.'),
  'source.selection-changed': z.object({ streams, eventTypes }).describe('From where it is now, the source takes other events.'),
  'source.mapping-changed': z.object({ types, template }).describe('From where it is now, events become messages in another way.'),
  'source.organizations-changed': organizations.describe('From where it is now, events become messages for other organizations.'),
  'source.paused': z.object({}).describe('The source is not read until it is resumed.'),
  'source.resumed': z.object({}).describe('The source is read again, from where it was.'),
  'source.deleted': z.object({}).describe('The source was deleted.'),
} as const;

type Of<C extends Record<string, z.ZodType>> = { [K in keyof C & string]: { type: K; data: z.infer<C[K]> } }[keyof C & string];
export type SourceEvent = Of<typeof sourceEvents>;
type Registered = Extract<SourceEvent, { type: 'source.registered' }>['data'];

/** Every message is for the source's organization. */
export const ownOnly: z.infer<typeof organizations> = { organizationFrom: null, createOrganizations: false };

// ── State ──

export type SourceStatus = 'ENABLED' | 'PAUSED';
export type SourceConfiguration = {
  readonly organizationId: z.infer<typeof organizationId>;
  readonly status: SourceStatus;
  readonly after: z.infer<typeof position> | null;
  readonly settings: SourceSettings;
};
export type Source = { exists: 'not-yet' } | { exists: 'yes'; configuration: SourceConfiguration } | { exists: 'no-more' };

/** The prefix of the names of its streams. */
export const streamPrefixOf = ({ by, value }: SourceSettings['streams']) => (by === 'CATEGORY' ? `${value}-` : value);

/** With the defaults of settings that the event does not have. */
export const registeredIn = ({ organizationId, after, organizations = ownOnly, ...settings }: Registered) => ({
  organizationId,
  after,
  settings: { ...settings, ...organizations } satisfies SourceSettings,
});

const change = (state: Source, changed: Partial<SourceConfiguration>): Source =>
  state.exists === 'yes' ? { exists: 'yes', configuration: { ...state.configuration, ...changed } } : state;

const set = (state: Source, changed: Partial<SourceSettings>): Source =>
  state.exists === 'yes' ? change(state, { settings: { ...state.configuration.settings, ...changed } }) : state;

const evolve = (state: Source, event: SourceEvent): Source => {
  switch (event.type) {
    case 'source.registered': {
      return { exists: 'yes', configuration: { ...registeredIn(event.data), status: 'ENABLED' } };
    }
    case 'source.renamed':
    case 'source.selection-changed':
    case 'source.mapping-changed':
    case 'source.organizations-changed':
      return set(state, event.data);
    case 'source.paused':
      return change(state, { status: 'PAUSED' });
    case 'source.resumed':
      return change(state, { status: 'ENABLED' });
    case 'source.deleted':
      return { exists: 'no-more' };
  }
};

// ── Decisions ── source-settings.ts validates each setting.

export type SourceCommand =
  | {
      type: 'Register';
      organizationId: z.infer<typeof organizationId>;
      settings: SourceSettings;
      after: z.infer<typeof position> | null;
    }
  | { type: 'Change'; settings: Partial<SourceSettings> }
  | { type: 'Pause' | 'Resume' | 'Delete' };

/** One event for each setting that a patch changes. */
const changes = (from: SourceSettings, patch: Partial<SourceSettings>): SourceEvent[] => {
  const to = { ...from, ...patch };
  const differs = (...fields: (keyof SourceSettings)[]) => fields.some((field) => !jsonEqual(from[field], to[field]));
  const events: SourceEvent[] = [];
  if (differs('name')) events.push({ type: 'source.renamed', data: { name: to.name } });
  if (differs('streams', 'eventTypes'))
    events.push({ type: 'source.selection-changed', data: { streams: to.streams, eventTypes: to.eventTypes } });
  if (differs('types', 'template')) events.push({ type: 'source.mapping-changed', data: { types: to.types, template: to.template } });
  const { organizationFrom, createOrganizations } = to;
  if (differs('organizationFrom', 'createOrganizations'))
    events.push({ type: 'source.organizations-changed', data: { organizationFrom, createOrganizations } });
  return events;
};

const decide = (command: SourceCommand, state: Source): readonly SourceEvent[] => {
  if (command.type === 'Register') {
    if (state.exists !== 'not-yet') return [];
    const { organizationId, after } = command;
    const { organizationFrom, createOrganizations, ...settings } = command.settings;
    const others = organizationFrom && { organizations: { organizationFrom, createOrganizations } };
    return [{ type: 'source.registered', data: { organizationId, ...settings, after, ...others } }];
  }
  if (command.type === 'Delete' && state.exists === 'no-more') return [];
  if (state.exists !== 'yes') throw notFound('There is no such source; `sources` lists the ones that exist.');
  const { settings, status } = state.configuration;
  switch (command.type) {
    case 'Change':
      return changes(settings, command.settings);
    case 'Pause':
      return status === 'PAUSED' ? [] : [{ type: 'source.paused', data: {} }];
    case 'Resume':
      return status === 'ENABLED' ? [] : [{ type: 'source.resumed', data: {} }];
    case 'Delete':
      return [{ type: 'source.deleted', data: {} }];
  }
};

export const source: Decider<SourceCommand, SourceEvent, Source> = { initial: { exists: 'not-yet' }, evolve, decide };
