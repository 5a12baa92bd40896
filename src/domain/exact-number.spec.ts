import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compareNumbers, isExactNumber, parseJson, toNumber } from './exact-number.ts';
import { checkFilter } from './filter/check-filter.ts';
import { compileFilter } from './filter/compile-filter.ts';
import { mask } from './header-masking.ts';
import { jsonEqual, jsonObject, type JsonObject } from './json.ts';
import { maskSecrets, maskSecretsInText } from './payload-masking.ts';

/** Numbers as publishers write them: of any length, with leading zeros after the point, with exponents. */
const digits = (max: number) =>
  fc.string({ unit: fc.constantFrom('0', '1', '2', '3', '4', '5', '6', '7', '8', '9'), minLength: 1, maxLength: max });
const numberText = fc
  .record({
    sign: fc.constantFrom('', '-'),
    whole: digits(25),
    fraction: fc.option(digits(25)),
    exponent: fc.option(fc.integer({ min: -400, max: 400 })),
  })
  .map(
    ({ sign, whole, fraction, exponent }) =>
      `${sign}${whole.replace(/^0+(?=\d)/, '')}${fraction === null ? '' : `.${fraction}`}${exponent === null ? '' : `e${exponent}`}`,
  );

/** The value as a fraction of two big integers. */
const valueOf = (text: string): { readonly over: bigint; readonly under: bigint } => {
  const [, whole = '', fraction = '', exponent = '0'] = /^(-?\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(text) ?? [];
  const shift = Number(exponent) - fraction.length;
  const all = BigInt(`${whole}${fraction}`);
  return shift < 0 ? { over: all, under: 10n ** BigInt(-shift) } : { over: all * 10n ** BigInt(shift), under: 1n };
};
const order = (a: string, b: string): number => {
  const [left, right] = [valueOf(a), valueOf(b)];
  const difference = left.over * right.under - right.over * left.under;
  return difference < 0n ? -1 : difference > 0n ? 1 : 0;
};

const json = (number: fc.Arbitrary<string>): fc.Arbitrary<string> =>
  fc.letrec<{ value: string }>((tie) => ({
    value: fc.oneof(
      { maxDepth: 4 },
      number,
      fc.string({ unit: 'grapheme' }).map((text) => JSON.stringify(text)),
      number.map((text) => JSON.stringify(`: ${text},${text}`)),
      fc.constantFrom('true', 'false', 'null'),
      fc.array(tie('value'), { maxLength: 4 }).map((items) => `[${items.join(',')}]`),
      fc.dictionary(fc.string(), tie('value'), { maxKeys: 4 }).map(
        (fields) =>
          `{${Object.entries(fields)
            .map(([key, value]) => `${JSON.stringify(key)}: ${value}`)
            .join(', ')}}`,
      ),
    ),
  })).value;

describe('numbers', () => {
  it.each([
    ['9007199254740993', '9007199254740993'],
    ['-9007199254740993', '-9007199254740993'],
    ['12345678901234567890', '12345678901234567890'],
    ['9007199254740993.0', '9007199254740993.0'],
    ['0.1000000000000000055511151231257827', '0.1000000000000000055511151231257827'],
    ['0.30000000000000004', '0.30000000000000004'],
    ['1e400', '1e400'],
    ['1e-400', '1e-400'],
    ['9007199254740992', '9007199254740992'],
    ['9007199254740994', '9007199254740994'],
    ['1.0', '1'],
    ['-0', '0'],
    ['0e500', '0'],
    ['1E5', '100000'],
    ['100000000000000000000000', '1e+23'],
    ['1.7976931348623157e308', '1.7976931348623157e+308'],
    ['5e-324', '5e-324'],
    ['4.9e-324', '4.9e-324'],
  ])('%s is sent as %s', (text, sent) => {
    expect(JSON.stringify(parseJson(`{"a":[${text}]}`))).toBe(`{"a":[${sent}]}`);
    expect(JSON.stringify(parseJson(text))).toBe(sent);
    expect(JSON.stringify(parseJson(`\n ${text} `))).toBe(sent);
  });

  it('keep their value, whatever they are, and their text if a double holds them', () =>
    fc.assert(
      fc.property(numberText, (text) => {
        const sent = JSON.stringify(parseJson(`[${text}]`)).slice(1, -1);
        expect(order(sent, text)).toBe(0);
        expect([text, JSON.stringify(JSON.parse(text))]).toContain(sent);
      }),
      { numRuns: 5_000 },
    ));

  it('are compared by value', () =>
    fc.assert(
      fc.property(numberText, numberText, (a, b) => {
        expect(compareNumbers(toNumber(a), toNumber(b))).toBe(order(a, b));
        expect(compareNumbers(toNumber(a), toNumber(a))).toBe(0);
      }),
      { numRuns: 5_000 },
    ));

  it('compare quickly, however large the exponent', () => {
    const huge = (sign: string, exponent: string) => toNumber(`${sign}1e${exponent}`);
    expect(compareNumbers(huge('', '9'.repeat(500)), huge('', `8${'9'.repeat(499)}`))).toBe(1);
    expect(compareNumbers(huge('-', '999999999999'), 0)).toBe(-1);
  });
});

describe('JSON with any numbers', () => {
  it('is the same after it was read, stored, read and written', () =>
    fc.assert(
      fc.property(json(numberText), (text) => {
        const stored = JSON.stringify(parseJson(text));
        expect(JSON.stringify(parseJson(stored))).toBe(stored);
        expect(jsonEqual(parseJson(stored), parseJson(text))).toBe(true);
        expect(JSON.stringify(maskSecrets(parseJson(stored))).length).toBeGreaterThan(0);
      }),
      { numRuns: 3_000 },
    ));

  it('is what JSON.parse makes of it where doubles hold all numbers', () =>
    fc.assert(fc.property(fc.json(), (text) => JSON.stringify(parseJson(text)) === JSON.stringify(JSON.parse(text)))));

  it('is not equal if a digit differs', () => {
    const [a, b, c] = ['9007199254740993', '9007199254740995', '9007199254740993.0'].map((text) => parseJson(`{"a":${text}}`));
    expect(jsonEqual(a, b)).toBe(false);
    expect(jsonEqual(a, c)).toBe(true);
    expect(jsonEqual(a, { a: 9007199254740992 })).toBe(false);
    expect(jsonEqual(a, { a: { rawJSON: '9007199254740993' } })).toBe(false);
  });

  it('is no object where only a number is', () => {
    expect(jsonObject.safeParse(parseJson('9007199254740993')).success).toBe(false);
  });

  it('keeps its numbers where secrets are masked', () => {
    const text = '{"token":9007199254740993,"list":[{"amount":9007199254740993}]}';
    expect(maskSecretsInText(text)).toBe(text.replace('9007199254740993', JSON.stringify(mask)));
  });
});

describe('filters', () => {
  const passes = (filter: string, data: string) => compileFilter(parseJson(filter) as JsonObject).matches(parseJson(data) as JsonObject);
  it.each([
    ['{"n":[9007199254740993]}', '{"n":9007199254740993}', true],
    ['{"n":9007199254740993}', '{"n":9007199254740993.0}', true],
    ['{"n":[9007199254740993]}', '{"n":9007199254740992}', false],
    ['{"n":[9007199254740992]}', '{"n":9007199254740993}', false],
    ['{"n":[9007199254740993]}', '{"n":"9007199254740993"}', false],
    ['{"n":[9007199254740993]}', '{"n":{"rawJSON":"9007199254740993"}}', false],
    ['{"n":{"rawJSON":["9007199254740993"]}}', '{"n":9007199254740993}', false],
    ['{"n":[{"numeric":[">",9007199254740992]}]}', '{"n":9007199254740993}', true],
    ['{"n":[{"numeric":[">",9007199254740993]}]}', '{"n":9007199254740993}', false],
    ['{"n":[{"numeric":["=",9007199254740993]}]}', '{"n":[1,9007199254740993]}', true],
    ['{"n":[{"numeric":["<",9007199254740993]}]}', '{"n":9007199254740992}', true],
    ['{"n":[{"numeric":["<",1e-399]}]}', '{"n":1e-400}', true],
    ['{"n":[{"anything-but":[9007199254740993]}]}', '{"n":9007199254740993}', false],
    ['{"n":[{"anything-but":[9007199254740993]}]}', '{"n":9007199254740995}', true],
    ['{"n":{"$eq":9007199254740993}}', '{"n":9007199254740993}', true],
    ['{"n":{"$neq":9007199254740993}}', '{"n":9007199254740992}', true],
    ['{"n":{"$in":[1,9007199254740993]}}', '{"n":1}', true],
    ['{"n":{"$gt":9007199254740992,"$lte":9007199254740993}}', '{"n":9007199254740993}', true],
    ['{"n":{"$lt":9007199254740993}}', '{"n":9007199254740993}', false],
  ])('%s and %s: %s', (filter, data, expected) => {
    expect(passes(filter, data)).toBe(expected);
  });

  it('refuse limits that no number is between', () => {
    const issues = (filter: string) => checkFilter(parseJson(filter) as JsonObject).map(({ path }) => path);
    expect(issues('{"n":{"$gt":9007199254740993,"$lt":9007199254740993}}')).toEqual(['n']);
    expect(issues('{"n":{"$gt":9007199254740992,"$lt":9007199254740994}}')).toEqual([]);
  });

  it('know a number from an object that looks like one', () => {
    expect(isExactNumber(JSON.parse('{"rawJSON":"9007199254740993"}'))).toBe(false);
  });
});
