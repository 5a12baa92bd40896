// Validates the settings of a source: schemas whose issues name the field and the remedy. The log decides whether the streams may be read at all.
import * as z from 'zod';
import { parseFieldPath } from './filter/field-path.ts';
import { longestMessageType, messageTypeSyntax } from './message.ts';
import { isOwnType, ownTypeRefused } from './operational-message.ts';
import { nameProblem } from './names.ts';
import type { SourceSettings } from './source.ts';
import { isPrintable, text } from './text-schema.ts';

type SourceOptions = {
  /** Why that JSONata expression can't be a template, as a sentence. */
  readonly checkTemplate: (template: string) => string | undefined;
};

export const sourceStarts = ['NOW', 'BEGINNING'] as const;
/** NOW: events written from now on. BEGINNING: all events on the server. */
export type SourceStart = (typeof sourceStarts)[number];

export type SourceInput = { readonly settings: SourceSettings; readonly from: SourceStart };

const longestName = 128;
const longestStreams = 256;
const mostTypes = 500;
const longestTemplate = 16_384;

const name = text('The name')
  .trim()
  .min(1, 'The name is empty; give one that tells whose events these are.')
  .max(longestName, `The name may have at most ${longestName} characters.`)
  .superRefine((given, context) => {
    const problem = given === '' ? undefined : nameProblem(given);
    if (problem !== undefined) context.addIssue({ code: 'custom', message: `The name ${problem}.` });
  });

/** The beginning of stream names, or what stands before their hyphen. */
const streamName = (what: string) =>
  text(what)
    .min(1, `${what} is empty; give one such as order. A source of all streams would read Hookledger's own.`)
    .max(longestStreams, `${what} may have at most ${longestStreams} characters.`)
    .refine(isPrintable, `${what} holds a control character or half a character; leave it out.`)
    .refine((value) => !value.startsWith('$'), `${what} can't begin with $: such streams are the server's own.`);

const streamPrefix = streamName('The prefix');
const category = streamName('The category').refine(
  (value) => !value.includes('-'),
  'A category ends before the first hyphen of a stream name; leave the hyphen out, or give a streamPrefix.',
);

const eventType = text('An event type')
  .min(1, 'An event type is empty; leave it out. An empty list takes all types.')
  .max(longestStreams, `An event type may have at most ${longestStreams} characters.`)
  .refine((value) => !value.startsWith('$'), "An event type can't begin with $: such events are the server's own.");
const eventTypes = z
  .array(eventType, { error: 'eventTypes must be a list of texts.' })
  .max(mostTypes, `There may be at most ${mostTypes} event types; an empty list takes all.`);

const type = z
  .record(
    z.string(),
    text('The type of a message')
      .max(longestMessageType, `The type of a message may have at most ${longestMessageType} characters.`)
      .regex(messageTypeSyntax, 'The type of a message is words of A-Z, a-z, 0-9, _ and -, separated by dots, such as order.placed.')
      .refine((value) => !isOwnType(value), `The type of a message ${ownTypeRefused}.`),
    { error: 'The types are an object of event types and message types, such as {"OrderPlaced": "order.placed"}.' },
  )
  .refine((types) => Object.keys(types).length <= mostTypes, `At most ${mostTypes} types can be mapped.`)
  .refine((types) => Object.keys(types).every((key) => key.length <= longestStreams), {
    error: `An event type may have at most ${longestStreams} characters.`,
  });

const data = ({ checkTemplate }: SourceOptions) =>
  text('The template')
    .max(longestTemplate, `The template may have at most ${longestTemplate} characters.`)
    .superRefine((template, context) => {
      const wrong = template.trim() === '' ? 'The template is empty; leave it out to take the data as it is.' : checkTemplate(template);
      if (wrong !== undefined) context.addIssue({ code: 'custom', message: wrong });
    });

const organizationFrom = z
  .strictObject(
    {
      field: text('The field').max(longestStreams, `The field may have at most ${longestStreams} characters.`).nullish(),
      stream: z.boolean({ error: 'stream is true or false.' }).nullish(),
    },
    { error: 'organizationFrom is an object with field or stream.' },
  )
  .transform((given, context): NonNullable<SourceSettings['organizationFrom']> => {
    const { field, stream } = given;
    if (stream === true && (field === null || field === undefined)) return { field: null };
    const wrong =
      typeof field !== 'string' || stream === true ? 'Give a field, such as customer.id, or stream: true.' : fieldProblem(field);
    if (wrong === undefined && typeof field === 'string') return { field };
    context.addIssue({ code: 'custom', message: wrong ?? '' });
    return z.NEVER;
  });

const fieldProblem = (field: string): string | undefined => {
  if (field === '') return 'The field is empty; give one such as customer.id.';
  const names = parseFieldPath(field);
  return 'wrong' in names ? names.wrong : undefined;
};

type Streams = { readonly streamPrefix?: string | null | undefined; readonly category?: string | null | undefined };

const streamsOf = ({ streamPrefix: prefix, category: named }: Streams): SourceSettings['streams'] | undefined => {
  if (typeof prefix === 'string') return { by: 'PREFIX', value: prefix };
  return typeof named === 'string' ? { by: 'CATEGORY', value: named } : undefined;
};

const both = ({ streamPrefix: prefix, category: named }: Streams) => typeof prefix === 'string' && typeof named === 'string';
const notBoth = { path: ['category'], error: 'Give a streamPrefix or a category, not both.' };

const fields = (options: SourceOptions) => ({
  streamPrefix: streamPrefix.nullish(),
  category: category.nullish(),
  eventTypes: eventTypes.nullish(),
  organizationFrom: organizationFrom.nullish(),
  createOrganizations: z.boolean({ error: 'createOrganizations is true or false.' }).nullish(),
  mapping: z.strictObject({ type: type.nullish(), data: data(options).nullish() }, { error: 'A mapping is an object with type and data.' }),
});

/** What `createSource` takes; null counts as not given. */
export const sourceInput = (options: SourceOptions) => {
  const { mapping, ...others } = fields(options);
  return z
    .strictObject({
      name,
      ...others,
      mapping: mapping.nullish(),
      from: z.enum(sourceStarts, { error: `Choose ${sourceStarts.join(' or ')}.` }).nullish(),
    })
    .refine((given) => !both(given), notBoth)
    .transform((given, context): SourceInput => {
      const streams = streamsOf(given);
      if (!streams) {
        const message = 'Name the streams: a streamPrefix such as order-, or a category such as order.';
        context.addIssue({ code: 'custom', path: ['streamPrefix'], message });
        return z.NEVER;
      }
      return {
        settings: {
          name: given.name,
          streams,
          eventTypes: given.eventTypes ?? [],
          types: given.mapping?.type ?? {},
          template: given.mapping?.data ?? null,
          organizationFrom: given.organizationFrom ?? null,
          createOrganizations: given.createOrganizations ?? false,
        },
        from: given.from ?? 'NOW',
      };
    });
};

/** What `updateSource` takes: the fields that change. Null empties eventTypes, mapping and its parts. */
export const sourcePatch = (options: SourceOptions) => {
  const { mapping, ...others } = fields(options);
  return z
    .strictObject({ name: name.optional(), ...others, mapping: mapping.nullish() })
    .refine((given) => !both(given), notBoth)
    .transform((given): Partial<SourceSettings> => {
      const streams = streamsOf(given);
      const { mapping: mapped } = given;
      return {
        ...(given.name !== undefined && { name: given.name }),
        ...(streams && { streams }),
        ...(given.eventTypes !== undefined && { eventTypes: given.eventTypes ?? [] }),
        ...(given.organizationFrom !== undefined && { organizationFrom: given.organizationFrom }),
        ...(given.organizationFrom === null && { createOrganizations: false }),
        ...(given.createOrganizations !== undefined && { createOrganizations: given.createOrganizations ?? false }),
        ...(mapped === null && { types: {}, template: null }),
        ...(mapped?.type !== undefined && { types: mapped.type ?? {} }),
        ...(mapped?.data !== undefined && { template: mapped.data ?? null }),
      };
    });
};
