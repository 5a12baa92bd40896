// Rebuilding tables that several processes share. Here each runner plays a process.
import type { Kysely } from 'kysely';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { postgresUrl } from '../../../test/support/databases.ts';
import { MemoryEventStore } from '../../../test/support/memory-event-store.ts';
import { dropSchemasOfGuest, newPrefix } from '../../../test/support/postgres.ts';
import { startTcpProxy } from '../../../test/support/tcp-proxy.ts';
import type { EndpointId, Position } from '../../domain/ids.ts';
import type { RecordedEvent } from '../../event-store/event-store.ts';
import { ConsumerRunner } from './consumer-runner.ts';
import { compareWithRebuild } from './compare-tables.ts';
import type { Consumer } from './consumer.ts';
import type { CheckpointSchema, Transaction } from './database/database.ts';
import { PostgresDatabase } from './database/postgres.ts';
import { rebuild } from './rebuild.ts';
import { waitFor } from '../../../test/support/wait-for.ts';

type Counts = CheckpointSchema & { counts: { name: string; count: number } };

/** Counts reveal an event that is applied twice, or not at all. */
class Renames implements Consumer<Counts> {
  readonly name = 'renames';
  readonly version = 1;
  readonly primaryKeys = { counts: ['name'] } as const;
  before: () => Promise<void> = async () => undefined;
  beforeAgain: () => Promise<void> = async () => undefined;

  async createTables(db: Kysely<Counts>) {
    const table = db.schema.createTable('counts').addColumn('name', 'text', (column) => column.primaryKey());
    await table.addColumn('count', 'integer').execute();
  }
  receive(event: RecordedEvent) {
    return event;
  }
  async apply(batch: readonly RecordedEvent[], tx: Transaction<Counts>) {
    await this.before();
    const counts = new Map([['all', batch.length]]);
    for (const { data } of batch) if ('name' in data) counts.set(data.name, (counts.get(data.name) ?? 0) + 1);
    await tx.add(
      'counts',
      ['name'],
      Array.from(counts, ([name, count]) => ({ name, count })),
    );
  }
  async applyRowsOnly(batch: readonly RecordedEvent[], tx: Transaction<Counts>) {
    await this.beforeAgain();
    await this.apply(batch, tx);
  }
}

type Replica = { readonly runner: ConsumerRunner<Counts>; readonly consumer: Renames };

const patience = { timeout: 30_000 };
let url: string;
let prefix: string;
let store: MemoryEventStore;
const log = { info: vi.fn<() => void>(), warn: vi.fn<(...args: unknown[]) => void>(), error: vi.fn<() => void>() };
const running: ConsumerRunner<Counts>[] = [];

beforeEach(async () => {
  url = await postgresUrl();
  prefix = newPrefix();
  store = new MemoryEventStore();
  vi.clearAllMocks();
});
afterEach(async () => {
  await Promise.all(running.splice(0).map((runner) => runner.stop()));
  await dropSchemasOfGuest(url, prefix);
});

const databaseAt = (where = url) => new PostgresDatabase({ url: where, prefix, shared: true, waitMs: 0 }, log);
const run = async (database = databaseAt(), consumer = new Renames()): Promise<Replica> => {
  const options = { standbyMs: 50, lingerMs: 5, buildCheckMs: 200, dropAfterMs: 300, maxBatch: 5 };
  const runner = new ConsumerRunner(consumer, store, database, log, options);
  running.push(runner);
  await runner.start();
  return { runner, consumer };
};
let renamed = 0;
const rename = (times: number): Position =>
  store.record(
    ...Array.from({ length: times }, () => ({
      stream: 'endpoint-1' as EndpointId,
      event: { type: 'endpoint.renamed', data: { name: `n${renamed++ % 7}` } } as const,
    })),
  );
const counted = async ({ runner }: Replica): Promise<number> =>
  (await runner.read.selectFrom('counts').select('count').where('name', '=', 'all').executeTakeFirst())?.count ?? 0;
const isLive = ({ runner }: Replica) => waitFor(() => expect(runner.status().state).toBe('live'), patience);
const builds = () => databaseAt().builds('renames', 1);

/** Records events and queries each replica until the returned function is called. @returns the wrong answers */
const underLoad = (replicas: readonly Replica[]) => {
  const over = new AbortController();
  const asked = replicas.map(async (replica, number) => {
    const wrong: string[] = [];
    for (let shown = 0; !over.signal.aborted;) {
      const last = rename(2);
      const atOnce = await counted(replica).catch((error: Error) => wrong.push(error.message));
      const wasReached = await replica.runner.reached(last, 3_000);
      const then = await counted(replica).catch((error: Error) => wrong.push(error.message));
      if (atOnce < shown || then < atOnce || (wasReached && then < Number(last)) || !wasReached)
        wrong.push(`${number} at ${last}: ${wasReached}, shows ${shown}, ${atOnce}, ${then}`);
      shown = then;
    }
    return wrong;
  });
  return async () => {
    over.abort();
    return (await Promise.all(asked)).flat();
  };
};

/** Finishes a build only after the replicas have applied more events than it holds. */
const behind = (replicas: readonly Replica[]) => {
  const database = databaseAt();
  const finish = database.finishNext.bind(database);
  database.finishNext = async (...consumer) => {
    const last = rename(30);
    for (const { runner } of replicas) await runner.reached(last, 10_000);
    return finish(...consumer);
  };
  return database;
};

const allOnTheNewest = async (replicas: readonly Replica[]) => {
  const last = rename(3);
  for (const each of replicas) {
    await waitFor(() => expect(each.runner.readBuild).toEqual({ version: 1, build: 1 }), patience);
    expect(await each.runner.reached(last, 10_000)).toBe(true);
    expect(await counted(each)).toBe(store.log.length);
  }
  await waitFor(() => expect(replicas.map(({ runner }) => runner.status().state).sort()).toEqual(oneIsLive(replicas)), patience);
  const [{ runner }] = replicas as readonly [Replica];
  const alone = new PostgresDatabase({ url, prefix }, log);
  expect((await compareWithRebuild(runner.read, new Renames(), store, alone)).different).toEqual([]);
  await waitFor(async () => expect(await builds()).toEqual([1]), patience);
  expect(log.error).not.toHaveBeenCalled();
};
const oneIsLive = ({ length }: readonly Replica[]) => [...Array.from({ length: length - 1 }, () => 'elsewhere'), 'live'];

it('all replicas switch to the rebuilt tables under load, and the old ones are dropped', async () => {
  rename(50);
  const replicas = [await run(), await run(), await run()];
  await isLive(replicas[0] as Replica);
  const end = underLoad(replicas);
  const rebuilt = await rebuild(new Renames(), store, databaseAt());
  expect(rebuilt).toMatchObject({ replaced: true, comparison: { different: [] } });
  expect(await end()).toEqual([]);
  await allOnTheNewest(replicas);
  expect(log.warn).not.toHaveBeenCalled();
});

it('a replica that takes over while the leader catches the new build up resumes from its checkpoint', async () => {
  const { hostname, port } = new URL(url);
  await using proxy = await startTcpProxy({ host: hostname, port: Number(port || 5432) });
  const first = await run(databaseAt(Object.assign(new URL(url), { hostname: '127.0.0.1', port: String(proxy.port) }).href));
  const others = [await run(), await run()];
  await isLive(first);
  const cutAt = vi.fn<() => Promise<void>>().mockResolvedValue(undefined);
  cutAt.mockImplementationOnce(async () => undefined).mockImplementationOnce(() => proxy.close());
  first.consumer.beforeAgain = cutAt;
  const rebuilding = rebuild(new Renames(), store, behind([first, ...others]));
  await waitFor(() => expect(cutAt).toHaveBeenCalledTimes(2), patience);
  const end = underLoad(others);
  expect(await rebuilding).toMatchObject({ replaced: true, comparison: { different: [] } });
  expect(await end()).toEqual([]);
  await allOnTheNewest(others);
  await proxy.open();
  await allOnTheNewest([first, ...others]);
});

it('a replica that starts meanwhile may lead the new build; the others stay on the old one until it has caught up', async () => {
  const [mayOpen, mayApply] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const database = databaseAt();
  const [first, second] = [await run(database), await run()];
  await isLive(first);
  const open = database.open.bind(database);
  database.open = async (...named) => {
    await mayOpen.promise;
    return open(...named);
  };
  const rebuilding = rebuild(new Renames(), store, behind([first, second]));
  await waitFor(async () => expect(await builds()).toEqual([0, 1]), patience);
  const third = await run(databaseAt(), Object.assign(new Renames(), { before: () => mayApply.promise }));
  await waitFor(() => expect(third.runner.status().state).toBe('catching-up'), patience);
  mayOpen.resolve();
  for (let times = 0; times < 5; times++)
    for (const each of [first, second]) {
      expect(await each.runner.reached(rename(1), 5_000)).toBe(true);
      expect(each.runner.readBuild).toEqual({ version: 1, build: 0 });
    }
  mayApply.resolve();
  const end = underLoad([first, second, third]);
  expect(await rebuilding).toMatchObject({ replaced: true });
  expect(await end()).toEqual([]);
  await allOnTheNewest([first, second, third]);
  expect(third.runner.status().state).toBe('live');
});

it('a new build that is ahead of the tables in use is switched to at once', async () => {
  const end = rename(100);
  const [mayApply, before] = [Promise.withResolvers<void>(), vi.fn<() => Promise<void>>()];
  before.mockImplementation(() => mayApply.promise);
  const first = await run(databaseAt(), Object.assign(new Renames(), { before }));
  await waitFor(() => expect(before).toHaveBeenCalled(), patience);
  const database = databaseAt();
  const next = await database.openNext<Counts>('renames', 1, (db) => new Renames().createTables(db));
  await next.transaction((tx) => new Renames().apply(store.log, tx), end);
  await next.close();
  await database.finishNext('renames', 1);
  await waitFor(() => expect(first.runner.status().state).toBe('elsewhere'), patience); // its term ends
  mayApply.resolve();
  await isLive(first);
  expect(first.runner.readBuild).toEqual({ version: 1, build: 1 });
  expect(before).toHaveBeenCalledTimes(1);
  await allOnTheNewest([first]);
});

it('all replicas stay on their tables if the new build cannot be used', async () => {
  const replicas = [await run(), await run()] as const;
  await isLive(replicas[0]);
  await replicas[1].runner.reached(rename(3), 10_000);
  const database = databaseAt();
  const broken = await database.openNext('renames', 1, async (db) => {
    await db.schema.createTable('something').addColumn('id', 'integer').execute();
  });
  await broken.close();
  await database.finishNext('renames', 1);
  const refusal = expect.stringMatching(/rebuilt tables can't be used: The column counts\.name doesn't exist/);
  await waitFor(() => expect(log.warn).toHaveBeenCalledWith(expect.anything(), refusal), patience);
  for (const each of replicas) {
    expect(await each.runner.reached(rename(2), 10_000)).toBe(true);
    expect(await counted(each)).toBe(store.log.length);
    expect(each.runner.readBuild).toEqual({ version: 1, build: 0 });
  }
});
