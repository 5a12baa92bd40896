// Validates the settings of an endpoint: schemas whose issues name the field and the remedy. The decider checks which settings fit together.
import * as z from 'zod';
import { defaultDisableAfterSeconds, disableAfterSeconds } from './endpoint-disabling.ts';
import { signatureSchemes, type EndpointSettings } from './endpoint-events.ts';
import { headers, headersInPatch, type HeadersPatch } from './endpoint-headers.ts';
import { paceFields } from './endpoint-pace.ts';
import { isMaskedUrl } from './endpoint-url.ts';
import type { Issue } from './errors.ts';
import { checkFilter } from './filter/check-filter.ts';
import { checkFormatOptions, payloadFormats, withoutMask, type PayloadFormat } from './format-options.ts';
import { mask } from './header-masking.ts';
import { isJsonObject, type JsonObject } from './json.ts';
import { nameProblem } from './names.ts';
import { number, wholeNumber } from './number-range.ts';
import { exhaustedActions, orderings } from './ordering.ts';
import { checkSubscription } from './subscription.ts';
import { isPrintable, text } from './text-schema.ts';

export type SettingsOptions = {
  /** false: URLs must be https. */
  readonly allowHttp: boolean;
  /** Why the host of that URL may not be called, as a sentence, where it is a literal address that may not. */
  readonly checkHost: (url: string) => string | undefined;
  /** Why that JSONata expression can't be a template, as a sentence. */
  readonly checkTemplate: (template: string) => string | undefined;
  readonly formats: readonly PayloadFormat[];
};

/** Settings as a person gives them: the URL, header values and secrets in the format options are readable. */
export type PlainSettings = Omit<EndpointSettings, 'url'> & { readonly url: string };

/** The settings that change. The shown form of a URL stands for the one that it is; a header value of null for the value that it has. */
export type PlainSettingsPatch = Partial<Omit<PlainSettings, 'headers'>> & {
  readonly headers?: HeadersPatch;
};

/** A new endpoint. Encrypt its secrets before it becomes a command. */
export type EndpointInput = { readonly settings: PlainSettings; readonly secret: string | null; readonly disabled: boolean };

/** At once, then 1 min, 5 min, 30 min and 2 h after each failure. */
export const defaultRetryPolicy: EndpointSettings['retryPolicy'] = { delaysSeconds: [0, 60, 300, 1800, 7200], jitter: 0 };

/** Adds issues found inside a value to those of the schema. */
const add = (context: z.core.$RefinementCtx, issues: readonly Issue[]) => {
  for (const { path, message } of issues) context.addIssue({ code: 'custom', path: path === '' ? [] : path.split('.'), message });
};

const checkName = (name: string, context: z.core.$RefinementCtx) => {
  const problem = name === '' ? undefined : nameProblem(name);
  if (problem !== undefined) context.addIssue({ code: 'custom', message: `The name ${problem}.` });
};

// ── The fields ──

const name = text('The name')
  .trim()
  .min(1, 'The name is empty; give one that people recognise.')
  .max(256, 'The name may have at most 256 characters.')
  .superRefine(checkName);

const description = text('The description')
  .max(1024, 'The description may have at most 1024 characters.')
  .refine(
    (value) => value.isWellFormed() && !value.includes('\0'),
    'The description holds a character that cannot be stored; leave it out.',
  );

const urlIssue = (given: string, { allowHttp, checkHost }: SettingsOptions): string | undefined => {
  if (given.length > 2048) return 'The URL may have at most 2048 characters.';
  if (/[\s\p{Cc}]/u.test(given) || !given.isWellFormed()) return 'The URL holds a space or a control character; write it percent-encoded.';
  const url = URL.parse(given);
  if (!url) return 'This is not a URL; give one such as https://example.com/webhooks.';
  const schemes = allowHttp ? 'https or http' : 'https';
  if (url.protocol !== 'https:' && url.protocol !== 'http:')
    return `A webhook can't go to a ${url.protocol} URL; give one with ${schemes}.`;
  if (url.protocol === 'http:' && !allowHttp) return 'The URL must be https; http is not allowed here.';
  if (!/^https?:\/\/[^/\\]/i.test(given)) return 'The URL names no host; give one such as https://example.com/webhooks.';
  if (given.includes('\\')) return 'The URL holds a backslash; write / instead.';
  if (url.username !== '' || url.password !== '')
    return 'The URL holds credentials; leave them out and set an Authorization header, whose value is kept secret.';
  if (given.includes('#')) return 'The URL has a fragment (#…), which is never sent; leave it out.';
  if (isMaskedUrl(given)) return `The URL holds ${mask}, which stands for a secret; give the whole URL.`;
  return checkHost(given);
};

const url = (options: SettingsOptions) =>
  text('The URL').superRefine((given, context) => {
    const message = urlIssue(given, options);
    if (message !== undefined) context.addIssue({ code: 'custom', message });
  });

/** Also takes the shown form of a URL. The decider checks that it is the endpoint's. */
const urlInPatch = (options: SettingsOptions) => {
  const whole = url(options);
  return text('The URL').superRefine((given, context) => {
    if (isMaskedUrl(given)) return;
    for (const { message } of whole.safeParse(given).error?.issues ?? []) context.addIssue({ code: 'custom', message });
  });
};

const eventTypes = z
  .array(text('An entry'), { error: 'eventTypes must be a list of texts.' })
  .superRefine((list, context) => add(context, checkSubscription(list)));

const jsonObject = (what: string) =>
  z.custom<JsonObject>(isJsonObject, {
    error: `${what} must be a JSON object, or null for none.`,
  });

const filter = jsonObject('The filter').superRefine((pattern, context) => add(context, checkFilter(pattern)));

const oneOf = <T extends string>(what: string, all: readonly T[], available: readonly T[]) =>
  z.enum(all, { error: `There is no such ${what}; choose ${available.join(' or ')}.` }).refine((value) => available.includes(value), {
    error: ({ input }) => `The ${what} ${String(input)} is not available in this version; choose ${available.join(' or ')}.`,
  });

const formatOptions = ({ checkTemplate }: SettingsOptions) =>
  jsonObject('The format options')
    .superRefine((options, context) => add(context, checkFormatOptions(options, checkTemplate)))
    .transform(withoutMask);

const retryPolicy = z.object(
  {
    delaysSeconds: z
      .array(number('A delay in seconds', 0, 2_592_000), { error: 'delaysSeconds must be a list of numbers.' })
      .min(1, 'delaysSeconds is empty; give [0] for one attempt, at once.')
      .max(50, 'There may be at most 50 attempts.'),
    jitter: number('jitter', 0, 1)
      .nullish()
      .transform((value) => value ?? 0),
  },
  { error: 'A retry policy is an object with delaysSeconds, and jitter if wanted.' },
);

const timeoutSeconds = number('timeoutSeconds', 0.1, 300);

const signature = z.enum(signatureSchemes, { error: `There is no such signature; choose ${signatureSchemes.join(', ')}.` });

const flag = (what: string) => z.boolean({ error: `${what} is true or false.` });

const batch = z.strictObject(
  { maxSize: wholeNumber('maxSize', 1, 1_000), maxWaitMs: wholeNumber('maxWaitMs', 1, 60_000) },
  { error: 'A batch is an object with maxSize (messages) and maxWaitMs, or null to send each message by itself.' },
);

const ordering = z.enum(orderings, { error: `There is no such ordering; choose ${orderings.join(', ')}.` });
const onExhausted = z.enum(exhaustedActions, { error: `onExhausted is ${exhaustedActions.join(' or ')}.` });

/** Of secrets and keys that are set. Older logs may hold shorter ones; they go on signing. */
const shortestSecret = 8;
export const isLongEnough = (secret: string): boolean => Array.from(secret).length >= shortestSecret;

/** A signing secret: any printable text. Its UTF-8 bytes are the key. */
export const endpointSecret = text('The secret')
  .min(1, { error: 'The secret is empty; give one, or leave it out for none.', abort: true })
  .refine(isLongEnough, `The secret must have at least ${shortestSecret} characters; a long random one is better.`)
  .max(1024, 'The secret may have at most 1024 characters.')
  .refine(isPrintable, 'The secret holds a control character or half a character; give a printable one.');

const fields = (options: SettingsOptions) => ({
  name,
  url: url(options),
  description,
  eventTypes,
  filter,
  format: oneOf('format', payloadFormats, options.formats),
  formatOptions: formatOptions(options),
  signature,
  useOrganizationKey: flag('useOrganizationKey'),
  headers,
  retryPolicy,
  timeoutSeconds,
  batch,
  ...paceFields,
  disableAfterSeconds,
  ordering,
  onExhausted,
});

const unknownField: Parameters<typeof z.strictObject>[1] = {
  error: (issue) =>
    issue.code === 'unrecognized_keys'
      ? `There is no field ${issue.keys.join(', ')}; leave it out.`
      : 'Give an object with the fields of an endpoint.',
};

// ── The schemas ──

/** What `createEndpoint` takes, with the contract's defaults; null counts as not given, but for disableAfterSeconds. */
export const endpointInput = (options: SettingsOptions) => {
  const field = fields(options);
  return z
    .strictObject(
      {
        name: field.name,
        url: field.url,
        description: field.description.nullish(),
        eventTypes: field.eventTypes.nullish(),
        filter: field.filter.nullish(),
        format: field.format.nullish(),
        formatOptions: field.formatOptions.nullish(),
        signature: field.signature.nullish(),
        secret: endpointSecret.nullish(),
        useOrganizationKey: field.useOrganizationKey.nullish(),
        headers: field.headers.nullish(),
        retryPolicy: field.retryPolicy.nullish(),
        timeoutSeconds: field.timeoutSeconds.nullish(),
        batch: field.batch.nullish(),
        rateLimit: field.rateLimit.nullish(),
        maxConcurrency: field.maxConcurrency.nullish(),
        disableAfterSeconds: field.disableAfterSeconds.nullish(),
        ordering: field.ordering.nullish(),
        onExhausted: field.onExhausted.nullish(),
        disabled: flag('disabled').nullish(),
      },
      unknownField,
    )
    .transform((given): EndpointInput => ({
      settings: {
        name: given.name,
        url: given.url,
        description: given.description ?? null,
        eventTypes: given.eventTypes ?? ['*'],
        filter: given.filter ?? null,
        format: given.format ?? 'ENVELOPE',
        formatOptions: given.formatOptions ?? null,
        // A secret, or the organization's key, implies that requests are to be signed.
        signature: given.signature ?? (typeof given.secret === 'string' || given.useOrganizationKey === true ? 'WEBHOOK_SHA256' : 'NONE'),
        useOrganizationKey: given.useOrganizationKey ?? false,
        headers: given.headers ?? [],
        retryPolicy: given.retryPolicy ?? defaultRetryPolicy,
        timeoutSeconds: given.timeoutSeconds ?? 30,
        batch: given.batch ?? null,
        rateLimit: given.rateLimit ?? null,
        maxConcurrency: given.maxConcurrency ?? null,
        disableAfterSeconds: given.disableAfterSeconds === undefined ? defaultDisableAfterSeconds : given.disableAfterSeconds,
        ordering: given.ordering ?? 'NONE',
        onExhausted: given.onExhausted ?? 'CONTINUE',
      },
      secret: given.secret ?? null,
      disabled: given.disabled ?? false,
    }));
};

/** What `updateEndpoint` takes: the fields that change. Null empties description, filter, formatOptions, batch, rateLimit,
 * maxConcurrency and disableAfterSeconds; it is no value for others. */
export const endpointPatch = (options: SettingsOptions) => {
  const field = fields(options);
  const { description, filter, formatOptions, batch, rateLimit, maxConcurrency, disableAfterSeconds } = field;
  return z
    .strictObject(
      {
        ...field,
        url: urlInPatch(options),
        headers: headersInPatch,
        description: description.nullable(),
        filter: filter.nullable(),
        formatOptions: formatOptions.nullable(),
        batch: batch.nullable(),
        rateLimit: rateLimit.nullable(),
        maxConcurrency: maxConcurrency.nullable(),
        disableAfterSeconds: disableAfterSeconds.nullable(),
      },
      unknownField,
    )
    .partial()
    .transform((given): PlainSettingsPatch => Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)));
};
