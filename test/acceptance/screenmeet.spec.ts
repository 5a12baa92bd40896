// ScreenMeet, remote support: every fact of its webhooks, through the public API to an https receiver that verifies as that product tells its
// customers to: the signature of the body's text under the organization's key, before anything is parsed.
import { createHmac, timingSafeEqual } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Client } from '../support/client.ts';
import { startReceiver, type ReceivedRequest, type Receiver } from '../support/receiver.ts';
import { startServer, type Server } from '../support/server.ts';

/** The customer's recipe. @returns the events. @throws when the request is not genuine. */
const verified = (request: ReceivedRequest | undefined, key: string): unknown[] => {
  if (!request) throw new Error('Nothing was received.');
  const { headers, body } = request;
  if (headers['x-signature-algo'] !== 'sha256') throw new Error('The algorithm is another.');
  const expected = Buffer.from(createHmac('sha256', key).update(body).digest('hex'));
  const given = Buffer.from(String(headers['x-signature']));
  if (given.length !== expected.length || !timingSafeEqual(given, expected)) throw new Error('The signature is another.');
  return JSON.parse(body) as unknown[];
};

let server: Server;
let client: Client;
let receiver: Receiver;
let types = 0;
let type: string;
beforeAll(async () => {
  const ca = fileURLToPath(new URL('../fixtures/tls/ca.cert.pem', import.meta.url));
  server = await startServer({ env: { HOOKLEDGER_ALLOW_HTTP: 'false', HOOKLEDGER_CA_FILE: ca } });
  client = new Client(server);
});
afterAll(() => server.dispose());
beforeEach(async () => {
  type = `session.n${types++}`;
  receiver = await startReceiver({ tls: 'valid' });
  return () => receiver.close();
});

const webhook = { format: 'ARRAY', signature: 'SIGNATURE_SHA256', useOrganizationKey: true };
const create = (more: Record<string, unknown> = {}) =>
  client.createEndpoint({ url: receiver.url, eventTypes: [type], ...webhook, ...more });
const signingKey = async () => (await client.query<{ signingKey: string }>('{ organization { signingKey } }')).signingKey;
const reset = async (key?: string) =>
  (await client.query<{ signingKey: string }>('mutation ($key: String) { resetSigningKey(key: $key) { signingKey } }', { key })).signingKey;

describe('the signing key', () => {
  it('is one for the whole organization, shown to be copied, and every webhook is signed with it', async () => {
    const key = await signingKey();
    expect(key).not.toBe('');
    await create({ name: 'One' });
    await create({ name: 'Another', secret: 'a secret of its own, which does not sign' });
    await client.publish(type);
    const requests = await receiver.received(2);
    for (const request of requests) expect(verified(request, key)).toMatchObject([{ event: type }]);
    expect(await signingKey()).toBe(key);
  });

  it('is reset to a made one or a given one, other than the one before', async () => {
    const before = await signingKey();
    const made = await reset();
    expect(made).not.toBe(before);
    expect(await signingKey()).toBe(made);
    expect(await reset('chosen-by-the-customer')).toBe('chosen-by-the-customer');
  });

  it('takes effect for the next attempt, a retry too, and the one before signs no more', async () => {
    const before = await reset();
    const id = await create({ retryPolicy: { delaysSeconds: [0, 3600] } });
    receiver.answerNext({ status: 500 });
    const messageId = await client.publish(type);
    const { id: deliveryId } = await client.delivery(messageId, 'RETRYING', id);
    const after = await reset();
    await client.act('retryDelivery', deliveryId);
    await client.delivery(messageId, 'SUCCEEDED', id);
    const [first, second] = receiver.requests;
    expect(second?.body).toBe(first?.body);
    expect(verified(first, before)).toEqual(verified(second, after));
    expect(() => verified(second, before)).toThrow('The signature is another.');
  });

  it('is for admins alone', async () => {
    const { client: viewer } = await client.issueKey('VIEWER');
    expect((await viewer.refusal('{ organization { signingKey } }')).extensions.code).toBe('FORBIDDEN');
    expect((await viewer.refusal('mutation { resetSigningKey { id } }')).extensions.code).toBe('FORBIDDEN');
  });
});

describe('a webhook', () => {
  it('is a JSON array of events as plain text, signed as a string', async () => {
    await create();
    const key = await signingKey();
    await client.publish(type, { session: 'Zoë ✓' }, { timestamp: '2026-01-15T10:30:00Z' });
    const [request] = await receiver.received(1);
    expect(request?.body).toBe(`[{"event":"${type}","timestamp":"2026-01-15T10:30:00Z","data":{"session":"Zoë ✓"}}]`);
    expect(request?.headers['content-type']).toMatch(/^text\/plain\b/);
    expect(request?.headers).toMatchObject({ 'x-signature-algo': 'sha256', 'x-signature': expect.stringMatching(/^[0-9a-f]{64}$/) });
    expect(verified(request, key)).toHaveLength(1);
  });

  it('can carry several events in one array, signed as one', async () => {
    await create({ batch: { maxSize: 2, maxWaitMs: 60_000 } });
    const key = await signingKey();
    await server.publish([1, 2].map((n) => ({ type, data: { n } })));
    const [request] = await receiver.received(1);
    const events = verified(request, key) as { data: { n: number } }[];
    expect(new Set(events.map(({ data }) => data.n))).toEqual(new Set([1, 2]));
    expect(request?.headers['content-type']).toMatch(/^text\/plain\b/);
  });

  it('has a URL that must be https, and a description', async () => {
    const mutation = 'mutation ($input: EndpointInput!) { createEndpoint(input: $input) { url description secret signature status } }';
    const input = { name: 'A', url: receiver.url, description: 'Tickets of the help desk', eventTypes: [type], ...webhook };
    expect(await client.query(mutation, { input })).toEqual({
      url: receiver.url,
      description: 'Tickets of the help desk',
      secret: null,
      signature: 'SIGNATURE_SHA256',
      status: 'ENABLED',
    });
    const { extensions } = await client.refusal(mutation, { input: { ...input, url: receiver.url.replace('https', 'http') } });
    expect(extensions).toMatchObject({
      code: 'BAD_USER_INPUT',
      issues: [{ path: 'input.url', message: expect.stringMatching(/must be https/) }],
    });
  });

  it('is tested by a button, active or not', async () => {
    const id = await create({ disabled: true });
    const test = 'mutation ($id: ID!) { testEndpoint(id: $id) { message { id } } }';
    const { message } = await client.query<{ message: { id: string } }>(test, { id });
    await client.delivery(message.id, 'SUCCEEDED', id);
    expect(verified(receiver.requests[0], await signingKey())).toMatchObject([{ event: type }]);
  });

  it('is active or not', async () => {
    const id = await create();
    const key = await signingKey();
    await client.act('disableEndpoint', id);
    const skipped = await client.publish(type, { n: 1 });
    await client.act('enableEndpoint', id);
    await client.delivery(await client.publish(type, { n: 2 }), 'SUCCEEDED', id);
    expect(receiver.requests.map((request) => verified(request, key))).toMatchObject([[{ data: { n: 2 } }]]);
    expect(await client.deliveries({ messageId: skipped })).toEqual([]);
  });

  it('is sent by its changed configuration from the next message on', async () => {
    const id = await create();
    await client.delivery(await client.publish(type), 'SUCCEEDED', id);
    await client.updateEndpoint(id, { url: `${receiver.url}/moved`, format: 'ENVELOPE' });
    await client.delivery(await client.publish(type), 'SUCCEEDED', id);
    expect(receiver.requests.map(({ path, body }) => [path, body[0]])).toEqual([
      ['/', '['],
      ['/moved', '{'],
    ]);
  });
});
