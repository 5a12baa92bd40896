// Server Scout, a server monitoring product: every fact of its webhooks, through the public API to receivers that behave as the services that
// it notifies do, over HTTP and HTTPS.
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Client } from '../support/client.ts';
import { startReceiver, type Answer, type Certificate, type Receiver } from '../support/receiver.ts';
import { startServer, type Server } from '../support/server.ts';
import { discordFinds, pagerdutyFinds, slackFinds, teamsFinds } from '../support/services.ts';

const documentedBody =
  '{"alert_id":"12345","server_name":"web-server-01","service":"HTTP","status":"down","message":"HTTP service is not responding on port 80",' +
  '"timestamp":"2024-01-15T10:30:00Z","severity":"critical","server_ip":"192.168.1.100","duration":"00:05:23"}';
const down = JSON.parse(documentedBody) as Record<string, string>;
const warning = { ...down, status: 'warning', severity: 'warning', message: 'HTTP service is slow' };
const recovered = { ...down, status: 'recovered', severity: 'info', message: 'HTTP service is back' };
const timestamp = '2024-01-15T10:30:00Z';
const routingKey = 'R0123456789abcdefghijklmnopqrstu';
const once = { retryPolicy: { delaysSeconds: [0] } };

let server: Server;
let client: Client;
let receiver: Receiver;
/** Every test has a type of its own, so that no other test's endpoint gets its messages. */
let type: string;
let types = 0;
beforeAll(async () => {
  // The authority of the tests' certificates stands for a public one.
  server = await startServer({ env: { NODE_EXTRA_CA_CERTS: fileURLToPath(new URL('../fixtures/tls/ca.cert.pem', import.meta.url)) } });
  client = new Client(server);
});
afterAll(() => server.dispose());
beforeEach(async () => {
  types += 1;
  type = `monitoring-${types}.alert`;
  receiver = await startReceiver();
  return () => receiver.close();
});

const create = (input: Record<string, unknown>) => client.createEndpoint({ url: receiver.url, eventTypes: [type], ...once, ...input });

describe('a notification', () => {
  it('is the flat body of the documentation, byte for byte, with headers of its own', async () => {
    const id = await create({ format: 'FLAT', headers: [{ name: 'Authorization', value: 'Token token=KEY' }], timeoutSeconds: 10 });
    const { attempts } = await client.delivery(await client.publish(type, down, { timestamp }), 'SUCCEEDED', id);
    const [request] = receiver.requests;
    expect(request?.body).toBe(documentedBody);
    expect(request?.headers).toMatchObject({ authorization: 'Token token=KEY', 'content-type': 'application/json' });
    expect(JSON.stringify(attempts)).not.toContain('KEY');
  });

  it('comes for the kinds of alert that were chosen: critical and warning by severity, recovery by status', async () => {
    const filter = { $or: [{ severity: ['critical', 'warning'] }, { status: ['recovered'] }] };
    const all = await create({ format: 'FLAT', filter });
    const recoveries = await create({ format: 'FLAT', filter: { status: ['recovered'] } });
    const info = { ...down, status: 'up', severity: 'info' };
    const published: string[] = [];
    for (const data of [down, info, warning, recovered]) published.push(await client.publish(type, data));
    for (const index of [0, 2, 3]) await client.delivery(published[index] ?? '', 'SUCCEEDED', all);
    await client.delivery(published[3] ?? '', 'SUCCEEDED', recoveries);
    expect(await client.deliveries({ endpointId: all })).toHaveLength(3);
    expect(await client.deliveries({ endpointId: recoveries })).toHaveLength(1);
    expect(await client.deliveries({ messageId: published[1] })).toEqual([]);
  });

  it('is tried out with a sample payload by the test button', async () => {
    await client.query('mutation ($input: EventTypeInput!) { defineEventType(input: $input) { name } }', {
      input: { name: type, sample: down },
    });
    const id = await create({ format: 'FLAT' });
    await client.query('mutation ($id: ID!) { testEndpoint(id: $id) { id test } }', { id });
    const [request] = await receiver.received(1);
    expect(request?.body).toBe(documentedBody);
  });
});

describe('the services that it notifies', () => {
  /** What arrives there of these messages, in the order of the messages. */
  const sent = async (input: Record<string, unknown>, ...messages: readonly Record<string, unknown>[]) => {
    const id = await create(input);
    const bodies: unknown[] = [];
    for (const data of messages) {
      await client.delivery(await client.publish(type, data, { timestamp }), 'SUCCEEDED', id);
      const request = receiver.requests.at(-1);
      expect(request?.headers['content-type']).toBe('application/json');
      bodies.push(JSON.parse(request?.body ?? ''));
    }
    return bodies;
  };
  const long = {
    ...down,
    message: '<b>&'.repeat(20_000),
    dedup_key: 'k'.repeat(1_000),
    ...Object.fromEntries(Array.from({ length: 99 }, (_, n) => [`field_${n}`, '😀'.repeat(400)])),
  };

  it('Slack: a text that a person reads, and says nothing wrong about any', async () => {
    receiver.answer({ status: 200, body: 'ok' });
    const bodies = await sent({ format: 'SLACK' }, down, recovered, long, {});
    expect(bodies.flatMap(slackFinds)).toEqual([]);
    expect(bodies[0]).toMatchObject({ text: expect.stringContaining('HTTP service is not responding on port 80') });
    expect(JSON.stringify(bodies[0])).toContain('*Server name*\\nweb-server-01');
    expect(bodies[1]).toMatchObject({ text: expect.stringMatching(/^🟢/) });
  });

  it('Discord: an embed', async () => {
    receiver.answer({ status: 204 });
    const bodies = await sent({ format: 'DISCORD' }, down, recovered, long, {});
    expect(bodies.flatMap(discordFinds)).toEqual([]);
    expect(bodies[0]).toMatchObject({
      embeds: [
        { description: down['message'], fields: expect.arrayContaining([{ name: 'Server IP', value: '192.168.1.100', inline: true }]) },
      ],
    });
  });

  it('Microsoft Teams: a card', async () => {
    receiver.answer({ status: 202 });
    const bodies = await sent({ format: 'TEAMS' }, down, recovered, long, {});
    expect(bodies.flatMap(teamsFinds)).toEqual([]);
    const style = expect.arrayContaining([expect.objectContaining({ style: 'good' })]);
    expect(bodies[1]).toMatchObject({ attachments: [{ content: { body: style } }] });
  });

  it('PagerDuty: triggered when down, resolved when recovered, by the same key; the routing key is shown to nobody', async () => {
    receiver.answer({ status: 202, body: '{"status":"success"}' });
    const [first, second, third, ...others] = await sent(
      { format: 'PAGERDUTY', formatOptions: { routingKey } },
      down,
      warning,
      recovered,
      long,
      {},
    );
    expect([first, second, third, ...others].flatMap(pagerdutyFinds)).toEqual([]);
    expect(first).toEqual({
      routing_key: routingKey,
      event_action: 'trigger',
      dedup_key: '12345',
      payload: {
        summary: expect.stringContaining('HTTP service is not responding on port 80'),
        source: 'web-server-01',
        severity: 'critical',
        timestamp: '2024-01-15T10:30:00.000Z',
        custom_details: down,
      },
    });
    expect(second).toMatchObject({ event_action: 'trigger', dedup_key: '12345', payload: { severity: 'warning' } });
    expect(third).toMatchObject({ event_action: 'resolve', dedup_key: '12345' });
    const shown = await client.query<unknown>(
      `query ($type: String!) { deliveries(filter: { eventType: $type }) { nodes { endpoint { formatOptions } attempts { requestBody requestHeaders responseBody }
         message { timeline { event { data } } } } } }`,
      { type },
    );
    expect(JSON.stringify(shown)).toContain('"routing_key\\":\\"••••••');
    expect(JSON.stringify(shown) + server.logs.join('\n')).not.toContain(routingKey);
  });

  it("any other: by a transformation of the user's own", async () => {
    const template =
      '{"host": data.server_name, "up": data.status = "recovered", "text": $uppercase(data.service) & ": " & data.message, "at": $toMillis(timestamp)}';
    expect(await sent({ format: 'TEMPLATE', formatOptions: { template } }, down)).toEqual([
      { host: 'web-server-01', up: false, text: 'HTTP: HTTP service is not responding on port 80', at: Date.parse(timestamp) },
    ]);
    const preview =
      'mutation ($input: EndpointInput!, $message: MessageInput!) { previewEndpoint(input: $input, message: $message) { body matches } }';
    const input = {
      name: 'Other',
      url: receiver.url,
      eventTypes: ['another.type'],
      format: 'TEMPLATE',
      formatOptions: { template: 'data.server_name' },
    };
    expect(await client.query(preview, { input, message: { type, data: down } })).toEqual({ body: '"web-server-01"', matches: false });
  });

  it('a transformation that fails is a failed attempt, and the log says why', async () => {
    const id = await create({ format: 'TEMPLATE', formatOptions: { template: 'data.load + 1' } });
    const { attempts } = await client.delivery(await client.publish(type, { load: 'high' }), 'FAILED', id);
    expect(attempts).toMatchObject([
      { failure: 'FORMAT', responseCode: null, error: expect.stringContaining('The left side of the "+" operator') },
    ]);
    expect(receiver.requests).toEqual([]);
  });
});

describe('a failure', () => {
  it.each<[string, Answer, Record<string, unknown>, string]>([
    [
      'a redirect',
      { status: 302, headers: { location: 'https://elsewhere.example/' } },
      { failure: 'REDIRECT', responseCode: 302 },
      'redirects are not followed',
    ],
    ['400', { status: 400, body: 'bad' }, { failure: 'HTTP_STATUS', responseCode: 400, responseBody: 'bad' }, 'answered 400 Bad Request'],
    ['404', { status: 404 }, { failure: 'HTTP_STATUS', responseCode: 404 }, 'answered 404 Not Found'],
    ['500', { status: 500 }, { failure: 'HTTP_STATUS', responseCode: 500 }, 'answered 500 Internal'],
    ['no answer in time', 'hang', { failure: 'TIMEOUT', responseCode: null }, 'did not answer within'],
  ])('is %s, in the history with its code and an error message', async (_, answer, shown, error) => {
    receiver.answer(answer);
    const id = await create({ format: 'FLAT', timeoutSeconds: answer === 'hang' ? 0.3 : 10 });
    const { attempts } = await client.delivery(await client.publish(type, down), 'FAILED', id);
    expect(attempts).toMatchObject([{ ...shown, error: expect.stringContaining(error) }]);
  });

  it.each<[Certificate, string]>([
    ['self-signed', 'self-signed'],
    ['expired', 'expired'],
    ['wrong-host', 'another host name'],
  ])('is a TLS certificate that is %s, and the log says so', async (certificate, named) => {
    await using secure = await startReceiver({ tls: certificate });
    const id = await create({ url: secure.url, format: 'FLAT' });
    const { attempts } = await client.delivery(await client.publish(type, down), 'FAILED', id);
    expect(attempts).toMatchObject([{ failure: 'TLS', responseCode: null, error: expect.stringContaining(named) }]);
    expect(secure.requests).toEqual([]);
  });

  it('is none where the certificate is valid', async () => {
    await using secure = await startReceiver({ tls: 'valid' });
    const id = await create({ url: secure.url, format: 'FLAT' });
    await client.delivery(await client.publish(type, down), 'SUCCEEDED', id);
    expect(secure.requests[0]?.body).toBe(documentedBody);
  });
});
