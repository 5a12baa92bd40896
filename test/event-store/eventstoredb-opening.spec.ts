// Opening a log server: several nodes, TLS, users, a server that comes late; and a sentence for each that can't be used.
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import { createServer as createHttp2Server } from 'node:http2';
import { createServer as createTcpServer, type AddressInfo, type Server } from 'node:net';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { LogUnusable } from '../../src/event-store/event-store.ts';
import { EventStoreDbEventStore, type EventStoreDbOptions } from '../../src/event-store/eventstoredb/eventstoredb-event-store.ts';
import { LogServerDouble } from '../support/log-server/double.ts';
import { renamed, write } from './append-pairs.ts';
import { take } from './contract-log.ts';
import { waitFor } from '../support/wait-for.ts';

const pem = (name: string) => fileURLToPath(new URL(`../fixtures/tls/${name}.pem`, import.meta.url));
const text = (name: string) => readFileSync(pem(name), 'utf8');
const trusting = `tlsCAFile=${encodeURIComponent(pem('ca.cert'))}`;

let plain: LogServerDouble;
let second: LogServerDouble;
let secure: LogServerDouble;
let lines: string[];
let prefix: string;
const opened: EventStoreDbEventStore[] = [];

beforeAll(async () => {
  const tls = { cert: text('valid.cert'), key: text('valid.key') };
  [plain, second, secure] = await Promise.all([LogServerDouble.start(), LogServerDouble.start(), LogServerDouble.start({ tls })]);
});
afterAll(() => Promise.all([plain, second, secure].map((double) => double.stop())));
beforeEach(() => {
  lines = [];
  prefix = `t${randomUUID().slice(0, 8)}_`;
});
afterEach(async () => {
  await Promise.all([plain, second, secure].map((double) => double.call('heal')));
  await Promise.all(opened.splice(0).map((store) => store.close()));
});

const open = async (url: string, options: Partial<EventStoreDbOptions> = {}) => {
  const say = (line: string) => lines.push(line);
  const store = await EventStoreDbEventStore.open({ url, prefix, log: { info: say, warn: say }, ...options });
  opened.push(store);
  return store;
};
const refusal = async (url: string, options: Partial<EventStoreDbOptions> = {}) => {
  const error: unknown = await open(url, { startTimeoutMs: 300, ...options }).then(
    () => expect.unreachable('it was opened'),
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(LogUnusable);
  return error instanceof Error ? error.message : '';
};
const one = () => [write(`endpoint-${randomUUID()}`, 'no-stream', renamed('x'))];

describe('a log server', () => {
  it.each([
    ['kurrentdb://', () => plain.url().replace('esdb://', 'kurrentdb://')],
    ['TLS with a certificate authority of its own', () => `esdb://localhost:${secure.port}?${trusting}`],
  ])('is opened by %s', async (_, url) => {
    const store = await open(url());
    await store.append(one());
    expect(await take(store, undefined, 1)).toHaveLength(1);
  });

  it('is told user and password, whatever characters are in them', async () => {
    await secure.call('set', { user: { name: 'hook@ledger', password: 'a:b%c', mayReadAll: true } });
    const store = await open(`esdb://hook%40ledger:a%3Ab%25c@localhost:${secure.port}?${trusting}`);
    await store.append(one());
  });

  it('may have several nodes: what is written goes to the one that leads, also when that changes', async () => {
    const nodes = (leader: LogServerDouble) =>
      [plain, second].map(({ port }) => ({ address: '127.0.0.1', port, leads: port === leader.port }));
    const tell = (leader: LogServerDouble) => Promise.all([plain, second].map((node) => node.call('setMembers', nodes(leader))));
    const appends = async (node: LogServerDouble) => (await node.call('counts')).appends;
    await tell(second);
    const store = await open(`esdb://127.0.0.1:${plain.port},127.0.0.1:${second.port}?tls=false`, { timeoutMs: 15_000 });
    const before = await Promise.all([appends(plain), appends(second)]);
    await store.append(one());
    expect(await Promise.all([appends(plain), appends(second)])).toEqual([before[0], (before[1] ?? 0) + 1]);
    await tell(plain);
    await second.call('kill');
    await store.append(one());
    expect(await appends(plain)).toBe((before[0] ?? 0) + 1);
  });

  it('may name another node as the one that leads, and that one gets it', async () => {
    const store = await open(plain.url());
    await plain.call('set', { notLeader: { address: '127.0.0.1', port: second.port } });
    const before = (await second.call('counts')).appends;
    await store.append(one());
    expect((await second.call('counts')).appends).toBe(before + 1);
  });

  it('comes back also after all nodes were away for so long that the client gave up', async () => {
    await plain.call('setMembers', [{ address: '127.0.0.1', port: plain.port, leads: true }]);
    const url = `esdb://127.0.0.1:${plain.port},127.0.0.1:1?tls=false&discoveryInterval=10&maxDiscoverAttempts=2`;
    const store = await open(url, { timeoutMs: 500 });
    await plain.call('kill');
    await expect(store.append(one())).rejects.toThrow(/is unavailable/);
    await plain.call('comeBack');
    await waitFor(() => store.append(one()));
  });

  it('is asked not to compress what it sends: some servers would, message by message', async () => {
    const accepted = new Set<unknown>();
    const server = createHttp2Server().on('stream', (stream, headers) => {
      accepted.add(headers['grpc-accept-encoding']);
      stream.respond({ ':status': 404 }, { endStream: true });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo; // it listens on TCP
    await expect(open(`esdb://127.0.0.1:${port}?tls=false`, { startTimeoutMs: 1 })).rejects.toThrow(LogUnusable);
    server.close();
    expect([...accepted]).toEqual(['identity']);
  });

  it('is waited for when it is not there yet', async () => {
    await plain.call('kill');
    const opening = open(plain.url(), { startTimeoutMs: 15_000 });
    await waitFor(() => expect(lines.join()).toMatch(/is unavailable: connect ECONNREFUSED .* Waiting for it, up to 15 s\./), {
      timeout: 10_000,
    });
    await plain.call('comeBack');
    expect(await (await opening).tip()).toBeUndefined();
  });

  it('keeps the same log under the same prefix, and another one under another', async () => {
    const [here, again, there] = [await open(plain.url()), await open(plain.url()), await open(plain.url(), { prefix: `x${prefix}` })];
    expect(again.id).toBe(here.id);
    expect(there.id).not.toBe(here.id);
  });
});

describe('is not opened, and says why:', () => {
  const listening: Server[] = [];
  const listen = async (server: Server) => {
    listening.push(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return `esdb://127.0.0.1:${(server.address() as AddressInfo).port}?tls=false`; // it listens on TCP
  };
  afterEach(() => listening.splice(0).forEach((server) => server.close()));

  it.each<[string, () => string | Promise<string>, RegExp]>([
    ['a string that is none', () => 'http://localhost:2113', /connection string of the log must begin with esdb:\/\//],
    ['a certificate that is not there', () => 'esdb://localhost?tlsCAFile=/nowhere.pem', /names \/nowhere\.pem in tlsCAFile/],
    [
      'a certificate that is none',
      () => `esdb://localhost?tlsCAFile=${encodeURIComponent(fileURLToPath(import.meta.url))}`,
      /is not a certificate/,
    ],
    [
      'nobody there',
      () => 'esdb://127.0.0.1:1?tls=false',
      /is unavailable: connect ECONNREFUSED 127\.0\.0\.1:1\. Waited 0\.3 s for it\. Start the server or correct/,
    ],
    [
      'a host that is not known',
      () => 'esdb://nowhere.invalid?tls=false',
      /Name resolution failed for target dns:nowhere\.invalid.*correct its address/,
    ],
    [
      'no TLS where there is',
      () => `esdb://127.0.0.1:${secure.port}?tls=false`,
      /take tls=false out of the connection string if it uses TLS/,
    ],
    [
      'TLS where there is none',
      () => `esdb://localhost:${plain.port}`,
      /can't be connected to securely \(TLS: wrong version number\).*tls=false/,
    ],
    [
      'a certificate authority that is not known',
      () => `esdb://localhost:${secure.port}`,
      /unable to verify the first certificate\).*tlsCAFile/,
    ],
    [
      'an HTTP server',
      () => listen(createHttpServer((_, response) => response.end('hello'))),
      /is not an EventStoreDB or KurrentDB server/,
    ],
    [
      'an HTTP/2 server of another kind',
      () => listen(createHttp2Server((_, response) => response.writeHead(404).end())),
      /is not an EventStoreDB/,
    ],
    [
      'a server of another protocol',
      () => listen(createTcpServer((socket) => socket.write('220 mail.example\r\n'))),
      /is not an EventStoreDB/,
    ],
  ])('%s', async (_, url, sentence) => expect(await refusal(await url())).toMatch(sentence));

  it('a server that takes connections and says nothing', async () => {
    const url = await listen(createTcpServer(() => {}));
    expect(await refusal(url, { tryTimeoutMs: 200 })).toMatch(/is unavailable: it did not answer within 0\.2 s\. Waited/);
  });

  it.each([
    [
      'a wrong password',
      { mayReadAll: true, password: 'right' },
      /does not accept the user and password \(Unauthenticated\)\. Correct them/,
    ],
    ['a user who may not read all', { mayReadAll: false, password: 'given' }, /does not let this user read \$all.*\$admins/],
  ])('%s', async (_, user, sentence) => {
    await secure.call('set', { user: { name: 'admin', ...user } });
    expect(await refusal(`esdb://admin:given@localhost:${secure.port}?${trusting}`)).toMatch(sentence);
  });

  it('a server that is too old', async () => {
    await plain.call('set', { withoutPositions: true });
    expect(await refusal(plain.url())).toMatch(/is too old.*EventStoreDB 22\.10 or newer/);
  });

  it('a prefix that would be two categories', async () =>
    expect(await refusal(plain.url(), { prefix: 'acme-' })).toMatch(/prefix "acme-" of the log may have letters, digits and _ only/));

  it('no log, where one is to be read', async () =>
    expect(await refusal(plain.url(), { create: false })).toMatch(/There is no log of Hookledger with the prefix t\w+_ at esdb/));

  it.each([
    ['of a newer version', 'hookledger.log', '{"format":99}', /newer version of Hookledger \(its format is 99, this version reads 1\)/],
    ['of something else', 'OrderPlaced', '{}', /is not the beginning of a log of Hookledger\. Give the log another prefix/],
  ])('a log %s', async (_, type, data, sentence) => {
    await plain.call('writeForeign', { stream: `${prefix}hookledger`, count: 1, type, data });
    expect(await refusal(plain.url())).toMatch(sentence);
  });
});
