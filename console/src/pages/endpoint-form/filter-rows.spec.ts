import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { comparisons, filterOf, rowsOf } from './filter-rows.ts';

const row = (field: string, comparison: (typeof comparisons)[number]['value'], value: string) => ({ field, comparison, value });

it('makes a filter of rows: numbers, true, false and null as such, the rest as text', () => {
  expect(
    filterOf([
      row('severity', 'is', 'critical, warning'),
      row('amount', '$gt', '100'),
      row('paid', 'is', 'true'),
      row('code', 'is', '"007"'),
      row('customer.id', '$prefix', 'eu-'),
      row('note', '$exists', 'false'),
    ]),
  ).toEqual({
    severity: ['critical', 'warning'],
    amount: { $gt: 100 },
    paid: true,
    code: '007',
    'customer.id': { $prefix: 'eu-' },
    note: { $exists: false },
  });
});

it('takes all where no row is filled in', () => {
  expect(filterOf([])).toBeNull();
  expect(filterOf([row('', 'is', 'x'), row('severity', 'is', ' ')])).toBeNull();
});

it('reads a filter back into rows, with quotes where the text would be read as something else', () => {
  expect(rowsOf({ code: '007', id: '12', flag: 'true', list: ['a, b', 'c'] })).toEqual([
    row('code', 'is', '007'),
    row('id', 'is', '"12"'),
    row('flag', 'is', '"true"'),
    row('list', 'is', '"a, b", c'),
  ]);
});

it('leaves to JSON what rows can’t say', () => {
  for (const filter of [{ $or: [{ a: 1 }] }, { a: { b: 1 } }, { a: { $gt: 1, $lt: 2 } }, { a: [[1]] }, ['a'], 'a'] as const)
    expect(rowsOf(filter as never)).toBeUndefined();
});

it('says the same after it went through rows', () => {
  const scalar = fc.oneof(fc.string({ minLength: 1 }), fc.integer(), fc.boolean(), fc.constant(null));
  const pattern = fc.oneof(scalar, fc.array(scalar, { minLength: 2, maxLength: 4 }));
  const name = fc.stringMatching(/^[a-z][a-z.]{0,8}$/);
  fc.assert(
    fc.property(fc.dictionary(name, pattern, { minKeys: 1, maxKeys: 4 }), (filter) => {
      const rows = rowsOf(filter);
      // Text of spaces alone is an empty row.
      fc.pre(rows !== undefined && rows.every(({ value }) => value.trim() !== ''));
      expect(filterOf(rows ?? [])).toEqual(filter);
    }),
  );
});
