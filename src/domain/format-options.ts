// The payload formats and their options: which option belongs to which format, its allowed values, and which formats require it.
// A routing key is a secret: it reaches the decider encrypted and is never shown.
import { badInput, type Issue } from './errors.ts';
import { isJsonObject, type Json, type JsonObject } from './json.ts';
import { isSensitiveName, mask } from './header-masking.ts';
import { secretConstants, secretTextsIn } from './secret-constants.ts';

export const payloadFormats = ['ENVELOPE', 'FLAT', 'ARRAY', 'SLACK', 'DISCORD', 'TEAMS', 'PAGERDUTY', 'TEMPLATE'] as const;
export type PayloadFormat = (typeof payloadFormats)[number];

const constants = 'constants';
const routingKey = 'routingKey';
const template = 'template';

const optionsOf: Readonly<Record<PayloadFormat, readonly string[]>> = {
  ENVELOPE: [constants],
  FLAT: [constants],
  ARRAY: [constants],
  SLACK: [],
  DISCORD: [],
  TEAMS: [],
  PAGERDUTY: [routingKey],
  TEMPLATE: [template, constants],
};

const needed: Readonly<Partial<Record<PayloadFormat, { readonly option: string; readonly remedy: string }>>> = {
  PAGERDUTY: { option: routingKey, remedy: "the integration key of 32 characters that PagerDuty shows for a service's Events API v2" },
  TEMPLATE: { option: template, remedy: 'a JSONata expression such as {"text": data.message}' },
};

// ── The single values ──

const mostConstants = 50;
const longestConstants = 16_384;
const longestTemplate = 16_384;
const ownFields = ['event', 'timestamp', 'data'];

const shallow = (value: Json, left: number): boolean =>
  !(Array.isArray(value) || isJsonObject(value)) || (left > 0 && Object.values(value).every((each) => shallow(each, left - 1)));

const constantsIssues = (given: Json): Issue[] => {
  if (!isJsonObject(given)) return [{ path: constants, message: '`constants` must be an object, such as {"instance_id": 1}.' }];
  const issues = ownFields
    .filter((key) => Object.hasOwn(given, key))
    .map((key) => ({
      path: `${constants}.${key}`,
      message: `A constant can't be called "${key}", as messages have that field; rename it.`,
    }));
  if (!shallow(given, 8)) issues.push({ path: constants, message: 'Constants may be 8 levels deep.' });
  else if (Object.keys(given).length > mostConstants || JSON.stringify(given).length > longestConstants)
    issues.push({ path: constants, message: `There may be ${mostConstants} constants, of ${longestConstants} characters in all.` });
  return issues;
};

const routingKeyIssues = (given: Json): Issue[] =>
  typeof given === 'string' && (given === mask || /^[A-Za-z0-9]{32}$/.test(given))
    ? []
    : [{ path: routingKey, message: "A routing key is 32 letters and digits; copy the integration key of PagerDuty's Events API v2." }];

const templateIssues = (given: Json, checkTemplate: (template: string) => string | undefined): Issue[] => {
  const refused = (message: string) => [{ path: template, message }];
  if (typeof given !== 'string' || given.trim() === '')
    return refused('The template must be a text: a JSONata expression such as {"text": data.message}.');
  if (given.length > longestTemplate)
    return refused(`The template may have at most ${longestTemplate} characters; this one has ${given.length}.`);
  if (!given.isWellFormed()) return refused('The template holds half a character; leave it out.');
  const wrong = checkTemplate(given);
  return wrong === undefined ? [] : refused(wrong);
};

/**
 * What is wrong with the options, each by itself; paths are the options' names.
 * @param checkTemplate what is wrong with a template, as a sentence
 */
export const checkFormatOptions = (options: JsonObject, checkTemplate: (template: string) => string | undefined): Issue[] =>
  Object.entries(options).flatMap(([key, value]): Issue[] => {
    switch (key) {
      case constants:
        return constantsIssues(value);
      case routingKey:
        return routingKeyIssues(value);
      case template:
        return templateIssues(value, checkTemplate);
      default:
        return [{ path: key, message: `There is no format option "${key}"; there are ${constants}, ${routingKey} and ${template}.` }];
    }
  });

/** The options without what stands in place of a secret: who gives the mask back as it was shown means no change. */
export const withoutMask = (options: JsonObject): JsonObject => {
  if (options[routingKey] !== mask) return options;
  const { [routingKey]: _, ...others } = options;
  return others;
};

/** The options with those that are secret replaced: to encrypt them, and to decrypt them. */
export const mapSecretOptions = <O extends JsonObject | null>(options: O, map: (value: string) => string): O => {
  const secret = options?.[routingKey];
  return typeof secret === 'string' ? { ...options, [routingKey]: map(secret) } : options;
};

/** Shorter ones are in too many texts, and give little away. */
const leastSecretLength = 4;

/** A text with what of the options is secret masked wherever it stands, also where the text is JSON. @param options decrypted */
export const maskOptions = (text: string, options: JsonObject | null): string => {
  const secret = options?.[routingKey];
  const secrets = [...(typeof secret === 'string' ? [secret] : []), ...secretTextsIn(options)].filter(
    ({ length }) => length >= leastSecretLength,
  );
  let masked = text;
  for (const each of secrets.toSorted((a, b) => b.length - a.length))
    masked = masked.replaceAll(JSON.stringify(each).slice(1, -1), mask).replaceAll(each, mask);
  return masked;
};

// ── Templates of older versions ── They could hold secrets. They are masked when they are shown, and a shown one that is given back changes nothing.

/** `"name": "text"` or `$name := "text"`, and what is appended to the text. */
const namedText = /(?:"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)')\s*:\s*(?=["'])|\$(\w+)\s*:=\s*(?=["'])/g;
const texts = /(?:\s*&?\s*(?:"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'))+/y;

/** A template without the texts under secret names. */
export const maskTemplate = (text: string): string => {
  let shown = '';
  let at = 0;
  for (const found of text.matchAll(namedText)) {
    const [whole, double, single, variable] = found;
    if (!isSensitiveName(double ?? single ?? variable ?? '')) continue;
    texts.lastIndex = found.index + whole.length;
    if (found.index < at || !texts.test(text)) continue;
    shown += `${text.slice(at, found.index + whole.length)}"${mask}"`;
    at = texts.lastIndex;
  }
  return shown + text.slice(at);
};

/** A patch with the template as it was shown keeps the stored one. @throws DomainError if another one holds a mask */
export const keepTemplate = <P extends Partial<Formatted>>(from: Formatted, patch: P): P => {
  const { formatOptions } = patch;
  const stored = from.formatOptions?.[template];
  if (!formatOptions || typeof stored !== 'string' || formatOptions[template] !== maskTemplate(stored)) {
    refuseMaskedTemplate(formatOptions ?? null);
    return patch;
  }
  return { ...patch, formatOptions: { ...formatOptions, [template]: stored } };
};

/** @throws DomainError if the template holds a mask: nobody knows what it stands for */
export const refuseMaskedTemplate = (options: JsonObject | null): void => {
  const given = options?.[template];
  if (typeof given === 'string' && given.includes(mask))
    throw badInput(
      `formatOptions.${template}`,
      `The template holds ${mask}, which stands for a secret; put the secret into formatOptions.constants and write $constants with its name.`,
    );
};

// ── What fits together ──

type Formatted = { readonly format: PayloadFormat; readonly formatOptions: JsonObject | null };

/** A patch of a PagerDuty endpoint's options that names no routing key keeps the one that is set: it can't be read, so it can't be given back. */
export const keepRoutingKey = <P extends Partial<Formatted>>(from: Formatted, patch: P): P => {
  const { formatOptions, format = from.format } = patch;
  const kept = from.formatOptions?.[routingKey];
  if (!formatOptions || format !== 'PAGERDUTY' || kept === undefined || Object.hasOwn(formatOptions, routingKey)) return patch;
  return { ...patch, formatOptions: { ...formatOptions, [routingKey]: kept } };
};

/** @throws DomainError at an option of another format, and where the format can't do without one that is not there. */
export const checkFormat = ({ format, formatOptions }: Formatted): void => {
  const own = optionsOf[format];
  const takes = own.length === 0 ? 'it takes none: give null for formatOptions' : `it takes ${own.join(' and ')}`;
  for (const key of Object.keys(formatOptions ?? {}))
    if (!own.includes(key) && !(key === secretConstants && own.includes(constants)))
      throw badInput(`formatOptions.${key}`, `The format ${format} has no option "${key}"; ${takes}.`);
  const need = needed[format];
  if (need && !Object.hasOwn(formatOptions ?? {}, need.option))
    throw badInput(`formatOptions.${need.option}`, `The format ${format} needs formatOptions.${need.option}: ${need.remedy}.`);
};
