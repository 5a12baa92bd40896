// Live: deliveryChanged over graphql-ws, as a client of that protocol sees it.
import { createClient, type Client as WsClient } from 'graphql-ws';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { Client, eventually } from '../support/client.ts';
import { startReceiver, type Receiver } from '../support/receiver.ts';
import { startServer, type Server } from '../support/server.ts';

let server: Server;
let client: Client;
let receiver: Receiver;
const open: WsClient[] = [];
beforeAll(async () => {
  [server, receiver] = await Promise.all([startServer(), startReceiver()]);
  client = new Client(server);
});
afterEach(async () => {
  for (const each of open.splice(0)) await each.dispose();
});
afterAll(async () => {
  await server.dispose();
  await receiver.close();
});

type Change = { id: string; status: string; attemptCount: number; endpoint: { id: string } };

/** What comes, as it comes; `subscribed` resolves when the server has taken the subscription. */
const subscribe = (key: string, variables: Record<string, unknown> = {}) => {
  const { promise: connected, resolve } = Promise.withResolvers<void>();
  const ws = createClient({
    url: `${server.url.replace('http', 'ws')}/graphql`,
    webSocketImpl: WebSocket,
    connectionParams: { authorization: `Bearer ${key}` },
    retryAttempts: 0,
    on: { connected: () => resolve() },
  });
  open.push(ws);
  const changes: Change[] = [];
  const { promise: ended, resolve: end } = Promise.withResolvers<unknown>();
  ws.subscribe<{ deliveryChanged: Change | null }>(
    {
      query: `subscription ($endpointId: ID, $messageId: ID) {
        deliveryChanged(endpointId: $endpointId, messageId: $messageId) { id status attemptCount endpoint { id } } }`,
      variables,
    },
    {
      next: ({ data, errors }) => {
        if (errors) end(errors);
        if (data?.deliveryChanged) changes.push(data.deliveryChanged);
      },
      error: end,
      complete: () => end(undefined),
    },
  );
  return { changes, connected, ended };
};

/** Publishes until the subscription is seen to be taken: the protocol does not acknowledge it. */
const taken = async (changes: readonly Change[], type: string) => {
  await eventually(
    () => client.publish(type),
    () => changes.length > 0,
  );
};

it('a change of a delivery is told as the views come to show it', async () => {
  const id = await client.createEndpoint({ url: receiver.url, eventTypes: ['live.retried'], retryPolicy: { delaysSeconds: [0, 600] } });
  const { changes } = subscribe(server.adminKey, { endpointId: id });
  await taken(changes, 'live.retried');
  receiver.answer(({ headers, body }) => ({ status: body.includes('"watched"') && headers['webhook-attempt'] === '1' ? 500 : 200 }));
  const messageId = await client.publish('live.retried', { watched: true });
  const { id: deliveryId } = await client.delivery(messageId, 'RETRYING');
  await client.act('retryDelivery', deliveryId);
  const seen = await eventually(
    () => changes.filter((change) => change.id === deliveryId),
    (all) => all.at(-1)?.status === 'SUCCEEDED',
  );
  expect(seen.at(-1)).toEqual({ id: deliveryId, status: 'SUCCEEDED', attemptCount: 2, endpoint: { id } });
  expect(seen.map(({ status }) => status)).toContain('RETRYING');
});

it('a subscription to one endpoint is told of no other', async () => {
  const eventTypes = ['live.scoped'];
  const wanted = await client.createEndpoint({ url: receiver.url, eventTypes });
  const other = await client.createEndpoint({ url: receiver.url, eventTypes });
  const { changes } = subscribe(server.adminKey, { endpointId: wanted });
  await taken(changes, 'live.scoped');
  const messageId = await client.publish('live.scoped');
  await client.delivery(messageId, 'SUCCEEDED', other);
  const { id } = await client.delivery(messageId, 'SUCCEEDED', wanted);
  await eventually(
    () => changes,
    (all) => all.some((change) => change.id === id && change.status === 'SUCCEEDED'),
  );
  expect(new Set(changes.map(({ endpoint }) => endpoint.id))).toEqual(new Set([wanted]));
});

it('a connection without a known key is closed: 4403', async () => {
  const { ended } = subscribe('not-a-key-of-this-server');
  expect(await ended).toMatchObject({ code: 4403 });
});

it('a publisher may not subscribe', async () => {
  const { key } = await client.issueKey('PUBLISHER');
  const { ended } = subscribe(key);
  expect(JSON.stringify(await ended)).toContain('FORBIDDEN');
});

it('a subscription ends when its key is revoked', async () => {
  const { id: keyId, key } = await client.issueKey('VIEWER');
  await client.createEndpoint({ url: receiver.url, eventTypes: ['live.revoked'] });
  const { changes, ended } = subscribe(key);
  await taken(changes, 'live.revoked');
  await client.act('revokeApiKey', keyId);
  await client.publish('live.revoked');
  expect(JSON.stringify(await ended)).toContain('UNAUTHENTICATED');
});
