// Given replicas that share a log and PostgreSQL, and a receiver that counts what it gets: the fixture of their spec.
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach } from 'vitest';
import { postgresUrl } from './databases.ts';
import { dropSchemasOfGuest, newPrefix } from './postgres.ts';
import { accepted, organizationId, registered } from './samples.ts';
import { silent } from './silent.ts';
import { CommandExecutor } from '../../src/commands/command-executor.ts';
import type { EndpointId } from '../../src/domain/ids.ts';
import { newId } from '../../src/event-store/id-generation.ts';
import { SqliteEventStore } from '../../src/event-store/sqlite/sqlite-event-store.ts';
import { ConsumerRunner } from '../../src/read-models/engine/consumer-runner.ts';
import { PostgresDatabase } from '../../src/read-models/engine/database/postgres.ts';
import { EndpointDirectory } from '../../src/read-models/directory/endpoint-directory.ts';
import { Vault } from '../../src/secrets/vault.ts';
import { addressGuard } from '../../src/delivery/sender/address-guard.ts';
import { AttemptRunner } from '../../src/delivery/attempts/attempt-runner.ts';
import { BatchCloser } from '../../src/delivery/attempts/batch-closer.ts';
import { DeliverySaga } from '../../src/delivery/saga/delivery-saga.ts';
import { Dispatcher } from '../../src/delivery/lanes/dispatcher.ts';
import type { DueAttemptsSchema } from '../../src/delivery/due-attempts/due-attempts-table.ts';
import { LeasedDueAttempts } from '../../src/delivery/due-attempts/leased-due-attempts.ts';
import { RequestMaker } from '../../src/delivery/attempts/request-maker.ts';
import type { SagaDecision } from '../../src/delivery/saga/saga-decision.ts';
import { SagaHost } from '../../src/delivery/saga/saga-host.ts';
import { Sender } from '../../src/delivery/sender/sender.ts';
import { SharedClock } from '../../src/delivery/due-attempts/shared-clock.ts';
import { SharedRates } from '../../src/delivery/due-attempts/shared-rates.ts';
import { SharedSlots } from '../../src/delivery/due-attempts/shared-slots.ts';
import { endpointStream } from '../../src/domain/streams.ts';

export const e1 = 'e1' as EndpointId;

export let url: string;
export let prefix: string;
/** `timeoutMs`: a lease is 6 s longer. */
export const leases = { timeoutMs: 60_000 };
const closing: (() => Promise<unknown>)[] = [];
const failures: unknown[] = [];

/** A database of its own for each test; what failed on the way fails it. */
export const setUp = (): void => {
  beforeEach(async () => {
    url = await postgresUrl();
    prefix = newPrefix();
    leases.timeoutMs = 60_000;
    failures.length = 0;
  });
  afterEach(async () => {
    for (const close of closing.splice(0).toReversed()) await close();
    await dropSchemasOfGuest(url, prefix);
    if (failures.length > 0) throw new Error('Something failed on the way.', { cause: failures });
  });
};

/** Answers after a while, or when it is told to. */
export const startReceiver = async (answerAfterMs: number | undefined) => {
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

export const build = async ({
  bound = 64,
  endpoints,
}: {
  bound?: number;
  endpoints: readonly (Parameters<typeof registered>[0] & object)[];
}) => {
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
    const due = new LeasedDueAttempts(name, namespace, store, () => ({ gatheringMs: 0, timeoutMs: leases.timeoutMs }), clock);
    const slots = new SharedSlots(
      name,
      (id) => directory.endpoint(id)?.configuration.settings.maxConcurrency ?? bound,
      namespace,
      () => leases.timeoutMs,
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
