// The operators with a `$`, dotted paths, and what is kept of filters from before them.
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkFilter as checkVersion1, compileFilter as compileVersion1 } from '../../../test/support/filter-version-1.ts';
import type { Json, JsonObject } from '../json.ts';
import { checkFilter } from './check-filter.ts';
import { compileFilter } from './compile-filter.ts';
import { failedConditions } from './explain-filter.ts';
import { plainly } from '../../../test/support/plain-filter.ts';
import { fromVersion1 } from './version-1.ts';

const matches = (filter: JsonObject, data: JsonObject) => {
  expect(checkFilter(filter)).toEqual([]);
  return compileFilter(filter).matches(data);
};

describe('a filter', () => {
  it.each<[string, JsonObject, JsonObject[], JsonObject[]]>([
    ['a number above a limit', { load: { $gt: 5 } }, [{ load: 5.1 }, { load: [1, 6] }], [{ load: 5 }, { load: '6' }, {}, { load: null }]],
    ['a number in a range', { load: { $gte: 1, $lt: 5 } }, [{ load: 1 }, { load: [0, 4] }], [{ load: 5 }, { load: [0, 5] }]],
    ['a time by its text', { at: { $gte: '2026-01-01' } }, [{ at: '2026-01-01T00:00:00Z' }], [{ at: '2025-12-31' }, { at: 3000 }]],
    ['operators in a list', { load: [{ $gt: 5, $lt: 9 }, 'full'] }, [{ load: 6 }, { load: 'full' }], [{ load: 9 }]],
    ['a field that is there', { a: { $exists: true } }, [{ a: null }, { a: [] }], [{}]],
    ['a field that is not there', { a: { $exists: false } }, [{}], [{ a: null }]],
    ['parts of a text', { n: { $prefix: 'web', $suffix: '.lan', $contains: '-1' } }, [{ n: 'web-1.lan' }], [{ n: 'web.lan' }, { n: 1 }]],
    ['one of several prefixes', { n: { $prefix: ['a', 'b'] } }, [{ n: 'b1' }], [{ n: 'c' }]],
    ['a text in an array of texts', { tags: { $contains: 'ed' } }, [{ tags: ['red'] }], [{ tags: ['blue'] }]],
    ['an equal value', { n: { $eq: 1 } }, [{ n: 1 }, { n: [2, 1] }], [{ n: 2 }, {}]],
    ['a value other than one', { n: { $neq: 1 } }, [{ n: 2 }, {}, { n: [2, 3] }], [{ n: 1 }, { n: [2, 1] }]],
    ['one of a list', { n: { $in: [1, 'x'] } }, [{ n: 'x' }], [{ n: 2 }, {}]],
    ['none of a list', { n: { $nin: [1, 'x'] } }, [{ n: 2 }, {}, { n: [] }], [{ n: [3, 'x'] }]],
    ['what a condition does not', { n: { $not: { $prefix: 'web' } } }, [{ n: 'db' }, {}, { n: 5 }], [{ n: 'web1' }, { n: ['db', 'web'] }]],
    ['what a list does not', { n: { $not: ['a', 'b'] } }, [{ n: 'c' }, {}], [{ n: 'b' }]],
    ['arrays without such an object', { a: { $not: { b: 1 } } }, [{ a: [{ b: 2 }] }, {}], [{ a: [{ b: 2 }, { b: 1 }] }]],
    ['one condition or the other', { n: { $or: [{ $lt: 1 }, { $gt: 10 }, 'x'] } }, [{ n: 0 }, { n: 11 }, { n: 'x' }], [{ n: 5 }]],
    ['all of an array', { tags: { $and: ['red', 'blue'] } }, [{ tags: ['blue', 'green', 'red'] }], [{ tags: ['red'] }, { tags: 'red' }]],
    ['all patterns', { $and: [{ a: 1 }, { $or: [{ b: 1 }, { c: 1 }] }] }, [{ a: 1, c: 1 }], [{ a: 1 }]],
    ['what a pattern does not', { $not: { a: 1, b: 2 } }, [{ a: 1 }, {}], [{ a: 1, b: 2 }]],
    [
      'one object by fields and $not',
      { s: { r: 'eu', $not: { d: 1 } } },
      [{ s: [{ r: 'eu' }] }],
      [{ s: [{ r: 'eu', d: 1 }, { r: 'us' }] }],
    ],
    ['a dotted path', { 'a.b.c': [1, 2] }, [{ a: { b: { c: 2 } } }, { a: [{ b: { c: 1 } }] }], [{ 'a.b.c': 1 }, { a: { b: 1 } }]],
    ['a literal dot', { 'a\\.b': 1 }, [{ 'a.b': 1 }], [{ a: { b: 1 } }]],
    ['a literal dollar and backslash', { '\\$id': 1, 'a\\\\b': 2, '\\$': 3 }, [{ $id: 1, 'a\\b': 2, $: 3 }], [{ id: 1, ab: 2 }]],
    ['a word in a nested $or as a field', { a: { $or: [{ prefix: 'x' }] } }, [{ a: { prefix: 'x' } }], [{ a: 'x' }]],
  ])('takes %s', (_, filter, taken, left) => {
    for (const data of taken) expect([data, matches(filter, data)]).toEqual([data, true]);
    for (const data of left) expect([data, matches(filter, data)]).toEqual([data, false]);
    for (const data of [...taken, ...left])
      expect([data, failedConditions(filter, data).length === 0]).toEqual([data, taken.includes(data)]);
  });
});

describe('a filter that can match nothing because of its form is refused, with what would be right:', () => {
  it.each<[string, JsonObject, string, RegExp]>([
    ['an operator without a field', { $gt: 5 }, '$gt', /write \{"load": \{"\$gt": …\}\}.*`\\\$gt`/],
    ['an operator in a pattern of $or', { $or: [{ $gt: 5 }] }, '$or.0.$gt', /asks of one field/],
    ['an operator beside fields', { a: { b: 1, $gt: 5 } }, 'a.$gt', /asks of one field/],
    ['an unknown operator', { a: { $near: 5 } }, 'a.$near', /no operator "\$near"; there are \$eq/],
    ["another system's name", { a: { $exist: true } }, 'a.$exist', /write `\$exists`/],
    ["another system's name", { a: { $startsWith: 'x' } }, 'a.$startsWith', /write `\$prefix`/],
    ['an unknown operator over patterns', { $xor: [{ a: 1 }] }, '$xor', /no operator "\$xor".*`\\\$xor`/],
    ['a limit that is none', { a: { $gt: [5] } }, 'a.$gt', /takes a number, or a text/],
    ['limits that exclude each other', { a: { $gt: 5, $lt: 5 } }, 'a', /between these limits/],
    ['a number and a text at once', { a: { $gt: 5, $prefix: 'x' } }, 'a', /a number and a text at once/],
    ['the value of what is absent', { a: { $exists: false, $gt: 5 } }, 'a.$exists', /absent has no value/],
    ['an object as a value', { a: { $eq: { b: 1 } } }, 'a.$eq', /plain value/],
    ['a value instead of a list', { a: { $in: 'abc' } }, 'a.$in', /list of plain values.*\$contains/],
    ['an empty list', { a: { $in: [] } }, 'a.$in', /list of plain values/],
    ['an empty text', { a: { $contains: '' } }, 'a.$contains', /not empty/],
    ['a number as part of a text', { a: { $contains: 5 } }, 'a.$contains', /value in an array write the value itself/],
    ['no list of conditions', { a: { $or: { $gt: 5 } } }, 'a.$or', /list of conditions/],
    ['a name that is missing', { 'a..b': 1 }, 'a..b', /`\\\.`/],
    ['a backslash at the end', { 'a\\': 1 }, 'a\\', /`\\\\`/],
    ['an array marked by $', { 'items.$.id': 1 }, 'items.$.id', /each element by itself/],
    [
      'too deep a path',
      { [Array.from({ length: 18 }, () => 'a').join('.')]: 1 },
      Array.from({ length: 18 }, () => 'a').join('.'),
      /each dot is a level/,
    ],
    [
      'too many tests',
      { $or: Array.from({ length: 250 }, (_, i) => ({ [`a${i % 2}`]: i })) },
      '',
      /at most 64 times; this one does it 250 times.*one list/,
    ],
  ])('%s', (_, filter, path, message) => {
    const [issue] = checkFilter(filter);
    expect(issue?.path).toBe(path);
    expect(issue?.message).toMatch(message);
  });

  it('but a filter of an older log may have any number of tests', () =>
    expect(compileFilter({ $or: Array.from({ length: 250 }, (_, i) => ({ a: i })) }).matches({ a: 249 })).toBe(true));
});

const name = fc.constantFrom('a', 'b', 'a.b', '$gt', '$', '', 'prefix', '\\', '.', '__proto__');
const scalar = fc.constantFrom<Json>(0, 1, 2, 'a', 'ab', 'b', true, null);
const own = (entries: [string, Json][]) => Object.fromEntries(entries);
const value: fc.Arbitrary<Json> = fc.letrec<{ value: Json }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3, depthIdentifier: 'value' },
    scalar,
    fc.array(tie('value'), { maxLength: 3 }),
    fc.array(fc.tuple(name, tie('value')), { maxLength: 3 }).map(own),
  ),
})).value;
const data = fc.array(fc.tuple(name, value), { maxLength: 4 }).map(own);
const entryOfVersion1 = fc.oneof(
  scalar,
  fc.constantFrom<Json>(
    { prefix: 'a' },
    { suffix: 'b' },
    { 'anything-but': [1, 'a'] },
    { numeric: ['>', 0] },
    { exists: true },
    { exists: false },
  ),
);
const filterOfVersion1 = fc.letrec<{ pattern: JsonObject; field: Json }>((tie) => ({
  pattern: fc
    .tuple(
      fc.array(fc.tuple(name, tie('field')), { minLength: 1, maxLength: 3 }).map(own),
      fc.option(fc.array(tie('pattern'), { minLength: 1, maxLength: 2 }), { nil: undefined, depthIdentifier: 'filter', maxDepth: 4 }),
      fc.boolean(),
    )
    .map(([fields, or, only]) => (or ? { ...(only ? {} : fields), $or: or } : fields)),
  field: fc.oneof(
    { maxDepth: 4, depthIdentifier: 'filter' },
    entryOfVersion1,
    fc.array(entryOfVersion1, { minLength: 1, maxLength: 3 }),
    tie('pattern'),
  ),
})).pattern;

/** Each value of it in an array of a hundred, so that a match takes several steps. */
const enlarged = (message: JsonObject): JsonObject =>
  own(
    Object.entries(message).map(([name, value]) => [
      name,
      [...Array.from({ length: 100 }, () => ({ x: 1 })), value, { a: value, b: Array(50).fill(value) }],
    ]),
  );
const finished = (steps: Iterator<undefined, boolean>) => {
  for (let step = steps.next(); ; step = steps.next()) if (step.done) return step.value;
};

describe('for every filter and message', () => {
  it('a filter of version 1 means what it meant', () =>
    fc.assert(
      fc.property(filterOfVersion1, fc.array(data, { minLength: 1, maxLength: 5 }), (filter, messages) => {
        fc.pre(checkVersion1(filter).length === 0);
        const now = compileFilter(fromVersion1(filter));
        for (const message of messages) expect(now.matches(message)).toBe(compileVersion1(filter)(message));
      }),
      { numRuns: 500 },
    ));

  const operators = fc.constantFrom<Json>(
    { $gt: 0 },
    { $gte: 1, $lt: 2 },
    { $lte: 'a' },
    { $exists: true },
    { $exists: false },
    { $prefix: 'a' },
    { $suffix: ['b', 'x'] },
    { $contains: 'b', $neq: 'b' },
    { $in: [1, 'a'] },
    { $nin: [1, 'a'], $exists: true },
    { $eq: null },
  );
  const filter = fc.letrec<{ pattern: JsonObject; condition: Json }>((tie) => ({
    pattern: fc
      .tuple(
        fc
          .array(fc.tuple(fc.constantFrom('a', 'b', 'a.b', 'a\\.b', '\\$gt', 'prefix'), tie('condition')), { minLength: 1, maxLength: 2 })
          .map(own),
        fc.option(fc.tuple(fc.constantFrom('$or', '$and'), fc.array(tie('pattern'), { minLength: 1, maxLength: 2 })), {
          nil: undefined,
          depthIdentifier: 'filter',
          maxDepth: 4,
        }),
        fc.option(tie('pattern'), { nil: undefined, depthIdentifier: 'filter', maxDepth: 4 }),
      )
      .map(([fields, combined, not]) => ({ ...fields, ...(combined && own([combined])), ...(not && { $not: not }) })),
    condition: fc.oneof(
      { maxDepth: 4, depthIdentifier: 'filter' },
      operators,
      entryOfVersion1,
      fc.array(fc.oneof(operators, entryOfVersion1), { minLength: 1, maxLength: 3 }),
      tie('condition').map((not) => ({ $not: not })),
      fc
        .tuple(fc.constantFrom('$or', '$and'), fc.array(tie('condition'), { minLength: 1, maxLength: 2 }))
        .map(([combine, of]) => ({ [combine]: of })),
      tie('pattern'),
    ),
  })).pattern;

  it('the compiled filter and the explanation agree with a plain reading of it', () =>
    fc.assert(
      fc.property(filter, fc.array(data, { minLength: 1, maxLength: 5 }), (filter, messages) => {
        fc.pre(checkFilter(filter).length === 0);
        const { matches, matchesInSteps } = compileFilter(filter);
        for (const message of messages) {
          expect(matchesInSteps(message).next()).toEqual({ done: true, value: matches(message) });
          expect(finished(matchesInSteps(enlarged(message)))).toBe(matches(enlarged(message)));
          expect(matches(message)).toBe(plainly(filter, message));
          expect(failedConditions(filter, message).length === 0).toBe(matches(message));
        }
      }),
      { numRuns: 500 },
    ));
});
