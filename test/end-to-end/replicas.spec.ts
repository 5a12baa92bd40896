// Two real servers that share a log server and a database: what is done to both while they run.
import { randomBytes } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Client, eventually } from '../support/client.ts';
import { postgresUrl } from '../support/databases.ts';
import { LogServerDouble } from '../support/log-server/double.ts';
import { dropSchemasOfGuest, newPrefix, withPostgres } from '../support/postgres.ts';
import { runToEnd } from '../support/process.ts';
import { startReceiver, type Receiver } from '../support/receiver.ts';
import { conservation, newAdminKey, startServer, type Server } from '../support/server.ts';

const prefix = newPrefix();
let url: string;
let double: LogServerDouble;
let receiver: Receiver;
let settings: Record<string, string>;
let servers: readonly Server[] = [];
beforeAll(async () => {
  [url, double, receiver] = await Promise.all([postgresUrl(), LogServerDouble.start(), startReceiver()]);
  settings = {
    HOOKLEDGER_EVENTSTORE_URL: double.url(),
    HOOKLEDGER_DATABASE_URL: url,
    HOOKLEDGER_DATABASE_PREFIX: prefix,
    HOOKLEDGER_MASTER_KEY: randomBytes(32).toString('base64'),
  };
  const adminKey = newAdminKey();
  servers = await Promise.all([1, 2].map(() => startServer({ adminKey, env: settings })));
});
afterAll(async () => {
  for (const server of servers) await server.dispose();
  await receiver.close();
  await double.stop();
  await dropSchemasOfGuest(url, prefix);
});

const schemas = () =>
  withPostgres(url, async (client) => {
    const { rows } = await client.query<{ name: string }>('SELECT nspname AS name FROM pg_namespace WHERE nspname ~ $1 ORDER BY 1', [
      `^${prefix}_views_`,
    ]);
    return rows.map(({ name }) => name);
  });

it('views are rebuilt while replicas run, and both switch to the new ones; verifying finds them right', { timeout: 60_000 }, async () => {
  const [first, second] = servers as readonly [Server, Server];
  await new Client(first).createEndpoint({ url: receiver.url, eventTypes: ['shared.*'] });
  const routes = async () => (await second.publish({ type: 'shared.first', data: {} }))[0]?.destinations === 1;
  await eventually(routes, (isRouted) => isRouted);
  const over = new AbortController();
  const wrong: string[] = [];
  const asking = servers.map(async (server) => {
    for (let shown = 0, n = 0; !over.signal.aborted; n++) {
      await server.publish({ type: 'shared.more', data: { n } });
      const { routed } = await conservation(server);
      if (routed < shown) wrong.push(`${routed} after ${shown}`);
      shown = routed;
      await pause(20);
    }
  });
  const rebuilt = await runToEnd(['rebuild', '--json'], settings);
  over.abort();
  await Promise.all(asking);
  expect(rebuilt.code).toBe(0);
  expect(JSON.parse(rebuilt.output)).toMatchObject([{ consumer: 'views', replaced: true, comparison: { different: [] } }]);
  expect(wrong).toEqual([]);
  expect(await schemas()).toEqual([expect.stringMatching(/_b1$/)]);

  const [{ id } = { id: '' }] = await second.publish({ type: 'shared.last', data: {} });
  for (const server of servers) await new Client(server).delivery(id, 'SUCCEEDED');
  const verified = await runToEnd(['verify'], settings);
  expect(verified).toEqual({ code: 0, output: expect.stringMatching(/^views .* ok$/m) });

  const refused = await runToEnd(['rebuild', '--consumer', 'delivery-saga'], settings);
  expect(refused).toEqual({
    code: 2,
    output: expect.stringContaining('replicas share this database, and hold leases on its due attempts'),
  });
});
