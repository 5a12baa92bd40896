import { expect, it } from 'vitest';
import { marksOf } from './change-marks.ts';

const change = (field: string, at: string, position: string, type = 'endpoint.changed') => ({
  field,
  at: `2026-05-04T${at}.000Z`,
  event: { position, type },
});

it('marks each time that somebody saved something that a receiver notices, oldest first', () => {
  const changes = [
    change('url', '10:00:00', '3'),
    change('timeoutSeconds', '10:00:00', '3'),
    change('name', '10:00:30', '4'),
    change('url', '08:00:00', '1', 'endpoint.registered'),
    change('format', '09:00:00', '2'),
  ];
  expect(marksOf(changes)).toEqual([
    { at: Date.parse('2026-05-04T09:00:00.000Z'), position: '2', fields: ['format'] },
    { at: Date.parse('2026-05-04T10:00:00.000Z'), position: '3', fields: ['url', 'timeoutSeconds'] },
  ]);
});
