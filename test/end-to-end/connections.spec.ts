// No connection ends or hangs the process: whatever a client asks for, half-sends, resets or leaves open, the server serves afterwards and its
// sockets are as many as before.
import { readdirSync, readlinkSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startServer, type Server } from '../support/server.ts';

let server: Server;
/** Says nothing from the beginning; the others run meanwhile. */
let silent: { readonly closed: Promise<void> };
beforeAll(async () => {
  server = await startServer();
  const socket = (await open()).resume();
  silent = { closed: new Promise((resolve) => socket.once('close', () => resolve())) };
});
afterAll(() => server.dispose());

const socketsOf = (pid: number): number =>
  readdirSync(`/proc/${pid}/fd`).filter((fd) => {
    try {
      return readlinkSync(`/proc/${pid}/fd/${fd}`).startsWith('socket:');
    } catch {
      return false; // closed meanwhile
    }
  }).length;

const open = async (): Promise<Socket> => {
  const { hostname, port } = new URL(server.url);
  const socket = connect(Number(port), hostname);
  socket.on('error', () => undefined);
  await new Promise((resolve) => socket.once('connect', resolve));
  return socket;
};

const methods = ['GET', 'POST', 'OPTIONS', 'CONNECT', 'DELETE'];
const paths = ['/', '/graphql', '/v1/messages', '/health/live', '/nowhere', '*'];
const upgrades = ['none', 'h2c', 'websocket', 'graphql', 'TLS/1.0'];
const endings = ['RST', 'FIN', 'idle', 'half a head', 'half a body'] as const;

const headOf = (method: string, path: string, upgrade: string, key: string | undefined): string => {
  const lines = [`${method} ${path} HTTP/1.1`, 'host: hookledger'];
  if (key !== undefined) lines.push(`authorization: Bearer ${key}`);
  if (upgrade === 'h2c') lines.push('connection: Upgrade, HTTP2-Settings', 'upgrade: h2c', 'http2-settings: AAMAAABkAAQAoAAAAAIAAAAA');
  else if (upgrade !== 'none') lines.push('connection: Upgrade', `upgrade: ${upgrade === 'graphql' ? 'websocket' : upgrade}`);
  if (upgrade === 'graphql')
    lines.push('sec-websocket-version: 13', 'sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==', 'sec-websocket-protocol: graphql-transport-ws');
  return `${lines.join('\r\n')}\r\n`;
};

const misuse = async (head: string, ending: (typeof endings)[number]): Promise<Socket> => {
  const socket = await open();
  socket.resume();
  if (ending === 'half a head') socket.write(head);
  else if (ending === 'half a body') socket.write(`${head}content-type: application/json\r\ncontent-length: 100000\r\n\r\n{"type":`);
  else socket.write(`${head}\r\n`);
  await sleep(2);
  if (ending === 'RST') socket.resetAndDestroy();
  else if (ending === 'FIN') socket.end();
  return socket;
};

const answerTo = async (request: string): Promise<string> => {
  const socket = await open();
  socket.write(request);
  let text = '';
  socket.on('data', (data) => (text += String(data)));
  await new Promise((resolve) => socket.once('close', resolve));
  return text;
};

it('an upgrade to HTTP/2 is answered in HTTP/1.1', async () => {
  const answer = await answerTo(`${headOf('GET', '/health/live', 'h2c', undefined)}connection: close\r\n\r\n`);
  expect(answer).toMatch(/^HTTP\/1\.1 200 /);
});

describe('a large body without a key', () => {
  it('is refused before it is read, and the answer reaches the client', async () => {
    const socket = await open();
    let answer = '';
    socket.on('data', (data) => (answer += String(data)));
    socket.write(
      `POST /v1/messages HTTP/1.1\r\nhost: hookledger\r\ncontent-type: application/json\r\ncontent-length: ${16 * 1024 * 1024}\r\n\r\n`,
    );
    await expect.poll(() => answer).toMatch(/^HTTP\/1\.1 401 /); // not a byte of the body was sent
    const chunk = Buffer.alloc(64 * 1024, 'x');
    for (let i = 0; i < 16; i++) socket.write(chunk); // what it goes on sending does no harm
    await sleep(500);
    expect(socket.destroyed).toBe(false);
    socket.destroy();
  });

  it('is not asked for where the client asks first', async () => {
    const socket = await open();
    let answer = '';
    socket.on('data', (data) => (answer += String(data)));
    socket.write(
      'POST /v1/messages HTTP/1.1\r\nhost: hookledger\r\nexpect: 100-continue\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n\r\n',
    );
    await expect.poll(() => answer).toMatch(/^HTTP\/1\.1 401 /);
    expect(answer).not.toMatch(/100 Continue/);
    socket.destroy();
  });

  it.each(['/v1/messages', '/graphql', '/nowhere', '/health/live', '/metrics'])('is refused at %s', async (path) => {
    const socket = await open();
    let answer = '';
    socket.on('data', (data) => (answer += String(data)));
    socket.write(`POST ${path} HTTP/1.1\r\nhost: hookledger\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n`);
    await expect.poll(() => answer).toMatch(/^HTTP\/1\.1 401 /);
    socket.destroy();
  });
});

it('a body that a client with a key asks about first is asked for, and accepted', async () => {
  const socket = await open();
  let answer = '';
  socket.on('data', (data) => (answer += String(data)));
  const body = '{"type":"a.b","data":{}}';
  socket.write(
    `POST /v1/messages HTTP/1.1\r\nhost: hookledger\r\nauthorization: bearer  ${server.adminKey}\r\nexpect: 100-continue\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n`,
  );
  await expect.poll(() => answer).toMatch(/^HTTP\/1\.1 100 Continue/);
  socket.write(body);
  await expect.poll(() => answer).toMatch(/HTTP\/1\.1 202 /);
  socket.destroy();
});

describe.each([
  ['without a key', () => undefined],
  ['with a key', () => server.adminKey],
])('connections %s', (_, key) => {
  it('of every method, path, upgrade and ending leave a server that serves, with no socket more', async () => {
    const before = socketsOf(server.pid);
    const left: Socket[] = [];
    for (const method of methods)
      for (const path of paths) {
        const heads = upgrades.map((upgrade) => headOf(method, path, upgrade, key()));
        left.push(...(await Promise.all(heads.flatMap((head) => endings.map((ending) => misuse(head, ending))))));
      }
    expect((await fetch(`${server.url}/health/live`)).status).toBe(200);
    for (const socket of left) socket.destroy();
    await expect.poll(() => socketsOf(server.pid), { timeout: 20_000, interval: 200 }).toBeLessThanOrEqual(before + 1);
    expect(process.kill(server.pid, 0)).toBe(true);
  }, 120_000);
});

it('a connection that says nothing is closed', () => silent.closed, 20_000);

describe('failed authentications', () => {
  it('are limited per address, and refuse no valid key', async () => {
    const statuses = new Set<number>();
    for (let i = 0, until = Date.now() + 15_000; (i < 10 || statuses.size < 2) && Date.now() < until; i++) {
      const { status } = await fetch(`${server.url}/v1/messages`, {
        method: 'POST',
        headers: { authorization: `Bearer wrong-${i}`, 'content-type': 'application/json' },
        body: '{}',
      });
      statuses.add(status);
    }
    expect(statuses).toEqual(new Set([401, 429]));
    const { status } = await fetch(`${server.url}/v1/messages`, {
      method: 'POST',
      headers: { authorization: `Bearer ${server.adminKey}`, 'content-type': 'application/json' },
      body: '{"type":"a.b","data":{}}',
    });
    expect(status).toBe(202);
    const metrics = await (await fetch(`${server.url}/metrics`, { headers: { authorization: `Bearer ${server.adminKey}` } })).text();
    expect(metrics).toMatch(/hookledger_authentication_failures_total\{reason="unknown"\} [1-9]/);
    expect(server.logs.join('\n')).toMatch(/Authentication failed/);
    expect(server.logs.join('\n')).not.toMatch(/wrong-1/);
  });
});
