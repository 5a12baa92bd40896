import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Json, JsonObject } from '../json.ts';
import { checkFilter } from './check-filter.ts';
import { compileFilter } from './compile-filter.ts';
import { failedConditions } from './explain-filter.ts';
import { escapeFieldName } from './field-path.ts';

const matches = (pattern: JsonObject, data: JsonObject) => {
  expect(checkFilter(pattern)).toEqual([]);
  return compileFilter(pattern).matches(data);
};

describe('a filter', () => {
  it.each<[string, JsonObject, JsonObject[], JsonObject[]]>([
    ['an exact value', { severity: ['critical'] }, [{ severity: 'critical', x: 1 }], [{ severity: 'Critical' }, {}, { severity: null }]],
    ['a plain value as a list of one', { severity: 'critical' }, [{ severity: 'critical' }], [{ severity: 'warning' }]],
    ['any of a list', { severity: ['critical', 'warning'] }, [{ severity: 'warning' }], [{ severity: 'info' }]],
    ['no value by conversion', { n: [1, true, null] }, [{ n: 1 }, { n: true }, { n: null }], [{ n: '1' }, { n: 'true' }, {}]],
    ['all fields', { a: [1], b: [2] }, [{ a: 1, b: 2 }], [{ a: 1 }, { a: 1, b: 3 }]],
    ['nested fields', { server: { region: ['eu'] } }, [{ server: { region: 'eu' } }], [{ server: 'eu' }, { region: 'eu' }, {}]],
    ['a prefix', { name: [{ prefix: 'web-' }] }, [{ name: 'web-1' }], [{ name: 'my-web-1' }, { name: 5 }, {}]],
    ['a suffix', { name: [{ suffix: '.lan' }] }, [{ name: 'a.lan' }], [{ name: 'a.lan.org' }]],
    ['text in any case', { name: [{ 'equals-ignore-case': 'DB' }] }, [{ name: 'db' }, { name: 'Db' }], [{ name: 'dbs' }]],
    ['an operator without its list', { name: { prefix: 'web' } }, [{ name: 'web1' }], [{ name: { prefix: 'web' } }]],
    ['a field that is called like an operator', { name: { prefix: ['web'] } }, [{ name: { prefix: 'web' } }], [{ name: 'web' }]],
    ['anything but a value', { s: [{ 'anything-but': 'info' }] }, [{ s: 'x' }, { s: 1 }, { s: null }], [{ s: 'info' }, {}]],
    ['anything but a list', { s: [{ 'anything-but': ['info', 3] }] }, [{ s: 'x' }], [{ s: 'info' }, { s: 3 }]],
    ['anything but a prefix', { s: [{ 'anything-but': { prefix: 'in' } }] }, [{ s: 'x' }, { s: 1 }], [{ s: 'info' }]],
    ['anything but prefixes', { s: [{ 'anything-but': { prefix: ['in', 'de'] } }] }, [{ s: 'x' }], [{ s: 'debug' }]],
    ['a range', { load: [{ numeric: ['>', 0, '<=', 5] }] }, [{ load: 0.1 }, { load: 5 }], [{ load: 0 }, { load: 5.1 }, { load: '3' }]],
    ['an equal number', { load: { numeric: ['=', 3] } }, [{ load: 3 }], [{ load: 4 }]],
    ['presence', { note: [{ exists: true }] }, [{ note: null }, { note: [] }, { note: {} }], [{}]],
    ['absence', { note: [{ exists: false }] }, [{}], [{ note: null }, { note: 'x' }]],
    ['absence or a value', { note: [{ exists: false }, 'x'] }, [{}, { note: 'x' }], [{ note: 'y' }]],
    ['absence inside what is absent', { a: { b: [{ exists: false }] } }, [{}, { a: 1 }, { a: {} }, { a: [] }], [{ a: { b: 1 } }]],
    ['any element of an array', { tags: ['red'] }, [{ tags: ['blue', 'red'] }, { tags: [['red']] }], [{ tags: [] }, { tags: ['blue'] }]],
    ['an object of an array as a whole', { p: { x: [1], y: [2] } }, [{ p: [{ x: 0 }, { x: 1, y: 2 }] }], [{ p: [{ x: 1 }, { y: 2 }] }]],
    [
      'critical or warning, or recovered',
      { $or: [{ severity: ['critical', 'warning'] }, { status: ['recovered'] }] },
      [
        { severity: 'warning', status: 'down' },
        { severity: 'info', status: 'recovered' },
      ],
      [{ severity: 'info', status: 'down' }, {}],
    ],
    ['$or beside fields', { a: [1], $or: [{ b: [1] }, { c: [1] }] }, [{ a: 1, c: 1 }], [{ c: 1 }, { a: 1 }]],
    ['only own fields', { constructor: [{ exists: true }] }, [{ constructor: 1 }], [{}]],
    ['a field called __proto__', JSON.parse('{"__proto__":["x"]}'), [JSON.parse('{"__proto__":"x"}')], [{}, { x: 'x' }]],
  ])('takes %s', (_, pattern, taken, left) => {
    for (const data of taken) expect([data, matches(pattern, data)]).toEqual([data, true]);
    for (const data of left) expect([data, matches(pattern, data)]).toEqual([data, false]);
  });
});

const scalar = fc.oneof(fc.string(), fc.integer(), fc.boolean(), fc.constant(null));
const key = fc.string({ minLength: 1 });
const data = fc.jsonValue().map((value) => ({ value, other: 1 }) as JsonObject);

describe('for every message', () => {
  it('a list takes what one of its values takes', () =>
    fc.assert(
      fc.property(key, fc.array(scalar, { minLength: 1, maxLength: 5 }), scalar, (name, list, value) => {
        const field = escapeFieldName(name);
        const taken = matches({ [field]: list }, { [name]: value });
        expect(taken).toBe(list.some((each) => matches({ [field]: each }, { [name]: value })));
        expect(taken).toBe(list.some((each) => each === value || (each === 0 && value === 0)));
      }),
    ));
  it('`anything-but` takes exactly the plain values that the list does not', () =>
    fc.assert(
      fc.property(fc.array(scalar, { minLength: 1, maxLength: 5 }), scalar, (list, value) => {
        expect(matches({ a: [{ 'anything-but': list }] }, { a: value })).toBe(!matches({ a: list }, { a: value }));
      }),
    ));
  it('`exists` is true or false', () =>
    fc.assert(
      fc.property(
        data,
        key,
        (message, name) =>
          matches({ [escapeFieldName(name)]: { exists: true } }, message) !==
          matches({ [escapeFieldName(name)]: { exists: false } }, message),
      ),
    ));
  it('`$or` takes what one of its patterns takes', () =>
    fc.assert(
      fc.property(scalar, scalar, scalar, scalar, (a, b, x, y) => {
        const message = { a: x, b: y };
        expect(matches({ $or: [{ a: [a] }, { b: [b] }] }, message)).toBe(matches({ a }, message) || matches({ b }, message));
      }),
    ));
  it('a checked filter answers, whatever the data', () =>
    fc.assert(
      fc.property(
        fc.object({ maxDepth: 3 }).map((value) => JSON.parse(JSON.stringify(value)) as JsonObject),
        data,
        (pattern, message) => {
          const compiled = () => compileFilter(pattern).matches(message);
          const outcome = checkFilter(pattern).length === 0 ? typeof compiled() : 'refused';
          if (outcome === 'refused') assert.throws(compiled, /filter can't be used/);
          else assert.equal(outcome, 'boolean');
        },
      ),
    ));
  it('deeply nested data costs no stack', () => {
    const deep: Json = JSON.parse(`${'['.repeat(100_000)}1${']'.repeat(100_000)}`);
    expect(matches({ a: [1] }, { a: deep })).toBe(false);
  });
});

describe('a filter is refused, with path and remedy,', () => {
  const nested = (depth: number): JsonObject => (depth === 0 ? { a: [1] } : { a: nested(depth - 1) });
  it.each<[string, JsonObject, string, RegExp]>([
    ['when empty', {}, '', /null for no filter/],
    ['at an empty list', { a: [] }, 'a', /at least one value/],
    ['at an unknown operator', { a: { b: [{ prefx: 'x' }] } }, 'a.b.0.prefx', /no operator "prefx"; there are prefix/],
    ['at two operators in one entry', { a: [{ prefix: 'x', suffix: 'y' }] }, 'a.0', /object with one of/],
    ['at a list in a list', { a: [['x']] }, 'a.0', /plain value/],
    ['at a prefix that is no text', { a: [{ prefix: 1 }] }, 'a.0.prefix', /takes a text/],
    ['at an odd range', { a: [{ numeric: ['>', 0, '<='] }] }, 'a.0.numeric', /pairs/],
    ['at a range of texts', { a: [{ numeric: ['>', '0'] }] }, 'a.0.numeric', /pairs/],
    ['at an unknown comparison', { a: [{ numeric: ['!=', 0] }] }, 'a.0.numeric', /pairs/],
    ['at exists with a text', { a: [{ exists: 'yes' }] }, 'a.0.exists', /true or false/],
    ['at anything-but with an object', { a: [{ 'anything-but': [{}] }] }, 'a.0.anything-but', /plain values/],
    ['at $or without a list', { $or: { a: [1] } }, '$or', /list of patterns/],
    ['at $or with a value', { $or: ['a'] }, '$or.0', /pattern/],
    ['when too deep', nested(30), Array.from({ length: 17 }, () => 'a').join('.'), /levels deep/],
    ['with too many conditions', { a: Array.from({ length: 300 }, (_, n) => n) }, '', /256 conditions/],
    ['when too long', { a: ['x'.repeat(20_000)] }, '', /16384 characters/],
  ])('%s', (_, pattern, path, message) => {
    const [issue] = checkFilter(pattern);
    expect(issue?.path).toBe(path);
    expect(issue?.message).toMatch(message);
  });
  it('without recursion into a pattern of any depth', () => {
    expect(checkFilter(JSON.parse(`${'{"a":'.repeat(50_000)}1${'}'.repeat(50_000)}`))).toHaveLength(1);
  });
});

describe('a message that a filter does not let pass', () => {
  const failed = (pattern: JsonObject, data: JsonObject) => failedConditions(pattern, data);
  it('fails where it says, and nowhere else', () =>
    expect(failed({ severity: ['critical'], status: 'down', region: 'eu' }, { severity: 'info', status: 'down' })).toEqual([
      { path: 'severity', asks: ['critical'], found: 'info' },
      { path: 'region', asks: 'eu', found: undefined },
    ]));
  it('fails inside what is nested, and as a whole where that is a list or missing', () => {
    const pattern = { server: { region: [{ prefix: 'eu-' }], load: { numeric: ['>', 1] } } } as JsonObject;
    expect(failed(pattern, { server: { region: 'us-1', load: 5 } })).toEqual([
      { path: 'server.region', asks: [{ prefix: 'eu-' }], found: 'us-1' },
    ]);
    expect(failed(pattern, { server: [{ region: 'us-1' }] })).toMatchObject([{ path: 'server', found: [{ region: 'us-1' }] }]);
    expect(failed(pattern, {})).toMatchObject([{ path: 'server', found: undefined }]);
  });
  it('fails an alternative as a whole', () =>
    expect(failed({ $or: [{ a: 1 }, { b: 2 }] }, { a: 2 })).toMatchObject([{ path: '$or', found: undefined }]));
  it('does not fail where it passes', () => expect(failed({ a: [1], b: [{ exists: false }] }, { a: 1 })).toEqual([]));
});
