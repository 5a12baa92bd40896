import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { parseJson } from '../../domain/exact-number.ts';
import { stringifyAnswer } from './stringify-answer.ts';

const stringify = (data: unknown, rest: object = {}) => stringifyAnswer({ data: data as Record<string, unknown>, ...rest });

it('writes what JSON.stringify writes', () =>
  fc.assert(
    fc.asyncProperty(fc.object({ withNullPrototype: true, withSparseArray: false, maxDepth: 4 }), fc.boolean(), async (value, isPlain) => {
      const data = isPlain ? { ...value } : Object.assign(Object.create(null) as object, value);
      expect(await stringify(data)).toBe(`${JSON.stringify({ data })}\n`);
    }),
  ));

it('writes errors, exact numbers, empty lists and objects, and leaves out undefined', async () => {
  const nothing = Object.create(null) as object;
  const data = Object.assign(Object.create(null) as object, {
    exact: parseJson('[9007199254740993]'),
    json: { a: 1, b: [{}] },
    none: [],
    nothing,
    missing: undefined,
    absent: [null, undefined],
  });
  const text = await stringify(data, { errors: [{ message: 'No.', extensions: { code: 'X' } }], extensions: undefined });
  expect(text).toBe(
    '{"data":{"exact":[9007199254740993],"json":{"a":1,"b":[{}]},"none":[],"nothing":{},"absent":[null,null]},"errors":[{"message":"No.","extensions":{"code":"X"}}]}\n',
  );
});

it('lets others have their turns while it writes a large answer', async () => {
  const entry = () => Object.assign(Object.create(null) as object, { id: 'x'.repeat(20), text: 'y'.repeat(100) });
  const data = Object.assign(Object.create(null) as object, { nodes: Array.from({ length: 100_000 }, entry) });
  let turns = 0;
  const timer = setInterval(() => (turns += 1), 1);
  const text = await stringify(data);
  clearInterval(timer);
  expect(text).toHaveLength(JSON.stringify({ data }).length + 1);
  expect(turns).toBeGreaterThan(1);
});
