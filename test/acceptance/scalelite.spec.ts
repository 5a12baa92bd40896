// Scalelite Manager, a video-conference cluster manager: every fact of its webhooks, through the public API to a receiver that verifies as that
// product tells its customers to.
import { createHmac, timingSafeEqual } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Client, eventually } from '../support/client.ts';
import { startReceiver, type ReceivedRequest, type Receiver } from '../support/receiver.ts';
import { startServer, type Server } from '../support/server.ts';
import { pagerdutyFinds, slackFinds, teamsFinds } from '../support/services.ts';

const secret = 'a-sécret-of-the-customer';

/** The customer's recipe: HMAC-SHA256 of the raw body under the secret's UTF-8 bytes, hex, behind `sha256=`. */
const verify = ({ raw, headers }: ReceivedRequest): boolean => {
  const given = Buffer.from(String(headers['x-webhook-signature']));
  const expected = Buffer.from(`sha256=${createHmac('sha256', Buffer.from(secret, 'utf8')).update(raw).digest('hex')}`);
  return given.length === expected.length && timingSafeEqual(given, expected);
};

const groups: Record<string, string[]> = {
  servers: ['server.online', 'server.offline', 'server.health_changed'],
  meetings: ['meeting.created', 'meeting.ended', 'meeting.recording_started', 'meeting.recording_ended'],
  alerts: ['alert.created', 'alert.resolved', 'alert.escalated'],
  recordings: ['recording.ready'],
};

const alert = { alert_id: 456, severity: 'critical', message: 'CPU usage exceeded 90%', server_id: 123 };
const documentedBody =
  '{"event":"alert.created","timestamp":"2024-12-04T10:30:00Z","instance_id":1,"data":{"alert_id":456,"severity":"critical",' +
  '"message":"CPU usage exceeded 90%","server_id":123}}';
const envelope = { format: 'ENVELOPE', formatOptions: { constants: { instance_id: 1 } } };

let server: Server;
let client: Client;
let receiver: Receiver;
beforeAll(async () => {
  server = await startServer();
  client = new Client(server);
  const define = 'mutation ($input: EventTypeInput!) { defineEventType(input: $input) { name } }';
  for (const [group, names] of Object.entries(groups))
    for (const name of names) {
      const sample = name === 'alert.created' ? { sample: alert } : {};
      await client.query(define, { input: { name, group, description: `A ${name} of the cluster`, ...sample } });
    }
});
afterAll(() => server.dispose());
beforeEach(async () => {
  receiver = await startReceiver();
  return () => receiver.close();
});

const show = `query ($id: ID!) { endpoint(id: $id) {
  name url eventTypes status signature timeoutSeconds retryPolicy { delaysSeconds jitter } successRate { label succeeded total } } }`;
type Shown = {
  name: string;
  url: string;
  eventTypes: string[];
  status: string;
  signature: string;
  timeoutSeconds: number;
  retryPolicy: { delaysSeconds: number[]; jitter: number };
  successRate: { label: string; succeeded: number; total: number };
};

describe('event types', () => {
  it('are defined in groups, and listed with them', async () => {
    const types = await client.query<{ name: string; group: string }[]>('{ eventTypes { name group } }');
    const expected = Object.entries(groups).flatMap(([group, names]) => names.map((name) => ({ name, group })));
    expect(types.toSorted((a, b) => (a.name < b.name ? -1 : 1))).toEqual(expected.toSorted((a, b) => (a.name < b.name ? -1 : 1)));
  });

  const subscriptions: [string, string[], string[]][] = [
    ['a group takes all of its types', ['alerts'], groups['alerts'] ?? []],
    ['two groups take the types of both', ['meetings', 'recordings'], [...(groups['meetings'] ?? []), ...(groups['recordings'] ?? [])]],
    ['a name takes that type only', ['server.offline'], ['server.offline']],
  ];
  it.each(subscriptions)('%s', async (_, eventTypes, wanted) => {
    const id = await client.createEndpoint({ url: receiver.url, eventTypes });
    for (const type of Object.values(groups).flat()) await client.publish(type);
    const delivered = await eventually(
      () => client.deliveries({ endpointId: id, status: ['SUCCEEDED'] }),
      ({ length }) => length >= wanted.length,
    );
    expect(delivered.map(({ message }) => message.eventType).toSorted()).toEqual(wanted.toSorted());
    expect(await client.deliveries({ endpointId: id })).toHaveLength(wanted.length);
    await client.act('deleteEndpoint', id);
  });
});

describe('a webhook', () => {
  it('arrives byte for byte as documented, with a signature that verifies', async () => {
    await client.createEndpoint({ url: receiver.url, eventTypes: ['alerts'], secret, ...envelope });
    await client.publish('alert.created', alert, { timestamp: '2024-12-04T10:30:00Z' });
    const [request] = await receiver.received(1);
    expect(request?.body).toBe(documentedBody);
    expect(request && verify(request)).toBe(true);
    expect(request?.method).toBe('POST');
    expect(request?.headers['content-type']).toBe('application/json');
  });

  it.each(['2024-12-04T10:30:00.5Z', '2024-12-04T11:30:00+01:00'])(
    'carries the timestamp as the publisher wrote it: %s',
    async (timestamp) => {
      await client.createEndpoint({ url: receiver.url, eventTypes: ['alert.escalated'], ...envelope });
      await client.publish('alert.escalated', alert, { timestamp });
      const [request] = await receiver.received(1);
      expect(request?.body).toContain(`"timestamp":"${timestamp}","instance_id":1,`);
    },
  );

  it('without a secret carries no signature', async () => {
    await client.createEndpoint({ url: receiver.url, eventTypes: ['server.online'], ...envelope });
    await client.publish('server.online', { server_id: 123 });
    const [request] = await receiver.received(1);
    expect(Object.keys(request?.headers ?? {}).filter((name) => name.includes('signature'))).toEqual([]);
  });
});

describe('the services that it goes to', () => {
  const routingKey = 'R0123456789abcdefghijklmnopqrstu';
  type Answer = { status: number; body: string };
  it.each<[string, object, Answer, (body: unknown) => string[], object, object]>([
    [
      'Slack',
      { format: 'SLACK' },
      { status: 200, body: 'ok' },
      slackFinds,
      { text: '🔴 Alert created: CPU usage exceeded 90%' },
      { text: '🟢 Alert resolved: CPU usage exceeded 90%' },
    ],
    ['Microsoft Teams', { format: 'TEAMS' }, { status: 202, body: '' }, teamsFinds, { type: 'message' }, { type: 'message' }],
    [
      'PagerDuty',
      { format: 'PAGERDUTY', formatOptions: { routingKey } },
      { status: 202, body: '{"status":"success"}' },
      pagerdutyFinds,
      { event_action: 'trigger', dedup_key: '456', payload: { severity: 'critical', custom_details: alert } },
      { event_action: 'resolve', dedup_key: '456' },
    ],
  ])('%s takes what it gets', async (_, input, answer, finds, begin, end) => {
    receiver.answer(answer);
    const id = await client.createEndpoint({ url: receiver.url, eventTypes: ['alerts'], ...input });
    await client.delivery(await client.publish('alert.created', alert, { timestamp: '2024-12-04T10:30:00Z' }), 'SUCCEEDED', id);
    await client.delivery(await client.publish('alert.resolved', alert), 'SUCCEEDED', id);
    const [created, resolved] = receiver.requests.map(({ body }) => JSON.parse(body) as Record<string, unknown>);
    expect([created, resolved].flatMap(finds)).toEqual([]);
    expect(created).toMatchObject(begin);
    expect(resolved).toMatchObject(end);
    await client.act('deleteEndpoint', id);
  });
});

describe('attempts', () => {
  it('come at once, then after 1 min, 5 min, 30 min and 2 h, with a timeout of 30 s, unless set otherwise', async () => {
    receiver.answer({ status: 500 });
    const id = await client.createEndpoint({ url: receiver.url, eventTypes: ['server.offline'] });
    const { retryPolicy, timeoutSeconds } = await client.query<Shown>(show, { id });
    expect({ retryPolicy, timeoutSeconds }).toEqual({
      retryPolicy: { delaysSeconds: [0, 60, 300, 1800, 7200], jitter: 0 },
      timeoutSeconds: 30,
    });
    const { nextAttemptAt, attempts } = await client.delivery(await client.publish('server.offline'), 'RETRYING', id);
    const [first] = attempts;
    const ended = Date.parse(String(first?.startedAt)) + (first?.durationMs ?? 0);
    expect(Math.abs(Date.parse(String(nextAttemptAt)) - ended - 60_000)).toBeLessThan(2);
  });

  it('end with the fifth', async () => {
    receiver.answer({ status: 503, body: 'maintenance' });
    const retryPolicy = { delaysSeconds: [0, 0.1, 0.1, 0.1, 0.1] };
    const id = await client.createEndpoint({ url: receiver.url, eventTypes: ['server.health_changed'], secret, retryPolicy, ...envelope });
    const { attempts, nextAttemptAt } = await client.delivery(await client.publish('server.health_changed'), 'FAILED', id);
    expect(attempts.map(({ number, responseCode, responseBody }) => [number, responseCode, responseBody])).toEqual(
      [1, 2, 3, 4, 5].map((number) => [number, 503, 'maintenance']),
    );
    expect(nextAttemptAt).toBeNull();
    expect(receiver.requests).toHaveLength(5);
    expect(receiver.requests.every(verify)).toBe(true);
    expect(new Set(receiver.requests.map(({ headers }) => headers['webhook-id'])).size).toBe(1);
  });

  it('fail by a TLS error, and the log says why', async () => {
    await using secure = await startReceiver({ tls: 'self-signed' });
    const id = await client.createEndpoint({ url: secure.url, eventTypes: ['meeting.created'], retryPolicy: { delaysSeconds: [0] } });
    const { attempts } = await client.delivery(await client.publish('meeting.created'), 'FAILED', id);
    expect(attempts[0]).toMatchObject({ failure: 'TLS', responseCode: null, error: expect.stringContaining('self-signed') });
  });
});

describe('the dashboard', () => {
  it('lists name, URL, events, status, and the success rate as 98% (245/250)', async () => {
    receiver.answer(({ body }) => ({ status: body.includes('"fails":true') ? 500 : 204 }));
    const id = await client.createEndpoint({
      name: 'On-call',
      url: `${receiver.url}/hook`,
      eventTypes: ['meeting.recording_ended'],
      retryPolicy: { delaysSeconds: [0] },
    });
    expect((await client.query<Shown>(show, { id })).successRate.label).toBe('–');
    await server.publish(Array.from({ length: 250 }, (_, n) => ({ type: 'meeting.recording_ended', data: { n, fails: n % 50 === 7 } })));
    await eventually(
      () => client.query<Shown>(show, { id }),
      ({ successRate }) => successRate.total === 250,
    );
    const nodes = (await client.query<{ nodes: Shown[] }>('{ endpoints { nodes { name url eventTypes status successRate { label } } } }'))
      .nodes;
    expect(nodes.find(({ name }) => name === 'On-call')).toEqual({
      name: 'On-call',
      url: `${receiver.url}/hook`,
      eventTypes: ['meeting.recording_ended'],
      status: 'ENABLED',
      successRate: { label: '98% (245/250)' },
    });
  });

  it('sends a test: the sample payload, signed as any other, once', async () => {
    const id = await client.createEndpoint({ url: receiver.url, eventTypes: ['alerts'], secret, ...envelope });
    const test = await client.query<{ id: string; test: boolean }>(
      'mutation ($id: ID!) { testEndpoint(id: $id, eventType: "alert.created") { id test } }',
      { id },
    );
    expect(test.test).toBe(true);
    const [request] = await receiver.received(1);
    const { timestamp } = JSON.parse(request?.body ?? '') as { timestamp: string };
    expect(request?.body).toBe(documentedBody.replace('2024-12-04T10:30:00Z', timestamp));
    expect(request && verify(request)).toBe(true);
  });

  it('shows the delivery log: each attempt with its answer, what was sent, and why it failed', async () => {
    receiver.answerNext({ status: 500, body: 'not ready' });
    const id = await client.createEndpoint({
      url: receiver.url,
      eventTypes: ['meeting.ended'],
      retryPolicy: { delaysSeconds: [0, 0.1] },
      secret,
      ...envelope,
    });
    const messageId = await client.publish('meeting.ended', { meeting_id: 7 }, { timestamp: '2024-12-04T10:30:00Z' });
    const { attempts } = await client.delivery(messageId, 'SUCCEEDED', id);
    const requestBody = '{"event":"meeting.ended","timestamp":"2024-12-04T10:30:00Z","instance_id":1,"data":{"meeting_id":7}}';
    expect(attempts).toMatchObject([
      { number: 1, responseCode: 500, responseBody: 'not ready', failure: 'HTTP_STATUS', requestBody, url: receiver.url },
      { number: 2, responseCode: 200, failure: null, error: null, requestBody },
    ]);
    expect(attempts[0]?.error).toBe('The receiver answered 500 Internal Server Error.');
  });
});
