// Readiness while PostgreSQL hangs: it says so at once, publishing goes on, and the outage is logged once, with its end.
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Client, eventually } from '../support/client.ts';
import { postgresUrl } from '../support/databases.ts';
import { TcpGate } from '../support/log-server/tcp-gate.ts';
import { dropSchemasOfGuest, newPrefix } from '../support/postgres.ts';
import { startReceiver, type Receiver } from '../support/receiver.ts';
import { startServer, type Server } from '../support/server.ts';

const prefix = newPrefix();
let url: string;
let gate: TcpGate;
let server: Server;
let client: Client;
let receiver: Receiver;
beforeAll(async () => {
  url = await postgresUrl();
  const database = new URL(url);
  gate = new TcpGate(Number(database.port));
  database.port = String(await gate.open());
  receiver = await startReceiver();
  server = await startServer({ env: { HOOKLEDGER_DATABASE_URL: database.href, HOOKLEDGER_DATABASE_PREFIX: prefix } });
  client = new Client(server);
});
afterAll(async () => {
  await server.dispose();
  await gate.shut();
  await receiver.close();
  await dropSchemasOfGuest(url, prefix);
});

const statusOf = async (path: string) => (await fetch(`${server.url}${path}`)).status;
const ready = () => statusOf('/health/ready');
const readyForPublishing = () => statusOf('/health/ready?for=publishing');
const linesSince = (from: number, level: number): readonly string[] =>
  server.logs
    .slice(from)
    .map((line) => JSON.parse(line) as { level: number; msg: string })
    .filter((line) => line.level >= level)
    .map(({ msg }) => msg);

it('answers 503 within 2 s and goes on publishing; one warning per outage, and one line at its end', async () => {
  await client.createEndpoint({ url: receiver.url, eventTypes: ['frozen.*'] });
  await client.delivery(await client.publish('frozen.before'), 'SUCCEEDED');
  await eventually(ready, (status) => status === 200);
  // The first is long enough for everything that retries to fail again and again.
  for (const [outage, heldMs] of [
    [1, 9_000],
    [2, 1_000],
  ] as const) {
    const from = server.logs.length;
    gate.freeze();
    const began = performance.now();
    await eventually(ready, (status) => status === 503);
    expect(performance.now() - began).toBeLessThan(2_500); // the last request for it included
    expect(await readyForPublishing()).toBe(200);
    expect((await client.post('/v1/messages', { type: 'frozen.during', data: { outage } })).status).toBe(202);
    await receiver.received(2 * outage);
    await new Promise((resolve) => setTimeout(resolve, heldMs));
    expect(await ready()).toBe(503);
    expect(await readyForPublishing()).toBe(200);
    gate.thaw();
    await eventually(ready, (status) => status === 200);
    await client.delivery(await client.publish('frozen.after'), 'SUCCEEDED');
    // Each part that uses the database, such as the jobs and the consumers, warns once, and says when it is over.
    const ends = () => linesSince(from, 30).filter((text) => /works again|is ready again/.test(text));
    const warnings = await eventually(
      () => linesSince(from, 40),
      (all) => all.length > 0 && ends().length === all.length,
    );
    expect(warnings).toEqual([...new Set(warnings)]);
  }
}, 90_000);

it('is asked about everything, or about publishing, and nothing else', async () => {
  const response = await fetch(`${server.url}/health/ready?for=queries`);
  expect(response.status).toBe(400);
  expect(await response.json()).toMatchObject({ detail: '?for= must be "publishing"; without it, the answer is about everything.' });
});
