// Whole replicas of delivery on one log, one table and one receiver: the bound of requests that they share, and a new version beside an older one.
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { postgresUrl } from '../../test/support/databases.ts';
import { dropSchemasOfGuest, newPrefix } from '../../test/support/postgres.ts';
import { accepted, harmlessUrl, organizationId, registered } from '../../test/support/samples.ts';
import { silent } from '../../test/support/silent.ts';
import { CommandExecutor } from '../commands/command-executor.ts';
import type { EndpointId } from '../domain/ids.ts';
import { newId } from '../event-store/id-generation.ts';
import { SqliteEventStore } from '../event-store/sqlite/sqlite-event-store.ts';
import { ConsumerRunner } from '../read-models/engine/consumer-runner.ts';
import { PostgresDatabase } from '../read-models/engine/database/postgres.ts';
import { EndpointDirectory } from '../read-models/directory/endpoint-directory.ts';
import { Vault } from '../secrets/vault.ts';
import { addressGuard } from './sender/address-guard.ts';
import { AttemptRunner } from './attempts/attempt-runner.ts';
import { BatchCloser } from './attempts/batch-closer.ts';
import { DeliverySaga } from './saga/delivery-saga.ts';
import { Dispatcher } from './lanes/dispatcher.ts';
import type { DueAttemptsSchema } from './due-attempts/due-attempts-table.ts';
import { LeasedDueAttempts } from './due-attempts/leased-due-attempts.ts';
import { RequestMaker } from './attempts/request-maker.ts';
import type { SagaDecision } from './saga/saga-decision.ts';
import { SagaHost } from './saga/saga-host.ts';
import { Sender } from './sender/sender.ts';
import { SharedClock } from './due-attempts/shared-clock.ts';
import { SharedRates } from './due-attempts/shared-rates.ts';
import { SharedSlots } from './due-attempts/shared-slots.ts';
import { endpointStream } from '../domain/streams.ts';
import { waitFor } from '../../test/support/wait-for.ts';

const e1 = 'e1' as EndpointId;

let url: string;
let prefix: string;
/** A lease is 6 s longer. */
let timeoutMs: number;
const closing: (() => Promise<unknown>)[] = [];
const failures: unknown[] = [];

beforeEach(async () => {
  url = await postgresUrl();
  prefix = newPrefix();
  timeoutMs = 60_000;
  failures.length = 0;
});
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
  await dropSchemasOfGuest(url, prefix);
  if (failures.length > 0) throw new Error('Something failed on the way.', { cause: failures });
});

/** Answers after a while, or when it is told to. */
const startReceiver = async (answerAfterMs: number | undefined) => {
  /** By who sent it. */
  const open = new Map<ServerResponse, string>();
  const senders = new Set<string>();
  const ids: string[] = [];
  const times: number[] = [];
  let most = 0;
  let answering = answerAfterMs;
  const answer = (response: ServerResponse) => response.writeHead(200).end();
  const server = createServer((request, response) => {
    open.set(response, String(request.headers['x-replica']));
    senders.add(String(request.headers['x-replica']));
    most = Math.max(most, open.size);
    response.on('close', () => open.delete(response));
    times.push(performance.now());
    ids.push(String(request.headers['webhook-id']));
    if (answering !== undefined) setTimeout(() => answer(response), answering);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  closing.push(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    open,
    ids,
    times,
    senders,
    most: () => most,
    /** As when the process at the other end is killed. */
    lose: (name: string) => {
      for (const [response, from] of open) if (from === name) response.destroy();
    },
    answerAll: () => {
      answering = 0;
      for (const response of open.keys()) answer(response);
    },
  };
};

const build = async ({ bound = 64, endpoints }: { bound?: number; endpoints: readonly (Parameters<typeof registered>[0] & object)[] }) => {
  const folder = mkdtempSync(join(tmpdir(), 'slots-'));
  const store = await SqliteEventStore.open({ directory: folder });
  closing.push(async () => {
    await store.close();
    rmSync(folder, { recursive: true });
  });
  const vault = new Vault(randomBytes(32));
  const made = { actor: 'test' };
  const ids = endpoints.map((_, i) => `e${i + 1}` as EndpointId);
  const organization = {
    type: 'organization.registered' as const,
    data: { name: 'Test', encryptionKey: vault.newKey(`organization-${organizationId}`) },
  };
  await store.append([
    {
      stream: `organization-${organizationId}`,
      expectedRevision: 'no-stream',
      events: [{ ...organization, id: newId(), metadata: made }],
    },
    ...endpoints.map((settings, i) => ({
      stream: endpointStream(ids[i] as EndpointId),
      expectedRevision: 'no-stream' as const,
      events: [{ ...registered(settings), id: newId(), metadata: made }],
    })),
  ]);
  /** @returns the ids of the messages */
  const publish = async (count: number) => {
    const messages = Array.from({ length: count }, () => newId());
    const writes = messages.map((id) => ({
      stream: `message-${id}`,
      expectedRevision: 'no-stream' as const,
      events: [{ ...accepted(ids), id: newId(), metadata: made }],
    }));
    await store.append(writes);
    return messages;
  };

  const replica = async (name: string, version?: number) => {
    let [dead, ended] = [false, false];
    const log = { info: () => undefined, warn: () => undefined, error: (...what: unknown[]) => void (dead || failures.push(what)) };
    const directory = new EndpointDirectory(store, vault, silent);
    await directory.start();
    const sender = new Sender({ guard: addressGuard(true), allowHttp: true, clock: () => new Date() });
    const send: Sender['send'] = async (request) => {
      const outcome = dead ? undefined : await sender.send({ ...request, headers: { ...request.headers, 'x-replica': name } });
      return outcome && !dead ? outcome : new Promise<never>(() => undefined);
    };
    const executor = new CommandExecutor(store);
    const requests = new RequestMaker({ evaluate: () => Promise.reject(new Error('There are no templates here.')) }, 'test');
    let repeats = 0;
    const among = { replica: name, repeated: () => void repeats++ };
    const runner = new AttemptRunner(store, executor, directory, { send, prepare: () => true }, requests, () => undefined, among);
    const namespace = () => consumer.tables;
    const clock = new SharedClock();
    const due = new LeasedDueAttempts(name, namespace, store, () => ({ gatheringMs: 0, timeoutMs }), clock);
    const slots = new SharedSlots(
      name,
      (id) => directory.endpoint(id)?.configuration.settings.maxConcurrency ?? bound,
      namespace,
      () => timeoutMs,
      log,
      clock,
    );
    const rates = new SharedRates(namespace, clock);
    const closer = new BatchCloser(store, executor, due);
    const dispatcher = new Dispatcher(due, directory, runner, closer, { concurrency: 100, endpointConcurrency: 64 }, log, slots, rates);
    const bus = { execute: () => Promise.reject(new Error('Nothing is disabled here.')) };
    const host = new SagaHost(new DeliverySaga(), bus, due, dispatcher);
    const database = new PostgresDatabase({ url, prefix, shared: true }, log);
    const consumer: ConsumerRunner<DueAttemptsSchema, SagaDecision> = new ConsumerRunner(
      version === undefined ? host : Object.assign(host, { version }),
      store,
      database,
      log,
      { lingerMs: 250, standbyMs: 200 },
    );
    await consumer.start();
    consumer.tables.group?.listen({ onMessage: (what) => due.receive(what) });
    await due.join();
    dispatcher.takeFromTable();
    /** Whatever it has is given back; not by one that is dead. */
    const end = async () => {
      ended = true;
      due.stop();
      if (!dead) await dispatcher.stop(2_000);
      slots.stop();
      await consumer.stop();
      await sender.close();
      await dispatcher.stop(0);
      await directory.stop();
    };
    const kill = async () => {
      dead = true;
      await end();
    };
    closing.push(async () => ended || end());
    const waiting = () => consumer.tables.read.selectFrom('due_attempts').select('id').execute();
    return {
      kill,
      end,
      slots,
      waiting,
      repeats: () => repeats,
      state: () => consumer.status().state,
    };
  };
  return { replica, publish };
};

it(
  'replicas with a bound that they share send all of it, and together no more at one time than the bound; batches and single ones',
  { timeout: 20_000 },
  async () => {
    const [single, batched] = [await startReceiver(15), await startReceiver(30)];
    const endpoints = [{ url: harmlessUrl(single.url) }, { url: harmlessUrl(batched.url), batch: { maxSize: 5, maxWaitMs: 50 } }];
    const { replica, publish } = await build({ bound: 4, endpoints });
    const replicas = [await replica('a'), await replica('b'), await replica('c')] as const;
    const messages: string[] = [];
    for (let i = 0; i < 6; i++) {
      messages.push(...(await publish(30)));
      await delay(60);
    }
    await waitFor(async () => expect([new Set(single.ids).size, await replicas[0].waiting()]).toEqual([180, []]));
    expect([...single.ids].sort()).toEqual([...messages].sort());
    expect([single.most(), batched.most()]).toEqual([4, expect.any(Number)]);
    expect(single.senders.size).toBeGreaterThan(1);
    expect(batched.most()).toBeLessThanOrEqual(4);
    expect(batched.ids.length).toBeGreaterThanOrEqual(36);
    expect(new Set(batched.ids).size).toBe(batched.ids.length);
    expect(replicas.map(({ repeats }) => repeats())).toEqual([0, 0, 0]);
  },
);

it('replicas have the slots of one that died when its leases end, and not before', async () => {
  timeoutMs = -3_000; // a lease of three seconds
  const receiver = await startReceiver(undefined);
  const { replica, publish } = await build({ bound: 2, endpoints: [{ url: harmlessUrl(receiver.url) }] });
  const a = await replica('a');
  const under = await publish(2);
  await waitFor(() => expect([...receiver.ids].sort()).toEqual([...under].sort()));
  const b = await replica('b');
  await publish(3);
  await delay(400);
  expect(receiver.open.size).toBe(2);
  const since = Date.now();
  const killed = a.kill();
  receiver.lose('a');
  await killed;
  await waitFor(() => expect(b.state()).toBe('live'));
  const areLeased = Date.now() - since < 1_500; // else this machine was too slow to look in time
  expect(areLeased ? [receiver.open.size, b.slots.held(e1)] : [0, 0]).toEqual([0, 0]); // three are due, and none goes
  await waitFor(() => expect(receiver.open.size).toBe(2));
  expect(Date.now() - since).toBeGreaterThan(1_500);
  receiver.answerAll();
  await waitFor(async () => expect([new Set(receiver.ids).size, await b.waiting()]).toEqual([5, []]));
  expect(receiver.most()).toBe(2);
});

it('replicas keep the rate and the concurrency of an endpoint together', async () => {
  const [paced, narrow] = [await startReceiver(0), await startReceiver(10)];
  const rateLimit = { perSecond: 25, burst: 1 };
  const endpoints = [
    { url: harmlessUrl(paced.url), rateLimit },
    { url: harmlessUrl(narrow.url), maxConcurrency: 2 },
  ];
  const { replica, publish } = await build({ endpoints });
  const replicas = [await replica('a'), await replica('b'), await replica('c')] as const;
  const stalls = monitorEventLoopDelay({ resolution: 5 });
  stalls.enable();
  for (let i = 0; i < 4; i++) {
    await publish(25);
    await delay(50);
  }
  await waitFor(async () => expect([new Set(paced.ids).size, await replicas[0].waiting()]).toEqual([100, []]));
  expect([paced.ids.length, narrow.most()]).toEqual([100, 2]);
  stalls.disable();
  const lateMs = 250 + stalls.max / 1e6; // late timers are made up for within 250 ms, and this machine may be late itself
  for (const from of paced.times) {
    const inTwoSeconds = paced.times.filter((at) => at >= from && at < from + 2_000).length;
    expect(inTwoSeconds).toBeLessThanOrEqual(51 + (25 * lateMs) / 1_000);
  }
  const took = Math.max(...paced.times) - Math.min(...paced.times);
  expect(took).toBeLessThan(9_000); // 4 s, and what a busy machine is late; one replica's share alone would take 12 s
  expect(paced.senders.size).toBeGreaterThan(1);
});

it('replicas have the slots of one that is stopped at once', async () => {
  const receiver = await startReceiver(20);
  const { replica, publish } = await build({ bound: 1, endpoints: [{ url: harmlessUrl(receiver.url) }] });
  const [a, b] = [await replica('a'), await replica('b')];
  await publish(12);
  await waitFor(() => expect(receiver.ids.length).toBeGreaterThan(1));
  const [holder, other] = a.slots.held(e1) > 0 ? [a, b] : [b, a];
  await holder.end();
  await waitFor(() => expect(other.slots.held(e1)).toBe(1), { timeout: 2_500 });
  await waitFor(() => expect(new Set(receiver.ids).size).toBe(12));
  expect(receiver.most()).toBe(1);
});

it('replicas of an older version are replaced one by one: all is sent meanwhile, each once', async () => {
  const receiver = await startReceiver(10);
  const { replica, publish } = await build({ endpoints: [{ url: harmlessUrl(receiver.url) }] });
  const older = [await replica('a', 5), await replica('b', 5)];
  const messages: string[] = [];
  const over = new AbortController();
  const publishing = (async () => {
    while (!over.signal.aborted) {
      messages.push(...(await publish(5)));
      await delay(20);
    }
  })();
  const newer: Awaited<ReturnType<typeof replica>>[] = [];
  for (const [i, old] of older.entries()) {
    newer.push(await replica(`new ${i}`, 6));
    await delay(400);
    expect(newer.map(({ state }) => state())).toEqual(newer.map(() => 'elsewhere')); // nothing is sent by them
    await old.end();
  }
  await waitFor(() => expect(newer.map(({ state }) => state())).toContain('live'));
  await delay(200);
  over.abort();
  await publishing;
  const [last] = newer;
  await waitFor(async () => expect([new Set(receiver.ids).size, await last?.waiting()]).toEqual([messages.length, []]));
  expect([...receiver.ids].sort()).toEqual([...messages].sort());
  expect([...older, ...newer].map(({ repeats }) => repeats())).toEqual([0, 0, 0, 0]);
});
