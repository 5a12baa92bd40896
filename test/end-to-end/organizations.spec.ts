// What becomes of an organization's deliveries when it is suspended, resumed and deleted, also over a restart. Another organization goes on meanwhile.
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Client, eventually } from '../support/client.ts';
import { runToEnd } from '../support/process.ts';
import { startReceiver, type Receiver } from '../support/receiver.ts';
import { startServer, type Server } from '../support/server.ts';

let server: Server;
let platform: Client;
let receiver: Receiver;
beforeAll(async () => {
  [server, receiver] = await Promise.all([startServer(), startReceiver()]);
  platform = new Client(server);
});
afterAll(async () => {
  await server.dispose();
  await receiver.close();
});

const create = async (id: string): Promise<Client> => {
  await platform.query('mutation ($i: OrganizationInput!) { createOrganization(input: $i) { id } }', { i: { id, name: id } });
  return new Client(server, server.adminKey, id);
};
const act = (mutation: string, id: string, args = '') =>
  platform.query(`mutation { ${mutation}(id: "${id}"${args}) ${args.includes('confirm') ? '' : '{ id }'} }`);
const publish = async (client: Client, count: number, type = 'order.placed') => {
  const messages = Array.from({ length: count }, (_, n) => ({ type, data: { n } }));
  const response = await client.post('/v1/messages', messages);
  expect([response.status, await response.text()]).toEqual([202, expect.any(String)]);
};
const statuses = async (client: Client) => (await client.deliveries({}, 200)).map(({ status }) => status);
const metric = async (name: string) => Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(await (await platform.get('/metrics')).text())?.[1]);

it('a suspended one holds its deliveries, over a restart, until it is resumed', async () => {
  const [acme, other] = [await create('acme'), await create('other')];
  const endpoint = await acme.createEndpoint({ url: receiver.url });
  await acme.act('pauseEndpoint', endpoint);
  await publish(acme, 3);
  await act('suspendOrganization', 'acme');
  await acme.act('resumeEndpoint', endpoint);
  expect(await statuses(acme)).toEqual(['HELD', 'HELD', 'HELD']);
  const [held] = await acme.deliveries({ status: ['HELD'] });
  expect(held).toBeDefined();
  expect(await acme.deliveries({ status: ['PENDING'] })).toEqual([]);
  expect(await acme.query<string>(`{ delivery(id: "${held?.id}") { heldReason } }`)).toEqual({
    heldReason: 'The organization is suspended.',
  });
  await server.restart();
  await eventually(
    () => statuses(acme).catch(() => []),
    (all) => all.length === 3,
  );
  await other.createEndpoint({ url: receiver.url });
  await publish(other, 2);
  await receiver.received(2);
  expect(await statuses(acme)).toEqual(['HELD', 'HELD', 'HELD']);
  await act('resumeOrganization', 'acme');
  await eventually(
    () => statuses(acme),
    (all) => all.every((status) => status === 'SUCCEEDED'),
  );
  expect(receiver.requests).toHaveLength(5);
});

it('a deleted one sends nothing more: what waits is cancelled, and the log proves it', async () => {
  const gone = await create('gone');
  for (const more of [{}, { ordering: 'STRICT' }]) {
    const endpoint = await gone.createEndpoint({ url: receiver.url, ...more });
    await gone.act('pauseEndpoint', endpoint);
  }
  for (let n = 0; n < 3; n++) await publish(gone, 500);
  const before = receiver.requests.length;
  await eventually(
    () => metric('hookledger_attempts_held'),
    (held) => held >= 1_500,
  );
  await act('deleteOrganization', 'gone', ', confirmName: "gone"');
  const refusal = await gone.refusal('{ endpoints { nodes { id } } }');
  expect(refusal.extensions.code).toBe('NOT_FOUND');
  await eventually(
    async () => (await metric('hookledger_attempts_held')) + (await metric('hookledger_attempts_waiting')),
    (waiting) => waiting === 0,
  );
  expect(receiver.requests).toHaveLength(before);
  await server.stop();
  const { code, output } = await runToEnd(['verify'], { HOOKLEDGER_DATA_DIR: server.dataDir });
  expect([code, output]).toEqual([0, expect.any(String)]);
  const log = new DatabaseSync(path.join(server.dataDir, 'log.db'), { readOnly: true });
  const [counted] = log.prepare("SELECT count(*) AS cancelled FROM events WHERE type = 'delivery.cancelled'").all();
  log.close();
  expect(counted).toEqual({ cancelled: 3_000 });
  await server.restart();
  expect((await gone.refusal('{ endpoints { nodes { id } } }')).extensions.code).toBe('NOT_FOUND');
  await publish(new Client(server, server.adminKey, 'other'), 1);
  await receiver.received(before + 1);
});
