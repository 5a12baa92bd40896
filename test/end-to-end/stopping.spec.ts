// SIGTERM: nothing begins after it, what is in flight is recorded, and no connection keeps the process.
import { connect, type Socket } from 'node:net';
import { createClient } from 'graphql-ws';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { Client, eventually } from '../support/client.ts';
import { startReceiver, type Receiver } from '../support/receiver.ts';
import { startServer, type Server } from '../support/server.ts';

let server: Server;
let client: Client;
let receiver: Receiver;
beforeAll(async () => {
  server = await startServer({ env: { HOOKLEDGER_CONCURRENCY: '4096', HOOKLEDGER_ENDPOINT_CONCURRENCY: '8' } });
  client = new Client(server);
  receiver = await startReceiver();
});
afterAll(async () => {
  await server.dispose();
  await receiver.close();
});

/** Sends `text` on a connection of its own, and collects what comes back. */
const open = async (text = '') => {
  const { hostname, port } = new URL(server.url);
  const socket: Socket = connect(Number(port), hostname);
  const got = { socket, answer: '', closed: false };
  socket.on('error', () => undefined);
  socket.on('data', (data) => (got.answer += String(data)));
  socket.on('close', () => (got.closed = true));
  await new Promise((resolve) => socket.once('connect', resolve));
  socket.write(text);
  return got;
};
const head = (line: string, ...more: string[]) => [`${line} HTTP/1.1`, 'host: hookledger', ...more, ''].join('\r\n');
/** Opens a WebSocket that listens to changes. @returns how it was closed */
const listen = async () => {
  let code: unknown;
  const url = `${server.url.replace('http', 'ws')}/graphql`;
  const connectionParams = { authorization: `Bearer ${server.adminKey}` };
  const options = { connectionParams, retryAttempts: 0, lazy: false, onNonLazyError: () => undefined };
  const live = createClient({ url, webSocketImpl: WebSocket, ...options });
  const connected = new Promise((resolve) => live.on('connected', resolve));
  live.on('closed', (event) => (code = (event as { code: number }).code));
  await connected;
  const changes = live.iterate({ query: 'subscription { deliveryChanged { id } }' });
  changes.next().catch(() => undefined);
  return () => code;
};

describe('SIGTERM with a thousand requests in flight, and silent, half-sent and WebSocket connections open,', () => {
  const type = 'stop.sent';
  const endpoints = 130;
  let published: { id: string }[] = [];

  it('ends the process with 0 within 10 s, and begins nothing more', async () => {
    // 1. Each endpoint has as many requests in flight as it may (more, once it has answered some), and others wait for them.
    for (let i = 0; i < endpoints / 10; i++)
      await Promise.all(
        Array.from({ length: 10 }, (_, n) => client.createEndpoint({ url: `${receiver.url}/${i}-${n}`, eventTypes: [type] })),
      );
    await server.publish(Array.from({ length: 20 }, () => ({ type, data: {} })));
    await receiver.received(20 * endpoints);
    receiver.answer({ delayMs: 3_000 });
    const auth = `authorization: Bearer ${server.adminKey}`;
    const json = 'content-type: application/json';
    const connections = await Promise.all([
      open(),
      open('GET /v1/mess'),
      open(`${head('POST /v1/messages', auth, json, 'content-length: 1000')}\r\n{"type":`),
      open(`${head('GET /health/live')}\r\n`), // kept alive
    ]);
    const [late, lateQuery] = await Promise.all([open(head('POST /v1/messages', auth)), open(head('POST /graphql', auth))]);
    const closeCode = await listen();
    published = await server.publish(Array.from({ length: 40 }, () => ({ type, data: {} })));
    await receiver.received(20 * endpoints + 1_000);

    // 2. Requests that come after the signal are refused like any other.
    const began = performance.now();
    const stopped = server.stop();
    await eventually(
      () => server.logs.join('\n'),
      (text) => text.includes('SIGTERM: draining.'),
    );
    const body = '{"type":"stop.late","data":{}}';
    late.socket.write(`${json}\r\ncontent-length: ${body.length}\r\n\r\n${body}`);
    const query = '{"query":"{ endpoints { nodes { id } } }"}';
    lateQuery.socket.write(`${json}\r\ncontent-length: ${query.length}\r\n\r\n${query}`);
    await eventually(
      () => [late.closed, lateQuery.closed],
      (all) => all.every(Boolean),
    );
    expect(late.answer).toMatch(/^HTTP\/1\.1 503 Service Unavailable\r\n[^]*content-type: application\/problem\+json/);
    expect(late.answer).toMatch(/connection: close/i);
    expect(late.answer).toContain('"type":"urn:hookledger:problem:unavailable"');
    expect(lateQuery.answer).toMatch(/^HTTP\/1\.1 503 [^]*"errors":\[\{"message":"This server is stopping[^]*"code":"UNAVAILABLE"/);

    // 3. It ends, and nothing has begun since: only what was on its way to the receiver has arrived.
    await new Promise((resolve) => setTimeout(resolve, 500));
    const sent = receiver.requests.length;
    expect(sent).toBeLessThan(40 * endpoints);
    expect(await stopped).toBe(0);
    expect(performance.now() - began).toBeLessThan(10_000);
    expect(receiver.requests).toHaveLength(sent);
    expect(closeCode()).toBe(1001);
    await eventually(
      () => connections.map(({ closed }) => closed),
      (all) => all.every(Boolean),
    );
    expect(server.logs.join('\n')).not.toMatch(/"level":(50|60)|Closing failed/);
    expect(server.logs.at(-1)).toContain('Stopped.');
  }, 60_000);

  it('has recorded what was in flight: the next start sends only the rest', async () => {
    receiver.answer({});
    await server.start();
    for (const { id } of published)
      await eventually(
        () => client.deliveries({ messageId: id, status: ['PENDING', 'RETRYING'] }),
        (open) => open.length === 0,
      );
    expect(receiver.requests).toHaveLength(60 * endpoints);
    expect(new Set(receiver.requests.map(({ headers }) => headers['webhook-attempt']))).toEqual(new Set(['1']));
  }, 60_000);
});
