// Views and due attempts whose bytes were overwritten: they are rebuilt from the log, at once at a start; while the server runs it ends, and the next
// start rebuilds them.
import { closeSync, mkdtempSync, openSync, readdirSync, rmSync, statSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { Client, eventually } from '../support/client.ts';
import { startReceiver, type Receiver } from '../support/receiver.ts';
import { conservation, startServer, type Server } from '../support/server.ts';

let dataDir: string;
let receiver: Receiver;
let server: Server;
beforeEach(async () => {
  dataDir = mkdtempSync(join(tmpdir(), 'damaged-'));
  receiver = await startReceiver();
  server = await startServer({ dataDir });
  const client = new Client(server);
  await client.createEndpoint({ url: receiver.url, eventTypes: ['damage.*'] });
  await server.publish(Array.from({ length: 50 }, (_, n) => ({ type: 'damage.none', data: { n } })));
  // These wait, so that the table of due attempts has rows.
  await client.createEndpoint({ url: receiver.url, eventTypes: ['later.*'], retryPolicy: { delaysSeconds: [3_600] } });
  await server.publish(Array.from({ length: 50 }, (_, n) => ({ type: 'later.on', data: { n } })));
  await receiver.received(50);
  await eventually(
    () => conservation(server),
    ({ succeeded, open }) => succeeded === 50 && open === 50,
  );
  await server.stop(); // which moves everything from the WAL into the file
});
afterEach(async () => {
  await server.dispose();
  await receiver.close();
  rmSync(dataDir, { recursive: true });
});

/** Overwrites everything but the first page, which says that it is a file of SQLite, and of ours. */
const damage = (consumer: string): void => {
  const name = readdirSync(join(dataDir, 'views')).find((each) => each.startsWith(`${consumer}@`) && each.endsWith('.db')) ?? '';
  const path = join(dataDir, 'views', name);
  const file = openSync(path, 'r+');
  const garbage = Buffer.alloc(statSync(path).size - 4096, 0x5a);
  writeSync(file, garbage, 0, garbage.length, 4096);
  closeSync(file);
};

const isWhole = () =>
  eventually(
    () => conservation(server),
    ({ routed, succeeded, open, balanced }) => balanced && routed === succeeded + open && open === 50,
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
    damage(consumer);
    const began = Date.now();
    const ended = server.ended();
    let code: number | undefined | 'running' = 'running';
    void ended.then((exit) => (code = exit));
    const poke = async () => {
      const client = new Client(server);
      await client.publish('damage.none').catch(() => undefined);
      await client.deliveries({}).catch(() => undefined);
      return code;
    };
    await eventually(poke, (now) => now !== 'running');
    expect(await ended).toBe(1);
    expect(Date.now() - began).toBeLessThan(30_000);
    await server.start();
    await isWhole();
  },
);
