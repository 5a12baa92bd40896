// Pause, resume, disable, enable, delete: what waits, what goes on, what ends. A second endpoint with the same subscription shows that a
// message has gone where it may go.
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { Client, eventually } from '../support/client.ts';
import { startReceiver, type Receiver } from '../support/receiver.ts';
import { startServer, type MessageInput, type Server } from '../support/server.ts';

let server: Server;
let client: Client;
let receiver: Receiver;
let control: Receiver;
let id: string;
let controlId: string;
beforeAll(async () => {
  server = await startServer();
  client = new Client(server);
});
afterAll(() => server.dispose());
beforeEach(async () => {
  receiver = await startReceiver();
  control = await startReceiver();
  id = await client.createEndpoint({ url: receiver.url, retryPolicy: { delaysSeconds: [0, 2, 2] } }); // long enough to pause it between two
  controlId = await client.createEndpoint({ url: control.url });
  return async () => {
    for (const each of [id, controlId]) await client.act('deleteEndpoint', each);
    await Promise.all([receiver.close(), control.close()]);
  };
});

/** Publishes, and waits until the control endpoint has them all. */
const publish = async (count: number): Promise<string[]> => {
  const published = await server.publish(Array.from({ length: count }, (_, n) => ({ type: 'order.placed', data: { n } })));
  const ids = published.map((message) => message.id);
  for (const messageId of ids) await client.delivery(messageId, 'SUCCEEDED', controlId);
  return ids;
};
/** Intake may ask to come back later: the other endpoints get these messages, too. */
const accepted = (messages: MessageInput[]) =>
  eventually(
    () => server.publish(messages).catch(() => undefined),
    (published) => published !== undefined,
  );
const statuses = async () => (await client.deliveries({ endpointId: id })).map(({ status }) => status);
const conservation = () =>
  client.query<Record<string, number | boolean>>(
    'query ($id: ID) { conservation(endpointId: $id) { routed succeeded failed cancelled open balanced } }',
    { id },
  );

it('a paused endpoint gets nothing: its deliveries are held, and drain when it is resumed', async () => {
  await client.act('pauseEndpoint', id);
  await publish(5);
  expect(await statuses()).toEqual(Array.from({ length: 5 }, () => 'HELD'));
  expect(receiver.requests).toEqual([]);
  await client.act('resumeEndpoint', id);
  await receiver.received(5);
  await eventually(statuses, (all) => all.every((status) => status === 'SUCCEEDED'));
});

it.each([
  ['pauseEndpoint', 'resumeEndpoint'],
  ['disableEndpoint', 'enableEndpoint'],
])('after %s and a long backlog, %s answers, and a new message waits behind few', { timeout: 60_000 }, async (hold, release) => {
  const type = `long.${hold}`;
  const waiting = 4_000;
  const endpointId = await client.createEndpoint({ url: receiver.url, eventTypes: [type] });
  receiver.answer({ delayMs: 100 });
  // A disabled endpoint is skipped when messages are accepted; what had been accepted before waits.
  if (hold === 'disableEndpoint') await client.act('pauseEndpoint', endpointId);
  else await client.act(hold, endpointId);
  for (let sent = 0; sent < waiting; sent += 1_000)
    await accepted(Array.from({ length: 1_000 }, (_, n) => ({ type, data: { n: sent + n } })));
  if (hold === 'disableEndpoint') await client.act(hold, endpointId);
  const from = performance.now();
  await client.act(release, endpointId);
  expect(performance.now() - from).toBeLessThan(5_000);
  const before = (await receiver.received(100)).length;
  const [fresh] = (await accepted([{ type, data: { fresh: true } }])) ?? [];
  const index = () => receiver.requests.findIndex(({ headers }) => headers['webhook-id'] === fresh?.id);
  await eventually(index, (found) => found >= 0);
  expect(index() - before).toBeLessThan(waiting / 2);
  await client.act('deleteEndpoint', endpointId);
});

it('a retry that becomes due while the endpoint is paused waits until it is resumed', async () => {
  receiver.answerNext({ status: 500 });
  const [messageId = ''] = await publish(1);
  await client.act('pauseEndpoint', id);
  await client.delivery(messageId, 'HELD', id);
  await eventually(
    () => Date.now(),
    (now) => now > (receiver.requests[0]?.at.getTime() ?? 0) + 2_400,
  );
  expect(receiver.requests).toHaveLength(1);
  await client.act('resumeEndpoint', id);
  await client.delivery(messageId, 'SUCCEEDED', id);
});

it('messages are recorded as skipped at a disabled endpoint, and what waited is held until it is enabled', async () => {
  receiver.answer({ status: 500 });
  const [waiting = ''] = await publish(1);
  await receiver.received(1);
  await client.query('mutation ($id: ID!) { disableEndpoint(id: $id, reason: "maintenance") { id } }', { id });
  const before = receiver.requests.length;
  const [skipped = ''] = await publish(1);
  const held = await client.deliveries({ messageId: waiting, endpointId: id });
  expect(held.map(({ status }) => status)).toEqual(['HELD']);
  const query = 'query ($id: ID!) { message(id: $id) { skipped { id } deliveries { endpoint { id } } } }';
  expect(await client.query(query, { id: skipped })).toEqual({ skipped: [{ id }], deliveries: [{ endpoint: { id: controlId } }] });
  expect(await client.query('query ($id: ID!) { endpoint(id: $id) { status disabledReason } }', { id })).toEqual({
    status: 'DISABLED',
    disabledReason: 'maintenance',
  });
  expect(receiver.requests).toHaveLength(before);

  receiver.answer({});
  await client.act('enableEndpoint', id);
  await client.delivery(waiting, 'SUCCEEDED', id);
  expect(await client.deliveries({ messageId: skipped, endpointId: id })).toEqual([]);
});

it('deleting an endpoint cancels what is open, and the counts balance', async () => {
  await publish(1);
  await eventually(statuses, (all) => all.every((status) => status === 'SUCCEEDED'));
  await client.updateEndpoint(id, { retryPolicy: { delaysSeconds: [0, 3600] } });
  receiver.answer({ status: 500 });
  const [later = ''] = await publish(1);
  await client.delivery(later, 'RETRYING', id);
  await client.act('pauseEndpoint', id);
  await publish(4);
  expect(await conservation()).toEqual({ routed: 6, succeeded: 1, failed: 0, cancelled: 0, open: 5, balanced: true });
  await client.act('deleteEndpoint', id);
  await eventually(statuses, (all) => all.filter((status) => status === 'CANCELLED').length === 5);
  expect(await conservation()).toEqual({ routed: 6, succeeded: 1, failed: 0, cancelled: 5, open: 0, balanced: true });
  expect(await client.query('{ endpoints { nodes { id } } }')).not.toMatchObject({
    nodes: expect.arrayContaining([{ id }]),
  });
  const [next = ''] = await publish(1);
  expect(await client.deliveries({ messageId: next, endpointId: id })).toEqual([]);
  id = await client.createEndpoint({ url: receiver.url });
});

it('deleting an endpoint whose receiver is being called lets that attempt be recorded, and nothing follows it', async () => {
  receiver.answer({ status: 500, delayMs: 300 });
  const [messageId = ''] = await publish(1);
  await receiver.received(1);
  await client.act('deleteEndpoint', id);
  const { attempts } = await client.delivery(messageId, 'CANCELLED', id);
  expect(attempts.map(({ responseCode }) => responseCode)).toEqual([500]);
  expect(await conservation()).toEqual({ routed: 1, succeeded: 0, failed: 0, cancelled: 1, open: 0, balanced: true });
  id = await client.createEndpoint({ url: receiver.url });
});
