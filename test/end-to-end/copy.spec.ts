// Growing out of one machine: the log moves from the data folder to a server, and the service goes on there with the same answers.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Client, eventually } from '../support/client.ts';
import { LogServerDouble } from '../support/log-server/double.ts';
import { runToEnd } from '../support/process.ts';
import { startReceiver } from '../support/receiver.ts';
import { conservation, startServer } from '../support/server.ts';

let double: LogServerDouble;
let dataDir: string;
beforeAll(async () => {
  double = await LogServerDouble.start();
  dataDir = mkdtempSync(join(tmpdir(), 'hookledger-'));
});
afterAll(async () => {
  await double.stop();
  rmSync(dataDir, { recursive: true });
});

/** All but positions, which are each log's own. */
const query = `{
  endpoints { nodes { id name url status secret createdAt updatedAt headers { name value } successRate { label } } }
  deliveries { nodes { id status createdAt endedAt attempts { number startedAt durationMs responseCode error requestBody } } }
  messages { nodes { id clientId eventType acceptedAt data timeline { at text } } }
  conservation { routed succeeded failed cancelled open balanced }
}`;

it('a log that was copied to a server answers as before, and what waited is delivered from there', async () => {
  await using receiver = await startReceiver();
  receiver.answer(({ headers, body }) => ({ status: body.includes('later') && headers['webhook-attempt'] === '1' ? 500 : 200 }));
  const server = await startServer({ dataDir });
  const client = new Client(server);
  const endpoint = await client.createEndpoint({
    url: receiver.url,
    eventTypes: ['moved.*'],
    secret: 'keep-this-secret',
    headers: [{ name: 'authorization', value: 'Token abc' }],
    retryPolicy: { delaysSeconds: [0, 3_600] },
  });
  await server.publish(Array.from({ length: 5 }, (_, n) => ({ id: `m-${n}`, type: 'moved.now', data: { n } })));
  const waiting = await client.publish('moved.later', { kind: 'later' });
  await client.delivery(waiting, 'RETRYING');
  await eventually(
    () => conservation(server),
    ({ open }) => open === 1,
  );
  const before = await client.ask(query);
  expect(before.errors).toBeUndefined();
  await server.stop();

  const settings = { HOOKLEDGER_DATA_DIR: dataDir, HOOKLEDGER_EVENTSTORE_URL: double.url(), HOOKLEDGER_EVENTSTORE_PREFIX: 'moved_' };
  const copied = await runToEnd(['copy'], settings);
  expect(copied.output).toMatch(
    /^Copying the log from .* to esdb:.*\(prefix moved_\)\.\nCopied \d+ events\. Both logs now have \d+, compared/,
  );
  expect(copied.code).toBe(0);
  const again = await runToEnd(['copy'], settings);
  expect(again).toMatchObject({ code: 0, output: expect.stringMatching(/Copied 0 events/) });

  const moved = await startServer({ dataDir, env: { ...settings, HOOKLEDGER_ADMIN_KEY: server.adminKey } });
  const there = new Client(moved, server.adminKey);
  await eventually(
    () => there.query<{ open: number }>('{ conservation { open } }'),
    ({ open }) => open === 1,
  );
  expect(await there.ask(query)).toEqual(before);
  expect(await there.post('/v1/messages', { id: 'm-3', type: 'moved.now', data: { n: 3 } }).then((answer) => answer.json())).toMatchObject({
    messages: [{ duplicate: true }],
  });
  await there.query('mutation ($filter: DeliveryFilter!) { retryDeliveries(filter: $filter) { matched } }', {
    filter: { endpointId: endpoint, status: ['RETRYING'] },
  });
  await there.delivery(waiting, 'SUCCEEDED');
  expect(receiver.requests.at(-1)?.headers).toMatchObject({ authorization: 'Token abc' });
  await moved.stop();

  const back = ['copy', '--from', double.url(), '--to', join(dataDir, 'back')];
  const configured = await runToEnd(back, { HOOKLEDGER_EVENTSTORE_PREFIX: 'moved_' });
  expect(configured).toMatchObject({ code: 0, output: expect.stringMatching(/Both logs now have/) });
  const said = await runToEnd([...back, '--from-prefix', 'moved_'], { HOOKLEDGER_EVENTSTORE_PREFIX: 'another_' });
  expect(said).toMatchObject({ code: 0, output: expect.stringMatching(/Copied 0 events/) });
}, 60_000);

it('a call that is off ends with 2, and a log that is in use with 1, in a sentence each', async () => {
  const server = await startServer();
  const off = await runToEnd(['copy', '--from', server.dataDir], {});
  expect(off).toEqual({ code: 2, output: expect.stringMatching(/^--to must name the log to copy to: .*\n$/) });
  const inUse = await runToEnd(['copy', '--from', server.dataDir, '--to', join(dataDir, 'elsewhere')], {});
  expect(inUse).toEqual({ code: 1, output: expect.stringMatching(/^The data folder .* is in use by another process\. .*\n$/) });
  await server.dispose();
});
