// Replicas of two versions on one log and one database: what the older one does at the first event that only the newer one has.
import { randomBytes } from 'node:crypto';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Client, eventually } from '../support/client.ts';
import { postgresUrl } from '../support/databases.ts';
import { LogServerDouble } from '../support/log-server/double.ts';
import { dropSchemasOfGuest, newPrefix } from '../support/postgres.ts';
import { startReceiver, type Receiver } from '../support/receiver.ts';
import { builtServer, newAdminKey, startServer, type Server } from '../support/server.ts';

/** An event of the newer version: the older one is a copy of the build that has it under another name. */
const newEvent = 'replay.requested';

const [prefix, otherPrefix] = [newPrefix(), newPrefix()];
const olderBuild = mkdtempSync(join(tmpdir(), 'hookledger-older-'));
let url: string;
let double: LogServerDouble;
let receiver: Receiver;
let settings: Record<string, string>;
const adminKey = newAdminKey();
let older: Server;
let newer: Server | undefined;

const makeOlderBuild = () => {
  cpSync(dirname(builtServer), olderBuild, { recursive: true });
  for (const name of readdirSync(olderBuild).filter((each) => each.endsWith('.js'))) {
    const file = join(olderBuild, name);
    const text = readFileSync(file, 'utf8');
    if (text.includes(newEvent)) writeFileSync(file, text.replaceAll(newEvent, 'replay.not-yet'));
  }
};

beforeAll(async () => {
  makeOlderBuild();
  [url, double, receiver] = await Promise.all([postgresUrl(), LogServerDouble.start(), startReceiver()]);
  settings = {
    HOOKLEDGER_EVENTSTORE_URL: double.url(),
    HOOKLEDGER_DATABASE_URL: url,
    HOOKLEDGER_DATABASE_PREFIX: prefix,
    HOOKLEDGER_MASTER_KEY: randomBytes(32).toString('base64'),
  };
  older = await startServer({ adminKey, env: settings, main: join(olderBuild, 'main.js') });
  await readiness(older, ({ views, 'delivery-saga': saga }) => views?.state === 'live' && saga?.state === 'live');
});
afterAll(async () => {
  await newer?.dispose();
  await older.dispose();
  await receiver.close();
  await double.stop();
  for (const each of [prefix, otherPrefix]) await dropSchemasOfGuest(url, each);
  rmSync(olderBuild, { recursive: true });
});

type Details = Record<string, { state: string; error?: string } | undefined>;
const readiness = (server: Server, fits: (details: Details) => boolean) =>
  eventually(
    async () => {
      const response = await new Client(server).get('/health/ready');
      return { code: response.status, details: ((await response.json()) as { details: Details }).details };
    },
    ({ details }) => fits(details),
  );
const requestReplay = async (server: Server, endpointId: string) => {
  const mutation = 'mutation ($id: ID!) { replayMessages(endpointId: $id, filter: { eventType: "rolling.none" }) { id } }';
  await new Client(server).query(mutation, { id: endpointId });
};

it('the older one hands leading over, stays ready, and publishes, shows and delivers as before', async () => {
  const client = new Client(older);
  const endpointId = await client.createEndpoint({ url: receiver.url, eventTypes: ['rolling.*'] });
  await client.delivery(await client.publish('rolling.first'), 'SUCCEEDED');
  newer = await startServer({ adminKey, env: settings });

  const codes = new Set<number>();
  const asking = setInterval(() => void client.get('/health/ready').then(({ status }) => codes.add(status)), 50);
  await requestReplay(newer, endpointId);
  const isLed = ({ views, 'delivery-saga': saga }: Details) => views?.state === 'live' && saga?.state === 'live';
  await readiness(newer, isLed);
  const { details } = await readiness(older, ({ views, 'delivery-saga': saga }) => !views?.error && !saga?.error);
  expect([details['views']?.state, details['delivery-saga']?.state]).toEqual(['elsewhere', 'elsewhere']);
  clearInterval(asking);
  expect([...codes]).toEqual([200]);
  expect(older.logs.join('\n')).toMatch(
    /views: this process leaves leading to another one\. The event at position \S+ \(replay\.requested in/,
  );

  await client.delivery(await client.publish('rolling.second'), 'SUCCEEDED');
  await client.updateEndpoint(endpointId, { name: 'Renamed at the older one' });
  const named = await client.query<{ name: string }>('query ($id: ID!) { endpoint(id: $id) { name } }', { id: endpointId });
  expect(named).toEqual({ name: 'Renamed at the older one' });
});

it('the older one leads again when the newer one has ended, and says why it stops at the next such event while none can go on', async () => {
  const client = new Client(older);
  await newer?.stop();
  await readiness(older, ({ views, 'delivery-saga': saga }) => views?.state === 'live' && saga?.state === 'live');
  await client.delivery(await client.publish('rolling.third'), 'SUCCEEDED');

  // With a database of its own, it writes such an event and can take nothing over.
  newer = await startServer({ adminKey, env: { ...settings, HOOKLEDGER_DATABASE_PREFIX: otherPrefix } });
  const [{ id: endpointId }] = (await client.query<{ nodes: [{ id: string }] }>('{ endpoints { nodes { id } } }')).nodes;
  await requestReplay(newer, endpointId);
  const { code, details } = await readiness(
    older,
    ({ views, 'delivery-saga': saga }) => views?.state === 'stopped' && saga?.state === 'stopped',
  );
  expect(code).toBe(503);
  for (const name of ['views', 'delivery-saga'])
    expect(details[name]?.error).toMatch(/\(replay\.requested in .* Run the version of Hookledger that wrote the event\.$/);
  await client.publish('rolling.fourth');
  expect(await client.query('{ endpoints { nodes { name } } }')).toEqual({ nodes: [{ name: 'Renamed at the older one' }] });
});
