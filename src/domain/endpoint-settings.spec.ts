import { describe, expect, expectTypeOf, it } from 'vitest';
import {
  defaultRetryPolicy,
  endpointInput,
  endpointPatch,
  endpointSecret,
  type EndpointInput,
  type PlainSettingsPatch,
  type SettingsOptions,
} from './endpoint-settings.ts';
import { mask } from './header-masking.ts';

const options: SettingsOptions = {
  allowHttp: true,
  checkHost: (url) => (url.includes('//10.') ? 'The address 10.0.0.1 is private.' : undefined),
  checkTemplate: (template) => (template.includes('oops') ? "The template can't be read at line 1, column 5." : undefined),
  formats: ['ENVELOPE', 'FLAT'],
};
const minimal = { name: 'Alerts', url: 'https://example.com/hook' };

const read = (input: object, changed: Partial<SettingsOptions> = {}) =>
  endpointInput({ ...options, ...changed }).parse({ ...minimal, ...input });
/** `path: message` of each issue. */
const issues = (input: object, changed: Partial<SettingsOptions> = {}) =>
  (endpointInput({ ...options, ...changed }).safeParse({ ...minimal, ...input }).error?.issues ?? []).map(
    ({ path, message }) => `${path.join('.')}: ${message}`,
  );

describe('an endpoint that names only what it must', () => {
  const defaults: EndpointInput = {
    settings: {
      ...minimal,
      description: null,
      eventTypes: ['*'],
      filter: null,
      format: 'ENVELOPE',
      formatOptions: null,
      signature: 'NONE',
      useOrganizationKey: false,
      headers: [],
      retryPolicy: { delaysSeconds: [0, 60, 300, 1800, 7200], jitter: 0 },
      timeoutSeconds: 30,
      batch: null,
      rateLimit: null,
      maxConcurrency: null,
      disableAfterSeconds: 432_000,
      ordering: 'NONE',
      onExhausted: 'CONTINUE',
    },
    secret: null,
    disabled: false,
  };
  it('gets the defaults of the contract', () => expect(read({})).toEqual(defaults));
  it('gets them for null, too', () => {
    const nulls = Object.fromEntries([...Object.keys(defaults.settings), 'secret', 'disabled'].map((key) => [key, null]));
    const settings = { ...defaults.settings, disableAfterSeconds: null }; // null: never
    expect(read({ ...nulls, ...minimal })).toEqual({ ...defaults, settings });
  });
  it('is signed where it has a secret', () => {
    expect(read({ secret: 'a secret' })).toMatchObject({ secret: 'a secret', settings: { signature: 'WEBHOOK_SHA256' } });
    expect(read({ useOrganizationKey: true })).toMatchObject({ secret: null, settings: { signature: 'WEBHOOK_SHA256' } });
    expect(read({ useOrganizationKey: true, signature: 'NONE' })).toMatchObject({ settings: { signature: 'NONE' } });
    expect(read({ secret: 'a secret', signature: 'NONE' }).settings.signature).toBe('NONE');
  });
  it('must name these', () => {
    expect(
      endpointInput(options)
        .safeParse({})
        .error?.issues.map(({ path }) => path.join('.')),
    ).toEqual(['name', 'url']);
    expect(endpointInput(options).safeParse('x').success).toBe(false);
  });
});

describe('what is taken', () => {
  it.each<[string, object]>([
    ['an http URL', { url: 'http://example.com' }],
    ['a URL with port, path and query', { url: 'https://example.com:8443/a/b?c=d&e=%20' }],
    ['a URL with an international name', { url: 'https://bücher.example/ü' }],
    ['constants', { format: 'FLAT', formatOptions: { constants: { instance_id: 1, deep: { a: [1] } } } }],
    ['a routing key', { formatOptions: { routingKey: 'R0123456789abcdefghijklmnopqrstu' } }],
    ['a template', { formatOptions: { template: '{"text": data.message}' } }],
    ['a filter', { filter: { $or: [{ severity: ['critical', 'warning'] }, { status: 'recovered' }] } }],
    [
      'headers',
      {
        headers: [
          { name: 'Authorization', value: 'Token token=KEY' },
          { name: 'content-type', value: 'application/json; charset=utf-8' },
        ],
      },
    ],
    ['an empty header', { headers: [{ name: 'X-Empty', value: '' }] }],
    ['a policy without jitter', { retryPolicy: { delaysSeconds: [0, 0.5, 2_592_000] } }],
    ['the key of the organization', { signature: 'SIGNATURE_SHA256', useOrganizationKey: true }],
    ['a secret in any script', { secret: 'géheim ✓ 🔑' }],
    ['the shortest timeout', { timeoutSeconds: 0.1 }],
    ['a slow rate', { rateLimit: { perSecond: 0.001 } }],
    ['a rate with bursts, and one request at a time', { rateLimit: { perSecond: 2.5, burst: 100 }, maxConcurrency: 1 }],
    ['a description with lines', { description: 'a\nb' }],
  ])('%s', (_, input) => expect(issues(input)).toEqual([]));

  it('is trimmed where blanks say nothing', () => {
    expect(read({ name: '  Alerts ' }).settings.name).toBe('Alerts');
    expect(read({ headers: [{ name: 'a', value: ' b ' }] }).settings.headers).toEqual([{ name: 'a', value: 'b' }]);
  });
});

describe('what is refused, with the place and the remedy', () => {
  const header = (name: string, value = 'x') => ({ headers: [{ name, value }] });
  it.each<[object, RegExp]>([
    [{ name: '  ' }, /^name: The name is empty/],
    [{ name: 'x'.repeat(257) }, /^name: .*256/],
    [{ name: 'a\nb' }, /^name: .*invisible character/],
    [{ name: '\ud800' }, /^name: .*half a character/],
    [{ name: 5 }, /^name: .*text/],
    [{ rateLimit: { perSecond: 0 } }, /^rateLimit.perSecond: perSecond is a number from 0.001 to 100000/],
    [{ rateLimit: { perSecond: 1, burst: 0 } }, /^rateLimit.burst: burst is a whole number from 1/],
    [{ rateLimit: 5 }, /^rateLimit: A rate limit is an object with perSecond/],
    [{ disableAfterSeconds: 0.5 }, /^disableAfterSeconds: disableAfterSeconds is a whole number from 1 to 31536000/],
    [{ maxConcurrency: 0 }, /^maxConcurrency: maxConcurrency is a whole number from 1 to 10000/],
    [{ url: 'example.com/hook' }, /^url: This is not a URL/],
    [{ url: 'ftp://example.com' }, /^url: .*ftp: URL; give one with https or http/],
    [{ url: 'file:///etc/passwd' }, /^url: .*file: URL/],
    [{ url: 'javascript:alert(1)' }, /^url: .*javascript: URL/],
    [{ url: 'https://user:pass@example.com' }, /^url: .*credentials.*Authorization/],
    [{ url: 'https://user@example.com' }, /^url: .*credentials/],
    [{ url: 'https://example.com/#a' }, /^url: .*fragment/],
    [{ url: 'https:///example.com' }, /^url: .*no host/],
    [{ url: 'https:example.com' }, /^url: .*no host/],
    [{ url: 'https://' }, /^url: This is not a URL/],
    [{ url: 'https://exa mple.com' }, /^url: .*space/],
    [{ url: 'https://example.com/\r\nx' }, /^url: .*control character/],
    [{ url: 'https://example.com\\@10.0.0.1/' }, /^url: .*backslash/],
    [{ url: `https://example.com/${'x'.repeat(2048)}` }, /^url: .*2048/],
    [{ url: 'https://10.0.0.1/' }, /^url: The address 10.0.0.1 is private/],
    [{ description: 'x'.repeat(1025) }, /^description: .*1024/],
    [{ eventTypes: [] }, /^eventTypes: The list is empty/],
    [{ eventTypes: ['a', 'b c'] }, /^eventTypes.1: "b c" names no event type/],
    [{ eventTypes: [1] }, /^eventTypes.0: /],
    [{ filter: [] }, /^filter: The filter must be a JSON object/],
    [{ filter: { a: { b: [{ prefix: 1 }] } } }, /^filter.a.b.0.prefix: .*text/],
    [{ format: 'SLACK' }, /^format: The format SLACK is not available in this version; choose ENVELOPE or FLAT/],
    [{ format: 'XML' }, /^format: There is no such format/],
    [{ formatOptions: { constant: {} } }, /^formatOptions.constant: There is no format option "constant"/],
    [{ formatOptions: { constants: [1] } }, /^formatOptions.constants: .*object/],
    [{ formatOptions: { constants: { data: 1 } } }, /^formatOptions.constants.data: .*rename/],
    [{ formatOptions: { constants: { a: 'x'.repeat(20_000) } } }, /^formatOptions.constants: .*16384/],
    [{ formatOptions: { routingKey: 'x'.repeat(31) } }, /^formatOptions.routingKey: A routing key is 32 letters and digits; copy/],
    [{ formatOptions: { routingKey: `${'x'.repeat(31)} ` } }, /^formatOptions.routingKey: /],
    [{ formatOptions: { routingKey: null } }, /^formatOptions.routingKey: /],
    [{ formatOptions: { template: ' ' } }, /^formatOptions.template: .*JSONata expression such as/],
    [{ formatOptions: { template: 1 } }, /^formatOptions.template: .*must be a text/],
    [{ formatOptions: { template: 'x'.repeat(16_385) } }, /^formatOptions.template: .*at most 16384 characters; this one has 16385/],
    [{ formatOptions: { template: '"\ud800"' } }, /^formatOptions.template: .*half a character/],
    [{ formatOptions: { template: 'oops' } }, /^formatOptions.template: .*can't be read at line 1, column 5/],
    [{ signature: 'HMAC' }, /^signature: There is no such signature; choose NONE, WEBHOOK_SHA256/],
    [{ secret: '' }, /^secret: .*empty/],
    [{ secret: '7 chars' }, /^secret: .*at least 8 characters/],
    [{ secret: '😀😀😀😀' }, /^secret: .*at least 8 characters/],
    [{ secret: 'x'.repeat(1025) }, /^secret: .*1024/],
    [{ secret: 'a secret\u0000' }, /^secret: .*control/],
    [{ useOrganizationKey: 'yes' }, /^useOrganizationKey: .*true or false/],
    [header('X-A', 'a\r\nX-B: 1'), /^headers.0.value: .*line breaks/],
    [header('X-A', 'a\u0000'), /^headers.0.value: /],
    [header('X-A', 'Zoë'), /^headers.0.value: .*ASCII/],
    [header('X-A', 'x'.repeat(4097)), /^headers.0.value: .*4096/],
    [header('X A'), /^headers.0.name: .*without spaces/],
    [header('X-A:'), /^headers.0.name: /],
    [header(''), /^headers.0.name: /],
    [header('__proto__'), /^headers.0.name: .*leave it out/],
    ...'Host Content-Length transfer-encoding Connection Upgrade TE Expect Webhook-Id webhook-attempt webhook-anything X-Webhook-Signature x-signature'
      .split(' ')
      .map((name): [object, RegExp] => [header(name), new RegExp(`^headers.0.name: The header ${name} is set by Hookledger`)]),
    [
      {
        headers: [
          { name: 'X-A', value: '1' },
          { name: 'x-a', value: '2' },
        ],
      },
      /^headers.1.name: .*twice/,
    ],
    [{ headers: Array.from({ length: 51 }, (_, n) => ({ name: `x-${n}`, value: '' })) }, /^headers: .*50/],
    [{ retryPolicy: { delaysSeconds: [] } }, /^retryPolicy.delaysSeconds: .*\[0\]/],
    [{ retryPolicy: { delaysSeconds: [0, -1] } }, /^retryPolicy.delaysSeconds.1: .*from 0 to 2592000/],
    [{ retryPolicy: { delaysSeconds: [Number.NaN] } }, /^retryPolicy.delaysSeconds.0: /],
    [{ retryPolicy: { delaysSeconds: [Number.POSITIVE_INFINITY] } }, /^retryPolicy.delaysSeconds.0: /],
    [{ retryPolicy: { delaysSeconds: Array.from({ length: 51 }, () => 0) } }, /^retryPolicy.delaysSeconds: .*50 attempts/],
    [{ retryPolicy: { delaysSeconds: [0], jitter: 1.1 } }, /^retryPolicy.jitter: .*from 0 to 1/],
    [{ timeoutSeconds: 0 }, /^timeoutSeconds: .*from 0.1 to 300/],
    [{ timeoutSeconds: 301 }, /^timeoutSeconds: /],
    [{ timeoutSeconds: Number.NaN }, /^timeoutSeconds: /],
    [{ batch: { maxSize: 0, maxWaitMs: 10 } }, /^batch\.maxSize: maxSize is a whole number from 1 to 1000/],
    [{ batch: { maxSize: 10, maxWaitMs: 0.5 } }, /^batch\.maxWaitMs: maxWaitMs is a whole number from 1 to 60000/],
    [{ ordering: 'RANDOM' }, /^ordering: There is no such ordering; choose NONE, PER_KEY, STRICT/],
    [{ onExhausted: 'STOP' }, /^onExhausted: onExhausted is CONTINUE or HOLD/],
    [{ batch: 10 }, /^batch: .*maxSize \(messages\) and maxWaitMs/],
    [{ colour: 'red' }, /^: There is no field colour/],
  ])('%j', (input, expected) => {
    const found = issues(input);
    expect(found).toHaveLength(1);
    expect(found[0]).toMatch(expected);
  });

  it('JSON that is nested too deep to walk', () => {
    const deep = JSON.parse(`${'{"a":'.repeat(5000)}1${'}'.repeat(5000)}`);
    expect(issues({ formatOptions: { constants: deep } })).toEqual(['formatOptions.constants: Constants may be 8 levels deep.']);
    expect(issues({ filter: deep })[0]).toMatch(/^filter\.a.*levels deep/);
  });
  it('http where it is not allowed', () => {
    expect(issues({ url: 'http://example.com' }, { allowHttp: false })).toEqual(['url: The URL must be https; http is not allowed here.']);
    expect(issues({}, { allowHttp: false })).toEqual([]);
  });
  it('a secret that is to replace another by the same rule', () => expect(endpointSecret.safeParse('').success).toBe(false));
});

it('a masked routing key says nothing', () => expect(read({ formatOptions: { routingKey: mask } }).settings.formatOptions).toEqual({}));

describe('a patch', () => {
  const patch = (input: object) => endpointPatch(options).safeParse(input);
  it('is what it names, and no defaults', () => {
    expectTypeOf(endpointPatch(options).parse({})).toEqualTypeOf<PlainSettingsPatch>();
    expect(patch({}).data).toEqual({});
    expect(patch({ name: ' B ', url: undefined }).data).toStrictEqual({ name: 'B' });
    expect(patch({ retryPolicy: { delaysSeconds: [0] } }).data).toEqual({ retryPolicy: { delaysSeconds: [0], jitter: 0 } });
  });
  it('empties what may be empty by null', () =>
    expect(
      patch({
        description: null,
        filter: null,
        formatOptions: null,
        batch: null,
        rateLimit: null,
        maxConcurrency: null,
        disableAfterSeconds: null,
      }).data,
    ).toEqual({
      description: null,
      filter: null,
      formatOptions: null,
      batch: null,
      rateLimit: null,
      maxConcurrency: null,
      disableAfterSeconds: null,
    }));
  it.each(['name', 'url', 'eventTypes', 'format', 'signature', 'useOrganizationKey', 'headers', 'retryPolicy', 'timeoutSeconds'])(
    'takes no null for %s',
    (field) => expect(patch({ [field]: null }).error?.issues.map(({ path }) => path)).toEqual([[field]]),
  );
  it('keeps the rules', () => {
    expect(patch({ url: 'ftp://x' }).error?.issues[0]?.message).toMatch(/ftp:/);
    expect(patch({ secret: 'x' }).error?.issues[0]?.message).toBe('There is no field secret; leave it out.');
  });
});

it('the default policy obeys its own rules', () => expect(issues({ retryPolicy: defaultRetryPolicy })).toEqual([]));
