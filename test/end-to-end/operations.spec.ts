// Running it: stopping and crashing without loss, rebuilding, health, metrics, and what must never be written down.
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Client, eventually } from '../support/client.ts';
import { startReceiver, type Receiver } from '../support/receiver.ts';
import { conservation, startServer, type Server } from '../support/server.ts';

let server: Server;
let client: Client;
let receiver: Receiver;
beforeAll(async () => {
  server = await startServer({ env: { HOOKLEDGER_LOG_LEVEL: 'trace' } });
  client = new Client(server);
});
afterAll(() => server.dispose());
beforeEach(async () => {
  receiver = await startReceiver();
  return () => receiver.close();
});

/** Resolves when the views show all that the log holds now, and no delivery is open. */
const settled = async () => {
  const { details } = (await (await client.get('/health/ready')).json()) as { details: { log: { tip: string } } };
  return eventually(
    () => conservation(server),
    ({ open, position }) => open === 0 && position >= details.log.tip,
  );
};

describe('what was acknowledged', () => {
  /** Publishes until the server is gone. @returns the ids that were acknowledged. */
  const publishing = async (type: string): Promise<string[]> => {
    const acknowledged: string[] = [];
    const one = async () => {
      for (;;) {
        try {
          for (const { id } of await server.publish(Array.from({ length: 5 }, () => ({ type, data: { some: 'thing' } }))))
            acknowledged.push(id);
        } catch {
          return;
        }
      }
    };
    await Promise.all(Array.from({ length: 4 }, one));
    return acknowledged;
  };
  const arrived = () => new Set(receiver.requests.map(({ headers }) => String(headers['webhook-id'])));

  it('is delivered though the server is stopped under load while a receiver hangs; SIGTERM exits 0 within 10 s', async () => {
    await using hanging = await startReceiver();
    hanging.answer('hang');
    receiver.answer({ delayMs: 20 });
    const stuck = await client.createEndpoint({ url: hanging.url, eventTypes: ['load.stuck'], retryPolicy: { delaysSeconds: [0] } });
    const id = await client.createEndpoint({ url: receiver.url, eventTypes: ['load.stopped'] });
    await client.publish('load.stuck');
    await hanging.received(1);
    const published = publishing('load.stopped');
    await receiver.received(50);
    const began = performance.now();
    expect(await server.stop()).toBe(0);
    expect(performance.now() - began).toBeLessThan(10_000);
    const acknowledged = await published;
    expect(acknowledged.length).toBeGreaterThan(50);

    hanging.answer({});
    receiver.answer({});
    await server.restart();
    await settled();
    expect(acknowledged.filter((each) => !arrived().has(each))).toEqual([]);
    await hanging.received(2);
    for (const each of [id, stuck]) await client.act('deleteEndpoint', each);
  }, 40_000);

  it('is delivered though the server is killed: what was under way again, what waits for its retry too', async () => {
    receiver.answer(({ headers, body }) => ({
      status: body.includes('later') && headers['webhook-attempt'] === '1' ? 500 : 200,
      delayMs: 10,
    }));
    const eventTypes = ['load.killed', 'load.later'];
    const id = await client.createEndpoint({ url: receiver.url, eventTypes, retryPolicy: { delaysSeconds: [0, 1] } });
    const waiting = await client.publish('load.later');
    await client.delivery(waiting, 'RETRYING');
    const published = publishing('load.killed');
    await receiver.received(50);
    await server.kill9();
    const acknowledged = await published;
    expect(acknowledged.length).toBeGreaterThan(0);

    await server.start();
    await settled();
    expect(acknowledged.filter((each) => !arrived().has(each))).toEqual([]);
    expect((await client.delivery(waiting, 'SUCCEEDED')).attemptCount).toBe(2);
    expect((await conservation(server)).balanced).toBe(true);
    await client.act('deleteEndpoint', id);
  });
});

it('views that were deleted are rebuilt, and answer the same', async () => {
  receiver.answer(({ body }) => ({ status: body.includes('"n":3') ? 500 : 200 }));
  const id = await client.createEndpoint({ url: receiver.url, eventTypes: ['view.built'], retryPolicy: { delaysSeconds: [0] } });
  await server.publish(Array.from({ length: 5 }, (_, n) => ({ type: 'view.built', data: { n } })));
  await settled();
  const query = `query ($id: ID!) {
    endpoints { nodes { id name status successRate { label } successRateOfDay: successRate(window: LAST_DAY) { label } } }
    deliveries(filter: { endpointId: $id }) {
      nodes { id status endedAt createdAt attempts { number startedAt durationMs responseCode error requestBody } } }
    messages(first: 5, eventType: "view.built") { nodes { id acceptedAt data deliveries { id status } timeline { at text } } }
    conservation { routed succeeded failed cancelled open balanced }
  }`;
  const before = (await client.ask(query, { id })).data;
  expect(JSON.stringify(before)).toContain('80% (4/5)');
  await server.stop();
  rmSync(join(server.dataDir, 'views'), { recursive: true });
  await server.restart();
  const after = await eventually(
    async () => (await client.ask(query, { id })).data,
    (data) => JSON.stringify(data) === JSON.stringify(before),
  );
  expect(after).toEqual(before);
});

it('/health/ready tells of the log and of each consumer to callers with a key, and anyone whether it is ready', async () => {
  type Ready = { status: string; details: Record<string, { lagEvents?: number; state?: string }> };
  const ready = async () => (await (await client.get('/health/ready')).json()) as Ready;
  const consumers = ['delivery-saga', 'views'];
  const { status, details } = await eventually(ready, (told) => consumers.every((name) => told.details[name]?.state === 'live'));
  expect(status).toBe('ok');
  expect(Object.keys(details).toSorted()).toEqual(['delivery-saga', 'endpoint-directory', 'log', 'sealer', 'views']);
  for (const name of consumers) expect(details[name]?.lagEvents).toBeGreaterThanOrEqual(0);
  const withoutKey = await fetch(`${server.url}/health/ready`);
  expect([withoutKey.status, await withoutKey.json()]).toEqual([200, { status: 'ok' }]);
  expect((await fetch(`${server.url}/health/live`)).status).toBe(200);
});

it('/metrics counts attempts by outcome, for keys that read', async () => {
  const counted = async () => {
    const text = await (await client.get('/metrics')).text();
    return Number(/^hookledger_attempts_total\{outcome="succeeded"\} (\d+)$/m.exec(text)?.[1] ?? 0);
  };
  const before = await counted();
  await client.createEndpoint({ url: receiver.url, eventTypes: ['metrics.counted'] });
  await client.delivery(await client.publish('metrics.counted'), 'SUCCEEDED');
  expect(await counted()).toBe(before + 1);
  expect((await fetch(`${server.url}/metrics`)).status).toBe(401);
});

it('/metrics counts what was accepted, refused, appended and received, and what waits', async () => {
  const metrics = async () => {
    const text = await (await client.get('/metrics')).text();
    return (name: string) =>
      Number(
        text
          .split('\n')
          .find((line) => line.startsWith(`${name} `))
          ?.slice(name.length + 1) ?? 0,
      );
  };
  await settled();
  const before = await metrics();
  const eventTypes = ['metrics.waits'];
  const endpoints = [
    await client.createEndpoint({ url: receiver.url, eventTypes, retryPolicy: { delaysSeconds: [3_600] } }),
    await client.createEndpoint({ url: receiver.url, eventTypes }),
  ];
  await client.act('pauseEndpoint', endpoints[1] ?? '');
  for (let time = 0; time < 2; time++) await server.publish({ id: 'metrics-1', type: 'metrics.waits', data: {} });
  expect((await client.post('/v1/messages', { type: 'not a type', data: {} })).status).toBe(400);
  await client.refusal('{ nothing }');
  const after = await eventually(metrics, (all) => all('hookledger_attempts_held') === before('hookledger_attempts_held') + 1);
  const added = (name: string) => after(name) - before(name);
  expect(added('hookledger_messages_accepted_total{kind="new"}')).toBe(1);
  expect(added('hookledger_messages_accepted_total{kind="duplicate"}')).toBe(1);
  expect(added('hookledger_message_destinations_sum')).toBe(2);
  expect(added('hookledger_refusals_total{code="BAD_USER_INPUT"}')).toBe(2);
  expect(added('hookledger_append_duration_seconds_count{outcome="written"}')).toBeGreaterThanOrEqual(4);
  expect(added('hookledger_received_bytes_total')).toBeGreaterThan(100);
  expect(added('hookledger_attempts_waiting')).toBe(1);
  expect(added('hookledger_deliveries_held{reason="paused"}')).toBe(1);
  expect(after('hookledger_sent_bytes_total')).toBeGreaterThan(0);
  expect(after('hookledger_oldest_due_seconds')).toBe(0);
  for (const id of endpoints) await client.act('deleteEndpoint', id);
});

it('no secret is written into the data folder, and no secret, key or payload into the log output', async () => {
  const secret = 'endpoint-secret-4711';
  const rotated = 'rotated-secret-4712';
  const header = 'header-value-4713';
  const payload = 'payload-value-4714';
  const { key } = await client.issueKey('PUBLISHER');
  receiver.answer({ status: 500, body: 'echo-value-4715' });
  const headers = [
    { name: 'Authorization', value: `Bearer ${header}` },
    { name: 'X-Plain', value: `plain-${header}` },
  ];
  const id = await client.createEndpoint({ url: receiver.url, eventTypes: ['secret.kept'], secret, headers });
  await client.query('mutation ($id: ID!, $secret: String) { rotateEndpointSecret(id: $id, secret: $secret) { id } }', {
    id,
    secret: rotated,
  });
  const messageId = await client.publish('secret.kept', { payload });
  await client.delivery(messageId, 'RETRYING');
  await client.post('/v1/messages', { type: 'not a type', data: { payload } });
  await client.refusal('mutation { createEndpoint(input: { name: "A", url: "ftp://x", secret: "endpoint-secret-4711" }) { id } }');
  await new Client(server, 'wrong-key-4716-wrong').post('/v1/messages', { type: 'a.b', data: {} });
  await server.stop();

  const said = server.logs.join('\n');
  for (const hidden of [secret, rotated, header, payload, 'echo-value-4715', 'wrong-key-4716', key, server.adminKey])
    expect(said, `the log output holds ${hidden}`).not.toContain(hidden);
  const files = readdirSync(server.dataDir, { recursive: true, withFileTypes: true }).filter((file) => file.isFile());
  expect(files.map(({ name }) => name)).toContain('log.db');
  const written = new Map(files.map(({ parentPath, name }) => [name, readFileSync(join(parentPath, name))]));
  expect(written.get('log.db')?.includes(payload)).toBe(true); // so that this test would find the others
  for (const [name, bytes] of written)
    for (const hidden of [secret, rotated, `Bearer ${header}`, key, server.adminKey])
      expect(bytes.includes(hidden), `${name} holds ${hidden}`).toBe(false);
});
