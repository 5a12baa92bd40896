// Operational messages, and endpoints that are disabled because they are dead.
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { Client, eventually } from '../support/client.ts';
import { startReceiver, type Receiver } from '../support/receiver.ts';
import { startServer, type Server } from '../support/server.ts';

let server: Server;
let client: Client;
let receiver: Receiver;
let operations: Receiver;
beforeAll(async () => {
  server = await startServer();
  client = new Client(server);
  operations = await startReceiver();
  await client.createEndpoint({ name: 'Operations', url: operations.url, eventTypes: ['hookledger.*'] });
  await client.createEndpoint({ name: 'Everything', url: `${operations.url}/everything`, eventTypes: ['*'] });
});
afterAll(async () => {
  await server.dispose();
  await operations.close();
});
beforeEach(async () => {
  receiver = await startReceiver();
  return () => receiver.close();
});

type Notice = { event: string; data: Record<string, unknown> };
const noticesAbout = (endpointId: string): Notice[] =>
  operations.requests
    .filter(({ path }) => path === '/')
    .map(({ body }) => JSON.parse(body) as Notice)
    .filter(({ data }) => data['endpointId'] === endpointId);

it('are published about an endpoint that fails, runs out of attempts and recovers, to those that subscribe to them', async () => {
  receiver.answer({ status: 500 });
  const id = await client.createEndpoint({
    name: 'Shop',
    url: receiver.url,
    eventTypes: ['shop'],
    retryPolicy: { delaysSeconds: [0, 0.05] },
  });
  const messageId = await client.publish('shop');
  const { id: deliveryId } = await client.delivery(messageId, 'FAILED');
  receiver.answer({});
  await client.act('retryDelivery', deliveryId);
  await eventually(
    () => noticesAbout(id),
    ({ length }) => length >= 3,
  );
  const sentence = expect.stringContaining('The receiver answered 500') as string;
  const about = { endpointId: id, endpointName: 'Shop', since: expect.any(String) as string };
  expect(noticesAbout(id).toSorted((a, b) => a.event.localeCompare(b.event))).toMatchObject([
    { event: 'hookledger.delivery.exhausted', data: { ...about, reason: sentence, messageId, deliveryId, eventType: 'shop' } },
    { event: 'hookledger.endpoint.failing', data: { ...about, reason: sentence } },
    { event: 'hookledger.endpoint.recovered', data: about },
  ]);
  await server.publish({ type: 'plain', data: {} });
  await eventually(
    () => operations.requests.filter(({ path }) => path === '/everything'),
    (all) => all.some(({ body }) => body.includes('plain')),
  );
  expect(operations.requests.filter(({ path, body }) => path === '/everything' && body.includes('hookledger'))).toEqual([]);
});

it('come once, also when the log is followed again from the start of a term', async () => {
  receiver.answer({ status: 500 });
  const id = await client.createEndpoint({ url: receiver.url, eventTypes: ['again'], retryPolicy: { delaysSeconds: [0] } });
  await client.publish('again');
  await eventually(
    () => noticesAbout(id),
    ({ length }) => length >= 2,
  );
  await server.restart();
  await client.publish('again');
  await eventually(
    () => client.deliveries({ endpointId: id, status: ['FAILED'] }),
    ({ length }) => length === 2,
  );
  await server.publish({ type: 'plain', data: {} });
  expect(noticesAbout(id)).toHaveLength(2);
});

it('tell of an endpoint that was disabled because no attempt succeeded for as long as it says', async () => {
  receiver.answer({ status: 500 });
  const delaysSeconds = [0, ...Array.from({ length: 20 }, () => 0.5)];
  const id = await client.createEndpoint({
    url: receiver.url,
    eventTypes: ['dead'],
    retryPolicy: { delaysSeconds },
    disableAfterSeconds: 2,
  });
  await client.publish('dead');
  const query = 'query ($id: ID!) { endpoint(id: $id) { status disabledReason disableAfterSeconds } }';
  type Shown = { status: string; disabledReason: string; disableAfterSeconds: number };
  const shown = await eventually(
    () => client.query<Shown>(query, { id }),
    ({ status }) => status === 'DISABLED',
  );
  expect(shown).toEqual({
    status: 'DISABLED',
    disabledReason: 'No attempt has succeeded for 2 seconds. The last one: The receiver answered 500 Internal Server Error.',
    disableAfterSeconds: 2,
  });
  const [notice] = await eventually(
    () => noticesAbout(id).filter(({ event }) => event === 'hookledger.endpoint.disabled'),
    ({ length }) => length > 0,
  );
  expect(notice?.data['reason']).toBe(shown.disabledReason);
  await client.act('enableEndpoint', id); // it begins again
  expect(await client.query<Shown>(query, { id })).toMatchObject({ status: 'ENABLED' });
  expect(await client.createEndpoint({ url: receiver.url, eventTypes: ['never'], disableAfterSeconds: null })).toBeTruthy();
});

it('types that begin with hookledger. are refused from publishers and as event types, by path', async () => {
  const response = await client.post('/v1/messages', [
    { type: 'fine', data: {} },
    { type: 'hookledger.endpoint.failing', data: {} },
  ]);
  expect([response.status, await response.json()]).toMatchObject([
    400,
    {
      issues: [
        { path: expect.stringContaining('type') as string, message: expect.stringContaining('must not begin with hookledger.') as string },
      ],
    },
  ]);
  const define = 'mutation ($input: EventTypeInput!) { defineEventType(input: $input) { name } }';
  expect((await client.refusal(define, { input: { name: 'hookledger.mine' } })).extensions.issues).toMatchObject([{ path: 'input.name' }]);
});
