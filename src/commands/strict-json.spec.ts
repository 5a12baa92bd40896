import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { deepest, parseStrictJson, UnreadableJson } from './strict-json.ts';

const read = (text: string) => parseStrictJson(Buffer.from(text));
const refusal = (text: string | Buffer): UnreadableJson => {
  try {
    parseStrictJson(Buffer.from(text as string));
  } catch (error) {
    if (error instanceof UnreadableJson) return error;
    throw error;
  }
  throw new Error(`${String(text)} was taken`);
};

const reasonOf = (read: () => unknown): string | undefined => {
  try {
    read();
    return undefined;
  } catch (error) {
    return String(error);
  }
};

describe('strict JSON', () => {
  it('reads what JSON.parse reads', () => {
    fc.assert(
      fc.property(fc.json({ stringUnit: 'grapheme' }), (text) => {
        let expected: unknown;
        try {
          expected = JSON.parse(text);
        } catch {
          return;
        }
        // Generated objects may hold the one key that is refused.
        fc.pre(!text.includes('__proto__'));
        expect(read(text)).toEqual(expected);
      }),
    );
  });

  it('refuses what JSON.parse refuses, and nothing else of broken text', () => {
    const pieces = fc.constantFrom('{', '}', '[', ']', ',', ':', '"a"', '"b\\"c"', '"', '\\', '1', '-', 'true', ' ', '"\\u0041"');
    fc.assert(
      fc.property(fc.array(pieces, { maxLength: 12 }), (parts) => {
        const text = parts.join('');
        const refusal = reasonOf(() => read(text));
        if (reasonOf(() => JSON.parse(text)) === undefined) return refusal === undefined || /twice/.test(refusal);
        return refusal !== undefined && /not JSON|empty/.test(refusal);
      }),
      { numRuns: 2000 },
    );
  });

  it('names a key that stands twice, wherever it is and however it is written', () => {
    expect(refusal('{"a":1,"a":2}').path).toBe('a');
    expect(refusal('[{"data":{"x":[0,{"k":1,"\\u006b":2}]}}]').path).toBe('0.data.x.1.k');
    expect(refusal('{"a":1,"a":1}').message).toMatch(/"a" is in one object twice/);
    expect(read('{"a":{"a":1},"b":{"a":":"}}')).toEqual({ a: { a: 1 }, b: { a: ':' } });
  });

  it('names a duplicate in any object of any value', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string({ minLength: 1 }), fc.jsonValue(), { minKeys: 1 }), (object) => {
        const text = JSON.stringify(object);
        fc.pre(!text.includes('__proto__'));
        const [key = ''] = Object.keys(object);
        const twice = `${text.slice(0, -1)},${JSON.stringify(key)}:0}`;
        expect(refusal(twice).path).toBe(key);
      }),
    );
  });

  it('refuses a key __proto__, also one that is escaped', () => {
    expect(refusal('{"data":{"__proto__":{"admin":true}}}').path).toBe('data.__proto__');
    expect(refusal('{"\\u005f_proto__":1}').path).toBe('__proto__');
    expect(read('{"a":"__proto__"}')).toEqual({ a: '__proto__' });
  });

  it('refuses half of a surrogate pair in a value or a key, and takes a whole one', () => {
    expect(refusal('{"a":["x","\\ud800"]}').path).toBe('a.1');
    expect(refusal('{"\\udc00":1}').message).toMatch(/key holds half/);
    expect(read('{"a":"\\ud83d\\ude00"}')).toEqual({ a: '😀' });
    expect(read('{"a":"\\\\ud800"}')).toEqual({ a: '\\ud800' });
  });

  it('refuses bytes that are not UTF-8, and an empty body', () => {
    expect(() => parseStrictJson(Buffer.from([0x22, 0xff, 0x22]))).toThrow(/UTF-8/);
    expect(() => parseStrictJson(Buffer.from([0x22, 0xed, 0xa0, 0x80, 0x22]))).toThrow(/UTF-8/);
    expect(refusal('  ').message).toMatch(/empty/);
  });

  it('takes 64 levels and refuses one more, also a million', () => {
    const nested = (levels: number) => '['.repeat(levels) + ']'.repeat(levels);
    expect(() => read(nested(deepest))).not.toThrow();
    expect(refusal(nested(deepest + 1)).message).toMatch(/more than 64 levels deep \(at byte 64\)/);
    expect(refusal('{"a":'.repeat(1_000_000)).message).toMatch(/64 levels/);
    expect(() => read(`"${'['.repeat(100)}"`)).not.toThrow();
  });

  it("keeps the text of a number that a double can't hold, and refuses one of more than 1000 characters", () => {
    const text = '{"a":[9007199254740993,-1e999,0.1000000000000000055511151231257827],"b":{"c":12345678901234567890}}';
    expect(JSON.stringify(read(text))).toBe(text);
    expect(JSON.stringify(read(` ${'9'.repeat(1000)}`))).toBe('9'.repeat(1000));
    expect(refusal(`{"a":{"b":${'9'.repeat(1001)}}}`).path).toBe('a.b');
    expect(refusal(`[0,1.${'0'.repeat(1000)}]`).message).toMatch(/has 1002 characters.* send it as a string/);
    expect(refusal('{"a":9007199254740993,"b":{"c":1,"c":1}}').path).toBe('b.c');
    expect(read('[1e308]')).toEqual([1e308]);
  });
});
