// Views and due attempts whose bytes were overwritten: they are rebuilt from the log, at once at a start; while the server runs it ends, and the next
// start rebuilds them.
import { closeSync, cpSync, mkdtempSync, openSync, readdirSync, rmSync, statSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { Client, eventually } from '../support/client.ts';
import { startReceiver, type Receiver } from '../support/receiver.ts';
import { conservation, Server, startServer } from '../support/server.ts';

let receiver: Receiver;
/** A data folder that each test damages a copy of. */
let whole: { readonly dataDir: string; readonly adminKey: string };
/** The endpoint whose attempts wait. */
let waiting: string;
beforeAll(async () => {
  receiver = await startReceiver();
  receiver.answer(({ path }) => ({ status: path === '/fails' ? 500 : 200 }));
  const made = await startServer({ dataDir: mkdtempSync(join(tmpdir(), 'damaged-')) });
  whole = made;
  const client = new Client(made);
  await client.createEndpoint({ url: receiver.url, eventTypes: ['damage.*'] });
  await made.publish(Array.from({ length: 50 }, (_, n) => ({ type: 'damage.none', data: { n } })));
  const retryPolicy = { delaysSeconds: [0, 1, 1, 1, 1, 1] };
  await client.createEndpoint({ url: `${receiver.url}/fails`, eventTypes: ['failing.*'], retryPolicy });
  // These wait, so that the table of due attempts has rows.
  waiting = await client.createEndpoint({ url: receiver.url, eventTypes: ['later.*'], retryPolicy: { delaysSeconds: [3_600] } });
  await made.publish(Array.from({ length: 50 }, (_, n) => ({ type: 'later.on', data: { n } })));
  await receiver.received(50);
  await eventually(
    () => conservation(made),
    ({ succeeded, open }) => succeeded === 50 && open === 50,
  );
  await made.stop();
  for (const consumer of ['views', 'delivery-saga']) {
    const db = new DatabaseSync(fileOf(consumer, made.dataDir));
    db.exec('PRAGMA wal_checkpoint(TRUNCATE)'); // so that the file holds everything
    db.close();
  }
});
afterAll(async () => {
  await receiver.close();
  rmSync(whole.dataDir, { recursive: true });
});

let dataDir: string;
let server: Server;
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'damaged-'));
  cpSync(whole.dataDir, dataDir, { recursive: true });
  server = new Server({ dataDir, adminKey: whole.adminKey });
});
afterEach(async () => {
  await server.dispose();
  rmSync(dataDir, { recursive: true });
});

const fileOf = (consumer: string, folder = dataDir): string => {
  const name = readdirSync(join(folder, 'views')).find((each) => each.startsWith(`${consumer}@`) && each.endsWith('.db'));
  return join(folder, 'views', name ?? '');
};

const overwrite = (path: string, from: number): void => {
  const length = (statSync(path, { throwIfNoEntry: false })?.size ?? 0) - from;
  if (length <= 0) return;
  const file = openSync(path, 'r+');
  writeSync(file, Buffer.alloc(length, 0x5a), 0, length, from);
  closeSync(file);
};

/** Everything but the first page, which says that it is a file of SQLite, and of ours, and the WAL's header. */
const damage = (consumer: string): void => {
  overwrite(fileOf(consumer), 4096);
  overwrite(`${fileOf(consumer)}-wal`, 32);
};

const isWhole = () =>
  eventually(
    () => conservation(server),
    ({ routed, succeeded, open, balanced }) => balanced && routed >= succeeded + open && succeeded >= 50,
  );

it.each(['views', 'delivery-saga'])('%s damaged while the server was stopped are rebuilt at the start', async (consumer) => {
  damage(consumer);
  await server.start();
  await isWhole();
  expect(server.logs.join('\n')).toMatch(new RegExp(`Can't use \\S+/${consumer}@\\d+\\.db \\(.*\\); moved it to`));
  await new Client(server).delivery(await new Client(server).publish('damage.none'), 'SUCCEEDED');
});

it.each(['views', 'delivery-saga'])(
  '%s damaged while the server runs end it, and the next start rebuilds them',
  { timeout: 60_000 },
  async (consumer) => {
    await server.start();
    await eventually(
      async () => (await (await new Client(server).get('/health/ready')).json()) as { details?: Record<string, { state?: string }> },
      ({ details }) => ['views', 'delivery-saga'].every((name) => details?.[name]?.state === 'live'),
    );
    damage(consumer);
    const began = Date.now();
    const ended = server.ended();
    let code: number | undefined | 'running' = 'running';
    void ended.then((exit) => (code = exit));
    const poke = async () => {
      const client = new Client(server);
      damage(consumer); // also what was written since
      await client.publish('failing.first').catch(() => undefined);
      await client.deliveries({}).catch(() => undefined);
      return code;
    };
    // All that waits is read.
    await new Client(server).act('deleteEndpoint', waiting).catch(() => undefined);
    await eventually(poke, (now) => now !== 'running');
    expect(await ended).toBe(1);
    expect(Date.now() - began).toBeLessThan(30_000);
    await server.start();
    await isWhole();
  },
);
