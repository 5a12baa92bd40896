// Loops end: two receivers publish what they get back to Hookledger, and carry the header `hookledger-hops` on, as a client library would.
import { createClient } from 'graphql-ws';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { Client, eventually } from '../support/client.ts';
import { startReceiver } from '../support/receiver.ts';
import { startServer, type Server } from '../support/server.ts';

let server: Server;
let client: Client;
beforeAll(async () => {
  server = await startServer();
  client = new Client(server);
});
afterAll(() => server.dispose());

type Published = { readonly status: number; readonly body: Record<string, unknown> };

const send = async (path: string, body: unknown, hops: string): Promise<Published> => {
  const response = await fetch(server.url + path, {
    method: 'POST',
    headers: { authorization: `Bearer ${server.adminKey}`, 'content-type': 'application/json', 'hookledger-hops': hops },
    body: JSON.stringify(body),
  });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
};
const overRest = (type: string, hops: string) => send('/v1/messages', { type, data: {} }, hops);
const overGraphQL = (type: string, hops: string) =>
  send(
    '/graphql',
    { query: 'mutation ($m: [MessageInput!]!) { publishMessages(messages: $m) { id } }', variables: { m: [{ type, data: {} }] } },
    hops,
  );

it('a message that two receivers publish on and on is refused after 5 rounds, over REST and GraphQL', async () => {
  const answers: Promise<Published>[] = [];
  await using ping = await startReceiver();
  await using pong = await startReceiver();
  ping.answer(({ headers }) => {
    answers.push(overRest('loop.pong', String(headers['hookledger-hops'])));
    return { status: 200 };
  });
  pong.answer(({ headers }) => {
    answers.push(overGraphQL('loop.ping', String(headers['hookledger-hops'])));
    return { status: 200 };
  });
  await client.createEndpoint({ url: ping.url, eventTypes: ['loop.ping'] });
  await client.createEndpoint({ url: pong.url, eventTypes: ['loop.pong'], batch: { maxSize: 2, maxWaitMs: 1 }, format: 'ARRAY' });
  await server.publish([{ type: 'loop.ping', data: {} }]);
  await eventually(
    () => answers.length,
    (count) => count === 6,
  );
  const rounds = await Promise.all(answers);
  expect(rounds.map(({ status }) => status)).toEqual([202, 200, 202, 200, 202, 200]);
  expect(new Set([...ping.requests, ...pong.requests].map(({ headers }) => headers['hookledger-hops']))).toEqual(
    new Set(['1', '2', '3', '4', '5', '6']),
  );
  // The sixth came over GraphQL.
  expect(rounds[5]?.body).toMatchObject({ errors: [{ message: expect.stringContaining('loop'), extensions: { code: 'LOOP_DETECTED' } }] });
});

it('a message over a WebSocket that was opened with the header is counted and refused alike', async () => {
  const publishWith = async (hops: string): Promise<unknown> => {
    class WebSocketWithHops extends WebSocket {
      constructor(url: string, protocols: string[]) {
        super(url, protocols, { headers: { 'hookledger-hops': hops } });
      }
    }
    const ws = createClient({
      url: `${server.url.replace('http', 'ws')}/graphql`,
      webSocketImpl: WebSocketWithHops,
      connectionParams: { authorization: `Bearer ${server.adminKey}` },
      retryAttempts: 0,
    });
    const query = 'mutation { publishMessages(messages: [{ type: "loop.none", data: {} }]) { id } }';
    const { promise, resolve } = Promise.withResolvers<unknown>();
    ws.subscribe({ query }, { next: resolve, error: resolve, complete: () => resolve(undefined) });
    const answer = await promise;
    await ws.dispose();
    return answer;
  };
  expect(await publishWith('6')).toMatchObject({ errors: [{ extensions: { code: 'LOOP_DETECTED' } }] });
  expect(await publishWith('5')).toMatchObject({ data: { publishMessages: [{ id: expect.any(String) as string }] } });
});

it('the refusal over REST is a problem document', async () => {
  expect(await overRest('loop.none', '6')).toMatchObject({ status: 508, body: { status: 508, detail: expect.stringContaining('loop') } });
  expect(await overRest('loop.none', '1, 6')).toMatchObject({ status: 508 });
  expect(await overRest('loop.none', '5')).toMatchObject({ status: 202 });
  expect(await overRest('loop.none', 'many')).toMatchObject({ status: 400, body: { issues: [{ path: 'hookledger-hops' }] } });
});
