import { expect, it } from 'vitest';
import { actorName, changeBefore, changesOf, disabledAt } from './changes.ts';
import { differencesOf, valueText, type Configuration } from './configuration.ts';

const at = (second: number) => `2026-01-01T00:00:0${second}.000Z`;
const change = (event: number, type: string, field: string, from: unknown, to: unknown, actor = 'apikey:Deploys') => ({
  field,
  from: from as null,
  to: to as null,
  actor,
  at: at(event),
  event: { id: `event-${event}`, position: `000${event}`, type: `endpoint.${type}` },
});

const all = [
  change(1, 'registered', 'name', null, 'Orders'),
  change(1, 'registered', 'url', null, 'https://a.example'),
  change(2, 'url-changed', 'url', 'https://a.example', 'https://b.example'),
  change(3, 'headers-changed', 'headers', [], [{ name: 'Authorization', value: '••••••' }], 'portal:anna'),
  change(4, 'disabled', 'status', 'ENABLED', 'DISABLED', 'system:delivery'),
  change(4, 'disabled', 'disabledReason', null, 'it failed for 5 days', 'system:delivery'),
  change(5, 'enabled', 'status', 'DISABLED', 'ENABLED'),
  change(5, 'enabled', 'disabledReason', 'it failed for 5 days', null),
  change(6, 'secret-rotated', 'secret', '••••••', 'changed'),
  change(7, 'settings-changed', 'filter', null, { severity: ['critical', 'warning'] }),
  change(7, 'settings-changed', 'timeoutSeconds', 30, 90),
];

it('says who did what, the newest first, one sentence for each event', () => {
  expect(changesOf(all).map(({ sentence }) => sentence)).toEqual([
    'Deploys changed Filter and Timeout',
    'Deploys changed the secret',
    'Deploys enabled it',
    'Hookledger (delivery) disabled it: it failed for 5 days',
    'anna (portal) set Headers to Authorization: ••••••',
    'Deploys changed URL from https://a.example to https://b.example',
    'Deploys made it',
  ]);
});

it('shows the fields where the sentence does not say all', () => {
  const [latest, ...older] = changesOf(all);
  expect(latest?.fields).toEqual([
    { name: 'filter', label: 'Filter', from: '–', to: '{"severity":["critical","warning"]}' },
    { name: 'timeoutSeconds', label: 'Timeout', from: '30 s', to: '1 min 30 s' },
  ]);
  expect(older.flatMap(({ fields }) => fields)).toEqual([]);
});

it('names actors, with colons in their names', () => {
  expect(actorName('apikey:team: billing')).toBe('team: billing');
});

it('finds when it was disabled last', () => {
  expect(disabledAt(all)).toBe(at(4));
  expect(disabledAt(all.slice(0, 3))).toBeUndefined();
});

it('finds the change shortly before something began', () => {
  const changes = changesOf(all);
  expect(changeBefore(changes, '2026-01-01T00:00:42.000Z')).toMatchObject({ afterMs: 35_000, change: { position: '0007' } });
  expect(changeBefore(changes, at(2))).toMatchObject({ afterMs: 0, change: { position: '0002' } });
  expect(changeBefore(changes, at(1))).toBeUndefined(); // it was only made
  expect(changeBefore(changes, '2026-01-01T02:00:00.000Z')).toBeUndefined();
});

it('reads values as a person does', () => {
  expect(valueText('eventTypes', ['orders', '*'])).toBe('All events');
  expect(valueText('retryPolicy', { delaysSeconds: [0, 90], jitter: 0.2 })).toBe('0 s, 1 min 30 s, jitter 0.2');
  expect(valueText('headers', [])).toBe('–');
  expect(valueText('batch', { maxSize: 10, maxWaitMs: 500 })).toBe('At most 10 messages, or 500 ms');
  expect(valueText('useOrganizationKey', false)).toBe('Does not sign');
  expect(valueText('description', 'multi\nline')).toBe('multi\nline');
});

it('compares then with now', () => {
  const now = { name: 'Orders', url: 'https://b.example', status: 'PAUSED' } as Configuration;
  const then = { name: 'Orders', url: 'https://a.example', status: 'ENABLED' } as Configuration;
  expect(differencesOf(then, now, ['status'])).toEqual([
    { name: 'url', label: 'URL', then: 'https://a.example', now: 'https://b.example' },
  ]);
  expect(differencesOf(then, now).map(({ now: text }) => text)).toEqual(['https://b.example', 'Paused']);
});
