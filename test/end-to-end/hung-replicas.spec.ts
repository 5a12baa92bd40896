// Replicas that hang or are cut off without a broken connection: others take over what they ran and had claimed, and they do no harm when they are back.
import { randomBytes } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { Client, eventually } from '../support/client.ts';
import { postgresUrl } from '../support/databases.ts';
import { LogServerDouble } from '../support/log-server/double.ts';
import { TcpGate } from '../support/log-server/tcp-gate.ts';
import { dropSchemasOfGuest, newPrefix } from '../support/postgres.ts';
import { startReceiver, type Receiver } from '../support/receiver.ts';
import { conservation, newAdminKey, startServer, type Server } from '../support/server.ts';

/** A server with gates of its own to the log and to the database. */
type Replica = { readonly server: Server; readonly toLog: TcpGate; readonly toDatabase: TcpGate };

const takeoverMs = 10_000;
const latestMs = 15_000;

let url: string;
let prefix: string;
let double: LogServerDouble;
let receiver: Receiver;
let replicas: readonly Replica[] = [];

const startReplica = async (adminKey: string, masterKey: string): Promise<Replica> => {
  const database = new URL(url);
  const [toLog, toDatabase] = [new TcpGate(double.port), new TcpGate(Number(database.port))];
  const logUrl = new URL(double.url());
  logUrl.port = String(await toLog.open());
  database.port = String(await toDatabase.open());
  const env = {
    HOOKLEDGER_EVENTSTORE_URL: logUrl.href,
    HOOKLEDGER_DATABASE_URL: database.href,
    HOOKLEDGER_DATABASE_PREFIX: prefix,
    HOOKLEDGER_MASTER_KEY: masterKey,
  };
  return { server: await startServer({ adminKey, env }), toLog, toDatabase };
};

beforeAll(async () => {
  prefix = newPrefix();
  [url, double] = await Promise.all([postgresUrl(), LogServerDouble.start()]);
  const [adminKey, masterKey] = [newAdminKey(), randomBytes(32).toString('base64')];
  replicas = await Promise.all([1, 2].map(() => startReplica(adminKey, masterKey)));
}, 60_000);
afterAll(async () => {
  for (const { server, toLog, toDatabase } of replicas) {
    await server.dispose();
    await Promise.all([toLog.shut(), toDatabase.shut()]);
  }
  await double.stop();
  await dropSchemasOfGuest(url, prefix);
});
beforeEach(async () => {
  receiver = await startReceiver();
});
afterEach(() => receiver.close());

const runs = async ({ server }: Replica): Promise<readonly string[]> => {
  const { details } = (await (await new Client(server).get('/health/ready')).json()) as { details?: Record<string, { state?: string }> };
  return ['views', 'delivery-saga'].filter((name) => details?.[name]?.state === 'live');
};

/** @returns the one that runs the saga, and the other */
const leaderAndOther = async (): Promise<readonly [Replica, Replica]> => {
  const [first, second] = replicas as readonly [Replica, Replica];
  const [ran] = await eventually(
    () => Promise.all([runs(first), runs(second)]),
    ([a, b]) => a.length + b.length === 2,
  );
  return ran.includes('delivery-saga') ? [first, second] : [second, first];
};

const timesOf = (ids: readonly string[]) =>
  ids.map((id) => receiver.requests.find(({ headers, path }) => path === '/quick' && headers['webhook-id'] === id)?.at.getTime());

const hangs: readonly (readonly [string, (leader: Replica) => void, (leader: Replica) => void])[] = [
  ['is stopped', ({ server }) => void process.kill(server.pid, 'SIGSTOP'), ({ server }) => void process.kill(server.pid, 'SIGCONT')],
  ['has a connection to the database that is frozen', ({ toDatabase }) => toDatabase.freeze(), ({ toDatabase }) => toDatabase.thaw()],
  ['has a connection to the log server that is frozen', ({ toLog }) => toLog.freeze(), ({ toLog }) => toLog.thaw()],
];

it.each(hangs)('one that runs the saga and %s is deposed, and does no harm when it is back', { timeout: 60_000 }, async (_, hang, wake) => {
  const [leader, other] = await leaderAndOther();
  const client = new Client(other.server);
  let isSlow = true;
  receiver.answer(({ path }) => (path === '/slow' && isSlow ? 'hang' : {}));
  const { routed: before } = await conservation(other.server);
  const quickEndpoint = await client.createEndpoint({ url: `${receiver.url}/quick`, eventTypes: ['hung.*'] });
  const slowEndpoint = await client.createEndpoint({
    url: `${receiver.url}/slow`,
    eventTypes: ['slow.*'],
    timeoutSeconds: 3,
    retryPolicy: { delaysSeconds: [0, 1, 1] },
  });
  const slow = await client.publish('slow.before');
  await eventually(
    () => receiver.requests.length,
    (count) => count === 1,
  );

  hang(leader);
  isSlow = false;
  const began = Date.now();
  const published: { readonly id: string; readonly at: number }[] = [];
  const publish = async () => published.push({ id: await client.publish('hung.meanwhile'), at: Date.now() });
  let tookOver = 0;
  while (tookOver === 0 || published.length < 20) {
    await publish();
    if (tookOver === 0 && (await runs(other)).includes('delivery-saga')) tookOver = Date.now() - began;
    if (Date.now() - began > 2 * latestMs) break;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  expect(tookOver).toBeLessThan(takeoverMs);
  await eventually(
    () => timesOf(published.map(({ id }) => id)),
    (times) => times.every((time) => time !== undefined),
  );
  const late = timesOf(published.map(({ id }) => id)).map((time, i) => (time ?? Infinity) - (published[i]?.at ?? 0));
  expect(Math.max(...late)).toBeLessThan(latestMs);

  wake(leader);
  await eventually(
    () => new Client(leader.server).get('/health/ready'),
    ({ status }) => status === 200,
  );
  const ids = published.map(({ id }) => id);
  for (let n = 0; n < 20; n++)
    ids.push(await client.publish('hung.after', { n }), await new Client(leader.server).publish('hung.after', { n }));
  await eventually(
    () => conservation(other.server),
    ({ routed, succeeded }) => routed === before + ids.length + 1 && succeeded === routed,
  );
  const received = receiver.requests.filter(({ path }) => path === '/quick').map(({ headers }) => String(headers['webhook-id']));
  expect(received.toSorted()).toEqual(ids.toSorted());
  // What was in flight was made again, once.
  expect(receiver.requests.filter(({ headers }) => headers['webhook-id'] === slow)).toHaveLength(2);
  const leading = await eventually(
    () => Promise.all(replicas.map(runs)),
    (all) => all.flat().length === 2,
  );
  expect(leading.flat().toSorted()).toEqual(['delivery-saga', 'views']);
  for (const id of [quickEndpoint, slowEndpoint]) await client.act('deleteEndpoint', id);
});
