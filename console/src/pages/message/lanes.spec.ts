// Lanes of a message's timeline.
import { expect, it } from 'vitest';
import { lanesOf, lookOf, type Entry } from './lanes.ts';

const entry = (position: string, type: string, delivery: string | null): Entry => ({
  at: '2026-01-01T00:00:00.000Z',
  text: type,
  event: { id: position, type, position },
  delivery: delivery === null ? null : { id: delivery },
});
const delivery = (id: string, status: string, name: string) => ({ id, status, endpoint: { name } });

it('has one lane for each endpoint, those that need somebody first, and what concerns all above', () => {
  const timeline = [
    entry('1', 'message.accepted', null),
    entry('2', 'delivery.attempt-succeeded', 'a'),
    entry('3', 'delivery.attempt-failed', 'b'),
    entry('4', 'delivery.exhausted', 'b'),
  ];
  const deliveries = [delivery('a', 'SUCCEEDED', 'Zeta'), delivery('b', 'FAILED', 'Beta'), delivery('c', 'SUCCEEDED', 'Alpha')];
  const { common, lanes } = lanesOf(deliveries, timeline);
  expect(common.map(({ event }) => event.id)).toEqual(['1']);
  expect(lanes.map(({ delivery, entries }) => [delivery.endpoint.name, entries.map(({ event }) => event.id)])).toEqual([
    ['Beta', ['3', '4']],
    ['Alpha', []],
    ['Zeta', ['2']],
  ]);
});

it.each([
  ['delivery.attempt-succeeded', 'good'],
  ['batch.attempt-failed', 'bad'],
  ['delivery.exhausted', 'bad'],
  ['delivery.retry-requested', 'again'],
  ['endpoint.paused', 'held'],
  ['batch.closed', 'plain'],
])('marks %s as %s', (type, look) => expect(lookOf(type)).toBe(look));
