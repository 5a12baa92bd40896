import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseLargeJson } from './large-json.ts';
import { deepest, parseStrictJson, UnreadableJson } from './strict-json.ts';

/** With many small steps. */
const parse = (text: string | Buffer, bytesPerStep = 4) => {
  const steps = parseLargeJson(Buffer.from(text as string), bytesPerStep);
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
  }
};
const outcome = (read: () => unknown) => {
  try {
    return { value: read() };
  } catch (error) {
    if (!(error instanceof UnreadableJson)) throw error;
    const isSyntax = /not JSON|empty/.test(error.message);
    return { path: error.path, message: isSyntax ? 'not JSON' : error.message };
  }
};
const holdsAsForSmall = (text: string, bytesPerStep?: number) =>
  expect(outcome(() => parse(text, bytesPerStep))).toEqual(outcome(() => parseStrictJson(Buffer.from(text))));

describe('large JSON', () => {
  it('is read as small JSON is, wherever it is cut', () => {
    fc.assert(
      fc.property(fc.json({ stringUnit: 'grapheme' }), fc.integer({ min: 1, max: 40 }), (text, bytesPerStep) => {
        fc.pre(!text.includes('__proto__'));
        holdsAsForSmall(text, bytesPerStep);
      }),
    );
  });

  it('is refused where small JSON is: broken text, keys twice, keys and numbers that are not taken', () => {
    const pieces = fc.constantFrom(
      '{',
      '}',
      '[',
      ']',
      ',',
      ':',
      '"a"',
      '"b\\"c"',
      '"a":',
      '"',
      '\\',
      '1',
      '-',
      'true',
      ' ',
      '"__proto__":',
      '""',
    );
    fc.assert(
      fc.property(fc.array(pieces, { maxLength: 14 }), fc.integer({ min: 1, max: 6 }), (parts, bytesPerStep) => {
        const valueOf = (found: object) => ('value' in found ? found : 'refused');
        const found = valueOf(outcome(() => parse(parts.join(''), bytesPerStep)));
        expect(found).toEqual(valueOf(outcome(() => parseStrictJson(Buffer.from(parts.join(''))))));
      }),
      { numRuns: 3000 },
    );
  });

  it.each([
    ['[{"data":{"x":[0,{"k":1,"\\u006b":2}]}},{"data":{}}]', '0.data.x.1.k'],
    ['{"a":{"long":"xxxxxxxxxxxx"},"b":1,"a":{"long":"xxxxxxxxxxxx"}}', 'a'],
    ['{"a":1,"b":"xxxxxxxxxxxxxxxxx","c":[1,2,3],"a":1}', 'a'],
    ['{"variables":{"messages":[{"n":1},{"n":2},{"data":{"n":3,"s":"\\ud800"}}]}}', 'variables.messages.2.data.s'],
    ['{"variables":{"messages":[{"n":1},{"n":2},{"__proto__":{"x":1}}]}}', 'variables.messages.2.__proto__'],
    [`{"a":{"b":[[1],[2],[${'9'.repeat(1001)}]]}}`, 'a.b.2.0'],
  ])('names the place of a mistake in the whole body: %s', (text, path) => {
    holdsAsForSmall(text);
    expect(outcome(() => parse(text))).toMatchObject({ path });
  });

  it.each([
    '[1,2}',
    '[1],[2,3]',
    '[[1,2,3,4],,[1,2]]',
    '{"a":-[1,2,3]}',
    '{"a":[1,2,3]x}',
    '{[1,2,3]}',
    '[1,2,3',
    '[1,2,3]]',
    '[1,2,3,]',
    '{"a":1,}',
  ])('does not take %s', (text) => expect(outcome(() => parse(text))).toEqual({ path: '', message: 'not JSON' }));

  it('takes 64 levels and refuses one more', () => {
    const nested = (levels: number) => '['.repeat(levels) + ']'.repeat(levels);
    expect(parse(nested(deepest))).toEqual(JSON.parse(nested(deepest)));
    expect(() => parse(nested(deepest + 1))).toThrow(/more than 64 levels deep/);
  });

  it('keeps the text of exact numbers', () => {
    const text = '{"a":[9007199254740993,1],"b":{"c":12345678901234567890}}';
    expect(JSON.stringify(parse(text))).toBe(text);
  });

  it.each([
    ['many small values', `[${'[],'.repeat(300_000)}[]]`],
    ['an object of many keys', `{${Array.from({ length: 60_000 }, (_, n) => `"key ${n}":${n}`).join(',')}}`],
    ['an array deep inside', `{"query":"q","variables":{"m":{"x":[${'{},'.repeat(300_000)}{}]}}}`],
    ['many messages', JSON.stringify(Array.from({ length: 1_000 }, (_, n) => ({ type: 'a.b', data: { n, text: 'x'.repeat(900) } })))],
  ])('is parsed in steps of a few milliseconds: %s', (_, text) => {
    const bytes = Buffer.from(text);
    const steps = parseLargeJson(bytes);
    let count = 0;
    let step = steps.next();
    for (; !step.done; step = steps.next()) count += 1;
    expect(step.value).toEqual(JSON.parse(text));
    expect(count).toBeGreaterThan((2 * bytes.length) / (128 * 1024)); // it is scanned, and parsed
  });
});
