// The values of the form, and what they are to the API: the input of a new endpoint, and the fields that an edit changes. Pure.
import { parseJson } from '../../../../src/domain/exact-number.ts';
import type { Json, ResultOf, VariablesOf } from '../../api/graphql.ts';
import { filterOf, rowsOf, type FilterRow } from './filter-rows.ts';
import type { createEndpoint, formEndpoint, updateEndpoint } from './form.query.ts';

export type EndpointInput = VariablesOf<typeof createEndpoint>['input'];
export type EndpointPatch = VariablesOf<typeof updateEndpoint>['input'];
type FormEndpoint = ResultOf<typeof formEndpoint>;
export type SecretChoice = 'GENERATED' | 'OWN' | 'ORGANIZATION' | 'KEPT';

export type FormValues = {
  readonly name: string;
  readonly url: string;
  readonly description: string;
  /** `value` null: the server has one that it does not show. */
  readonly headers: readonly { readonly name: string; readonly value: string | null }[];
  readonly eventTypes: readonly string[];
  readonly filterRows: readonly FilterRow[];
  /** JSON, where the filter is more than rows can say; undefined while they do. */
  readonly filterText: string | undefined;
  readonly format: NonNullable<EndpointInput['format']>;
  /** A JSON object, or nothing. */
  readonly constants: string;
  readonly template: string;
  readonly routingKey: string;
  readonly batches: boolean;
  readonly batchSize: number;
  readonly batchWaitMs: number;
  readonly signature: NonNullable<EndpointInput['signature']>;
  readonly secretChoice: SecretChoice;
  readonly secret: string;
  readonly delaysSeconds: readonly number[];
  readonly jitter: number;
  readonly timeoutSeconds: number;
  /** Empty: unlimited. */
  readonly perSecond: number | '';
  readonly burst: number;
  readonly maxConcurrency: number | '';
  readonly ordering: NonNullable<EndpointInput['ordering']>;
  readonly onExhausted: NonNullable<EndpointInput['onExhausted']>;
  /** Empty: never. */
  readonly disableAfterSeconds: number | '';
  readonly isActive: boolean;
};

export const newEndpoint: FormValues = {
  name: '',
  url: '',
  description: '',
  headers: [],
  eventTypes: ['*'],
  filterRows: [],
  filterText: undefined,
  format: 'ENVELOPE',
  constants: '',
  template: '{\n  "text": type & " at " & timestamp\n}',
  routingKey: '',
  batches: false,
  batchSize: 100,
  batchWaitMs: 1_000,
  signature: 'WEBHOOK_SHA256',
  secretChoice: 'GENERATED',
  secret: '',
  delaysSeconds: [0, 60, 300, 1_800, 7_200],
  jitter: 0,
  timeoutSeconds: 30,
  perSecond: '',
  burst: 1,
  maxConcurrency: '',
  ordering: 'NONE',
  onExhausted: 'CONTINUE',
  disableAfterSeconds: 432_000,
  isActive: true,
};

const optionIn = (options: Json, name: string): Json | undefined =>
  typeof options === 'object' && options !== null && !Array.isArray(options)
    ? (options as { readonly [name: string]: Json })[name]
    : undefined;

/** What the server shows instead of a value. */
export const mask = '********';
const isMasked = (value: string) => /^\*+$|^•+$/.test(value);

export const valuesOf = (endpoint: FormEndpoint): FormValues => {
  const rows = rowsOf(endpoint.filter);
  const constants = optionIn(endpoint.formatOptions, 'constants');
  const template = optionIn(endpoint.formatOptions, 'template');
  return {
    ...newEndpoint,
    name: endpoint.name,
    url: endpoint.url,
    description: endpoint.description ?? '',
    headers: endpoint.headers.map(({ name, value }) => ({ name, value: isMasked(value) ? null : value })),
    eventTypes: endpoint.eventTypes,
    filterRows: rows ?? [],
    filterText: rows === undefined ? JSON.stringify(endpoint.filter, null, 2) : undefined,
    format: endpoint.format,
    constants: constants === undefined ? '' : JSON.stringify(constants, null, 2),
    template: typeof template === 'string' ? template : newEndpoint.template,
    batches: endpoint.batch !== null,
    batchSize: endpoint.batch?.maxSize ?? newEndpoint.batchSize,
    batchWaitMs: endpoint.batch?.maxWaitMs ?? newEndpoint.batchWaitMs,
    signature: endpoint.signature,
    secretChoice: endpoint.useOrganizationKey ? 'ORGANIZATION' : 'KEPT',
    delaysSeconds: endpoint.retryPolicy.delaysSeconds,
    jitter: endpoint.retryPolicy.jitter,
    timeoutSeconds: endpoint.timeoutSeconds,
    perSecond: endpoint.rateLimit?.perSecond ?? '',
    burst: endpoint.rateLimit?.burst ?? 1,
    maxConcurrency: endpoint.maxConcurrency ?? '',
    ordering: endpoint.ordering,
    onExhausted: endpoint.onExhausted,
    disableAfterSeconds: endpoint.disableAfterSeconds ?? '',
    isActive: endpoint.status !== 'DISABLED',
  };
};

/** The formats that send constants, or give them to a template. */
export const takesConstants = (format: string): boolean => ['ENVELOPE', 'FLAT', 'ARRAY', 'TEMPLATE'].includes(format);

const masks = /\*{3,}|•{3,}/;

/** A new endpoint like this one. What the server does not show is asked for again: the secret, header values, and parts of URL and constants. */
export const copyOf = (endpoint: FormEndpoint): FormValues => {
  const values = valuesOf(endpoint);
  return {
    ...values,
    name: `Copy of ${values.name}`,
    url: masks.test(values.url) ? '' : values.url,
    headers: values.headers.map(({ name, value }) => ({ name, value: value ?? '' })),
    constants: values.constants.replaceAll(/"(?:\*{3,}|•{3,})"/g, '""'),
    secretChoice: values.secretChoice === 'KEPT' ? 'OWN' : values.secretChoice,
    isActive: true,
  };
};

/** What a copy still lacks, by the path of its field. */
export const lacksOf = ({ headers }: FormValues): readonly { readonly path: string; readonly message: string }[] =>
  headers.flatMap(({ name, value }, index) =>
    name.trim() !== '' && value === '' ? [{ path: `input.headers.${index}.value`, message: 'is not copied; give it again' }] : [],
  );

/** The JSON in a field. @throws SyntaxError */
const jsonIn = (text: string): Json => (text.trim() === '' ? null : parseJson(text));

const formatOptionsOf = ({ format, constants, template, routingKey }: FormValues): Json => {
  if (format === 'PAGERDUTY') return { routingKey };
  const given = takesConstants(format) ? jsonIn(constants) : null;
  if (format === 'TEMPLATE') return { template, ...(given !== null && { constants: given }) };
  return given === null ? null : { constants: given };
};

const filterIn = ({ filterRows, filterText }: FormValues): Json => (filterText === undefined ? filterOf(filterRows) : jsonIn(filterText));

/** Fields with JSON that can't be read, with what is wrong. */
export const unreadableJson = (values: FormValues): Partial<Record<'constants' | 'filterText', string>> => {
  const problem = (text: string | undefined) => {
    try {
      if (text !== undefined) jsonIn(text);
      return undefined;
    } catch (error) {
      return `This is no JSON: ${error instanceof Error ? error.message : String(error)}`;
    }
  };
  const [constants, filterText] = [problem(values.constants), problem(values.filterText)];
  return { ...(constants !== undefined && { constants }), ...(filterText !== undefined && { filterText }) };
};

const settingsOf = (values: FormValues) => ({
  name: values.name,
  url: values.url,
  description: values.description.trim() === '' ? null : values.description,
  eventTypes: [...values.eventTypes],
  filter: filterIn(values),
  format: values.format,
  formatOptions: formatOptionsOf(values),
  signature: values.signature,
  useOrganizationKey: values.signature !== 'NONE' && values.secretChoice === 'ORGANIZATION',
  headers: values.headers.filter(({ name }) => name.trim() !== '').map(({ name, value }) => ({ name: name.trim(), value })),
  retryPolicy: { delaysSeconds: [...values.delaysSeconds], jitter: values.jitter },
  timeoutSeconds: values.timeoutSeconds,
  batch: values.batches ? { maxSize: values.batchSize, maxWaitMs: values.batchWaitMs } : null,
  rateLimit: values.perSecond === '' ? null : { perSecond: values.perSecond, burst: values.burst },
  maxConcurrency: values.maxConcurrency === '' ? null : values.maxConcurrency,
  ordering: values.ordering,
  onExhausted: values.onExhausted,
  disableAfterSeconds: values.disableAfterSeconds === '' ? null : values.disableAfterSeconds,
});

/** @throws SyntaxError for JSON that can't be read */
export const inputOf = (values: FormValues): EndpointInput => ({
  ...settingsOf(values),
  disabled: !values.isActive,
  ...(values.signature !== 'NONE' && values.secretChoice === 'OWN' && { secret: values.secret }),
});

/** For a preview: what the server does not show has a stand-in, and so has a secret that is not made yet. */
export const previewInputOf = (values: FormValues): EndpointInput => ({
  ...inputOf({ ...values, secretChoice: values.secretChoice === 'KEPT' ? 'GENERATED' : values.secretChoice }),
  name: values.name.trim() === '' ? 'New endpoint' : values.name,
  headers: inputOf(values).headers?.map(({ name, value }) => ({ name, value: value ?? mask })) ?? [],
});

/** The fields that differ. @throws SyntaxError for JSON that can't be read */
export const patchOf = (before: FormValues, after: FormValues): EndpointPatch => {
  const [old, next] = [settingsOf(before), settingsOf(after)];
  const changed = Object.entries(next).filter(([name, value]) => JSON.stringify(value) !== JSON.stringify(old[name as keyof typeof old]));
  const patch = Object.fromEntries(changed) as EndpointPatch;
  return patch.format === undefined || 'formatOptions' in patch ? patch : { ...patch, formatOptions: next.formatOptions };
};
