// The meeting-recordings platform: every fact of its webhooks and of its API's habits, through the public API to a receiver that verifies
// as that platform tells its customers to.
import { createHmac, timingSafeEqual } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Client, eventually } from '../support/client.ts';
import { startReceiver, type ReceivedRequest, type Receiver } from '../support/receiver.ts';
import { startServer, type Server } from '../support/server.ts';

const secret = 'recordings-secret';

/** The customer's recipe: HMAC-SHA256 over what JSON.stringify makes of the parsed body. */
const verify = ({ body, headers }: ReceivedRequest): boolean => {
  const expected = `sha256=${createHmac('sha256', secret)
    .update(JSON.stringify(JSON.parse(body)))
    .digest('hex')}`;
  return timingSafeEqual(Buffer.from(expected), Buffer.from(String(headers['x-webhook-signature']).padEnd(expected.length)));
};

const samples: Record<string, Record<string, unknown>> = {
  'recording.created': { recording_id: 'rec_1', title: 'Weekly' },
  'recording.processing.started': { recording_id: 'rec_1' },
  'recording.processing.completed': { recording_id: 'rec_1', duration_seconds: 1800.5 },
  'recording.processing.failed': { recording_id: 'rec_1', reason: 'codec' },
  'recording.transcript.ready': { recording_id: 'rec_1', language: 'de' },
  'recording.deleted': { recording_id: 'rec_1' },
  'meeting.created': { meeting_id: 'm_1' },
  'meeting.updated': { meeting_id: 'm_1' },
  'meeting.deleted': { meeting_id: 'm_1' },
  'meeting.started': { meeting_id: 'm_1' },
  'meeting.ended': { meeting_id: 'm_1', participants: [{ name: 'Åsa' }, { name: '小林' }] },
  'transcript.generated': { transcript_id: 't_1' },
  'transcript.updated': { transcript_id: 't_1' },
  'signal.detected': { signal_id: 's_1' },
  'signal.confirmed': { signal_id: 's_1' },
  'user.invited': { user_id: 'u_1' },
  'user.joined': { user_id: 'u_1' },
};

let server: Server;
let client: Client;
let receiver: Receiver;
beforeAll(async () => {
  server = await startServer();
  client = new Client(server);
  const define = 'mutation ($input: EventTypeInput!) { defineEventType(input: $input) { name } }';
  for (const [name, sample] of Object.entries(samples)) await client.query(define, { input: { name, sample } });
});
afterAll(() => server.dispose());
beforeEach(async () => {
  receiver = await startReceiver();
  return () => receiver.close();
});

describe('a webhook', () => {
  it('can be made for every documented event, which it gets as event, timestamp and data, signed', async () => {
    const names = Object.keys(samples);
    const id = await client.createEndpoint({ url: receiver.url, eventTypes: names, secret });
    const timestamp = '2025-03-01T09:00:00.000Z';
    await server.publish(names.map((type) => ({ type, timestamp, data: samples[type] ?? {} })));
    const requests = await receiver.received(names.length);
    expect(requests.map(({ body }) => body).toSorted()).toEqual(
      names.map((event) => JSON.stringify({ event, timestamp, data: samples[event] })).toSorted(),
    );
    expect(requests.every(verify)).toBe(true);
    await client.act('deleteEndpoint', id);
  });

  it('equals its own re-serialisation, however the publisher wrote the JSON', async () => {
    await client.createEndpoint({ url: receiver.url, eventTypes: ['signal.detected'], secret });
    const written = String.raw`{ "type": "signal.detected", "data": { "z": 1.0, "10": 1E2, "2": [ -0, 0.1e-6, 12345678901234567000 ],
      "\u0061": "\u00e9\/\ud83d\ude00\n\u2028", "deep": { "b": null, "a": [ [] , {} ] } } }`;
    expect((await client.post('/v1/messages', written)).status).toBe(202);
    const [request] = await receiver.received(1);
    expect(request?.body).toBe(JSON.stringify(JSON.parse(request?.body ?? '')));
    expect(JSON.parse(request?.body ?? '')).toMatchObject({ data: { z: 1, 10: 100, a: 'é/😀\n\u2028' } });
    expect(request && verify(request)).toBe(true);
  });

  it('is active or not', async () => {
    const id = await client.createEndpoint({ url: receiver.url, eventTypes: ['user.joined'], disabled: true });
    const skipped = await client.publish('user.joined', { n: 1 });
    await client.act('enableEndpoint', id);
    const taken = await client.publish('user.joined', { n: 2 });
    await client.delivery(taken, 'SUCCEEDED', id);
    expect(await client.deliveries({ messageId: skipped, endpointId: id })).toEqual([]);
    expect(receiver.requests.map(({ body }) => (JSON.parse(body) as { data: unknown }).data)).toEqual([{ n: 2 }]);
  });

  it('has a retry policy of its own', async () => {
    receiver.answer({ status: 500 });
    const eventTypes = ['user.invited'];
    const policies = [[0], [0, 0.1], [0, 3600]];
    const ids = await Promise.all(
      policies.map((delaysSeconds) => client.createEndpoint({ url: receiver.url, eventTypes, retryPolicy: { delaysSeconds } })),
    );
    const messageId = await client.publish('user.invited');
    const [once, twice, later] = ids;
    expect((await client.delivery(messageId, 'FAILED', once)).attemptCount).toBe(1);
    expect((await client.delivery(messageId, 'FAILED', twice)).attemptCount).toBe(2);
    const { nextAttemptAt, attempts } = await client.delivery(messageId, 'RETRYING', later);
    expect(Date.parse(String(nextAttemptAt)) - Date.parse(String(attempts[0]?.startedAt))).toBeGreaterThanOrEqual(3_600_000);
  });

  it('is tested with the payload of the event type that is picked, and the receipt is seen', async () => {
    receiver.answer({ status: 202, body: 'got it' });
    const id = await client.createEndpoint({ url: receiver.url, eventTypes: ['recording.*'], secret });
    const test = await client.query<{ message: { id: string } }>(
      'mutation ($id: ID!) { testEndpoint(id: $id, eventType: "recording.transcript.ready") { message { id } } }',
      { id },
    );
    const { attempts, test: isTest } = await client.delivery(test.message.id, 'SUCCEEDED');
    expect(isTest).toBe(true);
    expect(attempts).toMatchObject([{ number: 1, responseCode: 202, responseBody: 'got it' }]);
    const [request] = receiver.requests;
    expect(JSON.parse(request?.body ?? '')).toMatchObject({
      event: 'recording.transcript.ready',
      data: samples['recording.transcript.ready'],
    });
    expect(request && verify(request)).toBe(true);
  });

  it('must have an https URL where the server is told so', async () => {
    const strict = await startServer({ env: { HOOKLEDGER_ALLOW_HTTP: 'false' } });
    try {
      const create = 'mutation ($url: String!) { createEndpoint(input: { name: "A", url: $url }) { id } }';
      const { extensions } = await new Client(strict).refusal(create, { url: 'http://receiver.example/' });
      expect(extensions).toMatchObject({
        code: 'BAD_USER_INPUT',
        issues: [{ path: 'input.url', message: expect.stringContaining('https') }],
      });
      await new Client(strict).query(create, { url: 'https://receiver.example/' });
    } finally {
      await strict.dispose();
    }
  });
});

describe('deliveries', () => {
  const failing = async (type: string, count: number) => {
    receiver.answer({ status: 500, body: 'broken' });
    const id = await client.createEndpoint({ url: receiver.url, eventTypes: [type], retryPolicy: { delaysSeconds: [0] }, secret });
    const published = await server.publish(Array.from({ length: count }, (_, n) => ({ type, data: { n } })));
    const failed = await eventually(
      () => client.deliveries({ endpointId: id, status: ['FAILED'] }),
      ({ length }) => length === count,
    );
    return { id, published, failed };
  };
  const rate = 'query ($id: ID!) { endpoint(id: $id) { successRate { succeeded total label ratio } } }';

  it('show success and failure rates and error messages', async () => {
    const { id, failed } = await failing('transcript.generated', 2);
    receiver.answer({});
    await client.delivery(await client.publish('transcript.generated'), 'SUCCEEDED', id);
    expect(failed[0]?.attempts[0]).toMatchObject({ error: 'The receiver answered 500 Internal Server Error.', responseBody: 'broken' });
    const { successRate } = await eventually(
      () => client.query<{ successRate: { total: number } }>(rate, { id }),
      (shown) => shown.successRate.total === 3,
    );
    expect(successRate).toEqual({ succeeded: 1, total: 3, label: '33% (1/3)', ratio: 1 / 3 });
  });

  it('that failed are retried by hand', async () => {
    const { id, failed, published } = await failing('transcript.updated', 1);
    receiver.answer({});
    await client.act('retryDelivery', failed[0]?.id ?? '');
    const { attempts } = await client.delivery(published[0]?.id ?? '', 'SUCCEEDED', id);
    expect(attempts.map(({ number, responseCode }) => [number, responseCode])).toEqual([
      [1, 500],
      [2, 200],
    ]);
    const [first, second] = receiver.requests;
    expect(second?.headers['webhook-id']).toBe(first?.headers['webhook-id']); // so that a receiver can handle duplicates
    expect(second?.headers['webhook-attempt']).toBe('2');
    expect(second && verify(second)).toBe(true);
  });

  it('that failed are retried in bulk', async () => {
    const { id } = await failing('signal.confirmed', 12);
    receiver.answer({});
    const retry = 'mutation ($filter: DeliveryFilter!) { retryDeliveries(filter: $filter) { matched } }';
    expect(await client.query(retry, { filter: { endpointId: id } })).toEqual({ matched: 12 });
    await eventually(
      () => client.deliveries({ endpointId: id, status: ['SUCCEEDED'] }),
      ({ length }) => length === 12,
    );
    expect(await client.query(retry, { filter: { endpointId: id } })).toEqual({ matched: 0 });
    expect(await client.query(rate, { id })).toMatchObject({ successRate: { label: '100% (12/12)' } });
  });

  it('are listed newest first in pages, each once', async () => {
    const { id, published } = await failing('meeting.updated', 7);
    const query = `query ($filter: DeliveryFilter, $after: String) {
      deliveries(filter: $filter, first: 3, after: $after) { nodes { message { id } } pageInfo { hasNextPage endCursor } } }`;
    type Page = { nodes: { message: { id: string } }[]; pageInfo: { hasNextPage: boolean; endCursor: string } };
    const pages: string[][] = [];
    for (let after: string | null = null, more = true; more;) {
      const { nodes, pageInfo }: Page = await client.query<Page>(query, { filter: { endpointId: id }, after });
      pages.push(nodes.map(({ message }) => message.id));
      more = pageInfo.hasNextPage;
      after = pageInfo.endCursor;
    }
    expect(pages.map(({ length }) => length)).toEqual([3, 3, 1]);
    expect(pages.flat().toSorted()).toEqual(published.map((message) => message.id).toSorted());
  });
});

describe('the API', () => {
  it('asks for authentication', async () => {
    const stranger = new Client(server, 'not-a-key-of-this-server');
    expect((await stranger.refusal('{ eventTypes { name } }')).extensions.code).toBe('UNAUTHENTICATED');
    expect((await stranger.post('/v1/messages', { type: 'a', data: {} })).status).toBe(401);
  });

  it('has a playground for browsers', async () => {
    const page = await fetch(`${server.url}/graphql`, { headers: { accept: 'text/html' } });
    expect(page.status).toBe(200);
    const html = await page.text();
    expect(html).toContain('<html');
    expect(html).not.toMatch(/(src|href)="(https?:)?\/\//);
  });
});
