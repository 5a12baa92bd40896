// Publishing: once, all or nothing, many at a time.
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Client, eventually } from '../support/client.ts';
import { startReceiver, type Receiver } from '../support/receiver.ts';
import { startServer, type PublishedMessage, type Server } from '../support/server.ts';

let server: Server;
let client: Client;
let receiver: Receiver;
beforeAll(async () => {
  [server, receiver] = await Promise.all([startServer(), startReceiver()]);
  client = new Client(server);
  await client.createEndpoint({ url: receiver.url });
});
afterAll(async () => {
  await server.dispose();
  await receiver.close();
});
const routed = async () => (await client.query<{ routed: number; balanced: boolean }>('{ conservation { routed balanced } }')).routed;

it('an id that was seen before answers with the first message, and nothing is sent again', async () => {
  const message = { id: 'order-1', type: 'order.placed', data: { total: 10 } };
  const [first] = await server.publish(message);
  const before = receiver.requests.length;
  const [again, also] = await server.publish([message, message]);
  expect(first?.duplicate).toBe(false);
  expect([again, also]).toEqual([
    { ...first, duplicate: true },
    { ...first, duplicate: true },
  ]);
  await client.delivery(first?.id ?? '', 'SUCCEEDED');
  expect(await client.deliveries({ messageId: first?.id })).toHaveLength(1);
  expect(receiver.requests.filter(({ headers }) => headers['webhook-id'] === first?.id)).toHaveLength(1);
  expect(before).toBeLessThanOrEqual(1);
});

it('the same id at the same moment, many times, is one message', async () => {
  const message = { id: 'order-2', type: 'order.placed', data: { total: 20 } };
  const answers = (await Promise.all(Array.from({ length: 20 }, () => server.publish(message)))).flat();
  expect(new Set(answers.map(({ id }) => id)).size).toBe(1);
  expect(answers.filter(({ duplicate }) => !duplicate)).toHaveLength(1);
  const id = answers[0]?.id ?? '';
  await client.delivery(id, 'SUCCEEDED');
  expect(receiver.requests.filter(({ headers }) => headers['webhook-id'] === id)).toHaveLength(1);
});

it('the same id with other content is a conflict: 409', async () => {
  const [first] = await server.publish({ id: 'order-3', type: 'order.placed', data: { total: 30 } });
  await client.delivery(first?.id ?? '', 'SUCCEEDED');
  const response = await client.post('/v1/messages', { id: 'order-3', type: 'order.placed', data: { total: 31 } });
  expect(response.status).toBe(409);
  expect(response.headers.get('content-type')).toContain('application/problem+json');
  expect(((await response.json()) as { detail: string }).detail).toContain('order-3');
});

it('an array is all or nothing: one bad message, and none is stored', async () => {
  const before = await routed();
  const response = await client.post('/v1/messages', [
    { id: 'good', type: 'order.placed', data: {} },
    { type: 'order placed', data: {} },
  ]);
  expect(response.status).toBe(400);
  expect(((await response.json()) as { issues: { path: string }[] }).issues.map(({ path }) => path)).toEqual(['1.type']);
  const conflict = await client.post('/v1/messages', [
    { id: 'good', type: 'order.placed', data: {} },
    { id: 'order-3', type: 'order.placed', data: { total: 32 } },
  ]);
  expect(conflict.status).toBe(409);
  const [good] = await server.publish({ id: 'good', type: 'order.placed', data: {} });
  expect(good?.duplicate).toBe(false);
  await client.delivery(good?.id ?? '', 'SUCCEEDED');
  expect(await routed()).toBe(before + 1);
});

it('a thousand messages in one request are answered in their order, and all arrive', async () => {
  const type = 'batch.item';
  const response = await client.post(
    '/v1/messages',
    Array.from({ length: 1000 }, (_, n) => ({ id: `item-${n}`, type, data: { n } })),
  );
  expect(response.status).toBe(202);
  const { messages } = (await response.json()) as { messages: PublishedMessage[] };
  const answered = new Map(messages.map(({ id }, n) => [id, n]));
  expect(messages.every(({ duplicate, destinations }) => !duplicate && destinations === 1)).toBe(true);
  const arrived = () => receiver.requests.filter(({ body }) => body.includes(type));
  await eventually(
    () => arrived().length,
    (count) => count >= 1000,
  );
  for (const { headers, body } of arrived())
    expect(answered.get(String(headers['webhook-id']))).toBe((JSON.parse(body) as { data: { n: number } }).data.n);
  const refused = await client.post(
    '/v1/messages',
    Array.from({ length: 1001 }, () => ({ type, data: {} })),
  );
  expect(refused.status).toBe(400);
});

it('GraphQL publishes the same', async () => {
  const mutation = 'mutation ($messages: [MessageInput!]!) { publishMessages(messages: $messages) { id duplicate destinations } }';
  const messages = [{ id: 'graph-1', type: 'graph.published', data: { a: [1, null] }, timestamp: '2026-01-15T10:30:00Z' }];
  const [first] = await client.query<PublishedMessage[]>(mutation, { messages });
  expect(first).toMatchObject({ duplicate: false, destinations: 1 });
  const [again] = await server.publish(messages[0] as (typeof messages)[0]);
  expect(again).toMatchObject({ id: first?.id, duplicate: true });
  await client.delivery(first?.id ?? '', 'SUCCEEDED');
  const body = receiver.requests.find(({ headers }) => headers['webhook-id'] === first?.id)?.body;
  expect(body).toBe('{"event":"graph.published","timestamp":"2026-01-15T10:30:00Z","data":{"a":[1,null]}}');
});
