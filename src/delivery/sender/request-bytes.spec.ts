import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { InvalidHeader, requestBytes } from './request-bytes.ts';

const url = new URL('https://hooks.example:8443/a b?x=ü#part');
const bytes = (headers: Record<string, string>, body = '') => requestBytes({ url: url.href, headers, body, timeoutSeconds: 1 }, url);
const text = (headers: Record<string, string>, body = '') => bytes(headers, body).toString();

it('a request is one POST, whose length counts bytes', () =>
  expect(text({ 'X-A': 'b' }, 'é')).toBe(
    'POST /a%20b?x=%C3%BC HTTP/1.1\r\nhost: hooks.example:8443\r\nconnection: keep-alive\r\nX-A: b\r\ncontent-length: 2\r\n\r\né',
  ));

describe('no request is made', () => {
  it.each([
    { 'x-a': 'b\r\nx-c: d' },
    { 'x-a': 'b\0' },
    { 'x-a': '€' },
    { 'x a': 'b' },
    { 'x:a': 'b' },
    { '': 'b' },
    { 'Content-Length': '3' },
    { 'transfer-encoding': 'chunked' },
    { Connection: 'close' },
    { expect: '100-continue' },
  ])('with %j', (headers) => expect(bytes(headers)).toBeInstanceOf(InvalidHeader));
});

it('whatever the headers, there is one request or none', () =>
  fc.assert(
    fc.property(fc.dictionary(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' })), fc.string(), (headers, body) => {
      const made = bytes(headers, body);
      if (made instanceof InvalidHeader) return;
      const lines = made.toString('latin1').split('\r\n\r\n')[0]?.split('\r\n') ?? [];
      expect(lines).toHaveLength(4 + Object.keys(headers).filter((name) => name.toLowerCase() !== 'host').length);
      expect(lines.filter((line) => /^content-length:/i.test(line))).toEqual([`content-length: ${Buffer.byteLength(body)}`]);
    }),
  ));
