// What an event says, as a sentence. Who did it stands beside. Pure.
import type { Json } from '../../api/graphql.ts';
import { isObject } from '../../components/json-marks.ts';

export type Told = { readonly type: string; readonly stream: string; readonly data: Json };
/** The name of an endpoint, in quotes; of one that is not known any more, its id. */
export type EndpointName = (id: string) => string;

type Fields = {
  readonly text: (name: string) => string;
  readonly given: (name: string) => string | undefined;
  readonly count: (name: string) => number;
  readonly list: (name: string) => readonly Json[];
  /** The endpoint that the event is about. */
  readonly endpoint: string;
};
type Sentence = (fields: Fields) => string;

const many = (count: number, one: string, more = `${one}s`): string => `${count.toLocaleString('en-US')} ${count === 1 ? one : more}`;
const quoted = (text: string): string => `"${text}"`;
const because = (reason: string | undefined): string => (reason === undefined || reason === '' ? '' : `: ${reason.replace(/\.$/, '')}`);
const names = (values: readonly Json[]): string =>
  values.map((value) => (typeof value === 'string' ? value : JSON.stringify(value))).join(', ');

const attemptSucceeded: Sentence = ({ text, given, endpoint }) =>
  `Attempt ${text('attempt')} to ${endpoint} succeeded: ${given('responseCode') ?? 'no code'} in ${Math.round(Number(text('durationMs')))} ms.`;
const attemptFailed: Sentence = ({ text, given, endpoint }) =>
  `Attempt ${text('attempt')} to ${endpoint} failed: ${text('error')} ${given('retryAt') === undefined ? 'No further attempt follows.' : `The next is due at ${text('retryAt')}.`}`;
const endOf = (what: string): Record<string, Sentence> => ({
  exhausted: ({ count, endpoint }) => `${what} to ${endpoint} failed for good after ${many(count('attempts'), 'attempt')}.`,
  'retry-requested': ({ text, given, endpoint }) =>
    `${what} to ${endpoint} is retried${given('bulkRetryId') === undefined ? '' : ' by a bulk retry'}: attempt ${text('attempt')} is due.`,
  'replay-requested': ({ text, endpoint }) => `A replay sends ${what.toLowerCase()} to ${endpoint}: attempt ${text('attempt')} is due.`,
  cancelled: ({ given, endpoint }) => `${what} to ${endpoint} was cancelled${because(given('reason'))}.`,
});

const of = (category: string, sentences: Record<string, Sentence>): [string, Sentence][] =>
  Object.entries(sentences).map(([name, sentence]) => [`${category}.${name}`, sentence]);

const sentences = new Map<string, Sentence>([
  ...of('organization', {
    registered: ({ text }) => `The organization ${quoted(text('name'))} was registered.`,
    renamed: ({ text }) => `The organization was renamed to ${quoted(text('name'))}.`,
    'metadata-changed': () => 'The organization’s metadata was replaced.',
    'limits-changed': () => 'The organization’s own limits were changed.',
    suspended: ({ given }) => `The organization was suspended${because(given('reason'))}.`,
    resumed: () => 'The organization was resumed.',
    deleted: () => 'The organization was deleted.',
    'encryption-key-rotated': () => 'The organization got a new encryption key.',
    'encryption-keys-rewrapped': () => 'The encryption keys were wrapped by another master key.',
    'signing-key-set': () => 'The signing key was set or replaced.',
    'event-type-defined': ({ text }) => `The event type ${quoted(text('name'))} was defined.`,
    'event-type-retired': ({ text }) => `The event type ${quoted(text('name'))} was retired.`,
    'portal-sessions-ended': () => 'All portal sessions were ended.',
    'portal-settings-changed': () => 'The look of the portal was changed.',
  }),
  ...of('apikey', {
    issued: ({ text, given }) =>
      `The API key ${quoted(text('name'))} was issued with the role ${text('role')}${given('expiresAt') === undefined ? '' : `, until ${text('expiresAt')}`}.`,
    revoked: () => 'An API key was revoked.',
  }),
  ...of('endpoint', {
    registered: ({ text, given }) =>
      `The endpoint ${quoted(text('name'))} was registered${given('disabled') === 'true' ? ', disabled' : ''}.`,
    renamed: ({ text }) => `An endpoint was renamed to ${quoted(text('name'))}.`,
    described: ({ given, endpoint }) => `The description of ${endpoint} was ${given('description') === undefined ? 'removed' : 'changed'}.`,
    'url-changed': ({ text, endpoint }) => `The URL of ${endpoint} was changed to ${text('url')}.`,
    'subscription-changed': ({ list, given, endpoint }) =>
      `The subscription of ${endpoint} was changed to ${names(list('eventTypes'))}${given('filter') === undefined ? '' : ', with a filter'}.`,
    'format-changed': ({ text, endpoint }) => `The format of ${endpoint} was changed to ${text('format')}.`,
    'signature-changed': ({ text, endpoint }) => `The signature of ${endpoint} was changed to ${text('signature')}.`,
    'headers-changed': ({ endpoint }) => `The headers of ${endpoint} were changed.`,
    'retry-policy-changed': ({ endpoint }) => `The retry policy of ${endpoint} was changed.`,
    'timeout-changed': ({ text, endpoint }) => `The timeout of ${endpoint} was changed to ${text('timeoutSeconds')} s.`,
    'batch-changed': ({ given, endpoint }) =>
      `Batching of ${endpoint} was ${given('batch') === undefined ? 'turned off' : 'turned on or changed'}.`,
    'rate-limit-changed': ({ given, endpoint }) =>
      `The rate limit of ${endpoint} was ${given('rateLimit') === undefined ? 'removed' : 'set'}.`,
    'concurrency-changed': ({ given, endpoint }) =>
      given('maxConcurrency') === undefined
        ? `The limit of requests at one time was removed from ${endpoint}.`
        : `The limit of requests at one time to ${endpoint} was set to ${given('maxConcurrency')}.`,
    'ordering-changed': ({ text, endpoint }) => `The ordering of ${endpoint} was changed to ${text('ordering')}.`,
    'disabling-changed': ({ endpoint }) => `When ${endpoint} is disabled by itself was changed.`,
    'secret-rotated': ({ endpoint }) => `The secret of ${endpoint} was rotated.`,
    paused: ({ endpoint }) => `${endpoint} was paused.`,
    resumed: ({ endpoint }) => `${endpoint} was resumed.`,
    disabled: ({ given, endpoint }) => `${endpoint} was disabled${because(given('reason'))}.`,
    enabled: ({ endpoint }) => `${endpoint} was enabled.`,
    deleted: ({ endpoint }) => `${endpoint} was deleted.`,
  }),
  ...of('message', {
    accepted: ({ text, given, list }) => {
      const [to, skipped] = [list('destinations').length, list('skipped').length];
      const kind = given('test') === undefined ? 'A message' : 'A test message';
      const where = to === 0 ? 'it goes nowhere' : `it goes to ${many(to, 'endpoint')}`;
      return `${kind} ${quoted(text('type'))} was accepted: ${where}${skipped === 0 ? '' : `, skipped at ${many(skipped, 'disabled one')}`}.`;
    },
  }),
  ...of('delivery', { 'attempt-succeeded': attemptSucceeded, 'attempt-failed': attemptFailed, ...endOf('The delivery') }),
  ...of('batch', {
    closed: ({ text, list, endpoint }) =>
      `Batch ${text('number')} to ${endpoint} was closed with ${many(list('messages').length, 'message')}.`,
    'attempt-succeeded': attemptSucceeded,
    'attempt-failed': attemptFailed,
    ...endOf('The batch'),
  }),
  ...of('replay', {
    requested: ({ text, endpoint }) => `A replay of past messages to ${endpoint} was requested, at most ${text('ratePerSecond')} a second.`,
    progressed: ({ text, count, endpoint }) =>
      `The replay to ${endpoint} came to ${text('cameTo')}: ${many(count('looked'), 'message')} examined, ${count('sent').toLocaleString('en-US')} sent.`,
    finished: ({ count, endpoint }) =>
      `The replay to ${endpoint} finished: ${many(count('looked'), 'message')} examined, ${count('sent').toLocaleString('en-US')} sent.`,
    cancelled: ({ given, endpoint }) => `The replay to ${endpoint} was cancelled${because(given('reason'))}.`,
  }),
  ...of('bulkretry', {
    requested: ({ count }) => `A bulk retry of ${many(count('matched'), 'delivery', 'deliveries')} was requested.`,
    progressed: ({ count }) => `The bulk retry has retried ${many(count('retried'), 'delivery', 'deliveries')}.`,
    finished: ({ count }) => `The bulk retry finished: ${many(count('retried'), 'delivery', 'deliveries')} retried.`,
    cancelled: ({ given }) => `The bulk retry was cancelled${because(given('reason'))}.`,
  }),
  ...of('ledger', {
    'key-created': () => 'The key that signs the seals was created.',
    'key-rewrapped': () => 'The key that signs the seals was wrapped by another master key.',
    'lost-tail-accepted': () => 'The log had lost its end, and the operator went on without it.',
    sealed: ({ text, count }) => `Seal ${text('number')} was made over ${many(count('count'), 'event')}.`,
  }),
  ...of('source', {
    registered: ({ text }) => `The source ${quoted(text('name'))} was registered.`,
    renamed: ({ text }) => `A source was renamed to ${quoted(text('name'))}.`,
    'selection-changed': () => 'A source takes other events from now on.',
    'mapping-changed': () => 'A source makes messages of its events in another way from now on.',
    paused: () => 'A source was paused.',
    resumed: () => 'A source was resumed.',
    deleted: () => 'A source was deleted.',
  }),
  ...of('reading', {
    'event-skipped': ({ text, given }) => `An event of a source, ${quoted(text('type'))}, became no message${because(given('reason'))}.`,
    advanced: ({ count }) =>
      `A source was read on: ${many(count('published'), 'message')} published, ${many(count('skipped'), 'event')} skipped since it began.`,
  }),
  ...of('disclosure', {
    'secret-shown': ({ endpoint }) => `The secret of ${endpoint} was shown.`,
    'signing-key-shown': () => 'The signing key was shown.',
  }),
  ...of('drafttest', {
    made: ({ text, given }) =>
      `A test of ${quoted(text('eventType'))} was sent by unsaved settings to ${text('url')}${given('failure') === undefined ? '' : ', and failed'}.`,
  }),
  ...of('portalsession', {
    opened: ({ text }) => `A portal session was opened for ${quoted(text('subject'))}, until ${text('expiresAt')}.`,
  }),
]);

/** The types that the filter offers. */
export const eventTypes: readonly string[] = [...sentences.keys()];

/** Of an id in a stream's name: after the category. */
export const idIn = (stream: string): string => stream.slice(stream.indexOf('-') + 1);

/** Undefined: the event is about no endpoint, or about several. */
export const endpointOf = ({ stream, data }: Pick<Told, 'stream' | 'data'>): string | undefined => {
  if (stream.startsWith('endpoint-')) return idIn(stream);
  const id = isObject(data) ? data['endpointId'] : undefined;
  return typeof id === 'string' ? id : undefined;
};

export const messageOf = ({ stream, data }: Pick<Told, 'stream' | 'data'>): string | undefined => {
  if (stream.startsWith('message-')) return idIn(stream);
  const id = isObject(data) ? data['messageId'] : undefined;
  return typeof id === 'string' ? id : undefined;
};

export const sentenceOfEvent = (event: Told, nameOf: EndpointName): string => {
  const { type, data } = event;
  const fields = isObject(data) ? data : {};
  const given = (name: string): string | undefined => {
    const value = fields[name];
    if (value === undefined || value === null) return undefined;
    return typeof value === 'string' ? value : JSON.stringify(value);
  };
  const endpointId = endpointOf(event);
  const sentence = sentences.get(type);
  if (sentence === undefined) return inWords(type);
  return sentence({
    given,
    text: (name) => given(name) ?? '',
    count: (name) => Number(given(name) ?? 0),
    list: (name) => listIn(fields[name]),
    endpoint: endpointId === undefined ? 'an endpoint' : nameOf(endpointId),
  });
};

const listIn = (value: Json | undefined): readonly Json[] => (Array.isArray(value) ? (value as readonly Json[]) : []);

/** Of an event that this console does not know yet: "message.content-erased" as "Message: content erased." */
const inWords = (type: string): string => {
  const [category = '', name = ''] = type.split('.', 2);
  return `${category.charAt(0).toUpperCase()}${category.slice(1)}: ${name.replaceAll('-', ' ')}.`;
};
