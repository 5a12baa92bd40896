// Sentences of events, differences and filters of the history.
import { describe, expect, it } from 'vitest';
import { catalog } from '../../../../src/domain/catalog.ts';
import { eventTypes, sentenceOfEvent } from './event-sentences.ts';
import { actorParts, aroundFiltersOf, chipsOf, historyFilterOf, searchFor } from './history-filters.ts';
import { differencesOf, shownValue } from './json-diff.ts';

const say = (type: string, data: object, stream = 'endpoint-e1') =>
  sentenceOfEvent({ type, stream, data: data as never }, (id) => `"${id}"`);

describe('the sentence of an event', () => {
  it.each([
    ['endpoint.registered', { name: 'Billing', disabled: true }, 'The endpoint "Billing" was registered, disabled.'],
    ['endpoint.url-changed', { url: 'https://a.example' }, 'The URL of "e1" was changed to https://a.example.'],
    ['endpoint.subscription-changed', { eventTypes: ['a.b', 'alerts'] }, 'The subscription of "e1" was changed to a.b, alerts.'],
    ['endpoint.batch-changed', { batch: null }, 'Batching of "e1" was turned off.'],
    ['endpoint.disabled', { reason: 'Load test is over.' }, '"e1" was disabled: Load test is over.'],
    ['organization.suspended', { reason: null }, 'The organization was suspended.'],
    ['bulkretry.requested', { matched: 2_314 }, 'A bulk retry of 2,314 deliveries was requested.'],
    ['reading.event-skipped', { type: 'Odd', reason: 'It is no JSON.' }, 'An event of a source, "Odd", became no message: It is no JSON.'],
  ])('of %s says what happened', (type, data, sentence) => expect(say(type, data)).toBe(sentence));

  it('of a message says where it goes', () => {
    const data = { type: 'a.b', destinations: [{}, {}], skipped: ['x'] };
    expect(say('message.accepted', data)).toBe('A message "a.b" was accepted: it goes to 2 endpoints, skipped at 1 disabled one.');
    expect(say('message.accepted', { type: 'a.b', destinations: [], skipped: [], test: true })).toBe(
      'A test message "a.b" was accepted: it goes nowhere.',
    );
  });

  it('of an attempt names the endpoint that the delivery goes to', () => {
    const failed = { endpointId: 'e2', attempt: 2, error: 'The receiver answered 500.', retryAt: '2026-01-01T00:00:00Z' };
    expect(say('delivery.attempt-failed', failed, 'delivery-d')).toBe(
      'Attempt 2 to "e2" failed: The receiver answered 500. The next is due at 2026-01-01T00:00:00Z.',
    );
  });

  it('of one that is not known here is made of its name', () => expect(say('message.content-erased', {})).toBe('Message: content erased.'));

  it('is offered as a filter only for types that there are', () =>
    expect(eventTypes.filter((type) => !Object.hasOwn(catalog, type))).toEqual([]));
});

describe('differences', () => {
  it('are found field by field, and lists as a whole', () =>
    expect(differencesOf({ a: 1, b: { c: 2, d: 3 }, e: [1] }, { a: 1, b: { c: 4 }, e: [1, 2], f: null })).toEqual([
      { field: 'b.c', from: 2, to: 4 },
      { field: 'b.d', from: 3, to: undefined },
      { field: 'e', from: [1], to: [1, 2] },
      { field: 'f', from: undefined, to: null },
    ]));
  it('are shown as text', () => {
    expect([undefined, null, 'a', 5, ['x']].map(shownValue)).toEqual(['None', 'None', 'a', '5', '["x"]']);
    expect(shownValue(['a'.repeat(60)])).toContain('\n');
    expect(shownValue(JSON.rawJSON('9007199254740993'))).toBe('9007199254740993');
  });
});

describe('the filters', () => {
  it('are those of the URL', () =>
    expect(historyFilterOf({ type: 'endpoint.paused', actor: 'apikey:a', position: '7', since: 'then' })).toEqual({
      types: ['endpoint.paused'],
      actor: 'apikey:a',
    }));

  it('are chips where nothing matches', () =>
    expect(chipsOf({ actor: 'apikey:a', position: '7', order: 'oldest' })).toEqual([{ name: 'actor', label: 'Who: apikey:a' }]));

  const event = { type: 'x', data: {}, position: '7', recordedAt: '2026-01-01T00:00:00.000Z' };
  it('of a link find the event again', () => {
    expect(searchFor({ ...event, stream: 'message-m1' })).toEqual({ position: '7', message: 'm1' });
    expect(searchFor({ ...event, stream: 'endpoint-e1' })).toEqual({ position: '7', until: '2026-01-01T00:00:00.001Z' });
  });
  it('of cause and effects look around the event', () => {
    expect(aroundFiltersOf({ ...event, stream: 'delivery-d', data: { messageId: 'm1' } }).before).toEqual({ messageId: 'm1' });
    expect(aroundFiltersOf({ ...event, stream: 'endpoint-e1' })).toEqual({
      before: { endpointId: 'e1', until: '2026-01-01T00:00:00.001Z' },
      after: { endpointId: 'e1', since: '2026-01-01T00:00:00.000Z' },
    });
  });
  it('name who acted', () => {
    expect(actorParts('apikey:night: shift')).toEqual({ kind: 'API key', name: 'night: shift' });
    expect(actorParts('system:dispatcher')).toEqual({ kind: 'System', name: 'dispatcher' });
  });
});
