import { expect, it } from 'vitest';
import { asCurl } from './curl.ts';

const attempt = {
  url: "https://example.com/o'clock",
  requestHeaders: { 'content-type': 'application/json', 'content-length': '2', Authorization: '••••••', 'x-signature': 'ab' },
  requestBody: `{"name":"it's"}`,
};

it('quotes for a shell, and puts the secret in as a variable', () => {
  expect(asCurl(attempt).split(' \\\n  ')).toEqual([
    String.raw`curl -X POST 'https://example.com/o'\''clock'`,
    "-H 'content-type: application/json'",
    '-H "Authorization: $SECRET"',
    "-H 'x-signature: ab'",
    String.raw`--data-binary '{"name":"it'\''s"}'`,
  ]);
});

it('sends no body where none could be made', () => {
  expect(asCurl({ ...attempt, requestHeaders: null, requestBody: null })).toBe(String.raw`curl -X POST 'https://example.com/o'\''clock'`);
});
