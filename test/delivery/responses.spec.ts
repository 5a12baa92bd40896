// What the sender makes of odd responses and broken connections: a 2xx is a success, and every sentence says what happened.
import { createServer } from 'node:net';
import { describe, expect, it } from 'vitest';
import { startRawReceiver } from '../support/raw-receiver.ts';
import { testAuthority } from '../support/receiver.ts';
import type { SendRequest } from '../../src/delivery/sender/send-outcome.ts';
import { makeSender, request } from './sending.ts';

const ok = 'HTTP/1.1 200 OK\r\n';

/** Sends one request to a receiver that answers in these pieces, and then ends the connection as told. */
const answered = async (pieces: readonly string[], end: 'keep' | 'close' | 'reset' = 'keep', changed: Partial<SendRequest> = {}) => {
  await using receiver = await startRawReceiver((socket) => {
    for (const piece of pieces) socket.write(piece, 'latin1');
    if (end === 'close') socket.end();
    else if (end === 'reset') setTimeout(() => socket.resetAndDestroy(), 50);
  });
  return await makeSender().send(request(receiver.url, { timeoutSeconds: 2, ...changed }));
};

describe('a 2xx is a success', () => {
  it.each([
    [
      'after interim responses',
      [`HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n${ok}content-length: 2\r\n\r\nok`],
    ],
    ['after a switch of protocols that was not requested', [`HTTP/1.1 101 Switching Protocols\r\n\r\n${ok}content-length: 2\r\n\r\nok`]],
    ['with a length on a 204', ['HTTP/1.1 204 No Content\r\ncontent-length: 5\r\n\r\n']],
    ['with the same length twice', [`${ok}content-length: 2\r\ncontent-length: 2\r\n\r\nok`]],
    ['with a length beside chunks', [`${ok}content-length: 7\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n`]],
    ['with a head of 64 KiB', [ok, `x-large: ${'x'.repeat(65_536)}\r\n`, 'content-length: 2\r\n\r\nok']],
    ['in lines that end in LF', ['HTTP/1.1 200 OK\ncontent-length: 2\n\nok']],
  ])('%s', async (_, pieces) => expect(await answered(pieces)).toMatchObject({ outcome: 'succeeded' }));

  it.each([
    ['without a length', [`${ok}\r\nok`]],
    ['of HTTP/1.0', ['HTTP/1.0 200 OK\r\n\r\nok']],
    ['whose last chunk came', [`${ok}transfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n`]],
  ])('at the end of the connection %s', async (_, pieces) =>
    expect(await answered(pieces, 'close')).toMatchObject({ outcome: 'succeeded', responseBody: 'ok' }),
  );

  it('though it comes before the whole request was read, and the connection is not used again', async () => {
    await using receiver = await startRawReceiver(() => undefined, {
      onConnection: (socket) => socket.once('data', () => socket.pause().write(`${ok}content-length: 2\r\n\r\nok`)),
    });
    const sender = makeSender();
    for (let n = 0; n < 2; n++)
      expect(await sender.send(request(receiver.url, { body: 'x'.repeat(20_000_000) }))).toMatchObject({ outcome: 'succeeded' });
    expect(receiver.connections.accepted).toBe(2);
  });

  it('whose large headers are left out of the record where they have no room', async () => {
    const outcome = await answered([`${ok}x-a: 1\r\nx-large: ${'x'.repeat(65_536)}\r\nx-b: 2\r\ncontent-length: 0\r\n\r\n`]);
    expect(outcome).toMatchObject({
      outcome: 'succeeded',
      responseHeaders: { 'x-a': '1', 'x-large': '(65536 characters, too long to be kept)', 'x-b': '2', 'content-length': '0' },
    });
  });
});

describe('a response that is cut off is a failure, and says where', () => {
  it.each([
    [
      'close',
      [`${ok}content-length: 10\r\n\r\nhalf`],
      'closed the connection before its response was complete: 4 of 10 bytes of the body arrived.',
    ],
    [
      'reset',
      [`${ok}content-length: 10\r\n\r\nhalf`],
      'reset the connection before its response was complete: 4 of 10 bytes of the body arrived.',
    ],
    [
      'close',
      [`${ok}transfer-encoding: chunked\r\n\r\n2\r\nok\r\n`],
      'closed the connection before its response was complete: the last chunk of the body is missing.',
    ],
    ['reset', [`${ok}\r\nok`], 'reset the connection before its response was complete.'],
    ['close', [`${ok}content-le`], 'closed the connection within the headers of its response.'],
    ['close', ['HTTP/1.1 102 Processing\r\n\r\n'], 'closed the connection before it answered, after interim responses (1xx) only.'],
    ['close', [], 'closed the connection before it answered.'],
  ] as const)('%s of %j', async (end, pieces, sentence) =>
    expect(await answered(pieces, end)).toMatchObject({ failure: 'CONNECTION', error: expect.stringContaining(sentence) }),
  );

  it('and its status and the part of its body that came are recorded', async () =>
    expect(await answered([`${ok}content-length: 10\r\n\r\nhalf`], 'close')).toMatchObject({ responseCode: 200, responseBody: 'half' }));
});

describe('a response that cannot be read is a failure, and says why', () => {
  it.each([
    ['220 smtp.example ESMTP\r\n', /is not HTTP\/1\.1: it begins with "220 smtp.example ESMTP/],
    ['\x15\x03\x01\x00\x02\x02\x46', /speaks TLS on this port; use https in the endpoint's URL\.$/],
    [`${ok}content-length: 2\r\ncontent-length: 3\r\n\r\nok`, /has no readable length: its content-length is "2, 3"; send one number\.$/],
    [`${ok}transfer-encoding: chunked\r\n\r\nhello\r\n`, /is chunked, but has "hello" in place of the next chunk's size\.$/],
    ['HTTP/1.1 100 Continue\r\n\r\n'.repeat(100), /more than 64 interim responses/],
    [
      'HTTP/1.1 101 Switching Protocols\r\n\r\n\x81\x05hello',
      /is not HTTP.*\(it had sent 101 Switching Protocols, which was not requested\)\.$/,
    ],
  ])('%j', async (text, sentence) =>
    expect(await answered([text])).toMatchObject({ failure: 'CONNECTION', error: expect.stringMatching(sentence) }),
  );

  it('a status that is a failure says more than lengths that disagree', async () =>
    expect(await answered(['HTTP/1.1 503 Busy\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\n'])).toMatchObject({
      failure: 'HTTP_STATUS',
      responseCode: 503,
    }));
});

describe('a receiver that hangs is a timeout, and says where', () => {
  it.each([
    [[], 'did not answer within 0.2 s', undefined],
    [['HTTP/1.1 102 Processing\r\n\r\n'], 'did not answer within 0.2 s', undefined],
    [['HTTP/1.1 101 Switching Protocols\r\n\r\n'], 'did not answer within 0.2 s (it had sent 101 Switching Protocols', undefined],
    [[`${ok}content-length: 2\r\n`], 'did not complete its response within 0.2 s', undefined],
    [[`${ok}content-length: 2\r\n\r\no`], 'did not complete its response within 0.2 s', 200],
    [[`${ok}\r\nok`], 'did not complete its response within 0.2 s', 200],
  ])('%j', async (pieces, sentence, responseCode) => {
    const outcome = await answered(pieces, 'keep', { timeoutSeconds: 0.2 });
    expect(outcome).toMatchObject({ failure: 'TIMEOUT', isLate: true, error: expect.stringContaining(sentence) });
    expect(outcome.responseCode).toBe(responseCode);
  });

  it('that never reads the request', async () => {
    await using receiver = await startRawReceiver(() => undefined, { onConnection: (socket) => socket.pause() });
    expect(await makeSender().send(request(receiver.url, { timeoutSeconds: 0.5, body: 'x'.repeat(20_000_000) }))).toMatchObject({
      failure: 'TIMEOUT',
      error: expect.stringContaining('did not take the whole request within 0.5 s'),
    });
  });

  it('of an error counts as the error, and as late', async () =>
    expect(await answered(['HTTP/1.1 500 Oops\r\ncontent-length: 5\r\n\r\n'], 'keep', { timeoutSeconds: 0.2 })).toMatchObject({
      failure: 'HTTP_STATUS',
      isLate: true,
    }));

  it('whose last chunk came has answered', async () =>
    expect(await answered([`${ok}transfer-encoding: chunked\r\n\r\n0\r\n`], 'keep', { timeoutSeconds: 0.3 })).toMatchObject({
      outcome: 'succeeded',
    }));
});

describe('a TLS handshake that is broken off is a failure of TLS', () => {
  it.each([
    ['closed', /it closed the connection during the TLS handshake/],
    ['reset', /it reset the connection during the TLS handshake/],
  ])('%s', async (how, sentence) => {
    const server = createServer((socket) => {
      socket.on('error', () => undefined).once('data', () => (how === 'reset' ? socket.resetAndDestroy() : socket.end()));
    }).listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const address = server.address();
    const port = typeof address === 'object' ? address?.port : 0;
    expect(await makeSender({ ca: [testAuthority()] }).send(request(`https://127.0.0.1:${port}/`))).toMatchObject({
      failure: 'TLS',
      error: expect.stringMatching(sentence),
    });
    server.close();
  });
});
