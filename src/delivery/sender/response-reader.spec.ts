// What a response is, byte by byte: what is read, what ends it, and when its connection may carry another request.
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ResponseReader } from './response-reader.ts';

const bytesOf = (text: string) => Buffer.from(text, 'latin1');

/** Reads the bytes in these pieces, and then the end of the connection. */
const read = (...pieces: readonly (string | Buffer)[]) => {
  const reader = new ResponseReader();
  for (const piece of pieces) reader.push(typeof piece === 'string' ? bytesOf(piece) : piece);
  const wasOver = reader.isOver;
  reader.finish(true);
  const { head, problem, isComplete, isReusable, missing, chunks, size } = reader;
  return {
    status: head?.status,
    headers: head && Object.fromEntries(head.headers),
    problem: problem?.kind,
    isComplete,
    isReusable,
    missing,
    body: Buffer.concat(chunks).toString('latin1'),
    size,
    /** It was over before the connection ended. */
    wasOver,
  };
};

const ok = 'HTTP/1.1 200 OK\r\n';

describe('a response is complete', () => {
  it.each([
    ['with its length', `${ok}content-length: 2\r\n\r\nok`, 'ok', true],
    ['with a length of 0', `${ok}content-length: 0\r\n\r\n`, '', true],
    ['with its last chunk', `${ok}transfer-encoding: chunked\r\n\r\n2\r\nok\r\n1;x=y\r\n!\r\n0\r\n\r\n`, 'ok!', true],
    ['with trailers', `${ok}transfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nx-sum: 1\r\n\r\n`, 'ok', true],
    ['with a 204', 'HTTP/1.1 204 No Content\r\n\r\n', '', true],
    ['with a 204 that has a length of 0', 'HTTP/1.1 204 No Content\r\ncontent-length: 0\r\n\r\n', '', true],
    ['without words', 'HTTP/1.1 200\r\ncontent-length: 0\r\n\r\n', '', true],
    [
      'after interim responses',
      `HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n${ok}content-length: 2\r\n\r\nok`,
      'ok',
      true,
    ],
    ['with a head of 64 KiB', `${ok}x: ${'x'.repeat(65_536)}\r\ncontent-length: 2\r\n\r\nok`, 'ok', true],
    ['in HTTP/1.0 that keeps the connection', 'HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\ncontent-length: 2\r\n\r\nok', 'ok', true],
    // Read, but the connection is not used again.
    [
      'though it has a length beside chunks',
      `${ok}content-length: 9\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n`,
      'ok',
      false,
    ],
    ['though a 204 has a length', 'HTTP/1.1 204 No Content\r\ncontent-length: 5\r\n\r\n', '', false],
    ['though a 204 is chunked', 'HTTP/1.1 204 No Content\r\ntransfer-encoding: chunked\r\n\r\n', '', false],
    ['though it says its length twice', `${ok}content-length: 2\r\nContent-Length: 2\r\n\r\nok`, 'ok', false],
    ['though it says its length twice in one line', `${ok}content-length: 2, 02\r\n\r\nok`, 'ok', false],
    ['though it switched protocols unasked', `HTTP/1.1 101 Switching Protocols\r\n\r\n${ok}content-length: 2\r\n\r\nok`, 'ok', false],
    ['though its lines end in LF', 'HTTP/1.1 200 OK\ncontent-length: 2\n\nok', 'ok', false],
    ['though its chunks end in LF', `${ok}transfer-encoding: chunked\r\n\r\n2\nok\n0\n\n`, 'ok', false],
    ['though a header is folded', `${ok}x: a\r\n  b\r\ncontent-length: 2\r\n\r\nok`, 'ok', false],
    ['though a header has a NUL', `${ok}x: a\0b\r\ncontent-length: 2\r\n\r\nok`, 'ok', false],
    ['though a header has a CR', `${ok}x: a\rb\r\ncontent-length: 2\r\n\r\nok`, 'ok', false],
    ['though a line is no header', `${ok}nonsense\r\ncontent-length: 2\r\n\r\nok`, 'ok', false],
    ['though a name is followed by a space', `${ok}content-length : 2\r\n\r\nok`, 'ok', false],
    ['though empty lines come first', `\r\n\r\n${ok}content-length: 2\r\n\r\nok`, 'ok', false],
    ['though its chunk sizes are padded', `${ok}transfer-encoding: chunked\r\n\r\n2  \r\nok\r\n0\r\n\r\n`, 'ok', false],
    ['though it is chunked twice', `${ok}transfer-encoding: chunked, chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n`, 'ok', false],
    ['though it names the coding of an older HTTP', `${ok}transfer-encoding: identity\r\ncontent-length: 2\r\n\r\nok`, 'ok', false],
    ['though its status line has two spaces', 'HTTP/1.1  200 OK\r\ncontent-length: 2\r\n\r\nok', 'ok', false],
    ['though more follows', `${ok}content-length: 2\r\n\r\nok${ok}`, 'ok', false],
    [
      'in HTTP/1.0 with chunks',
      'HTTP/1.0 200 OK\r\nconnection: keep-alive\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n',
      'ok',
      false,
    ],
    ['in HTTP/1.0', 'HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nok', 'ok', false],
    ['and says that the connection closes', `${ok}connection: x, Close\r\ncontent-length: 2\r\n\r\nok`, 'ok', false],
  ])('%s', (_, text, body, isReusable) => {
    const got = read(text);
    expect(got).toMatchObject({ isComplete: true, wasOver: true, body, isReusable, problem: undefined });
    expect([200, 204]).toContain(got.status);
  });

  it.each([
    ['without a length', `${ok}\r\nok`],
    ['in HTTP/1.0 without a length', 'HTTP/1.0 200 OK\r\n\r\nok'],
    ['whose coding is not chunked', `${ok}transfer-encoding: gzip\r\ncontent-length: 1\r\n\r\nok`],
    ['whose last chunk came, without what follows it', `${ok}transfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n`],
  ])('at the end of the connection %s', (_, text) =>
    expect(read(text)).toMatchObject({ status: 200, isComplete: true, wasOver: false, body: 'ok', isReusable: false }),
  );

  it('when more than 64 KiB of its body have arrived: the rest is not read', () =>
    expect(read(`${ok}content-length: 99999999\r\n\r\n${'x'.repeat(70_000)}`)).toMatchObject({
      isComplete: true,
      wasOver: true,
      isReusable: false,
      body: 'x'.repeat(4096),
    }));
});

describe('a response is not complete', () => {
  it.each([
    ['without a byte', '', 'answer'],
    ['after an interim response', 'HTTP/1.1 102 Processing\r\n\r\n', 'answer'],
    ['within its head', `${ok}content-le`, 'head'],
    ['before its length', `${ok}content-length: 5\r\n\r\nok`, { received: 2, of: 5 }],
    ['without its last chunk', `${ok}transfer-encoding: chunked\r\n\r\n2\r\nok\r\n`, 'last-chunk'],
    ['within its last chunk', `${ok}transfer-encoding: chunked\r\n\r\n2\r\nok\r\n0`, 'last-chunk'],
    ['within a chunk', `${ok}transfer-encoding: chunked\r\n\r\n5\r\nok`, 'last-chunk'],
  ])('%s', (_, text, missing) => expect(read(text)).toMatchObject({ isComplete: false, isReusable: false, missing, problem: undefined }));
});

describe('a response is refused', () => {
  it.each([
    ['that is no HTTP', '220 smtp.example ESMTP\r\n', 'not-http'],
    ['that is TLS', '\x15\x03\x01\x00\x02\x02\x16', 'not-http'],
    ['of another version', 'HTTP/2 200\r\n\r\n', 'not-http'],
    ['of HTTP/0.9', 'HTTP/0.9 200 OK\r\n\r\n', 'not-http'],
    ['with a status of four digits', 'HTTP/1.1 2000 OK\r\n\r\n', 'not-http'],
    ['with a status of two digits', 'HTTP/1.1 20 OK\r\n\r\n', 'not-http'],
    ['with a status below 100', 'HTTP/1.1 020 OK\r\n\r\n', 'not-http'],
    ['with words where the status should be', 'HTTP/1.1 OK\r\n\r\n', 'not-http'],
    ['with a status that runs into its words', 'HTTP/1.1 200OK\r\n\r\n', 'not-http'],
    ['that only has empty lines', '\r\n'.repeat(5_000), 'not-http'],
    ['that goes on in another protocol', 'HTTP/1.1 101 Switching Protocols\r\n\r\n\x81\x05hello', 'not-http'],
    ['with a head that does not end', `${ok}${'x: y\r\n'.repeat(30_000)}`, 'head-too-large'],
    ['with a line that does not end', `${ok}x: ${'x'.repeat(140_000)}`, 'head-too-large'],
    ['with too many interim responses', 'HTTP/1.1 100 Continue\r\n\r\n'.repeat(65), 'too-many-interim'],
    ['with too large interim responses', `HTTP/1.1 103 Early Hints\r\nx: ${'x'.repeat(60_000)}\r\n\r\n`.repeat(3), 'too-many-interim'],
    ['with lengths that disagree', `${ok}content-length: 2\r\ncontent-length: 3\r\n\r\nok!`, 'lengths'],
    ['with a negative length', `${ok}content-length: -1\r\n\r\n`, 'lengths'],
    ['with a length in words', `${ok}content-length: two\r\n\r\nok`, 'lengths'],
    ['with an empty length', `${ok}content-length:\r\n\r\nok`, 'lengths'],
    ['with chunks that are none', `${ok}transfer-encoding: chunked\r\n\r\nhello\r\n`, 'chunks'],
    ['with a negative chunk', `${ok}transfer-encoding: chunked\r\n\r\n-1\r\n`, 'chunks'],
    ['with a hexadecimal prefix', `${ok}transfer-encoding: chunked\r\n\r\n0x2\r\nok\r\n`, 'chunks'],
    ['with a chunk longer than it says', `${ok}transfer-encoding: chunked\r\n\r\n2\r\nokay\r\n0\r\n\r\n`, 'chunks'],
    ['with an endless line of a chunk', `${ok}transfer-encoding: chunked\r\n\r\n2;${'x'.repeat(10_000)}`, 'chunks'],
  ])('%s', (_, text, problem) => expect(read(text)).toMatchObject({ problem, isComplete: false, isReusable: false, wasOver: true }));

  it('as soon as its first bytes are no HTTP', () => {
    const reader = new ResponseReader();
    reader.push(bytesOf('SSH'));
    expect(reader.problem).toMatchObject({ kind: 'not-http' });
  });
});

it('headers are in lower case, joined, trimmed, and without control characters', () => {
  const head = `${ok}Via: a \r\nX-Name: \tZo\xC3\xAB\r\nvia:b\r\nX-Latin: Zo\xEB\r\nX-Bad: a\0b\r\nno header\r\n: x\r\nb\xFCd: x\r\n__proto__: x\r\n\r\n`;
  expect(read(head).headers).toEqual({ via: 'a, b', 'x-name': 'Zoë', 'x-latin': 'Zoë', 'x-bad': 'a b' });
});

// ── For any bytes ──

/** Cuts bytes at these places. */
const split = (bytes: Buffer, places: readonly number[]): readonly Buffer[] => {
  const cuts = [0, ...places.map((place) => place % (bytes.length + 1)).toSorted((a, b) => a - b), bytes.length];
  return cuts.slice(1).map((end, i) => bytes.subarray(cuts[i], end));
};
const places = fc.array(fc.nat(), { maxLength: 12 });

/** Bytes that come close to a response. */
const nearlyResponse = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        'HTTP/1.1 200 OK',
        'HTTP/1.0 204 No',
        'HTTP/1.1 100 Continue',
        'HTTP/1.1 500',
        '\r\n',
        '\n',
        '\r',
        '\r\n\r\n',
        ' ',
        ':',
        ';',
      ),
      fc.constantFrom(
        'content-length: 3',
        'Content-Length: 3, 3',
        'content-length: 4',
        'transfer-encoding: chunked',
        'connection: close',
        'x: y',
      ),
      fc.constantFrom('3', '0', 'a', '0\r\n\r\n', '3\r\nabc\r\n', 'abc', 'fffffffffffffffff'),
      fc.string({ unit: 'binary', maxLength: 5 }),
    ),
    { maxLength: 25 },
  )
  .map((parts) => bytesOf(parts.join('')));

describe('for any bytes,', () => {
  it('the answer is the same however they are split', () =>
    fc.assert(
      fc.property(
        fc.oneof(
          nearlyResponse,
          fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
        ),
        places,
        (bytes, cuts) => {
          const whole = read(bytes);
          expect(read(...split(bytes, cuts))).toEqual(whole);
          expect(read(...split(bytes, Array.from(bytes.keys())))).toEqual(whole);
        },
      ),
      { numRuns: 2_000 },
    ));

  it('reading ends in success, a problem, or what is missing, and never throws', () =>
    fc.assert(
      fc.property(
        fc.oneof(
          nearlyResponse,
          fc.uint8Array({ maxLength: 2_000 }).map((bytes) => Buffer.from(bytes)),
        ),
        (bytes) => {
          const { isComplete, problem, missing } = read(bytes);
          expect([isComplete, problem !== undefined, missing !== undefined].filter(Boolean)).toHaveLength(1);
        },
      ),
      { numRuns: 2_000 },
    ));
});

// ── Valid responses ──

const value = fc.stringMatching(/^[!-~]([ -~]{0,20}[!-~])?$/);
const headers = fc.dictionary(fc.stringMatching(/^x-[a-z0-9]{1,8}$/), value, { maxKeys: 6 });
const body = fc.uint8Array({ maxLength: 600 }).map((bytes) => Buffer.from(bytes));
const valid = fc.record({
  status: fc.integer({ min: 200, max: 599 }).filter((status) => status !== 204 && status !== 304),
  reason: fc.stringMatching(/^[A-Za-z ]{0,20}$/),
  headers,
  body,
  chunkSizes: fc.option(fc.array(fc.integer({ min: 1, max: 200 }), { maxLength: 10 }), { nil: undefined }),
  interim: fc.nat(3),
});

const serialize = ({
  status,
  reason,
  headers: fields,
  body: content,
  chunkSizes,
  interim,
}: typeof valid extends fc.Arbitrary<infer T> ? T : never): Buffer => {
  const parts: Buffer[] = [];
  for (let i = 0; i < interim; i++) parts.push(bytesOf(`HTTP/1.1 103 Early Hints\r\nlink: ${i}\r\n\r\n`));
  const lines = Object.entries(fields).map(([name, text]) => `${name}: ${text}\r\n`);
  const framing = chunkSizes ? 'Transfer-Encoding: chunked' : `Content-Length: ${content.length}`;
  parts.push(bytesOf(`HTTP/1.1 ${status} ${reason}\r\n${lines.join('')}${framing}\r\n\r\n`));
  if (!chunkSizes) return Buffer.concat([...parts, content]);
  let at = 0;
  for (const size of [...chunkSizes, content.length]) {
    const chunk = content.subarray(at, at + size);
    if (chunk.length > 0) parts.push(bytesOf(`${chunk.length.toString(16)}\r\n`), chunk, bytesOf('\r\n'));
    at += chunk.length;
  }
  return Buffer.concat([...parts, bytesOf('0\r\n\r\n')]);
};

it('every valid response is read exactly, however it is split', () =>
  fc.assert(
    fc.property(valid, places, (response, cuts) => {
      const got = read(...split(serialize(response), cuts));
      expect(got).toMatchObject({ status: response.status, isComplete: true, isReusable: true, body: response.body.toString('latin1') });
      expect(got.headers).toMatchObject(response.headers);
    }),
    { numRuns: 2_000 },
  ));

it('a response that is cut off before its end is never complete', () =>
  fc.assert(
    fc.property(valid, fc.nat(), (response, at) => {
      const bytes = serialize(response);
      const end = at % bytes.length;
      // Only the line end behind the last chunk may be missing.
      const isBehindLastChunk = response.chunkSizes !== undefined && end >= bytes.length - 2;
      expect(read(bytes.subarray(0, end)).isComplete).toBe(isBehindLastChunk);
    }),
    { numRuns: 2_000 },
  ));
