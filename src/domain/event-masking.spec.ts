// Every golden event is shown, and nothing in it that is secret. A golden file of a new event is looked at here, too.
import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { DomainEvent } from './catalog.ts';
import { mask } from './header-masking.ts';
import { maskedEventData } from './event-masking.ts';

const folder = new URL('../../test/golden/', import.meta.url);
const golden = (file: string) => (JSON.parse(readFileSync(new URL(file, folder), 'utf8')) as { event: DomainEvent }).event;
const files = readdirSync(folder);

describe.each(files)('%s', (file) => {
  const event = golden(file);
  it('is shown with every field that it has', () =>
    expect(Object.keys(maskedEventData(event) as object).toSorted()).toEqual(Object.keys(event.data).toSorted()));
});

const secrets: Readonly<Record<string, readonly string[]>> = {
  'organization.registered': ['encryptionKey'],
  'organization.encryption-key-rotated': ['encryptionKey'],
  'organization.encryption-keys-rewrapped': ['encryptionKeys.0', 'encryptionKeys.1'],
  'ledger.key-rewrapped': ['encryptionKey'],
  'organization.signing-key-set': ['key'],
  'apikey.issued': ['hash'],
  'ledger.key-created': ['encryptionKey', 'privateKey'],
  'endpoint.registered': ['secret', 'headers.0.value'],
  'endpoint.headers-changed': ['headers.0.value'],
  'endpoint.secret-rotated': ['secret'],
};

it.each(Object.entries(secrets))('%s shows nothing of %j', (type, paths) => {
  const event = golden(`${type}.v1.json`);
  const at = (value: unknown, path: string) =>
    path.split('.').reduce<unknown>((inner, key) => (inner as Record<string, unknown> | undefined)?.[key], value);
  const shown = maskedEventData(event);
  for (const path of paths) {
    expect(at(event.data, path)).toBeTypeOf('string');
    expect(at(shown, path)).toBe(mask);
  }
});

it('a routing key and a constant under the name of a secret are masked, and the rest of the options is not', () => {
  const options = { routingKey: 'sealed', constants: { team: 'blue', apiKey: 'x' } };
  expect(maskedEventData({ type: 'endpoint.format-changed', data: { format: 'PAGERDUTY', formatOptions: options } })).toEqual({
    format: 'PAGERDUTY',
    formatOptions: { routingKey: mask, constants: { team: 'blue', apiKey: mask } },
  });
});

it.each([
  ['{"apiToken": "s3cret-value", "text": "a text"}', `{"apiToken": "${mask}", "text": "a text"}`],
  [`{'x-api-key': 'Bearer ' & "s3cret", "b": 1}`, `{'x-api-key': "${mask}", "b": 1}`],
  ['($token := "it is \\"s3cret\\"; yes"; {"a": $token})', `($token := "${mask}"; {"a": $token})`],
  ['{"token": data.token, "a": "token", "b": {"token" : "s3cret"}}', `{"token": data.token, "a": "token", "b": {"token" : "${mask}"}}`],
])('a secret that an older version took in a template is masked: %s', (template, shown) =>
  expect(maskedEventData({ type: 'endpoint.format-changed', data: { format: 'TEMPLATE', formatOptions: { template } } })).toEqual({
    format: 'TEMPLATE',
    formatOptions: { template: shown },
  }),
);

it('the name of the signature scheme is no secret', () =>
  expect(maskedEventData({ type: 'endpoint.signature-changed', data: { signature: 'WEBHOOK_SHA256', useOrganizationKey: true } })).toEqual({
    signature: 'WEBHOOK_SHA256',
    useOrganizationKey: true,
  }));

it("a receiver's cookies are masked for everyone, what it answered for those who may not see payloads", () => {
  const event = golden('delivery.attempt-succeeded.v1.json');
  if (event.type !== 'delivery.attempt-succeeded') throw new Error('Another event.');
  const answered: DomainEvent = {
    ...event,
    data: { ...event.data, responseHeaders: { 'set-cookie': 'session=1', server: 'x' }, responseBody: '{"token":"inner","ok":1}' },
  };
  expect(maskedEventData(answered)).toMatchObject({
    responseHeaders: { 'set-cookie': mask, server: 'x' },
    responseBody: '{"token":"inner","ok":1}',
  });
  expect(maskedEventData(answered, true)).toMatchObject({ responseBody: `{"token":"${mask}","ok":1}` });
});
