// JSON that people type.
import { expect, it } from 'vitest';
import { jsonIn, jsonObjectIn } from './json-text.ts';

it('is read with all digits', () => expect(JSON.stringify(jsonObjectIn('{"id": 9007199254740993}').value)).toBe('{"id":9007199254740993}'));

it('says what is wrong in one line', () => {
  expect(jsonIn('{\n  "a": 1,\n  "b": x\n}').problem).toMatch(/^This is no JSON: .*x.*\.$/);
  expect(jsonIn('').problem).toMatch(/^This is no JSON: ./);
});

it.each(['[1]', '"text"', '9007199254740993', 'null'])('is no object where it is %s', (text) =>
  expect(jsonObjectIn(text).problem).toBe('The data is an object: { … }.'),
);
