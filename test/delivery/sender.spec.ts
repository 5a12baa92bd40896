// The sender against real receivers on 127.0.0.1: what is sent, what is recorded, and which failure is told how.
import { createHmac, timingSafeEqual } from 'node:crypto';
import { createServer } from 'node:net';
import { describe, expect, it } from 'vitest';
import { addressGuard } from '../../src/delivery/sender/address-guard.ts';
import { formatBody } from '../../src/delivery/formats/format.ts';
import { buildRequest } from '../../src/delivery/attempts/request.ts';
import { NameFailure } from '../../src/delivery/sender/names/name-failure.ts';
import { Names } from '../../src/delivery/sender/names/names.ts';
import type { SendRequest } from '../../src/delivery/sender/send-outcome.ts';
import { startReceiver, testAuthority, type Answer } from '../support/receiver.ts';
import { makeSender, now, request } from './sending.ts';

/** Sends one request to a receiver that answers so. */
const sent = async (answer: Answer, changed: Partial<SendRequest> = {}) => {
  await using receiver = await startReceiver();
  receiver.answer(answer);
  return await makeSender().send(request(`${receiver.url}/hook`, changed)); // before the receiver is closed
};

it('where only https is allowed, nothing is sent to an http URL', async () => {
  await using receiver = await startReceiver();
  const sender = makeSender({ allowHttp: false });
  expect(await sender.send(request(receiver.url))).toEqual({
    outcome: 'failed',
    failure: 'BLOCKED_ADDRESS',
    error:
      "The endpoint's URL is not https, and this installation calls no other (HOOKLEDGER_ALLOW_HTTP=false); set the endpoint's URL to an https one.",
    startedAt: now.toISOString(),
    durationMs: 0,
  });
  expect(receiver.requests).toEqual([]);
});

describe('what is sent', () => {
  it('is one POST with these headers and these bytes', async () => {
    await using receiver = await startReceiver();
    const outcome = await makeSender().send(request(`${receiver.url}/a%20b?x=1&y=ü`));
    expect(outcome).toMatchObject({ outcome: 'succeeded', responseCode: 200, startedAt: now.toISOString() });
    expect(outcome.durationMs).toBeGreaterThan(0);
    expect(receiver.requests).toHaveLength(1);
    const [got] = receiver.requests;
    expect(got).toMatchObject({ method: 'POST', path: '/a%20b?x=1&y=%C3%BC', body: '{"a":"é"}' });
    expect(got?.headers).toEqual({
      host: `127.0.0.1:${receiver.port}`,
      connection: 'keep-alive',
      'content-type': 'application/json',
      'webhook-id': 'm-1',
      'content-length': '10',
    });
  });

  it('verifies at the receiver as documented', async () => {
    await using receiver = await startReceiver();
    const message = { id: 'm-1', type: 'recording.created', timestamp: '2026-01-01T00:00:00Z', data: { name: 'Zoë ✓ \ud800' } };
    const { url, headers, body } = buildRequest({
      id: 'm-1',
      body: formatBody('ENVELOPE', message, null),
      url: receiver.url,
      signature: 'WEBHOOK_SHA256',
      headers: [{ name: 'Authorization', value: 'Token token=KEY' }],
      secrets: ['s3cret'],
      attempt: 1,
      now,
      userAgent: 'Hookledger/0.0.0',
    });
    await makeSender().send({ url, headers, body, timeoutSeconds: 5 });
    const [got] = await receiver.received(1);
    const signatureOf = (bytes: string | Buffer) => Buffer.from(`sha256=${createHmac('sha256', 's3cret').update(bytes).digest('hex')}`);
    const given = Buffer.from(String(got?.headers['x-webhook-signature']));
    expect(timingSafeEqual(given, signatureOf(got?.raw ?? ''))).toBe(true);
    expect(timingSafeEqual(given, signatureOf(JSON.stringify(JSON.parse(got?.body ?? ''))))).toBe(true);
    expect(got?.headers).toMatchObject({ authorization: 'Token token=KEY', 'webhook-attempt': '1', 'user-agent': 'Hookledger/0.0.0' });
  });
});

describe('a response', () => {
  it.each([200, 201, 202, 204, 299])('of %i is success', async (status) =>
    expect(await sent({ status })).toMatchObject({ outcome: 'succeeded', responseCode: status }),
  );
  it('is recorded with its headers in lower case, several joined, cookies masked', async () => {
    const { responseHeaders, responseBody } = await sent({
      headers: { 'X-Request-Id': 'r1', 'set-cookie': ['a=1', 'b=2'], via: ['x', 'y'] },
      body: 'ok',
    });
    expect(responseHeaders).toMatchObject({ 'x-request-id': 'r1', 'set-cookie': '••••••', via: 'x, y' });
    expect(responseBody).toBe('ok');
  });
  it('is recorded to its first 4 KiB, without half a character', async () => {
    const { responseBody, outcome } = await sent({ body: '€'.repeat(3000) });
    expect(responseBody).toBe('€'.repeat(1365));
    expect(outcome).toBe('succeeded');
  });
  it('that is no text is made storable', async () => {
    const { responseBody } = await sent({ body: Buffer.from([0x61, 0x00, 0xff, 0x62]) });
    expect(responseBody).toBe('a\uFFFD\uFFFDb');
  });
  it('without end is success, and its connection is given up', async () => {
    await using receiver = await startReceiver();
    receiver.answer('endless');
    const outcome = await makeSender().send(request(receiver.url));
    expect(outcome).toMatchObject({ outcome: 'succeeded', responseCode: 200, responseBody: 'x'.repeat(4096) });
    await expect.poll(() => receiver.connections.open).toBe(0);
  });
  it('that drips past the timeout is a failure', async () =>
    expect(await sent('drip', { timeoutSeconds: 0.3 })).toMatchObject({
      failure: 'TIMEOUT',
      responseCode: 200,
      responseBody: expect.stringMatching(/^\.+$/),
      error: expect.stringMatching(/did not complete its response within 0.3 s; .*timeoutSeconds/),
    }));
  it('that is cut off is a failure', async () =>
    expect(await sent('cut')).toMatchObject({ failure: 'CONNECTION', error: expect.stringMatching(/before its response was complete/) }));
  it('with too large a head is a failure', async () =>
    expect(await sent({ headers: { 'x-large': 'x'.repeat(140_000) } })).toMatchObject({
      failure: 'CONNECTION',
      error: expect.stringMatching(/larger than 128 KiB/),
    }));
  it('of an error says which', async () => {
    expect(await sent({ status: 500, body: 'oops' })).toMatchObject({
      failure: 'HTTP_STATUS',
      error: 'The receiver answered 500 Internal Server Error.',
      responseCode: 500,
      responseBody: 'oops',
    });
    expect(await sent({ status: 410 })).toMatchObject({ failure: 'HTTP_STATUS', error: 'The receiver answered 410 Gone.' });
  });
  it('that is only announced (1xx) is none', async () => {
    const outcome = await sent('processing', { timeoutSeconds: 0.2 });
    expect(outcome).toMatchObject({ failure: 'TIMEOUT', error: expect.stringMatching(/did not answer/) });
    expect(outcome).not.toHaveProperty('responseCode');
  });
  it('of an error counts though its body never ends', async () => {
    await using receiver = await startReceiver();
    receiver.answer({ status: 410, headers: { 'content-length': '5' } });
    expect(await makeSender().send(request(receiver.url, { timeoutSeconds: 0.3 }))).toMatchObject({
      failure: 'HTTP_STATUS',
      responseCode: 410,
    });
  });
  it.each([301, 302, 303, 307, 308])('of %i is a failure that names the location, and is not followed', async (status) => {
    await using target = await startReceiver();
    const outcome = await sent({ status, headers: { location: target.url } });
    expect(outcome).toMatchObject({
      failure: 'REDIRECT',
      responseCode: status,
      error: expect.stringContaining(`redirects to ${target.url}`),
    });
    expect(target.requests).toHaveLength(0);
  });
  it('with Retry-After says when', async () => {
    expect(await sent({ status: 503, headers: { 'retry-after': '120' } })).toMatchObject({ retryAfter: new Date(now.getTime() + 120_000) });
    expect(await sent({ status: 500, headers: { 'retry-after': '120' } })).not.toHaveProperty('retryAfter');
  });
});

describe('a failure of the connection', () => {
  it('refused', async () => {
    const receiver = await startReceiver();
    await receiver.close();
    expect(await makeSender().send(request(receiver.url))).toMatchObject({
      failure: 'CONNECTION',
      error: `The connection was refused: nothing listens there, or a firewall rejects it: 127.0.0.1:${receiver.port}.`,
    });
  });
  it('reset, closed', async () => {
    expect(await sent('reset')).toMatchObject({
      failure: 'CONNECTION',
      error: expect.stringMatching(/reset the connection before it answered/),
    });
    expect(await sent('close')).toMatchObject({
      failure: 'CONNECTION',
      error: expect.stringMatching(/closed the connection before it answered/),
    });
  });
  it('no answer within the timeout; the connection is given up', async () => {
    await using receiver = await startReceiver();
    receiver.answer('hang');
    const outcome = await makeSender().send(request(receiver.url, { timeoutSeconds: 0.2 }));
    expect(outcome).toMatchObject({ failure: 'TIMEOUT', error: expect.stringMatching(/did not answer within 0.2 s/) });
    expect(outcome.durationMs).toBeGreaterThan(190);
    expect(outcome.durationMs).toBeLessThan(5_000);
    await expect.poll(() => receiver.connections.open).toBe(0);
  });
  it('no TLS handshake within the timeout', async () => {
    const mute = createServer((socket) => socket.on('error', () => undefined).resume()).listen(0, '127.0.0.1');
    await new Promise((resolve) => mute.once('listening', resolve));
    const address = mute.address();
    const port = typeof address === 'object' ? address?.port : 0;
    const outcome = await makeSender().send(request(`https://127.0.0.1:${port}/`, { timeoutSeconds: 0.2 }));
    expect(outcome).toMatchObject({
      failure: 'TIMEOUT',
      error: expect.stringMatching(/accepted the connection but did not complete the TLS handshake within 0.2 s/),
    });
    await new Promise((resolve) => mute.close(resolve)); // it closes only when the sender has let go of its connection
  });
  it('no HTTP', async () => {
    const babbler = createServer((socket) => socket.on('error', () => undefined).end('220 smtp.example ESMTP\r\n')).listen(0, '127.0.0.1');
    await new Promise((resolve) => babbler.once('listening', resolve));
    const address = babbler.address();
    const outcome = await makeSender().send(request(`http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}/`));
    expect(outcome).toMatchObject({ failure: 'CONNECTION', error: expect.stringMatching(/is not HTTP/) });
    babbler.close();
  });
  it('a request that HTTP forbids', async () => {
    expect(await sent({}, { headers: { 'x-a': 'ü\r\nx-b: 1' } })).toMatchObject({ failure: 'FORMAT', error: expect.stringMatching(/x-a/) });
    expect(await makeSender().send(request('nonsense'))).toMatchObject({ failure: 'FORMAT', error: expect.stringMatching(/"nonsense"/) });
  });
});

describe('TLS', () => {
  const ca = [testAuthority()];
  it('is verified', async () => {
    await using receiver = await startReceiver({ tls: 'valid' });
    expect(await makeSender({ ca }).send(request(receiver.url))).toMatchObject({ outcome: 'succeeded' });
    expect(receiver.requests).toHaveLength(1);
  });
  it.each([
    ['self-signed', /certificate is self-signed/],
    ['expired', /certificate has expired; renew it/],
    ['wrong-host', /certificate is for another host name.*other\.example/],
  ] as const)('%s is a failure of its own, and nothing is sent', async (tls, message) => {
    await using receiver = await startReceiver({ tls });
    expect(await makeSender({ ca }).send(request(receiver.url))).toMatchObject({ failure: 'TLS', error: expect.stringMatching(message) });
    expect(receiver.requests).toHaveLength(0);
  });
  it('of an untrusted issuer is a failure of its own', async () => {
    await using receiver = await startReceiver({ tls: 'valid' });
    expect(await makeSender().send(request(receiver.url))).toMatchObject({
      failure: 'TLS',
      error: expect.stringMatching(/issuer of its certificate is not trusted.*HOOKLEDGER_CA_FILE\.$/),
    });
  });
  it('is told apart from plain HTTP', async () => {
    await using receiver = await startReceiver();
    expect(await makeSender().send(request(receiver.url.replace('http:', 'https:')))).toMatchObject({
      failure: 'TLS',
      error: expect.stringMatching(/does not speak TLS on this port/),
    });
  });
});

describe('addresses', () => {
  /** Each look-up gives the next list of addresses, the last one again and again. */
  const namesOf = (...lists: string[][]) =>
    new Names(async () => {
      const addresses = (lists.length > 1 ? lists.shift() : lists[0]) ?? [];
      return { addresses: addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })), ttlSeconds: 60 };
    });

  it('that are literal are checked', async () => {
    await using receiver = await startReceiver();
    for (const url of [receiver.url, `http://[::ffff:127.0.0.1]:${receiver.port}/`, `http://2130706433:${receiver.port}/`])
      expect(await makeSender({ guard: addressGuard(false) }).send(request(url))).toMatchObject({
        failure: 'BLOCKED_ADDRESS',
        error: expect.stringMatching(/127\.0\.0\.1|7f00:1.*loopback/),
      });
    expect(receiver.connections.accepted).toBe(0);
  });
  it('that a name resolves to are checked, and the failure names both', async () => {
    const sender = makeSender({ guard: addressGuard(false), names: namesOf(['10.0.0.7']) });
    expect(await sender.send(request('http://hooks.example/'))).toMatchObject({
      failure: 'BLOCKED_ADDRESS',
      error:
        'The address 10.0.0.7 is private and may not be called; set HOOKLEDGER_ALLOW_PRIVATE_NETWORKS to allow it (the name hooks.example resolves to it).',
    });
  });
  it('are resolved once for a connection, and what was checked is what is connected to', async () => {
    await using receiver = await startReceiver();
    const sender = makeSender({ guard: addressGuard(['127.0.0.1/32']), names: namesOf(['127.0.0.1'], ['127.0.0.2']) });
    expect(await sender.send(request(`http://rebinding.example:${receiver.port}/`))).toMatchObject({ outcome: 'succeeded' });
    expect(receiver.requests).toHaveLength(1);
  });
  it('that may not be called are left out where others may', async () => {
    await using receiver = await startReceiver();
    await using inside = await startReceiver({ host: '127.0.0.2', port: receiver.port });
    const sender = makeSender({ guard: addressGuard(['127.0.0.1/32']), names: namesOf(['127.0.0.2', '::1', '127.0.0.1']) });
    expect(await sender.send(request(`http://mixed.example:${receiver.port}/`))).toMatchObject({ outcome: 'succeeded' });
    expect([receiver.connections.accepted, inside.connections.accepted]).toEqual([1, 0]);
  });
  it('that cannot be found are a failure of DNS', async () => {
    const names = new Names((hostname) => Promise.reject(new NameFailure(hostname, 'not-found')));
    expect(await makeSender({ names }).send(request('http://nowhere.example/'))).toMatchObject({
      failure: 'DNS',
      error: 'The name nowhere.example was not found; correct the URL, or publish the name in DNS.',
    });
  });
  it('that take too long to find are a timeout', async () => {
    const sender = makeSender({ names: new Names(() => new Promise(() => undefined)) });
    expect(await sender.send(request('http://slow.example/', { timeoutSeconds: 0.1 }))).toMatchObject({ failure: 'TIMEOUT' });
  });
});
