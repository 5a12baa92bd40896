// What becomes of a delivery, seen from outside: what the receiver gets, and what the API says of it.
import { createHmac } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Client, eventually } from '../support/client.ts';
import { startRawReceiver } from '../support/raw-receiver.ts';
import { startReceiver, type ReceivedRequest, type Receiver } from '../support/receiver.ts';
import { startServer, type Server } from '../support/server.ts';

let server: Server;
let client: Client;
let receiver: Receiver;
let types = 0;
/** A type of its own for each test, so that no endpoint gets another test's messages. */
let type: string;
beforeAll(async () => {
  server = await startServer();
  client = new Client(server);
});
afterAll(() => server.dispose());
beforeEach(async () => {
  type = `test.n${types++}`;
  receiver = await startReceiver();
  return () => receiver.close();
});

const endpoint = (input: Record<string, unknown> = {}, delaysSeconds = [0]) =>
  client.createEndpoint({ url: receiver.url, eventTypes: [type], retryPolicy: { delaysSeconds }, ...input });

/** The only attempt of a message that was published to an endpoint with one attempt. */
const onlyAttempt = async () => {
  const { attempts } = await client.delivery(await client.publish(type), 'FAILED');
  expect(attempts).toHaveLength(1);
  return attempts[0];
};

const signs = (secret: string, { raw, headers }: ReceivedRequest) =>
  headers['x-webhook-signature'] === `sha256=${createHmac('sha256', secret).update(raw).digest('hex')}`;

describe('a delivery', () => {
  it('succeeds with a 2xx', async () => {
    receiver.answer({ status: 299, body: 'thanks' });
    await endpoint();
    const { attempts, nextAttemptAt, endedAt } = await client.delivery(await client.publish(type), 'SUCCEEDED');
    expect(attempts).toMatchObject([{ number: 1, responseCode: 299, responseBody: 'thanks', failure: null, error: null }]);
    expect(nextAttemptAt).toBeNull();
    expect(endedAt).not.toBeNull();
  });

  it('is retried after a 500, with the same id and the next number, and succeeds', async () => {
    receiver.answerNext({ status: 500 });
    await endpoint({}, [0, 0.1]);
    const messageId = await client.publish(type, { n: 1 });
    const { attempts } = await client.delivery(messageId, 'SUCCEEDED');
    expect(attempts.map(({ responseCode }) => responseCode)).toEqual([500, 200]);
    const sent = receiver.requests.map(({ headers, body }) => [headers['webhook-id'], headers['webhook-attempt'], body]);
    const body = receiver.requests[0]?.body;
    expect(sent).toEqual([
      [messageId, '1', body],
      [messageId, '2', body],
    ]);
  });

  it('fails when it is out of attempts', async () => {
    receiver.answer({ status: 502 });
    await endpoint({}, [0, 0.05, 0.05]);
    const { attempts, nextAttemptAt } = await client.delivery(await client.publish(type), 'FAILED');
    expect(attempts.map(({ number, failure }) => [number, failure])).toEqual([1, 2, 3].map((number) => [number, 'HTTP_STATUS']));
    expect(nextAttemptAt).toBeNull();
    expect(receiver.requests).toHaveLength(3);
  });

  it('waits for its first attempt as long as the policy says', async () => {
    await endpoint({}, [3600]);
    const { nextAttemptAt, attempts } = await client.delivery(await client.publish(type), 'PENDING');
    expect(attempts).toEqual([]);
    expect(Date.parse(String(nextAttemptAt))).toBeGreaterThan(Date.now() + 3_500_000);
  });

  it('to one endpoint does not wait for another that hangs', async () => {
    await using hanging = await startReceiver();
    hanging.answer('hang');
    const dead = await endpoint({ url: hanging.url, timeoutSeconds: 60 });
    const alive = await endpoint();
    const published = await server.publish(Array.from({ length: 100 }, (_, n) => ({ type, data: { n } })));
    await receiver.received(100);
    expect(published.every(({ destinations }) => destinations === 2)).toBe(true);
    expect(await client.deliveries({ endpointId: dead, status: ['SUCCEEDED', 'FAILED'] })).toEqual([]);
    await client.act('deleteEndpoint', dead);
    await client.act('deleteEndpoint', alive);
  });
});

describe('one attempt is one request:', () => {
  it('a receiver that closes a kept connection on every second request gets as many POSTs as the log has attempts', async () => {
    await using closing = await startRawReceiver((socket, n) => {
      if (n % 2 === 1) socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok');
      else socket.end();
    });
    const id = await endpoint({ url: closing.url, retryPolicy: { delaysSeconds: [0, ...Array.from({ length: 20 }, () => 0.05)] } });
    const messageIds = [];
    let attempts = 0;
    for (let n = 0; n < 10; n++) {
      messageIds.push(await client.publish(type, { n }));
      const delivery = await client.delivery(messageIds[n] ?? '', 'SUCCEEDED', id);
      attempts += delivery.attempts.length;
      for (const { failure, error } of delivery.attempts.slice(0, -1))
        expect([failure, error]).toEqual(['CONNECTION', expect.stringContaining('kept from an earlier request')]);
    }
    expect(closing.requests).toHaveLength(attempts);
    expect(attempts).toBeGreaterThan(10);
  });
});

describe('an attempt fails, with a sentence,', () => {
  it('when the answer takes longer than the timeout', async () => {
    receiver.answer('hang');
    await endpoint({ timeoutSeconds: 0.2 });
    const attempt = await onlyAttempt();
    expect(attempt).toMatchObject({
      failure: 'TIMEOUT',
      responseCode: null,
      error: expect.stringContaining('did not answer within 0.2 s'),
    });
    expect(attempt?.durationMs).toBeGreaterThanOrEqual(190);
  });

  it('by a redirect, which is not followed', async () => {
    await using elsewhere = await startReceiver();
    receiver.answer({ status: 307, headers: { location: elsewhere.url } });
    await endpoint();
    const attempt = await onlyAttempt();
    expect(attempt).toMatchObject({ failure: 'REDIRECT', responseCode: 307, error: expect.stringContaining('redirects are not followed') });
    expect(elsewhere.requests).toEqual([]);
  });

  it('when the connection is refused', async () => {
    await receiver.close();
    await endpoint();
    expect(await onlyAttempt()).toMatchObject({ failure: 'CONNECTION', responseCode: null, error: expect.stringContaining('refused') });
  });

  it('when the name is not known', async () => {
    // A label of 64 characters is none, so that no name server needs to be asked.
    await endpoint({ url: `http://${'a'.repeat(64)}.example/` });
    expect(await onlyAttempt()).toMatchObject({ failure: 'DNS', responseCode: null, error: expect.stringContaining('was not found') });
  });
});

describe('addresses on private networks', () => {
  let guarded: Server;
  let guardedClient: Client;
  beforeAll(async () => {
    guarded = await startServer({ env: { HOOKLEDGER_ALLOW_PRIVATE_NETWORKS: 'false' } });
    guardedClient = new Client(guarded);
  });
  afterAll(() => guarded.dispose());

  it.each([
    'http://127.0.0.1/',
    'http://10.1.2.3/',
    'http://169.254.169.254/latest',
    'http://[::1]/',
    'http://[::ffff:127.0.0.1]/',
    'http://2130706433/',
  ])('are refused at once where they are literal: %s', async (url) => {
    const create = 'mutation ($url: String!) { createEndpoint(input: { name: "A", url: $url }) { id } }';
    expect((await guardedClient.refusal(create, { url })).extensions).toMatchObject({
      code: 'BAD_USER_INPUT',
      issues: [{ path: 'input.url' }],
    });
  });

  it('are not called, whatever the configuration was when the endpoint was made', async () => {
    const dataDir = mkdtempSync(join(tmpdir(), 'hookledger-'));
    let moved = await startServer({ dataDir });
    try {
      const ids = [];
      for (const host of ['127.0.0.1', 'localhost'])
        ids.push(
          await new Client(moved).createEndpoint({ url: receiver.url.replace('127.0.0.1', host), retryPolicy: { delaysSeconds: [0] } }),
        );
      await moved.stop();
      moved = await startServer({ dataDir, env: { HOOKLEDGER_ALLOW_PRIVATE_NETWORKS: 'false' } });
      const strict = new Client(moved); // with a new admin key
      const messageId = await strict.publish(type);
      for (const id of ids) {
        const { attempts } = await strict.delivery(messageId, 'FAILED', id);
        expect(attempts[0]).toMatchObject({
          failure: 'BLOCKED_ADDRESS',
          error: expect.stringContaining('HOOKLEDGER_ALLOW_PRIVATE_NETWORKS'),
        });
      }
      expect(receiver.connections.accepted).toBe(0);
    } finally {
      await moved.dispose();
      rmSync(dataDir, { recursive: true });
    }
  });
});

describe('the receiver', () => {
  it('that answers 410 Gone has its endpoint disabled', async () => {
    receiver.answer({ status: 410 });
    const id = await endpoint({}, [0, 0.05, 0.05]);
    await client.delivery(await client.publish(type), 'HELD');
    const shown = await eventually(
      () =>
        client.query<{ status: string; disabledReason: string }>('query ($id: ID!) { endpoint(id: $id) { status disabledReason } }', {
          id,
        }),
      ({ status }) => status === 'DISABLED',
    );
    expect(shown.disabledReason).toContain('410');
    expect(receiver.requests).toHaveLength(1);
  });

  it.each([429, 503])('that answers %s with Retry-After is not called before', async (status) => {
    receiver.answer({ status, headers: { 'retry-after': '3600' } });
    await endpoint({}, [0, 0.05]);
    const { nextAttemptAt, attempts } = await client.delivery(await client.publish(type), 'RETRYING');
    const [first] = attempts;
    expect(Date.parse(String(nextAttemptAt)) - Date.parse(String(first?.startedAt))).toBeGreaterThanOrEqual(3_600_000);
  });

  it("gets the endpoint's own headers, and answers show them masked, whatever their names", async () => {
    const headers = [
      { name: 'Authorization', value: 'Token token=KEY-4711' },
      { name: 'X-Team', value: 'on-call' },
    ];
    const id = await endpoint({ headers });
    const { attempts } = await client.delivery(await client.publish(type), 'SUCCEEDED');
    expect(receiver.requests[0]?.headers).toMatchObject({ authorization: 'Token token=KEY-4711', 'x-team': 'on-call' });
    const shown = await client.query<{ headers: unknown }>('query ($id: ID!) { endpoint(id: $id) { headers { name value } } }', { id });
    expect(shown.headers).toEqual(headers.map(({ name }) => ({ name, value: '••••••' })));
    expect(attempts[0]?.requestHeaders).toMatchObject({ Authorization: '••••••', 'X-Team': '••••••' });
    expect(JSON.stringify([shown, attempts])).not.toMatch(/KEY-4711|on-call/);
  });

  it('gets the next retry at the corrected URL, under the new secret', async () => {
    receiver.answer(({ path }) => ({ status: path === '/right' ? 200 : 404 }));
    const id = await endpoint({ url: `${receiver.url}/wrong`, secret: 'the-old-one' }, [0, ...Array.from({ length: 49 }, () => 0.3)]);
    const messageId = await client.publish(type);
    await receiver.received(1);
    await client.query('mutation ($id: ID!) { rotateEndpointSecret(id: $id, secret: "the-new-one") { id } }', { id });
    await client.updateEndpoint(id, { url: `${receiver.url}/right` });
    const { attempts } = await client.delivery(messageId, 'SUCCEEDED');
    expect(attempts.at(-1)?.url).toBe(`${receiver.url}/right`);
    const [first, last] = [receiver.requests[0], receiver.requests.at(-1)];
    expect(first && signs('the-old-one', first)).toBe(true);
    expect(last?.path).toBe('/right');
    expect(last && signs('the-new-one', last)).toBe(true);
  });

  it('gets the messages only that match the filter', async () => {
    const id = await endpoint({ filter: { severity: ['critical', 'warning'] } });
    await client.publish(type, { severity: 'info' });
    await client.delivery(await client.publish(type, { severity: 'warning' }), 'SUCCEEDED', id);
    expect(await client.deliveries({ endpointId: id })).toHaveLength(1);
  });

  it('gets flat bodies: the data, then the constants', async () => {
    await endpoint({ format: 'FLAT', formatOptions: { constants: { source: 'hookledger' } } });
    await client.publish(type, { alert_id: '12345', status: 'down' });
    const [request] = await receiver.received(1);
    expect(request?.body).toBe('{"alert_id":"12345","status":"down","source":"hookledger"}');
  });
});
