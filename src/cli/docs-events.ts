// Writes docs/events.md, the list of all events, from the catalog (`npm run docs:events`). A spec fails if the page is out of date.
import { writeFileSync } from 'node:fs';
import * as z from 'zod';
import { catalog, type EventName } from '../domain/catalog.ts';
import { currentVersion, upcasters } from '../event-store/upcasters.ts';
import { keysOf } from '../keys-of.ts';

/** By the first part of the events' names, in the order of the page. */
const streams: Readonly<Record<string, { readonly title: string; readonly about: string }>> = {
  organization: { title: 'Organization', about: 'The tenant: its event types, and the key that encrypts its secrets.' },
  apikey: { title: 'API key', about: 'What a client names itself by.' },
  endpoint: {
    title: 'Endpoint',
    about: "A subscriber's webhook. One event per intent; all events up to a revision are the configuration of that moment.",
  },
  message: { title: 'Message', about: 'One thing that happened in a service, and where it goes. The stream is one event long.' },
  delivery: { title: 'Delivery', about: 'One message on its way to one endpoint: one event for each attempt, and how it ended.' },
  replay: {
    title: 'Replay',
    about: 'Past messages sent to an endpoint, again or for the first time: what was asked for, and how far it has come.',
  },
  bulkretry: {
    title: 'Bulk retry',
    about: 'All deliveries that match a filter, retried in the background: what was asked for, and how far it has come.',
  },
  batch: {
    title: 'Batch',
    about: 'Several messages on their way to one endpoint in one request: what is in it, one event for each attempt, and how it ended.',
  },
  ledger: {
    title: 'Ledger',
    about:
      'The log itself: the key of the installation, and the seals that prove what was in the log. The page auditing.md says what they are for.',
  },
  source: { title: 'Source', about: "Streams of other services on the log's server whose events become messages." },
  reading: {
    title: 'Reading',
    about: 'How far a source has been read, and what was skipped. Its id is that of the source. Positions in it are those of the server.',
  },
  disclosure: {
    title: 'Disclosure',
    about:
      'A secret was shown to somebody. Its id follows from caller, secret and hour: what is shown again within the hour is recorded once.',
  },
  drafttest: {
    title: 'Draft test',
    about: 'Somebody sent a test by settings that were not saved.',
  },
  portalsession: {
    title: 'Portal session',
    about: "A customer's short-lived right to see and change its own organization's endpoints. Its token is not in the log.",
  },
};

const intro = `# Events

<!-- Generated from the catalog by \`npm run docs:events\`. Edit the schemas in src/domain, not this page. -->

The log holds these events and no others. Their names and shapes are the storage format: none is ever changed. A new shape is a
new version, and an upcaster (\`src/event-store/upcasters.ts\`) brings older ones to it when they are read.

Every event also has an id (a UUID, the same when the same command is carried out again), its stream and revision, its position in the
whole log, the time it was recorded, and metadata:

| field | type | |
|---|---|---|
| \`actor\` | string | Who caused it: \`apikey:<name>\` or \`system:<part>\`. |
| \`actorId\` | string, optional | The id of the API key that acted. |
| \`correlationId\` | string, optional | The same for all that follows from one request. |
| \`causationId\` | string, optional | The event or command that it follows from. |
| \`v\` | integer | The version of the event's schema. |
| \`copied\` | object, optional | Of an event that was copied from another log: \`recordedAt\`, when it was recorded first, and \`positions\`, where it stood in each log before, the first one first. |
`;

type JsonSchema = z.core.JSONSchema.BaseSchema;

const code = (value: unknown) => `\`${typeof value === 'string' ? value : JSON.stringify(value)}\``;

/** A subschema, in the only form that zod generates from our schemas. */
const schemaOf = (value: JsonSchema['items'] | JsonSchema['additionalProperties']): JsonSchema =>
  typeof value === 'object' && !Array.isArray(value) ? value : {};

/** A type in words, without the fields of objects. */
const typeOf = (schema: JsonSchema): string => {
  if (schema.anyOf) return schema.anyOf.map((choice) => typeOf(schemaOf(choice))).join(' or ');
  if (schema.const !== undefined) return code(schema.const);
  if (schema.enum) return schema.enum.map(code).join(', ');
  if (Array.isArray(schema.type)) return schema.type.join(' or ');
  if (schema.type === 'array') return `list of ${typeOf(schemaOf(schema.items))}`;
  if (schema.type === 'object' && typeof schema.additionalProperties === 'object')
    return `object of ${typeOf(schemaOf(schema.additionalProperties))}`;
  return schema.type ?? 'any JSON';
};

/** The object whose fields get rows of their own. It may be an item of a list, or nullable. */
const inner = (schema: JsonSchema, path: string): [JsonSchema, string] | undefined => {
  if (schema.properties) return [schema, path];
  if (schema.items) return inner(schemaOf(schema.items), `${path}[]`);
  const choice = schema.anyOf?.map((each) => schemaOf(each)).find(({ properties }) => properties);
  return choice && [choice, path];
};

const descriptionOf = (schema: JsonSchema): string =>
  schema.description ?? schema.anyOf?.map((each) => schemaOf(each)).find(({ description }) => description)?.description ?? '';

const rows = (schema: JsonSchema, prefix = ''): string[] =>
  Object.entries(schema.properties ?? {}).flatMap(([name, value]) => {
    const field = schemaOf(value);
    const path = `${prefix}${name}`;
    const optional = schema.required?.includes(name) ? '' : ', optional';
    const nested = inner(field, path);
    return [`| \`${path}\` | ${typeOf(field)}${optional} | ${descriptionOf(field)} |`].concat(
      nested ? rows(nested[0], `${nested[1]}.`) : [],
    );
  });

const section = (type: EventName): string => {
  const schema = z.toJSONSchema(catalog[type], { unrepresentable: 'any' });
  const version = currentVersion(upcasters, type);
  const fields = rows(schema);
  return [
    `### \`${type}\``,
    `${descriptionOf(schema)}${version > 1 ? ` Version ${version}.` : ''}`,
    fields.length > 0 ? ['| field | type | |', '|---|---|---|', ...fields].join('\n') : 'No fields.',
  ].join('\n\n');
};

/** The page, as Markdown. */
export const eventsPage = (): string => {
  const types = keysOf(catalog);
  const chapters = Object.entries(streams).map(([category, { title, about }]) => {
    const sections = types.filter((type) => type.startsWith(`${category}.`)).map(section);
    return [`## ${title}: \`${category}-<id>\``, about, ...sections].join('\n\n');
  });
  return `${[intro, ...chapters].join('\n')}\n`.replaceAll('\n## ', '\n\n## ').replaceAll(/\n{3,}/g, '\n\n');
};

if (import.meta.main) writeFileSync(new URL('../../docs/events.md', import.meta.url), eventsPage());
