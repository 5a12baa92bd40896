// Clocks that are set while a server runs, between two runs, and on the log server: no delivery waits longer than its delay for it.
import { randomBytes, randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Client, eventually } from '../support/client.ts';
import { postgresUrl } from '../support/databases.ts';
import { LogServerDouble } from '../support/log-server/double.ts';
import { dropSchemasOfGuest, newPrefix } from '../support/postgres.ts';
import { startReceiver, type Receiver } from '../support/receiver.ts';
import { newAdminKey, startServer, type Server } from '../support/server.ts';
import { SteppedClock } from '../support/stepped-clock.ts';

/** A busy machine may take so much longer. Less than any clock is off by, as a wait that depends on one would be longer by that. */
const slackMs = 4_000;
const minute = 60;

let clock: SteppedClock;
let receiver: Receiver;
const servers: Server[] = [];
beforeEach(async () => {
  clock = new SteppedClock();
  receiver = await startReceiver();
});
afterEach(async () => {
  for (const server of servers.splice(0)) await server.dispose();
  await receiver.close();
  clock.dispose();
});

const serve = async (env: Record<string, string> = {}, more: { dataDir?: string; adminKey?: string } = {}): Promise<Server> => {
  const { nodeArgs, env: onClock } = clock.options;
  const server = await startServer({ nodeArgs, env: { ...onClock, ...env }, ...more });
  servers.push(server);
  return server;
};

/** When the requests to a path with this text came, in milliseconds of this process. */
const timesAt = (path: string, text = '') =>
  receiver.requests.filter((each) => each.path === path && each.body.includes(text)).map(({ at }) => at.getTime());

/** Endpoints whose first answer to each message is 500: one retries after half a second, one waits as long before its first attempt, one takes batches. */
const createEndpoints = async (client: Client) => {
  const failed = new Set<string>();
  receiver.answer(({ path, body }) => {
    if (!path.startsWith('/retries') || failed.has(path + body)) return {};
    failed.add(path + body);
    return { status: 500 };
  });
  await client.createEndpoint({ url: `${receiver.url}/at-once`, eventTypes: ['clock.*'] });
  await client.createEndpoint({ url: `${receiver.url}/retries`, eventTypes: ['clock.*'], retryPolicy: { delaysSeconds: [0, 0.5, 0.5] } });
  await client.createEndpoint({ url: `${receiver.url}/later`, eventTypes: ['clock.*'], retryPolicy: { delaysSeconds: [0.5] } });
  await client.createEndpoint({ url: `${receiver.url}/batch`, eventTypes: ['clock.*'], batch: { maxSize: 100, maxWaitMs: 300 } });
};

/** One message goes everywhere, and no part of it is later than its delay. */
const checkDelays = async (client: Client, whilePending: () => Promise<void> = async () => undefined) => {
  const key = `key-${randomUUID()}`;
  const began = Date.now();
  await client.publish('clock.set', { key });
  const since = (path: string) => timesAt(path, key);
  await eventually(
    () => since('/retries').length,
    (count) => count >= 1,
  );
  await whilePending();
  await eventually(
    () => ['/at-once', '/retries', '/later', '/batch'].map((path) => since(path).length),
    ([atOnce = 0, retries = 0, later = 0, batch = 0]) => atOnce > 0 && retries > 1 && later > 0 && batch > 0,
  );
  const [atOnce, [first = 0, second = 0], later, batch] = [since('/at-once'), since('/retries'), since('/later'), since('/batch')];
  const delays = {
    atOnce: (atOnce[0] ?? 0) - began,
    retried: second - first,
    later: (later[0] ?? 0) - began,
    batch: (batch[0] ?? 0) - began,
  };
  const most = { atOnce: slackMs, retried: 500 + slackMs, later: 500 + slackMs, batch: 300 + slackMs };
  expect(Object.entries(delays).filter(([name, ms]) => ms > (new Map(Object.entries(most)).get(name) ?? 0))).toEqual([]);
  expect({ retried: delays.retried >= 450, later: delays.later >= 450 }).toEqual({ retried: true, later: true });
};

describe("the machine's clock", () => {
  it('is set while the server runs: everything keeps its own delay', { timeout: 60_000 }, async () => {
    const server = await serve({ HOOKLEDGER_RATE_LIMIT: '40' });
    const client = new Client(server);
    await createEndpoints(client);
    await checkDelays(client);
    for (const ahead of [-10 * minute, 50 * minute, 50 * minute + 40, 50 * minute]) await checkDelays(client, () => clock.set(ahead));

    // The rate limit's window ends, too.
    await clock.set(0);
    const statuses = async () =>
      (await Promise.all(Array.from({ length: 120 }, () => client.get('/v1/whoami')))).map(({ status }) => status);
    expect(await statuses()).toContain(429);
    await clock.set(-10 * minute);
    await pause(1_000);
    const answers = await Promise.all(Array.from({ length: 120 }, () => client.get('/v1/whoami')));
    const refused = answers.find(({ status }) => status === 429);
    expect(Number(refused?.headers.get('retry-after'))).toBe(1);
  });

  it.each([
    ['back by ten minutes', -10 * minute, 1_000, 2_000 + slackMs],
    ['forward by an hour', 60 * minute, 0, slackMs],
  ])('is set %s between two runs: what waited comes no later than its delay after the start', async (_, ahead, least, most) => {
    const dataDir = mkdtempSync(join(tmpdir(), 'clocks-'));
    try {
      const server = await serve({}, { dataDir });
      receiver.answerNext({ status: 500 });
      await new Client(server).createEndpoint({ url: receiver.url, eventTypes: ['clock.*'], retryPolicy: { delaysSeconds: [0, 2] } });
      await new Client(server).publish('clock.set');
      await receiver.received(1);
      await eventually(
        () => new Client(server).deliveries({}),
        ([delivery]) => delivery?.status === 'RETRYING',
      );
      await server.stop();
      await clock.set(ahead);
      await server.start();
      const began = Date.now();
      await receiver.received(2);
      const waited = Date.now() - began;
      expect([waited >= least, waited <= most]).toEqual([true, true]);
    } finally {
      await servers.pop()?.dispose();
      rmSync(dataDir, { recursive: true });
    }
  });
});

it("a log server's clock that is ahead or behind, and is set while it runs, makes nothing later", { timeout: 60_000 }, async () => {
  const double = await LogServerDouble.start();
  try {
    await double.call('setClock', 10 * minute * 1_000);
    const server = await serve({ HOOKLEDGER_EVENTSTORE_URL: double.url() });
    const client = new Client(server);
    await createEndpoints(client);
    await checkDelays(client);
    for (const ahead of [-10 * minute, 60, -60, 5, -5]) {
      await double.call('setClock', ahead * 1_000);
      await checkDelays(client);
    }
  } finally {
    await servers.pop()?.dispose();
    await double.stop();
  }
});

it('of replicas may disagree, and be set while they run', { timeout: 60_000 }, async () => {
  const [url, double, prefix] = [await postgresUrl(), await LogServerDouble.start(), newPrefix()];
  const env = {
    HOOKLEDGER_EVENTSTORE_URL: double.url(),
    HOOKLEDGER_DATABASE_URL: url,
    HOOKLEDGER_DATABASE_PREFIX: prefix,
    HOOKLEDGER_MASTER_KEY: randomBytes(32).toString('base64'),
  };
  const adminKey = newAdminKey();
  try {
    const first = await serve(env, { adminKey });
    await clock.set(10 * minute); // of the one that starts second
    const second = await startServer({ adminKey, env });
    servers.push(second);
    const client = new Client(second);
    await createEndpoints(client);
    // The first one routes to the endpoints as soon as its directory has read of them.
    const [routed] = await eventually(
      () => first.publish({ type: 'clock.first', data: {} }),
      ([published]) => published?.destinations === 4,
    );
    await eventually(
      () => client.deliveries({ messageId: routed?.id }),
      (deliveries) => deliveries.length === 4,
    );
    await checkDelays(client);
    for (const ahead of [-10 * minute, 60 * minute]) await checkDelays(client, () => clock.set(ahead));
    // The leader ends: the other one, whose clock is an hour behind, goes on.
    await first.kill9();
    const id = await client.publish('clock.again');
    await eventually(
      () => client.deliveries({ messageId: id, status: ['SUCCEEDED'] }),
      (deliveries) => deliveries.length > 0,
    );
    await checkDelays(client);
  } finally {
    for (const server of servers.splice(0)) await server.dispose();
    await double.stop();
    await dropSchemasOfGuest(url, prefix);
  }
});

it('a retry of a pending delivery sends it now, whether it waits for its first attempt or for another', async () => {
  const client = new Client(await serve());
  receiver.answer(({ path }) => ({ status: path === '/fails' ? 500 : 200 }));
  await client.createEndpoint({ url: `${receiver.url}/waits`, eventTypes: ['clock.*'], retryPolicy: { delaysSeconds: [600] } });
  await client.createEndpoint({ url: `${receiver.url}/fails`, eventTypes: ['clock.*'], retryPolicy: { delaysSeconds: [0, 600, 600] } });
  const id = await client.publish('clock.set');
  const deliveries = await eventually(
    () => client.deliveries({ messageId: id }),
    (all) => all.length === 2 && all.some(({ status }) => status === 'RETRYING'),
  );
  await clock.set(-10 * minute);
  for (const delivery of deliveries) await client.act('retryDelivery', delivery.id);
  await eventually(
    () => [timesAt('/waits').length, timesAt('/fails').length],
    ([waits, fails]) => waits === 1 && fails === 2,
  );
  expect(await client.delivery(id, 'SUCCEEDED', deliveries.find(({ status }) => status === 'PENDING')?.endpoint.id)).toMatchObject({
    attempts: [{ number: 1 }],
  });
});
