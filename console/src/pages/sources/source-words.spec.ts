// Words and forms of sources.
import { expect, it } from 'vitest';
import { emptySource, readWords, sourceInputOf } from './source-words.ts';

it('say what a source reads', () => {
  expect(readWords({ streamPrefix: 'order-', category: null, eventTypes: [] })).toBe('Streams that begin with order-');
  expect(readWords({ streamPrefix: null, category: 'order', eventTypes: ['Placed', 'Paid'] })).toBe(
    'Streams of the category order: Placed, Paid',
  );
});

it('become the input of a new source', () => {
  expect(sourceInputOf({ ...emptySource, name: ' Orders ', streams: 'order' })).toEqual({
    input: { name: 'Orders', category: 'order', eventTypes: [], from: 'NOW', mapping: null },
  });
  const form = { ...emptySource, name: 'Orders', by: 'streamPrefix', streams: 'order-', eventTypes: 'Placed, Paid,' } as const;
  expect(sourceInputOf({ ...form, types: '{"Placed": "order.placed"}', template: 'data.order' })).toEqual({
    input: {
      name: 'Orders',
      streamPrefix: 'order-',
      eventTypes: ['Placed', 'Paid'],
      from: 'NOW',
      mapping: { type: { Placed: 'order.placed' }, data: 'data.order' },
    },
  });
});

it('are refused where the types are no object', () => expect(sourceInputOf({ ...emptySource, types: '["a"]' })).toHaveProperty('problem'));
