// Batches: several messages in one request, closed by size or by wait, sent, recorded, retried and cancelled as one.
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { Client, eventually } from '../support/client.ts';
import { runToEnd } from '../support/process.ts';
import { startReceiver, type Receiver } from '../support/receiver.ts';
import { startServer, type Server } from '../support/server.ts';

let server: Server;
let client: Client;
let receiver: Receiver;
beforeAll(async () => {
  server = await startServer();
  client = new Client(server);
});
afterAll(() => server.dispose());
beforeEach(async () => {
  receiver = await startReceiver();
  return () => receiver.close();
});

type Shown = { id: string; status: string; attemptCount: number; batch: { id: string; size: number } | null; message: { id: string } };
const shown = async (endpointId: string): Promise<Shown[]> => {
  const query = `query ($endpointId: ID!) { deliveries(filter: { endpointId: $endpointId }) { nodes {
    id status attemptCount batch { id size } message { id } } } }`;
  return (await client.query<{ nodes: Shown[] }>(query, { endpointId })).nodes.toReversed();
};
const endpoint = (eventType: string, input: Record<string, unknown>) =>
  client.createEndpoint({ url: receiver.url, eventTypes: [eventType], secret: 'a secret', ...input });
const publish = async (type: string, count: number) =>
  (await server.publish(Array.from({ length: count }, (_, n) => ({ type, timestamp: '2026-01-01T00:00:00Z', data: { n } })))).map(
    ({ id }) => id,
  );
const envelopes = (type: string, ...ns: number[]) => ns.map((n) => ({ event: type, timestamp: '2026-01-01T00:00:00Z', data: { n } }));

it('a full batch goes at once, what is left when it has waited; each delivery shows its batch and what was sent', async () => {
  const type = 'batch.full';
  const id = await endpoint(type, { batch: { maxSize: 3, maxWaitMs: 300 } });
  const messages = await publish(type, 5);
  const requests = await receiver.received(2);
  const bodies = requests.map(({ body }) => body).toSorted((a, b) => b.length - a.length);
  expect(bodies.map((body) => JSON.parse(body) as unknown)).toEqual([envelopes(type, 0, 1, 2), envelopes(type, 3, 4)]);
  for (const { body } of requests) expect(JSON.stringify(JSON.parse(body))).toBe(body);
  const all = await eventually(
    () => shown(id),
    (deliveries) => deliveries.length === 5 && deliveries.every(({ status }) => status === 'SUCCEEDED'),
  );
  expect(all.map(({ message }) => message.id)).toEqual(messages);
  expect(all.map(({ batch }) => batch?.size)).toEqual([3, 3, 3, 2, 2]);
  expect(new Set(all.map(({ batch }) => batch?.id))).toEqual(new Set(requests.map(({ headers }) => headers['webhook-id'])));
  const { attempts } = await client.delivery(messages[0] ?? '', 'SUCCEEDED');
  expect(attempts).toMatchObject([{ number: 1, responseCode: 200, requestBody: bodies[0] }]);
});

it('a batch is retried as one, with the same messages under the same id, by its policy and by hand', async () => {
  const type = 'batch.retried';
  receiver.answerNext({ status: 500 }, { status: 503 });
  const id = await endpoint(type, { format: 'FLAT', batch: { maxSize: 2, maxWaitMs: 5_000 }, retryPolicy: { delaysSeconds: [0, 0.05] } });
  const messages = await publish(type, 2);
  await receiver.received(2);
  await eventually(
    () => shown(id),
    (deliveries) => deliveries.length === 2 && deliveries.every(({ status, attemptCount }) => status === 'FAILED' && attemptCount === 2),
  );
  const [first] = await shown(id);
  await client.act('retryDelivery', first?.id ?? '');
  const requests = await receiver.received(3);
  expect(new Set(requests.map(({ headers, body }) => `${String(headers['webhook-id'])} ${body}`))).toEqual(
    new Set([`${first?.batch?.id} [{"n":0},{"n":1}]`]),
  );
  expect(requests.map(({ headers }) => headers['webhook-attempt'])).toEqual(['1', '2', '3']);
  for (const messageId of messages) await client.delivery(messageId, 'SUCCEEDED', id);
  const timeline = await client.query<{ timeline: { text: string }[] }>('query ($id: ID!) { message(id: $id) { timeline { text } } }', {
    id: messages[0],
  });
  expect(timeline.timeline.map(({ text }) => text)).toEqual([
    expect.stringMatching(/accepted from apikey:admin/),
    expect.stringMatching(/in one request with one other message: batch 1\.$/),
    expect.stringMatching(/^Attempt 1 to .* failed/),
    expect.stringMatching(/^Attempt 2 to .* failed/),
    expect.stringMatching(/failed for good after 2 attempts/),
    expect.stringMatching(/requested a retry/),
    expect.stringMatching(/^Attempt 3 to .* succeeded/),
  ]);
});

it('what gathers survives kill -9 and is sent; what is paused is held; what is cancelled is not sent', async () => {
  const type = 'batch.killed';
  const id = await endpoint(type, { batch: { maxSize: 100, maxWaitMs: 60_000 } });
  const [cancelled = '', ...kept] = await publish(type, 4);
  const { id: deliveryId } = await client.delivery(cancelled, 'PENDING', id);
  await client.act('cancelDelivery', deliveryId);
  await server.kill9();
  await server.start();
  await client.updateEndpoint(id, { batch: { maxSize: 100, maxWaitMs: 1 } });
  const [request] = await receiver.received(1);
  expect(JSON.parse(request?.body ?? '')).toEqual(envelopes(type, 1, 2, 3));
  for (const messageId of kept) await client.delivery(messageId, 'SUCCEEDED', id);
  await client.act('pauseEndpoint', id);
  const held = await publish(type, 2);
  for (const messageId of held) await client.delivery(messageId, 'HELD', id);
  await client.act('resumeEndpoint', id);
  for (const messageId of held) await client.delivery(messageId, 'SUCCEEDED', id);
  const counts = 'query ($id: ID) { conservation(endpointId: $id) { routed succeeded failed cancelled open balanced } }';
  const expected = { routed: 6, succeeded: 5, failed: 0, cancelled: 1, open: 0, balanced: true };
  expect(await client.query(counts, { id })).toEqual(expected);
});

it('what is cancelled while it gathers goes in no batch, and the log and the views agree on it', async () => {
  const type = 'batch.cancelled';
  const id = await endpoint(type, { batch: { maxSize: 10, maxWaitMs: 60_000 } });
  const publishFrom = async (first: number, count: number) =>
    server.publish(Array.from({ length: count }, (_, n) => ({ type, timestamp: '2026-01-01T00:00:00Z', data: { n: first + n } })));
  const messages = await publishFrom(0, 6);
  for (const n of [0, 3]) await client.act('cancelDelivery', (await client.delivery(messages[n]?.id ?? '', 'PENDING', id)).id);
  await publishFrom(6, 6); // those that are left and these are a full batch, or almost if the lane has not heard of it yet
  await receiver.received(1);
  await client.updateEndpoint(id, { batch: { maxSize: 10, maxWaitMs: 1 } });
  await publishFrom(12, 1);
  const arrived = () => receiver.requests.flatMap(({ body }) => (JSON.parse(body) as { data: { n: number } }[]).map(({ data }) => data.n));
  expect(await eventually(arrived, (all) => all.includes(12) && all.length >= 11)).toEqual([1, 2, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
  const counts = 'query ($id: ID) { conservation(endpointId: $id) { routed succeeded failed cancelled open balanced } }';
  const expected = { routed: 13, succeeded: 11, failed: 0, cancelled: 2, open: 0, balanced: true };
  expect(
    await eventually(
      () => client.query<typeof expected>(counts, { id }),
      ({ open }) => open === 0,
    ),
  ).toEqual(expected);
  await server.stop();
  const { code, output } = await runToEnd(['verify', '--json'], { HOOKLEDGER_DATA_DIR: server.dataDir });
  const { checks } = JSON.parse(output) as { checks: Record<string, { first?: unknown }> };
  expect(Object.values(checks).flatMap(({ first }) => first ?? [])).toEqual([]);
  expect(code).toBe(0);
  await server.start();
});

it('one slow receiver of batches delays nobody, and a test goes alone, as a list of one', async () => {
  const type = 'batch.slow';
  await using other = await startReceiver();
  receiver.answerNext({ status: 200, delayMs: 3_000 });
  const id = await endpoint(type, { batch: { maxSize: 2, maxWaitMs: 50 } });
  await client.createEndpoint({ url: other.url, eventTypes: [type], batch: { maxSize: 2, maxWaitMs: 50 } });
  const began = Date.now();
  await publish(type, 20);
  await other.received(10);
  expect(Date.now() - began).toBeLessThan(3_000);
  await client.query('mutation ($id: ID!) { testEndpoint(id: $id) { id } }', { id });
  const test = (
    await eventually(
      () => receiver.requests,
      (requests) => requests.some(({ body }) => body.includes('test delivery')),
    )
  ).find(({ body }) => body.includes('test delivery'));
  expect(JSON.parse(test?.body ?? '')).toHaveLength(1);
});

it.each([
  [{ batch: { maxSize: 2, maxWaitMs: 0 } }, 'input.batch.maxWaitMs', /whole number from 1 to 60000/],
  [{ batch: { maxSize: 2000, maxWaitMs: 5 } }, 'input.batch.maxSize', /whole number from 1 to 1000/],
])('refuses %j', async (input, path, message) => {
  const mutation = 'mutation ($input: EndpointInput!) { createEndpoint(input: $input) { id } }';
  const { extensions } = await client.refusal(mutation, { input: { name: 'x', url: receiver.url, ...input } });
  expect(extensions.issues).toEqual([{ path, message: expect.stringMatching(message) as string }]);
});
