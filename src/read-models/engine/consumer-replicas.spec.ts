// One consumer, run by several processes on one database. Here each runner plays a process.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Kysely } from 'kysely';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { postgresUrl } from '../../../test/support/databases.ts';
import { MemoryEventStore } from '../../../test/support/memory-event-store.ts';
import { dropSchemasOfGuest, newPrefix, withPostgres } from '../../../test/support/postgres.ts';
import type { EndpointId, Position } from '../../domain/ids.ts';
import { UndecodableEvent, type EventStore, type RecordedEvent } from '../../event-store/event-store.ts';
import { ConsumerRunner } from './consumer-runner.ts';
import type { Consumer } from './consumer.ts';
import type { CheckpointSchema, Transaction } from './database/database.ts';
import { PostgresDatabase } from './database/postgres.ts';
import '../../domain/streams.ts';
import { waitFor } from '../../../test/support/wait-for.ts';

type Seen = CheckpointSchema & { seen: { position: Position; name: string } };

class Names implements Consumer<Seen> {
  readonly name = 'names';
  readonly version: number = 1;
  readonly primaryKeys = { seen: ['position'] } as const;
  readonly calls: string[] = [];
  before: () => Promise<void> = async () => undefined;

  async createTables(db: Kysely<Seen>) {
    const table = db.schema.createTable('seen').addColumn('position', 'text', (column) => column.primaryKey());
    await table.addColumn('name', 'text').execute();
  }
  receive(event: RecordedEvent, live: boolean) {
    if (live) this.calls.push(`live ${'name' in event.data ? event.data.name : ''}`);
    return event;
  }
  async apply(batch: readonly RecordedEvent[], tx: Transaction<Seen>) {
    await tx.insert(
      'seen',
      batch.map(({ position, data }) => ({ position, name: 'name' in data ? data.name : '' })),
    );
    await this.before();
  }
  async onTermStart() {
    this.calls.push('takes over');
  }
  async onTermCaughtUp() {
    this.calls.push('in place');
  }
  onTermLost() {
    this.calls.push('lost');
  }
}

const patience = { timeout: 30_000 };
let url: string;
let prefix: string;
let store: MemoryEventStore;
const log = { info: vi.fn<() => void>(), warn: vi.fn<() => void>(), error: vi.fn<() => void>() };
const running: ConsumerRunner<Seen>[] = [];

beforeEach(async () => {
  url = await postgresUrl();
  prefix = newPrefix();
  store = new MemoryEventStore();
});
afterEach(async () => {
  for (const runner of running.splice(0)) await runner.stop();
  await dropSchemasOfGuest(url, prefix);
});

const run = async (consumer = new Names(), events: Pick<EventStore, 'tip' | 'follow'> = store) => {
  const database = new PostgresDatabase({ url, prefix, shared: true }, log);
  const runner = new ConsumerRunner(consumer, events, database, log, { standbyMs: 50, lingerMs: 5 });
  running.push(runner);
  await runner.start();
  return { runner, consumer };
};
const version = (number: number) => Object.assign(new Names(), { version: number });
const rename = (...names: string[]) =>
  store.record(
    ...names.map((name) => ({ stream: 'endpoint-1' as EndpointId, event: { type: 'endpoint.renamed', data: { name } } as const })),
  );
const names = async ({ runner }: { runner: ConsumerRunner<Seen> }) =>
  (await runner.read.selectFrom('seen').select('name').orderBy('position').execute()).map(({ name }) => name);
const isLive = ({ runner }: { runner: ConsumerRunner<Seen> }) => waitFor(() => expect(runner.status().state).toBe('live'), patience);
/** Ends the connections of the leader and the standbys, as a failing-over server would. */
const cut = () =>
  withPostgres(url, (client) =>
    client.query('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1', [
      `hookledger ${prefix}_names_1 writer`,
    ]),
  );

it('runs in one process; the other stands by, and hears of and sees each commit', async () => {
  rename('a');
  const one = await run();
  const two = await run();
  await isLive(one);
  expect(two.runner.status().state).toBe('elsewhere');
  expect(await two.runner.reached(rename('b'), 10_000)).toBe(true);
  expect(await names(two)).toEqual(['a', 'b']);
  expect(two.consumer.calls).toEqual([]);
  expect(one.consumer.calls).toEqual(['takes over', 'in place', 'live b']);
});

it('is taken over when the leader ends', async () => {
  const one = await run();
  const two = await run();
  await one.runner.reached(rename('a'), 10_000);
  await one.runner.stop();
  rename('b');
  await isLive(two);
  expect(await two.runner.reached(rename('c'), 10_000)).toBe(true);
  expect(await names(two)).toEqual(['a', 'b', 'c']);
  expect(two.consumer.calls.slice(0, 2)).toEqual(['takes over', 'in place']);
});

it('stops in a process that loses its connection, even within a transaction, until that has the lock again', async () => {
  const one = await run();
  const two = await run();
  const cutOnce = vi
    .fn<() => Promise<void>>()
    .mockResolvedValue(undefined)
    .mockImplementationOnce(async () => void (await cut()));
  one.consumer.before = cutOnce;
  rename('a');
  await waitFor(() => expect(one.consumer.calls).toContain('lost'), patience);
  const last = rename('b');
  expect(await one.runner.reached(last, 10_000)).toBe(true);
  expect(await two.runner.reached(last, 10_000)).toBe(true);
  await waitFor(() => expect([one, two].filter(({ runner }) => runner.status().state === 'live')).toHaveLength(1), patience);
  expect(await names(one)).toEqual(['a', 'b']);
});

it('applies every event once, however often connections break', async () => {
  const all = [await run(), await run(), await run()];
  let last: Position | undefined;
  const wanted: string[] = [];
  for (let round = 0; round < 6; round++) {
    for (let i = 0; i < 5; i++) wanted.push(`${round}-${i}`);
    last = rename(...wanted.slice(-5));
    await cut();
    if (round % 2 === 0) await all[0]?.runner.reached(last, 10_000);
  }
  for (const each of all) expect(await each.runner.reached(last as Position, 15_000)).toBe(true);
  expect(await names(all[2] as (typeof all)[0])).toEqual(wanted);
  expect(log.error).not.toHaveBeenCalled();
});

it('keeps the tables of an older version that another process has open', async () => {
  const one = await run();
  await one.runner.reached(rename('a'), 10_000);
  const two = await run(version(2));
  expect(await two.runner.reached(rename('b'), 10_000)).toBe(true);
  await isLive(two);
  expect(await one.runner.reached(rename('c'), 10_000)).toBe(true);
  expect(await names(one)).toEqual(['a', 'b', 'c']);
});

describe('a consumer that allows one version at a time', () => {
  const only = (number: number) => Object.assign(version(number), { exclusiveVersion: true });

  it('builds the newer version beside the older, and goes live with everything recorded once the last process of the older has ended', async () => {
    const [one, two] = [await run(only(1)), await run(only(1))];
    rename('a');
    await isLive(one);
    const three = await run(only(2));
    expect(await three.runner.reached(rename('b'), 10_000)).toBe(true);
    await one.runner.stop();
    await isLive(two);
    expect(await three.runner.reached(rename('c'), 10_000)).toBe(true);
    expect(three.runner.status().state).toBe('elsewhere');
    expect(await two.runner.reached(rename('d'), 10_000)).toBe(true);
    three.consumer.onTermCaughtUp = async () => void three.consumer.calls.push(`in place with ${(await names(three)).join(', ')}`);
    const [busy, late] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    three.consumer.before = () => (busy.resolve(), late.promise);
    rename('e');
    await busy.promise;
    expect(await two.runner.reached(rename('f'), 10_000)).toBe(true);
    await two.runner.stop();
    await sleep(100); // long enough for a check of older versions
    late.resolve();
    await isLive(three);
    expect(three.consumer.calls.filter((each) => !each.startsWith('live'))).toEqual(['takes over', 'in place with a, b, c, d, e, f']);
    const database = new PostgresDatabase({ url, prefix, shared: true }, log);
    await waitFor(async () => expect(await database.versions('names')).toEqual([2]), patience);
  });

  it('neither starts an older version while a newer one runs, nor resumes it after a lost connection', async () => {
    const one = await run(only(1));
    await isLive(one);
    const two = await run(only(2));
    await expect(run(only(1))).rejects.toThrow(
      /^A newer version of Hookledger, or one with rebuilt tables, runs on this database.*first stop all that run/,
    );
    await cut();
    await isLive(two);
    await waitFor(
      () => expect(one.runner.status().error).toMatch(/A newer version of Hookledger, or one with rebuilt tables, runs/),
      patience,
    );
    expect(one.consumer.calls.at(-1)).toBe('lost');
    expect(await two.runner.reached(rename('a'), 10_000)).toBe(true);
  });
});

describe('at an event that only a newer version can read', () => {
  /** The log as a version reads it that does not have the events of this name. */
  const readBefore = (name: string): Pick<EventStore, 'tip' | 'follow'> => ({
    tip: () => store.tip(),
    async *follow(after, options) {
      for await (const batch of store.follow(after, { ...options, batchSize: 1 })) {
        const [event] = batch;
        if (event && 'name' in event.data && event.data.name === name)
          throw new UndecodableEvent(event.position, event.stream, event.type, 'this version of Hookledger has no such event');
        yield batch;
      }
    },
  });
  const olderVersion = () => run(new Names(), readBefore('newer'));

  it('the leader hands over to a newer process, shows what that commits, and leads again after it', async () => {
    const older = await olderVersion();
    await older.runner.reached(rename('a'), 10_000);
    const newer = await run();
    const states: string[] = [];
    const watching = setInterval(() => states.push(older.runner.status().state), 1);
    const last = rename('newer', 'b');
    expect(await older.runner.reached(last, 10_000)).toBe(true);
    clearInterval(watching);
    expect(await names(older)).toEqual(['a', 'newer', 'b']);
    expect(states).not.toContain('stopped');
    expect(older.consumer.calls).toEqual(expect.arrayContaining(['takes over', 'lost']));
    expect(older.runner.status()).toMatchObject({ state: 'elsewhere' });
    expect(older.runner.status().error).toBeUndefined();

    await newer.runner.stop();
    expect(await older.runner.reached(rename('c'), 10_000)).toBe(true);
    await isLive(older);
    expect(await names(older)).toEqual(['a', 'newer', 'b', 'c']);
  });

  it('all stop with the reason while no process can go on, and a newer one that starts takes over', async () => {
    const all = [await olderVersion(), await olderVersion()];
    rename('a', 'newer');
    for (const { runner } of all) {
      await waitFor(() => expect(runner.status().state).toBe('stopped'), patience);
      expect(runner.status().error).toMatch(
        /\(endpoint\.renamed in endpoint-1\) can't be read: .* Run the version of Hookledger that wrote/,
      );
    }
    const last = rename('b');
    expect(await all[0]?.runner.reached(last, 10_000)).toBe(false);
    const newer = await run();
    expect(await newer.runner.reached(last, 10_000)).toBe(true);
    for (const { runner } of all)
      await waitFor(() => expect(runner.status()).toMatchObject({ state: 'elsewhere', position: last }), patience);
  });

  it('is superseded while a version runs that has tables of its own', async () => {
    const older = await olderVersion();
    await isLive(older);
    const newer = await run(version(2));
    const last = rename('newer');
    expect(await newer.runner.reached(last, 10_000)).toBe(true);
    await waitFor(() => expect(older.runner.status().state).toBe('superseded'), patience);
    expect(older.runner.status().error).toContain('A newer version of Hookledger runs beside this one and goes on.');
    expect(await older.runner.reached(last, 10_000)).toBe(false);
    await newer.runner.stop();
    await waitFor(() => expect(older.runner.status().state).toBe('stopped'), patience);
  });
});

it('stops in every process at an event that it cannot apply', async () => {
  const poison = () => {
    const consumer = new Names();
    consumer.before = () => Promise.reject(new RangeError('poison'));
    return consumer;
  };
  const [one, two] = [await run(poison()), await run(poison())];
  rename('a');
  for (const { runner } of [one, two]) await waitFor(() => expect(runner.status().state).toBe('stopped'), patience);
  expect([one.runner.status().state, two.runner.status().state]).toEqual(['stopped', 'stopped']);
  expect(one.runner.status().error).toMatch(/can't be applied: poison/);
});
