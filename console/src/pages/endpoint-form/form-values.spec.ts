import { expect, it } from 'vitest';
import { copyOf, inputOf, lacksOf, newEndpoint, patchOf, previewInputOf, unreadableJson, valuesOf } from './form-values.ts';

const saved = {
  id: 'endpoint-1',
  revision: 3,
  name: 'Orders',
  url: 'https://example.com/hook',
  description: null,
  status: 'ENABLED',
  eventTypes: ['orders'],
  filter: { severity: ['critical', 'warning'] },
  format: 'ENVELOPE',
  formatOptions: { constants: { instance: 1, token: '••••••' } },
  signature: 'WEBHOOK_SHA256',
  useOrganizationKey: false,
  headers: [
    { name: 'Authorization', value: '••••••' },
    { name: 'Accept', value: 'application/json' },
  ],
  retryPolicy: { delaysSeconds: [0, 60], jitter: 0.1 },
  timeoutSeconds: 30,
  batch: { maxSize: 10, maxWaitMs: 500 },
  rateLimit: null,
  maxConcurrency: null,
  ordering: 'NONE',
  onExhausted: 'CONTINUE',
  disableAfterSeconds: null,
} as const satisfies Parameters<typeof valuesOf>[0];

it('changes only the fields that differ, and nothing where nothing was touched', () => {
  const before = valuesOf(saved);
  expect(patchOf(before, before)).toEqual({});
  expect(patchOf(before, { ...before, name: 'Orders 2', batches: false, perSecond: 5 })).toEqual({
    name: 'Orders 2',
    batch: null,
    rateLimit: { perSecond: 5, burst: 1 },
  });
});

it('keeps values that the server does not show', () => {
  const before = valuesOf(saved);
  expect(before.headers).toEqual([
    { name: 'Authorization', value: null },
    { name: 'Accept', value: 'application/json' },
  ]);
  const { headers } = patchOf(before, { ...before, headers: [...before.headers, { name: ' X-Team ', value: 'a' }] });
  expect(headers).toEqual([
    { name: 'Authorization', value: null },
    { name: 'Accept', value: 'application/json' },
    { name: 'X-Team', value: 'a' },
  ]);
});

it('sends the options of the format whenever the format changes', () => {
  const before = valuesOf(saved);
  expect(patchOf(before, { ...before, format: 'SLACK' })).toEqual({ format: 'SLACK', formatOptions: null });
  expect(patchOf(before, { ...before, format: 'TEMPLATE', template: '{}' })).toEqual({
    format: 'TEMPLATE',
    formatOptions: { template: '{}', constants: saved.formatOptions.constants },
  });
});

it('gives a secret of one’s own only where one signs with it', () => {
  const values = { ...newEndpoint, name: 'Orders', url: 'https://example.com', secret: 'own-secret' };
  expect(inputOf({ ...values, secretChoice: 'OWN' })).toMatchObject({ secret: 'own-secret', useOrganizationKey: false });
  expect(inputOf({ ...values, secretChoice: 'GENERATED' })).not.toHaveProperty('secret');
  expect(inputOf({ ...values, secretChoice: 'ORGANIZATION' })).toMatchObject({ useOrganizationKey: true });
  expect(inputOf({ ...values, secretChoice: 'OWN', signature: 'NONE' })).not.toHaveProperty('secret');
  expect(inputOf({ ...values, isActive: false })).toMatchObject({ disabled: true });
});

it('previews with stand-ins for what it does not know', () => {
  const input = previewInputOf({ ...valuesOf(saved), name: ' ' });
  expect(input.name).toBe('New endpoint');
  expect(input.headers?.[0]).toEqual({ name: 'Authorization', value: '********' });
});

it('says which JSON it can’t read', () => {
  expect(unreadableJson({ ...newEndpoint, constants: '{', filterText: '{"a":' })).toEqual({
    constants: expect.stringContaining('no JSON') as string,
    filterText: expect.stringContaining('no JSON') as string,
  });
  expect(unreadableJson({ ...newEndpoint, constants: ' ', filterText: '{}' })).toEqual({});
});

it('copies an endpoint without what nobody is shown, and says what it lacks', () => {
  const copy = copyOf({ ...saved, url: 'https://example.com/••••••' });
  expect(copy).toMatchObject({ name: 'Copy of Orders', url: '', secretChoice: 'OWN', secret: '' });
  expect(JSON.parse(copy.constants)).toEqual({ instance: 1, token: '' });
  expect(lacksOf(copy)).toEqual([{ path: 'input.headers.0.value', message: 'is not copied; give it again' }]);
  expect(copyOf({ ...saved, useOrganizationKey: true }).secretChoice).toBe('ORGANIZATION');
});
