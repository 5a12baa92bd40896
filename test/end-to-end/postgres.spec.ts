// The views and due attempts in PostgreSQL: the same service, and what it does while the database is away.
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Client, eventually } from '../support/client.ts';
import { postgresUrl } from '../support/databases.ts';
import { dropSchemasOfGuest, endConnections, newPrefix } from '../support/postgres.ts';
import { runToEnd } from '../support/process.ts';
import { startReceiver, type Receiver } from '../support/receiver.ts';
import { compareViews } from '../support/rebuild.ts';
import { conservation, startServer, type Server } from '../support/server.ts';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts';

const prefix = newPrefix();
let direct: string;
let proxied: string;
let proxy: TcpProxy;
let server: Server;
let client: Client;
let receiver: Receiver;
beforeAll(async () => {
  direct = await postgresUrl();
  const { hostname, port } = new URL(direct);
  proxy = await startTcpProxy({ host: hostname, port: Number(port || 5432) });
  proxied = Object.assign(new URL(direct), { hostname: '127.0.0.1', port: String(proxy.port) }).href;
  receiver = await startReceiver();
  server = await startServer({ env: { HOOKLEDGER_DATABASE_URL: proxied, HOOKLEDGER_DATABASE_PREFIX: prefix } });
  client = new Client(server);
});
afterAll(async () => {
  await server.dispose();
  await receiver.close();
  await proxy[Symbol.asyncDispose]();
  await dropSchemasOfGuest(direct, prefix);
});

type Ready = {
  status: string;
  details: Record<string, { status: string; error?: string; server?: string; state?: string; lagEvents?: number }>;
};
const ready = async () => (await (await client.get('/health/ready')).json()) as Ready;
const settled = () =>
  eventually(
    () => conservation(server),
    ({ open, balanced }) => balanced && open === 0,
  );

it('delivers, retries and shows, before and after a restart', async () => {
  receiver.answer(({ body, headers }) => ({ status: body.includes('first') && headers['webhook-attempt'] === '1' ? 500 : 200 }));
  await client.createEndpoint({ url: receiver.url, eventTypes: ['shared.*'], retryPolicy: { delaysSeconds: [0, 1] } });
  const first = await client.publish('shared.first', { n: 'first' });
  await client.delivery(first, 'RETRYING');
  await server.restart();
  const { attempts } = await client.delivery(first, 'SUCCEEDED');
  expect(attempts.map(({ responseCode }) => responseCode)).toEqual([500, 200]);
  expect(await settled()).toMatchObject({ routed: 1, succeeded: 1, failed: 0 });
  const { details } = await ready();
  expect(details['database']).toEqual({ status: 'up', server: expect.stringMatching(/^PostgreSQL \d+/) });
});

it('goes on taking and sending while the database is away, says so, and shows all of it afterwards', async () => {
  await proxy.close();
  const said = await eventually(ready, ({ details }) => details['database']?.status === 'down');
  expect(said.status).toBe('error');
  expect(said.details['database']?.error).toMatch(
    /^(No database listens at 127\.0\.0\.1:\d+; start PostgreSQL there|The connection to the database was lost)/,
  );
  const refused = await client.refusal('{ endpoints { nodes { id } } }');
  expect(refused.extensions.code).toBe('UNAVAILABLE');
  expect(refused.message).toMatch(/^The views can't be read right now; try again\. /);

  const sent = receiver.requests.length;
  await server.publish(Array.from({ length: 20 }, (_, n) => ({ type: 'shared.meanwhile', data: { n } })));
  await receiver.received(sent + 20);
  const { details } = await eventually(ready, ({ details }) => details['views']?.error !== undefined);
  expect(details['views']?.state).toBe('live');
  expect(details['views']?.error).toMatch(/^Can't write to the database: .*\. Retrying\.$/);

  await proxy.open();
  const totals = await eventually(
    () => conservation(server).catch(() => undefined),
    (found) => found?.succeeded === 21,
  );
  expect(totals).toMatchObject({ routed: 21, open: 0, balanced: true });
  expect((await eventually(ready, ({ status }) => status === 'ok')).details['views']?.error).toBeUndefined();
});

it('bears that its connections are ended, again and again', async () => {
  const before = await conservation(server);
  for (let round = 0; round < 5; round++) {
    await server.publish(Array.from({ length: 40 }, (_, n) => ({ type: 'shared.ended', data: { n } })));
    await endConnections(direct, prefix);
  }
  const after = await eventually(
    () => conservation(server).catch(() => undefined),
    (found) => found?.succeeded === before.succeeded + 200,
  );
  expect(after).toMatchObject({ open: 0, balanced: true });
});

it('shows what the log says', async () => {
  await server.stop();
  const { different } = await compareViews(server.dataDir, { database: { kind: 'postgres', url: direct, prefix } });
  expect(different).toEqual([]);
  expect(server.logs.join('\n')).not.toContain(new URL(direct).password);
});

it('a start on the database of another log is refused with a sentence, before anything is written', async () => {
  const dataDir = join(server.dataDir, 'another');
  const { code, output } = await runToEnd([], {
    HOOKLEDGER_DATABASE_URL: direct,
    HOOKLEDGER_DATABASE_PREFIX: prefix,
    HOOKLEDGER_DATA_DIR: dataDir,
    HOOKLEDGER_PORT: '0',
  });
  expect(code).toBe(1);
  expect(output).not.toMatch(/^\s+at |"stack"/m);
  expect((JSON.parse(output.trim()) as { msg: string }).msg).toMatch(
    /^The database holds the views of another log: .* this one is empty\. /,
  );
  expect(readdirSync(dataDir)).not.toContain('master.key');
});
