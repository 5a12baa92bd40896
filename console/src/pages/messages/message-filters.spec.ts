// Filters of the table of messages.
import { expect, it } from 'vitest';
import { chipsOf, messageFilterOf, patternIn } from './message-filters.ts';

it('are those of the URL, without what is no time', () => {
  const search = {
    eventType: 'a.b',
    clientId: 'x',
    key: 'k',
    content: 'a = 1',
    unrouted: 'yes',
    since: '2026-01-01T00:00:00Z',
    until: 'then',
  };
  expect(messageFilterOf(search)).toEqual({
    eventTypes: ['a.b'],
    clientId: 'x',
    orderingKey: 'k',
    data: { a: 1 },
    unrouted: true,
    since: '2026-01-01T00:00:00Z',
  });
  expect(messageFilterOf({})).toEqual({});
});

it('take a pattern as JSON, or a field and its value', () => {
  expect(patternIn('{"severity": ["critical"]}')).toEqual({ severity: ['critical'] });
  expect(patternIn('order.id = "7"')).toEqual({ 'order.id': '7' });
  expect(patternIn('name: Weekly call')).toEqual({ name: 'Weekly call' });
  expect(patternIn('paid=true')).toEqual({ paid: true });
  expect(JSON.stringify(patternIn('id=9007199254740993'))).toBe('{"id":9007199254740993}');
});

it.each(['critical', '{"a":', '[1]', '{', '= 1', ''])('refuse %j as content', (text) => expect(patternIn(text)).toBeUndefined());

it('are chips where nothing matches', () =>
  expect(chipsOf({ eventType: 'a.b', unrouted: 'yes' })).toEqual([
    { name: 'eventType', label: 'Event type: a.b' },
    { name: 'unrouted', label: 'Went nowhere' },
  ]));
