import { isDeepStrictEqual } from 'node:util';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { json, jsonEqual, jsonObject, type Json } from './json.ts';

describe('equality of JSON', () => {
  it.each<[Json | undefined, Json | undefined, boolean]>([
    [{ a: 1, b: 2 }, { b: 2, a: 1 }, true],
    [[1, 2], [2, 1], false],
    [[1], [1, 2], false],
    [[], {}, false],
    [{}, [], false],
    [{ 0: 'a' }, ['a'], false],
    [{ a: null }, {}, false],
    [{ a: null }, { b: null }, false],
    [null, {}, false],
    [1, '1', false],
    [undefined, null, false],
    [undefined, undefined, true],
    [{ toString: 1 }, { a: 1 }, false],
    [JSON.parse('{"__proto__":{"a":1}}'), JSON.parse('{"__proto__":{"a":1}}'), true],
    [JSON.parse('{"__proto__":{"a":1}}'), { a: 1 }, false],
    [JSON.parse('{"__proto__":1}'), { x: 1 }, false],
  ])('%j and %j: %s', (a, b, equal) => {
    expect(jsonEqual(a, b)).toBe(equal);
    expect(jsonEqual(b, a)).toBe(equal);
  });

  const value = fc.jsonValue().map((each): Json => JSON.parse(JSON.stringify(each)));
  it('is that of the parsed text', () => fc.assert(fc.property(value, value, (a, b) => jsonEqual(a, b) === isDeepStrictEqual(a, b))));
  it('holds between a value and its copy', () => fc.assert(fc.property(value, (a) => jsonEqual(a, JSON.parse(JSON.stringify(a))))));
});

describe('the schemas', () => {
  it('take what is JSON as it is', () => {
    for (const value of [null, 0, '', false, [], {}]) expect(json.parse(value)).toBe(value);
    expect(json.safeParse(undefined).success).toBe(false);
  });
  it('tell an object from what is none', () => {
    const object = JSON.parse('{"__proto__":1}');
    expect(jsonObject.parse(object)).toBe(object);
    for (const value of [null, 0, '', [], undefined])
      expect(jsonObject.safeParse(value).error?.issues[0]?.message).toBe('must be a JSON object');
  });
});
