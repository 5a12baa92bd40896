// A disk that is full or fails, under the log, the views and the due attempts: the server goes on by itself when the disk is well again, or ends with a
// sentence and its next start goes on. No attempt is recorded as failed because of it.
import { execFileSync } from 'node:child_process';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Client, eventually } from '../support/client.ts';
import { makeFaultyDisk, type Fault, type FaultyDisk } from '../support/faulty-disk.ts';
import { startReceiver, type Receiver } from '../support/receiver.ts';
import { conservation, startServer, type Server } from '../support/server.ts';

let receiver: Receiver;
let server: Server;
let client: Client;
let published = 0;
const disk: FaultyDisk | undefined = makeFaultyDisk();
beforeAll(async () => {
  receiver = await startReceiver();
  server = await startServer({ env: { ...disk?.env } });
  client = new Client(server);
  await client.createEndpoint({ url: receiver.url, eventTypes: ['disk'], retryPolicy: { delaysSeconds: [0, 1] } });
});
afterAll(async () => {
  await server.dispose();
  await receiver.close();
  disk?.[Symbol.dispose]();
});

/** @returns the status of the answer; undefined: none came, so the outcome is unknown */
const publish = async (): Promise<number | undefined> => {
  const request = async () => server.request('/v1/messages', { type: 'disk', data: { text: 'x'.repeat(2_000) } });
  const answer = await request().catch(() => undefined); // it may have ended
  if (answer?.status === 202) published += 1;
  return answer?.status;
};
const ready = async () => (await fetch(`${server.url}/health/ready`)).status;
/** All that was accepted has arrived at the first attempt. */
const isWhole = async () => {
  const counts = await eventually(
    () => conservation(server).catch(() => undefined),
    (now) => now?.balanced === true && now.open === 0 && now.succeeded >= published,
  );
  expect(counts).toMatchObject({ failed: 0, cancelled: 0 });
  const { deliveries } = await server.graphql<{ deliveries: { nodes: { attemptCount: number }[] } }>(
    '{ deliveries(first: 200) { nodes { attemptCount } } }',
  );
  expect(new Set(deliveries.nodes.map(({ attemptCount }) => attemptCount))).toEqual(new Set([1]));
};
const goesOn = async () => {
  await eventually(publish, (status) => status === 202);
  await eventually(ready, (status) => status === 200);
  await isWhole();
};
beforeEach(() => goesOn());

it('answers 503 while its files may not grow, and goes on by itself', async () => {
  const limit = (bytes: string) => execFileSync('prlimit', ['--pid', String(server.pid), `--fsize=${bytes}:`]);
  limit('1');
  await eventually(publish, (status) => status === 503);
  await eventually(ready, (status) => status === 503);
  limit('unlimited');
  await goesOn();
});

describe.runIf(disk)('with a disk that fails', () => {
  const fail = (...faults: readonly Fault[]) => disk?.fail(...faults);
  const files = { log: 'log.db', views: 'views@', 'due attempts': 'delivery-saga@' } as const;
  const of = (code: Fault['code'], call: Fault['call'], ...which: (keyof typeof files)[]): Fault[] =>
    which.map((each) => ({ call, file: files[each], code }));
  beforeEach(() => () => fail());

  it.each([
    ['a log that can not be written', of('EIO', 'write', 'log')],
    ['a log that can not be synced', of('EIO', 'sync', 'log')],
    ['a full disk', of('ENOSPC', 'write', 'log', 'views', 'due attempts')],
  ])('refuses messages with 503 on %s, and goes on by itself', async (_, faults) => {
    fail(...faults);
    await eventually(publish, (status) => status === 503);
    await eventually(ready, (status) => status === 503);
    fail();
    await goesOn();
  });

  it.each([
    ['views that can not be written', of('EIO', 'write', 'views')],
    ['due attempts that can not be written', of('EIO', 'write', 'due attempts')],
    ['views and due attempts without room', of('ENOSPC', 'write', 'views', 'due attempts')],
  ])('takes and sends messages with %s, says that it is not ready, and goes on by itself', async (_, faults) => {
    fail(...faults);
    const before = receiver.requests.length;
    for (let i = 0; i < 5; i++) expect(await publish()).toBe(202);
    await receiver.received(before + 5);
    await eventually(ready, (status) => status === 503);
    fail();
    await goesOn();
  });

  // The due attempts: test/end-to-end/damaged-views.spec.ts.
  it.each(['views', 'log'] as const)(
    'ends with 1 within 30 s when it can not read the %s, and goes on at the next start',
    async (which) => {
      let code: number | undefined | 'running' = 'running';
      void server.ended().then((exit) => (code = exit));
      fail(...of('EIO', 'read', which));
      const use = async () => {
        await publish();
        await client.deliveries({}).catch(() => undefined);
        return code;
      };
      expect(await eventually(use, (now) => now !== 'running')).toBe(1); // which waits for 30 s
      const last = server.logs.findLast((line) => line.includes('"level":60'));
      expect(last).toMatch(which === 'log' ? /or its disk fails \(.*\)\. The next start checks it\./ : /is damaged/);
      fail();
      await server.start();
      await goesOn();
    },
  );
});
