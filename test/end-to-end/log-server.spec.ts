// The service on a log server: what works embedded works here; while the server is away intake says so and queries go on; and what is refused
// at the start.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { Client, eventually } from '../support/client.ts';
import { LogServerDouble } from '../support/log-server/double.ts';
import { runToEnd } from '../support/process.ts';
import { startReceiver, type Receiver } from '../support/receiver.ts';
import { conservation, startServer, type Server } from '../support/server.ts';

let double: LogServerDouble;
let server: Server;
let client: Client;
let receiver: Receiver;
beforeAll(async () => {
  double = await LogServerDouble.start();
  await double.call('writeForeign', { stream: 'order-1', count: 30 });
  server = await startServer({ env: { HOOKLEDGER_EVENTSTORE_URL: double.url(), HOOKLEDGER_EVENTSTORE_PREFIX: 'acme_' } });
  client = new Client(server);
});
afterAll(async () => {
  await server.dispose();
  await double.stop();
});
beforeEach(async () => {
  await double.call('heal');
  receiver = await startReceiver();
  return () => receiver.close();
});

const readiness = async () => {
  const response = await client.get('/health/ready');
  return {
    status: response.status,
    body: (await response.json()) as { details: { log: { status: string; tip?: string; error?: string } } },
  };
};
/** Resolves when the views show all that the log holds, and nothing is under way. */
const settled = async () => {
  const { body } = await readiness();
  return eventually(
    () => conservation(server),
    ({ open, position }) => open === 0 && position >= (body.details.log.tip ?? ''),
  );
};
const answers = (id: string) =>
  server.graphql(
    `query ($id: ID!) {
      endpoints { nodes { id name status successRate { label } } }
      deliveries(filter: { endpointId: $id }) { nodes { id status endedAt createdAt attempts { number startedAt responseCode requestBody } } }
      messages(first: 5) { nodes { id acceptedAt data position timeline { at text } } }
      conservation { routed succeeded failed open balanced }
    }`,
    { id },
  );

it('delivers, retries, shows what became of it, and answers the same after kill -9 and a rebuild of the views', async () => {
  receiver.answerNext({ status: 500 });
  const id = await client.createEndpoint({ url: receiver.url, eventTypes: ['order.*'], retryPolicy: { delaysSeconds: [0, 0.1] } });
  const retried = await client.publish('order.placed', { sum: 7 });
  expect((await client.delivery(retried, 'SUCCEEDED')).attemptCount).toBe(2);
  const published = await server.publish(Array.from({ length: 50 }, (_, n) => ({ id: `o-${n}`, type: 'order.paid', data: { n } })));
  expect(new Set(published.map(({ duplicate }) => duplicate))).toEqual(new Set([false]));
  const again = await server.publish(Array.from({ length: 50 }, (_, n) => ({ id: `o-${n}`, type: 'order.paid', data: { n } })));
  expect(new Set(again.map(({ duplicate }) => duplicate))).toEqual(new Set([true]));
  await receiver.received(52);
  await settled();
  const before = await answers(id);

  await server.kill9();
  rmSync(join(server.dataDir, 'views'), { recursive: true });
  await server.start();
  await settled();
  expect(await answers(id)).toEqual(before);
  expect(receiver.requests).toHaveLength(52);
  await client.act('deleteEndpoint', id);
});

it('answers 503 while the log is away, goes on answering queries, says what is wrong, and resumes by itself', async () => {
  const id = await client.createEndpoint({ url: receiver.url, eventTypes: ['away.*'], retryPolicy: { delaysSeconds: [0] } });
  receiver.answer({ delayMs: 300 });
  const underWay = await client.publish('away.before');
  await receiver.received(1);
  await double.call('kill');

  const refused = await eventually(
    () => client.post('/v1/messages', { type: 'away.during', data: {} }),
    ({ status }) => status === 503,
  );
  expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
  expect(await refused.json()).toMatchObject({
    status: 503,
    detail: expect.stringMatching(/log server esdb:\/\/127\.0\.0\.1:\d+ is unavailable/),
  });
  const began = performance.now();
  expect((await client.post('/v1/messages', { type: 'away.during', data: {} })).status).toBe(503);
  expect(performance.now() - began).toBeLessThan(1_000);
  const { status, body } = await readiness();
  expect(status).toBe(503);
  expect(JSON.stringify(body)).toMatch(/is unavailable: connect ECONNREFUSED/);
  expect(await server.graphql('{ endpoints { nodes { name } } deliveries(first: 1) { nodes { status } } }')).toBeTruthy();

  await double.call('comeBack');
  await eventually(readiness, (answer) => answer.status === 200);
  expect((await client.delivery(underWay, 'SUCCEEDED')).attemptCount).toBe(1); // its outcome waited for the log
  const later = await client.publish('away.after');
  await client.delivery(later, 'SUCCEEDED');
  expect((await settled()).balanced).toBe(true);
  await client.act('deleteEndpoint', id);
}, 40_000);

it('two processes on one data folder, and one with the key of another installation, are refused in a sentence', async () => {
  const environment = { HOOKLEDGER_EVENTSTORE_URL: double.url(), HOOKLEDGER_EVENTSTORE_PREFIX: 'acme_', HOOKLEDGER_PORT: '0' };
  const second = await runToEnd([], { ...environment, HOOKLEDGER_DATA_DIR: server.dataDir });
  expect(second.code).toBe(1);
  expect(second.output).toMatch(/data folder .* is in use by another process/);

  const elsewhere = mkdtempSync(join(tmpdir(), 'hookledger-'));
  const other = await runToEnd([], {
    ...environment,
    HOOKLEDGER_DATA_DIR: elsewhere,
    HOOKLEDGER_MASTER_KEY: Buffer.alloc(32, 1).toString('base64'),
  });
  rmSync(elsewhere, { recursive: true });
  expect(other.code).toBe(1);
  expect(other.output).toMatch(/master key is not the one that this log was written under, or the log belongs to another installation/);
  expect(other.output).not.toContain('"stack"');
});

it('a log server that is none is refused in a sentence that does not repeat the password', async () => {
  const elsewhere = mkdtempSync(join(tmpdir(), 'hookledger-'));
  const url = `esdb://admin:s3cret@${receiver.url.replace('http://', '')}?tls=false`;
  const { code, output } = await runToEnd([], { HOOKLEDGER_EVENTSTORE_URL: url, HOOKLEDGER_DATA_DIR: elsewhere, HOOKLEDGER_PORT: '0' });
  rmSync(elsewhere, { recursive: true });
  expect(code).toBe(1);
  expect(output).toMatch(/is not an EventStoreDB or KurrentDB server/);
  expect(output).not.toContain('s3cret');
});
