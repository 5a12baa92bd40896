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

const settings = z.object({ name, streams, eventTypes, types, template });
export type SourceSettings = z.infer<typeof settings>;

export const sourceEvents = {
  'source.registered': settings
    .extend({
      organizationId,
      after: position.nullable().describe("It begins after this place of the server's log; null: at its beginning."),
    })
    .describe('A source was registered, with its whole configuration.'),
  'source.renamed': z.object({ name }).describe('The source was renamed.'),
  'source.selection-changed': z.object({ streams, eventTypes }).describe('From where it is now, the source takes other events.'),
  'source.mapping-changed': z.object({ types, template }).describe('From where it is now, events become messages in another way.'),
  'source.paused': z.object({}).describe('The source is not read until it is resumed.'),
  'source.resumed': z.object({}).describe('The source is read again, from where it was.'),
  'source.deleted': z.object({}).describe('The source was deleted.'),
} as const;

type Of<C extends Record<string, z.ZodType>> = { [K in keyof C & string]: { type: K; data: z.infer<C[K]> } }[keyof C & string];
export type SourceEvent = Of<typeof sourceEvents>;

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

const change = (state: Source, changed: Partial<SourceConfiguration>): Source =>
  state.exists === 'yes' ? { exists: 'yes', configuration: { ...state.configuration, ...changed } } : state;

const set = (state: Source, changed: Partial<SourceSettings>): Source =>
  state.exists === 'yes' ? change(state, { settings: { ...state.configuration.settings, ...changed } }) : state;

const evolve = (state: Source, event: SourceEvent): Source => {
  switch (event.type) {
    case 'source.registered': {
      const { organizationId, after, ...rest } = event.data;
      return { exists: 'yes', configuration: { organizationId, status: 'ENABLED', after, settings: rest } };
    }
    case 'source.renamed':
    case 'source.selection-changed':
    case 'source.mapping-changed':
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
  return events;
};

const decide = (command: SourceCommand, state: Source): readonly SourceEvent[] => {
  if (command.type === 'Register') {
    if (state.exists !== 'not-yet') return [];
    const { organizationId, settings, after } = command;
    return [{ type: 'source.registered', data: { organizationId, ...settings, after } }];
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
