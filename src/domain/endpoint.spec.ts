import { describe, it } from 'vitest';
import { harmlessUrl, organizationId, registered, settings } from '../../test/support/samples.ts';
import type { EndpointEvent } from './endpoint-events.ts';
import { endpoint, type EndpointCommand } from './endpoint.ts';
import type { PayloadFormat } from './format-options.ts';
import { mask } from './header-masking.ts';
import { given } from './given.ts';
import type { JsonObject } from './json.ts';

const event = <T extends EndpointEvent['type']>(type: T, data: Extract<EndpointEvent, { type: T }>['data']) =>
  ({ type, data }) as EndpointEvent; // a type with its own data
const paused = event('endpoint.paused', {});
const resumed = event('endpoint.resumed', {});
const enabled = event('endpoint.enabled', {});
const disabled = event('endpoint.disabled', { reason: 'broken' });
const deleted = event('endpoint.deleted', {});
const rotated = event('endpoint.secret-rotated', { secret: 'new', previousUntil: '2026-01-02T00:00:00.000Z' });

describe('an endpoint', () => {
  const history = given(endpoint);
  const register: EndpointCommand = { type: 'Register', organizationId, settings, secret: null, disabled: false };
  const change = (changed: (EndpointCommand & { type: 'Change' })['settings']): EndpointCommand => ({ type: 'Change', settings: changed });
  const rotate: EndpointCommand = { type: 'RotateSecret', secret: 'new', previousUntil: '2026-01-02T00:00:00.000Z' };
  const disable: EndpointCommand = { type: 'Disable', reason: 'broken' };

  describe('when it is registered', () => {
    it('has the settings that it was given', () => history().when(register).then(registered()));
    it('can begin disabled', () =>
      history()
        .when({ ...register, disabled: true })
        .then(registered({}, { disabled: true })));
    it('is registered once, also after it was deleted', () => {
      history(registered()).when(register).thenNothing();
      history(registered(), deleted).when(register).thenNothing();
    });
    it('needs a secret to sign with', () =>
      history()
        .when({ ...register, settings: { ...settings, signature: 'WEBHOOK_SHA256' } })
        .thenRefused('BAD_USER_INPUT', /WEBHOOK_SHA256 needs a secret/));
    it('needs none where the organization signs', () =>
      history()
        .when({ ...register, settings: { ...settings, signature: 'SIGNATURE_SHA256', useOrganizationKey: true } })
        .then(registered({ signature: 'SIGNATURE_SHA256', useOrganizationKey: true })));
  });

  describe('and its format', () => {
    const formatted = (format: PayloadFormat, formatOptions: JsonObject | null): EndpointCommand => ({
      ...register,
      settings: { ...settings, format, formatOptions },
    });
    const pager = { format: 'PAGERDUTY', formatOptions: { routingKey: 'sealed' } } as const;

    it.each<[PayloadFormat, JsonObject | null]>([
      ['ARRAY', { constants: { a: 1 } }],
      ['SLACK', null],
      ['TEAMS', {}],
      ['PAGERDUTY', { routingKey: 'sealed' }],
      ['TEMPLATE', { template: 'data' }],
    ])('%s goes with %j', (format, formatOptions) =>
      history().when(formatted(format, formatOptions)).then(registered({ format, formatOptions })),
    );
    it.each<[PayloadFormat, JsonObject | null, RegExp]>([
      ['PAGERDUTY', null, /PAGERDUTY needs formatOptions.routingKey: the integration key/],
      ['TEMPLATE', {}, /TEMPLATE needs formatOptions.template: a JSONata expression/],
      ['SLACK', { constants: {} }, /SLACK has no option "constants"; it takes none: give null/],
      ['FLAT', { template: 'x' }, /FLAT has no option "template"; it takes constants\./],
      ['PAGERDUTY', { routingKey: 'sealed', template: 'x' }, /PAGERDUTY has no option "template"; it takes routingKey/],
    ])('%s does not go with %j', (format, formatOptions, remedy) =>
      history().when(formatted(format, formatOptions)).thenRefused('BAD_USER_INPUT', remedy),
    );
    it('changes together with its options, or alone where these go with both', () => {
      history(registered({ formatOptions: { constants: {} } }))
        .when(change({ format: 'SLACK' }))
        .thenRefused('BAD_USER_INPUT', /give null/);
      history(registered({ formatOptions: { constants: {} } }))
        .when(change({ format: 'SLACK', formatOptions: null }))
        .then(event('endpoint.format-changed', { format: 'SLACK', formatOptions: null }));
      history(registered({ formatOptions: { constants: {} } }))
        .when(change({ format: 'ARRAY' }))
        .then(event('endpoint.format-changed', { format: 'ARRAY', formatOptions: { constants: {} } }));
      history(registered())
        .when(change({ format: 'PAGERDUTY' }))
        .thenRefused('BAD_USER_INPUT', /needs formatOptions.routingKey/);
    });
    it('keeps a template that is given back as it was shown, without the secret that an older version took in it', () => {
      const stored = { format: 'TEMPLATE', formatOptions: { template: '{"token": "s3cret", "n": 1}' } } as const;
      const given = (template: string) => history(registered(stored)).when(change({ formatOptions: { template } }));
      given(`{"token": "${mask}", "n": 1}`).thenNothing();
      given(`{"token": "${mask}", "n": 2}`).thenRefused('BAD_USER_INPUT', /put the secret into formatOptions\.constants/);
    });
    it('keeps its routing key where other options change, as nobody can give back what nobody is shown', () => {
      history(registered(pager))
        .when(change({ formatOptions: {} }))
        .thenNothing();
      history(registered(pager))
        .when(change({ formatOptions: { routingKey: 'other' } }))
        .then(event('endpoint.format-changed', { format: 'PAGERDUTY', formatOptions: { routingKey: 'other' } }));
      history(registered(pager))
        .when(change({ formatOptions: null }))
        .thenRefused('BAD_USER_INPUT', /needs formatOptions.routingKey/);
      history(registered(pager))
        .when(change({ format: 'ENVELOPE', formatOptions: {} }))
        .then(event('endpoint.format-changed', { format: 'ENVELOPE', formatOptions: {} }));
    });
  });

  it('takes no key of the organization for a scheme that needs a key pair', () => {
    const refused = ['BAD_USER_INPUT', /signing key is no key pair/] as const;
    const pair = { signature: 'STANDARD_WEBHOOKS_ED25519', useOrganizationKey: true } as const;
    history()
      .when({ ...register, settings: { ...settings, ...pair } })
      .thenRefused(...refused);
    history(registered({ signature: 'STANDARD_WEBHOOKS_ED25519' }, { secret: 's' }))
      .when(change({ useOrganizationKey: true }))
      .thenRefused(...refused);
  });

  describe('when it is changed', () => {
    it.each<[(EndpointCommand & { type: 'Change' })['settings'], EndpointEvent]>([
      [{ name: 'B' }, event('endpoint.renamed', { name: 'B' })],
      [{ description: 'D' }, event('endpoint.described', { description: 'D' })],
      [{ url: harmlessUrl('https://b.example') }, event('endpoint.url-changed', { url: harmlessUrl('https://b.example') })],
      [{ eventTypes: ['a'] }, event('endpoint.subscription-changed', { eventTypes: ['a'], filter: null })],
      [{ filter: { a: [1] } }, event('endpoint.subscription-changed', { eventTypes: ['*'], filter: { a: [1] } })],
      [{ format: 'FLAT' }, event('endpoint.format-changed', { format: 'FLAT', formatOptions: null })],
      [{ formatOptions: { constants: {} } }, event('endpoint.format-changed', { format: 'ENVELOPE', formatOptions: { constants: {} } })],
      [{ useOrganizationKey: true }, event('endpoint.signature-changed', { signature: 'NONE', useOrganizationKey: true })],
      [{ headers: [{ name: 'a', value: 'x' }] }, event('endpoint.headers-changed', { headers: [{ name: 'a', value: 'x' }] })],
      [
        { retryPolicy: { delaysSeconds: [1], jitter: 0 } },
        event('endpoint.retry-policy-changed', { retryPolicy: { delaysSeconds: [1], jitter: 0 } }),
      ],
      [{ timeoutSeconds: 5 }, event('endpoint.timeout-changed', { timeoutSeconds: 5 })],
      [{ batch: { maxSize: 2, maxWaitMs: 5 } }, event('endpoint.batch-changed', { batch: { maxSize: 2, maxWaitMs: 5 } })],
      [{ rateLimit: { perSecond: 5, burst: 1 } }, event('endpoint.rate-limit-changed', { rateLimit: { perSecond: 5, burst: 1 } })],
      [{ disableAfterSeconds: 60 }, event('endpoint.disabling-changed', { disableAfterSeconds: 60 })],
      [{ maxConcurrency: 3 }, event('endpoint.concurrency-changed', { maxConcurrency: 3 })],
      [{ ordering: 'STRICT' }, event('endpoint.ordering-changed', { ordering: 'STRICT', onExhausted: 'CONTINUE' })],
      [{ onExhausted: 'HOLD' }, event('endpoint.ordering-changed', { ordering: 'NONE', onExhausted: 'HOLD' })],
    ])('records the intent of %j', (patch, changed) => history(registered()).when(change(patch)).then(changed));

    it('records one event per intent, in one order', () => {
      const intents = [
        event('endpoint.renamed', { name: 'B' }),
        event('endpoint.url-changed', { url: harmlessUrl('https://b.example') }),
        event('endpoint.timeout-changed', { timeoutSeconds: 5 }),
      ];
      history(registered())
        .when(change({ timeoutSeconds: 5, url: harmlessUrl('https://b.example'), name: 'B' }))
        .then(...intents);
    });
    it('leaves out what is so already', () => history(registered()).when(change(settings)).thenNothing());
    it('cannot sign from now on without a secret', () =>
      history(registered())
        .when(change({ signature: 'WEBHOOK_SHA256' }))
        .thenRefused('BAD_USER_INPUT', /needs a secret/));
    it('can sign from now on with the secret that it has', () =>
      history(registered({}, { secret: 's' }))
        .when(change({ signature: 'WEBHOOK_SHA256' }))
        .then(event('endpoint.signature-changed', { signature: 'WEBHOOK_SHA256', useOrganizationKey: false })));
  });

  describe('and its batches', () => {
    const batch = { maxSize: 2, maxWaitMs: 5 };
    it.each(['SLACK', 'DISCORD', 'TEAMS', 'PAGERDUTY'] as const)('are refused in the format %s, from both sides', (format) => {
      history(registered({ format }))
        .when(change({ batch }))
        .thenRefused('BAD_USER_INPUT', /sends one message at a time; leave batch out/);
      history(registered({ batch }))
        .when(change({ format }))
        .thenRefused('BAD_USER_INPUT', /sends one message at a time/);
    });
    it('end with null', () =>
      history(registered({ batch }))
        .when(change({ batch: null }))
        .then(event('endpoint.batch-changed', { batch: null })));
  });

  describe('and its secret', () => {
    it('is rotated', () =>
      history(registered({}, { secret: 'old' }))
        .when(rotate)
        .then(rotated));
    it('is not rotated to itself', () =>
      history(registered({}, { secret: 'new' }))
        .when(rotate)
        .thenNothing());
    it('can be given later', () => history(registered()).when(rotate).then(rotated));
  });

  describe('and its status', () => {
    const is = { ENABLED: [registered()], PAUSED: [registered(), paused], DISABLED: [registered(), disabled] };
    it.each<[keyof typeof is, EndpointCommand, EndpointEvent | undefined]>([
      ['ENABLED', { type: 'Pause' }, paused],
      ['ENABLED', { type: 'Resume' }, undefined],
      ['ENABLED', { type: 'Enable' }, undefined],
      ['ENABLED', disable, disabled],
      ['PAUSED', { type: 'Pause' }, undefined],
      ['PAUSED', { type: 'Resume' }, resumed],
      ['PAUSED', disable, disabled],
      ['DISABLED', { type: 'Enable' }, enabled],
      ['DISABLED', { type: 'Disable', reason: 'another' }, undefined],
    ])('%s takes %j', (status, command, changed) => {
      const decided = history(...is[status]).when(command);
      if (changed) decided.then(changed);
      else decided.thenNothing();
    });
    it.each<[keyof typeof is, EndpointCommand, RegExp]>([
      ['PAUSED', { type: 'Enable' }, /resume it/],
      ['DISABLED', { type: 'Pause' }, /enable it before/],
      ['DISABLED', { type: 'Resume' }, /not paused; enable it/],
    ])('%s refuses %j and names the remedy', (status, command, remedy) =>
      history(...is[status])
        .when(command)
        .thenRefused('CONFLICT', remedy),
    );
  });

  it.each([[registered()], [registered(), paused], [registered(), disabled]])('is deleted in every status', (...before) =>
    history(...before)
      .when({ type: 'Delete' })
      .then(deleted),
  );
  it('is deleted once', () => history(registered(), deleted).when({ type: 'Delete' }).thenNothing());
  it.each<EndpointCommand>([change({ name: 'B' }), rotate, { type: 'Pause' }, { type: 'Resume' }, { type: 'Enable' }, disable])(
    'that was never there, or is deleted, takes no $type',
    (command) => {
      history()
        .when(command)
        .thenRefused('NOT_FOUND', /no such endpoint/);
      history(registered(), deleted)
        .when(command)
        .thenRefused('NOT_FOUND', /no such endpoint/);
    },
  );
  it('that was never there cannot be deleted', () =>
    history()
      .when({ type: 'Delete' })
      .thenRefused('NOT_FOUND', /no such endpoint/));
});
