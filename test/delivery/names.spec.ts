// Names against real DNS servers on 127.0.0.1: who is asked, what is found, and that a server that never answers holds nobody up but its own names.
import { Resolver } from 'node:dns/promises';
import { describe, expect, it } from 'vitest';
import { NameFailure } from '../../src/delivery/sender/names/name-failure.ts';
import { NameLookup, type NameSources } from '../../src/delivery/sender/names/name-lookup.ts';
import { Names } from '../../src/delivery/sender/names/names.ts';
import { startDnsServer, type DnsServer } from '../support/dns-server.ts';
import { startReceiver } from '../support/receiver.ts';
import { makeSender, request } from './sending.ts';

const notFound = Object.assign(new Error('getaddrinfo ENOTFOUND'), { code: 'ENOTFOUND' });

/** A look-up that asks that DNS server, and this system's resolver. */
const lookupAt = (server: DnsServer, askSystem: NameSources['askSystem'] = () => Promise.reject(notFound)) =>
  new NameLookup({
    makeResolver: () => {
      const resolver = new Resolver({ timeout: 300, tries: 2 });
      resolver.setServers([server.address]);
      return resolver;
    },
    askSystem,
  });

describe('a name', () => {
  it('has the addresses of both families, and the shorter TTL', async () => {
    await using server = await startDnsServer({
      'both.example': { A: ['192.0.2.1', '192.0.2.2'], AAAA: ['20010db8000000000000000000000001'], ttl: 30 },
    });
    const { addresses, ttlSeconds } = await lookupAt(server).lookUp('both.example', 'new');
    expect(addresses.map(({ address }) => address).toSorted()).toEqual(['192.0.2.1', '192.0.2.2', '2001:db8::1']);
    expect(ttlSeconds).toBe(30);
  });

  it.each([
    ['A', '192.0.2.1'],
    ['AAAA', '2001:db8::1'],
  ] as const)('with addresses of one family (%s) is found, though the server never answers for the other', async (type, address) => {
    const of = { A: ['192.0.2.1'], AAAA: ['20010db8000000000000000000000001'] };
    await using server = await startDnsServer({ 'one.example': { A: 'silent', AAAA: 'silent', [type]: of[type] } });
    const start = performance.now();
    expect(await lookupAt(server).lookUp('one.example', 'new')).toMatchObject({ addresses: [{ address }] });
    expect(performance.now() - start).toBeLessThan(1_500);
  });

  it('that DNS does not know is asked of the system, and then of nobody else for a while', async () => {
    await using server = await startDnsServer({});
    const lookup = lookupAt(server, async () => [{ address: '192.0.2.9', family: 4 }]);
    for (let n = 0; n < 2; n++)
      expect(await lookup.lookUp('service.namespace', 'new')).toMatchObject({ addresses: [{ address: '192.0.2.9' }] });
    expect(server.questions.toSorted()).toEqual(['service.namespace A', 'service.namespace AAAA']);
  });

  it.each(['localhost', 'localhost.', 'app.localhost', 'receiver'])('such as %s is asked of the system only', async (name) => {
    await using server = await startDnsServer({});
    const asked: string[] = [];
    await lookupAt(server, async (hostname) => {
      asked.push(hostname);
      return [{ address: '127.0.0.1', family: 4 }];
    }).lookUp(name, 'new');
    expect(asked).toEqual([name]);
    expect(server.questions).toEqual([]);
  });

  it('that nobody knows is not found', async () => {
    await using server = await startDnsServer({});
    await expect(lookupAt(server).lookUp('nowhere.example', 'new')).rejects.toMatchObject({ reason: 'not-found' });
  });

  it('that no server answers for says so, and the resolver is made again', async () => {
    await using server = await startDnsServer();
    const again = Object.assign(new Error('getaddrinfo EAI_AGAIN'), { code: 'EAI_AGAIN' });
    const failure = await lookupAt(server, () => Promise.reject(again))
      .lookUp('hung.example', 'new')
      .catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(NameFailure);
    expect(failure).toMatchObject({ reason: 'no-answer' });
  });
});

it("names that never resolve, with the system's resolver hanging as well, delay no name that one of both resolves", async () => {
  await using server = await startDnsServer({
    'fine.example': { A: ['192.0.2.1'] },
    ...Object.fromEntries(Array.from({ length: 50 }, (_, n) => [`hung-${n}.example`, { A: 'silent' as const, AAAA: 'silent' as const }])),
  });
  const lookup = lookupAt(server, (name) =>
    ['localhost', 'service.namespace'].includes(name)
      ? Promise.resolve([{ address: '127.0.0.1', family: 4 }])
      : new Promise(() => undefined),
  );
  const hung = Array.from({ length: 50 }, (_, n) => lookup.lookUp(`hung-${n}.example`, 'new').catch((error: unknown) => error));
  await expect.poll(() => server.questions.length).toBeGreaterThan(150); // DNS was given up: the system is asked
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  const start = performance.now();
  await lookup.lookUp('localhost', 'new');
  await lookup.lookUp('fine.example', 'new');
  await lookup.lookUp('service.namespace', 'new'); // DNS says that it does not know it
  expect(performance.now() - start).toBeLessThan(2_000);
  for (const failure of await Promise.all(hung)) expect(failure).toMatchObject({ reason: 'no-answer' });
});

it('a sender is prepared when the name is resolved, and its request then waits for nothing', async () => {
  await using receiver = await startReceiver();
  await using server = await startDnsServer({ 'fine.example': { A: ['127.0.0.1'] } });
  const lookup = lookupAt(server);
  const sender = makeSender({ names: new Names((name, state) => lookup.lookUp(name, state)) });
  const url = `http://fine.example:${receiver.port}/`;
  expect(sender.prepare(receiver.url)).toBe(true); // an address
  const preparing = sender.prepare(url);
  expect(preparing).toBeInstanceOf(Promise);
  await preparing;
  expect(sender.prepare(url)).toBe(true);
  expect(await sender.send(request(url))).toMatchObject({ outcome: 'succeeded' });
  expect(server.questions).toHaveLength(2);
});
