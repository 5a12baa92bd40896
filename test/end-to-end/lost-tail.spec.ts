// A log that has lost its end: it is refused with a sentence that says what is missing, and goes on only where the operator says so.
import { cpSync, mkdtempSync, renameSync, rmSync, statSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { pino } from 'pino';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { readConfig } from '../../src/config.ts';
import { organizationId } from '../../src/domain/ids.ts';
import { organization } from '../../src/domain/organization.ts';
import { lostTailStream, organizationStream } from '../../src/domain/streams.ts';
import { newId } from '../../src/event-store/id-generation.ts';
import { verifyLog } from '../../src/proof/checking/verify-log.ts';
import { prepareLog } from '../../src/service/first-start.ts';
import { openLog } from '../../src/service/open-log.ts';
import { Client, eventually } from '../support/client.ts';
import { LogServerDouble } from '../support/log-server/double.ts';
import { runToEnd } from '../support/process.ts';
import { startReceiver, type Receiver } from '../support/receiver.ts';
import { conservation, Refused, startServer, type Server, type ServerOptions } from '../support/server.ts';
import { silent } from '../support/silent.ts';

/** The mark beside the log is written once a second. */
const markedMs = 1_300;

let dataDir: string;
let receiver: Receiver;
let server: Server | undefined;
beforeEach(async () => {
  dataDir = mkdtempSync(join(tmpdir(), 'lost-tail-'));
  receiver = await startReceiver();
});
afterEach(async () => {
  await server?.dispose();
  server = undefined;
  await receiver.close();
  rmSync(dataDir, { recursive: true, force: true });
});

const file = (name: string) => join(dataDir, name);
const serve = async (options: ServerOptions = {}) => (server = await startServer({ dataDir, ...options }));
const publish = async (count: number, to = server) => {
  const messages = Array.from({ length: count }, (_, n) => ({ type: 'tail.grows', data: { n } }));
  await to?.publish(messages);
};

/** A log of which the part that a restart has moved into log.db holds 10 messages, and its WAL 20 more; killed. Each test loses something of a copy. */
let killed: { readonly dataDir: string; readonly adminKey: string; readonly receiver: Receiver };
beforeAll(async () => {
  const running = await startServer({ dataDir: mkdtempSync(join(tmpdir(), 'lost-tail-')) });
  const { dataDir: folder, adminKey } = running;
  const at = await startReceiver();
  await new Client(running).createEndpoint({ url: at.url, eventTypes: ['tail.*'] });
  await publish(10, running);
  await running.restart();
  await publish(20, running);
  await at.received(30);
  await pause(markedMs);
  await running.kill9();
  killed = { dataDir: folder, adminKey, receiver: at };
});
afterAll(async () => {
  await killed.receiver.close();
  rmSync(killed.dataDir, { recursive: true, force: true });
});

/** @returns the sentence that ended the start */
const refusal = async (env: Record<string, string> = {}): Promise<string> => {
  const { code, output } = await runToEnd([], { HOOKLEDGER_DATA_DIR: dataDir, HOOKLEDGER_PORT: '0', ...env });
  expect(code).toBe(1);
  expect(output).not.toContain('"stack"');
  const lines = output.split('\n').filter((line) => line.startsWith('{'));
  const fatal = lines.map((line) => JSON.parse(line) as { level: number; msg: string }).find(({ level }) => level === 60);
  if (!fatal) throw new Error(`It said nothing that ends it: ${output}`);
  return fatal.msg;
};

const missing =
  /^The log (ends at position [0-9a-f]+|is empty), but \S+ (says|shows) that it went on to [0-9a-f]+, so events are missing\. .*--accept-lost-tail/;

/** Each loses something of the data folder. */
const losses: readonly (readonly [string, () => void])[] = [
  ['its WAL is deleted', () => ['-wal', '-shm'].forEach((end) => rmSync(file(`log.db${end}`)))],
  ['its WAL is cut off', () => truncateSync(file('log.db-wal'), Math.floor(statSync(file('log.db-wal')).size / 2))],
  [
    'log.db is copied alone',
    () => {
      const copy = `${dataDir}-copy`;
      cpSync(dataDir, copy, { recursive: true, filter: (name) => !/log\.db-(wal|shm)$/.test(name) });
      rmSync(dataDir, { recursive: true });
      renameSync(copy, dataDir);
    },
  ],
  ['log.db is gone', () => ['', '-wal', '-shm'].forEach((end) => rmSync(file(`log.db${end}`)))],
  ['only the mark knows', () => ['log.db-wal', 'log.db-shm', 'views'].forEach((name) => rmSync(file(name), { recursive: true }))],
  ['only the views know', () => ['log.db-wal', 'log.db-shm', 'log.tail'].forEach((name) => rmSync(file(name)))],
];

describe('the embedded log is refused when it is opened', () => {
  /** The first part of a start, in this process. @returns the events that record an accepted loss */
  const open = async (options: { acceptLostTail?: boolean } = {}) => {
    await using opened = new AsyncDisposableStack();
    const config = readConfig({ HOOKLEDGER_DATA_DIR: dataDir, HOOKLEDGER_ADMIN_KEY: killed.adminKey });
    const parts = await openLog(config, pino({ level: 'silent' }), opened, options);
    await prepareLog(parts, config.adminKey);
    await parts.executor.execute(
      {
        stream: organizationStream(organizationId.parse('again')),
        decider: organization,
        command: { type: 'RegisterOrganization', name: 'Again', encryptionKey: parts.vault.newKey('organization-again') },
      },
      { actor: 'system:test', commandId: newId() },
    );
    return parts.store.readStream(lostTailStream);
  };

  it.each(losses)('if %s, and goes on without what is missing if it is told to, once', { timeout: 60_000 }, async (_, lose) => {
    cpSync(killed.dataDir, dataDir, { recursive: true });
    lose();
    for (let start = 0; start < 2; start++) await expect(open()).rejects.toThrow(missing); // a refused start changes nothing
    const accepted = [{ type: 'ledger.lost-tail-accepted', data: expect.objectContaining({ knownTo: expect.any(String) }) }];
    expect(await open({ acceptLostTail: true })).toMatchObject(accepted);
    expect(await open()).toMatchObject(accepted);
    const { results } = await verifyLog(
      { kind: 'embedded', directory: dataDir },
      { since: undefined, threads: 0, progress: () => {}, log: silent },
    );
    expect(Object.values(results).flatMap(({ first }) => first ?? [])).toEqual([]);
  });
});

it.each(losses.filter(([name]) => ['its WAL is cut off', 'log.db is gone'].includes(name)))(
  'if %s, the server says so and ends, and one that accepts it delivers, and leaves a log that verifies',
  { timeout: 60_000 },
  async (_, lose) => {
    const { adminKey } = killed;
    cpSync(killed.dataDir, dataDir, { recursive: true });
    lose();
    expect(await refusal()).toMatch(missing);

    await serve({ adminKey, args: ['serve', '--accept-lost-tail'] });
    const client = new Client(server as Server);
    const { nodes } = await client.query<{ nodes: { type: string; data: Record<string, string> }[] }>(
      '{ history(filter: { types: ["ledger.lost-tail-accepted"] }, first: 5) { nodes { type data } } }',
    );
    expect(nodes).toEqual([{ type: 'ledger.lost-tail-accepted', data: expect.objectContaining({ knownTo: expect.any(String) }) }]);
    await client.createEndpoint({ url: receiver.url, eventTypes: ['again.*'] });
    await client.delivery(await client.publish('again.sent'), 'SUCCEEDED');
    await eventually(
      () => conservation(server as Server),
      ({ balanced, open }) => balanced && open === 0,
    );
    await server?.stop();
    expect(await runToEnd(['verify'], { HOOKLEDGER_DATA_DIR: dataDir })).toMatchObject({ code: 0 });
  },
);

describe('the embedded log, while it runs,', () => {
  /** @returns what it says at its end, and how many messages it had accepted since the change */
  const endsWithin = async (running: Server, change: () => void) => {
    const began = Date.now();
    change();
    let accepted = 0;
    await eventually(
      () =>
        running.publish({ type: 'tail.grows', data: {} }).then(
          () => void accepted++,
          (error: unknown) => error,
        ),
      (error) => error !== undefined,
    );
    expect(Date.now() - began).toBeLessThan(5_000);
    expect(await running.ended()).toBe(1);
    return { accepted, sentence: String(running.logs.findLast((line) => line.includes('"level":60'))) };
  };

  it.each([
    ['removed', () => rmSync(file('log.db')), /log\.db was removed while it was in use/],
    [
      'replaced',
      () => {
        cpSync(file('log.db'), file('log.db.copy'));
        renameSync(file('log.db.copy'), file('log.db'));
      },
      /log\.db was replaced while it was in use/,
    ],
    ['whose WAL is cut off', () => truncateSync(file('log.db-wal'), 0), /log\.db-wal was cut off while it was in use/],
  ])('is refused once it is %s: the process ends within seconds', async (_, change, expected) => {
    const running = await serve();
    await publish(10);
    await pause(markedMs);
    expect((await endsWithin(running, change)).sentence).toMatch(expected);
  });

  it('whose WAL is removed loses nothing: the process ends, and what it held is there at the next start', async () => {
    const running = await serve();
    const client = new Client(running);
    await client.createEndpoint({ url: receiver.url, eventTypes: ['tail.*'] });
    await publish(10);
    await receiver.received(10);
    await pause(markedMs);
    const { accepted, sentence } = await endsWithin(running, () => rmSync(file('log.db-wal')));
    expect(sentence).toMatch(/nothing is lost/);
    await running.start();
    await eventually(
      () => conservation(running),
      // The last one, which was not answered, may be in the log, too.
      ({ routed, succeeded }) => succeeded === routed && [10 + accepted, 11 + accepted].includes(routed),
    );
  });
});

it('a log server that was restored from an older backup is refused, as the views know more', async () => {
  const double = await LogServerDouble.start();
  const env = { HOOKLEDGER_EVENTSTORE_URL: double.url() };
  try {
    const { adminKey } = await serve({ env });
    await new Client(server as Server).createEndpoint({ url: receiver.url, eventTypes: ['tail.*'] });
    await publish(10);
    await receiver.received(10);
    await eventually(
      () => conservation(server as Server),
      ({ succeeded }) => succeeded === 10,
    );
    await server?.stop();
    await double.call('loseTail', 12);
    expect(await refusal(env)).toMatch(missing);
    await serve({ env, adminKey, args: ['serve', '--accept-lost-tail'] });
    await eventually(
      () => conservation(server as Server),
      ({ balanced, routed, open }) => balanced && routed < 10 && open === 0,
    );
    await server?.restart();
  } finally {
    await server?.dispose();
    await double.stop();
  }
});

it('says that there is nothing to accept where nothing is lost', async () => {
  await serve({ args: ['--accept-lost-tail'] });
  expect(server?.logs.join('\n')).toContain('lost nothing that is known of');
  await expect(server?.publish({ type: 'tail.grows', data: {} })).resolves.not.toBeInstanceOf(Refused);
});
