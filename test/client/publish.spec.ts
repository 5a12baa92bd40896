// The client against a running server.
import { createServer, request as forward } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Hookledger, RefusedError, verifyWebhook } from '../../client/src/index.ts';
import { Client, eventually } from '../support/client.ts';
import { startReceiver } from '../support/receiver.ts';
import { startServer, type Server } from '../support/server.ts';

let server: Server;
let client: Hookledger;
beforeAll(async () => {
  server = await startServer();
  client = new Hookledger({ url: server.url, key: server.adminKey });
});
afterAll(() => server.dispose());

it('publishes a message that a receiver then verifies', async () => {
  await using receiver = await startReceiver();
  const mutation = 'mutation ($input: EndpointInput!) { createEndpoint(input: $input) { publicKey } }';
  const input = { name: 'A', url: receiver.url, eventTypes: ['meeting.ended'], signature: 'STANDARD_WEBHOOKS_ED25519' };
  const { publicKey: secret } = await new Client(server).query<{ publicKey: string }>(mutation, { input });
  const { id, duplicate, destinations } = await client.publish({ type: 'meeting.ended', data: { name: 'Zoë' } });
  expect({ duplicate, destinations }).toEqual({ duplicate: false, destinations: 1 });
  const [got] = await receiver.received(1);
  expect(got?.headers['webhook-id']).toBe(id);
  const { raw: body = '', headers = {} } = got ?? {};
  expect(verifyWebhook({ signature: 'STANDARD_WEBHOOKS_ED25519', secret, body, headers })).toMatchObject({ data: { name: 'Zoë' } });
});

it('stores a message once, even if the connection breaks before the answer', async () => {
  let forwarded = 0;
  // Passes each request on to the server, and drops the first answer.
  const proxy = createServer((incoming, response) => {
    const onward = forward(new URL(incoming.url ?? '', server.url), { method: 'POST', headers: incoming.headers }, (answer) => {
      if (forwarded++ === 0) return void answer.resume().on('end', () => incoming.socket.destroy());
      response.writeHead(answer.statusCode ?? 500, answer.headers);
      answer.pipe(response);
    });
    incoming.pipe(onward);
  }).listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  const { port } = proxy.address() as AddressInfo;
  const before = await server.graphql<{ messages: { nodes: unknown[] } }>('{ messages(eventType: "broken") { nodes { id } } }');
  const flaky = new Hookledger({ url: `http://127.0.0.1:${port}`, key: server.adminKey });
  const published = await flaky.publish([
    { type: 'broken', data: { n: 1 } },
    { type: 'broken', data: { n: 2 }, id: 'of-the-caller' },
  ]);
  proxy.close();
  expect(forwarded).toBe(2);
  expect(published.map(({ duplicate }) => duplicate)).toEqual([false, true]);
  const after = await eventually(
    () => server.graphql<{ messages: { nodes: { id: string }[] } }>('{ messages(eventType: "broken") { nodes { id } } }'),
    ({ messages }) => messages.nodes.length > 0,
  );
  expect(before.messages.nodes).toEqual([]);
  expect(after.messages.nodes.map(({ id }) => id).toSorted()).toEqual(published.map(({ id }) => id).toSorted());
});

it('says what was refused, and where', async () => {
  const good = { type: 'a', data: {} };
  const refusal = await client.publish([good, { type: 'a b', data: {} }]).catch((error: unknown) => error as RefusedError);
  expect(refusal).toBeInstanceOf(RefusedError);
  expect(refusal).toMatchObject({
    status: 400,
    attempts: 1,
    issues: [{ path: '1.type', message: expect.stringMatching(/words/) as string }],
  });
  const stranger = new Hookledger({ url: server.url, key: 'of-nobody' });
  await expect(stranger.publish(good)).rejects.toMatchObject({ status: 401, message: expect.stringMatching(/not known here/) as string });
  await client.publish({ ...good, id: 'once' });
  await expect(client.publish({ type: 'b', data: {}, id: 'once' })).rejects.toMatchObject({ status: 409 });
});
