// An endpoint's configuration in words: each field with its label and its value as text, and what differs between two of them. Pure.
import type { ResultOf } from '../../api/graphql.ts';
import { durationInWords } from '../../components/time.ts';
import type { configuration } from './endpoint.query.ts';

export type Configuration = ResultOf<typeof configuration>;
export type Field = { readonly name: string; readonly label: string; readonly text: string };

const labels: Readonly<Record<string, string>> = {
  name: 'Name',
  url: 'URL',
  description: 'Description',
  status: 'Status',
  disabledReason: 'Reason',
  eventTypes: 'Events',
  filter: 'Filter',
  format: 'Format',
  formatOptions: 'Format options',
  headers: 'Headers',
  batch: 'Batch',
  signature: 'Signature',
  useOrganizationKey: 'Integration signing key',
  secret: 'Secret',
  retryPolicy: 'Schedule',
  timeoutSeconds: 'Timeout',
  rateLimit: 'Rate',
  maxConcurrency: 'Concurrency',
  ordering: 'Ordering',
  onExhausted: 'After the last attempt',
  disableAfterSeconds: 'Disable after',
};

export const fieldLabel = (name: string): string => labels[name] ?? name;

const words: Readonly<Record<string, string>> = { ENABLED: 'Active', PAUSED: 'Paused', DISABLED: 'Disabled' };

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !JSON.isRawJSON(value);
const isNumbers = (value: unknown): value is readonly number[] => Array.isArray(value) && value.every((each) => typeof each === 'number');

const scheduleText = (value: unknown): string | undefined => {
  if (!isRecord(value) || !isNumbers(value['delaysSeconds'])) return undefined;
  const delays = value['delaysSeconds'].map((each) => durationInWords(each)).join(', ');
  return typeof value['jitter'] === 'number' && value['jitter'] > 0 ? `${delays}, jitter ${value['jitter']}` : delays;
};

const texts: Readonly<Record<string, (value: unknown) => string | undefined>> = {
  status: (value) => words[String(value)],
  eventTypes: (value) => (Array.isArray(value) ? (value.includes('*') ? 'All events' : value.join(', ')) : undefined),
  headers: (value) =>
    Array.isArray(value)
      ? value.map((each) => (isRecord(each) ? `${String(each['name'])}: ${String(each['value'])}` : '')).join('\n')
      : undefined,
  retryPolicy: scheduleText,
  timeoutSeconds: (value) => (typeof value === 'number' ? durationInWords(value) : undefined),
  disableAfterSeconds: (value) => (typeof value === 'number' ? durationInWords(value) : undefined),
  useOrganizationKey: (value) => (value === true ? 'Signs' : 'Does not sign'),
  rateLimit: (value) => (isRecord(value) ? `${String(value['perSecond'])} per second, burst ${String(value['burst'])}` : undefined),
  batch: (value) => (isRecord(value) ? `At most ${String(value['maxSize'])} messages, or ${String(value['maxWaitMs'])} ms` : undefined),
};

/** Longer JSON is broken into lines. */
const longestLine = 60;

/** The value of a field as a person reads it; a dash where it is not set. */
export const valueText = (name: string, value: unknown): string => {
  if (value === null || value === undefined || value === '' || (Array.isArray(value) && value.length === 0)) return '–';
  const text = texts[name]?.(value);
  if (text !== undefined) return text;
  if (typeof value === 'string') return value;
  const short = JSON.stringify(value);
  return short.length <= longestLine ? short : JSON.stringify(value, null, 2);
};

/** All fields, in the order of the form. */
export const fieldsOf = (shown: Configuration): readonly Field[] => {
  const values: Readonly<Record<string, unknown>> = shown;
  return Object.keys(labels).flatMap((name) =>
    name in values ? [{ name, label: fieldLabel(name), text: valueText(name, values[name]) }] : [],
  );
};

export type Difference = { readonly name: string; readonly label: string; readonly then: string; readonly now: string };

/** Status is no part of how an attempt is made, but the rest is. */
export const differencesOf = (then: Configuration, now: Configuration, except: readonly string[] = []): readonly Difference[] => {
  const current = new Map(fieldsOf(now).map((field) => [field.name, field.text]));
  return fieldsOf(then).flatMap(({ name, label, text }) => {
    const next = current.get(name) ?? '–';
    return next === text || except.includes(name) ? [] : [{ name, label, then: text, now: next }];
  });
};
