import { expect, it } from 'vitest';
import { affectedBy, countOf } from './what-if.ts';

const received = (...ids: readonly string[]) =>
  ids.map((id) => ({ message: { id, eventType: 'a', acceptedAt: '2026-01-01T00:00:00.000Z' } }));

it('says which messages come and go, those first', () => {
  const affected = affectedBy(received('3', '2', '1'), received('4', '3', '2'));
  expect(affected.map(({ id, effect }) => `${id} ${effect}`)).toEqual(['1 fewer', '4 more', '3 same', '2 same']);
  expect(countOf(affected, 'same')).toBe(2);
});

it('finds everything new for an endpoint that is not there yet', () => {
  expect(affectedBy(undefined, received('2', '1')).map(({ effect }) => effect)).toEqual(['more', 'more']);
});
