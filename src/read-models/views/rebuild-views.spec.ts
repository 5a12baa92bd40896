import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { databaseKinds, type DatabaseUnderTest } from '../../../test/support/databases.ts';
import { EventLog } from '../../../test/support/event-log.ts';
import { MemoryEventStore } from '../../../test/support/memory-event-store.ts';
import type { OrganizationId, Position } from '../../domain/ids.ts';
import { ConsumerRunner } from '../engine/consumer-runner.ts';
import type { ViewEvent } from './view-event.ts';
import { DatabaseUnusable, type Database } from '../engine/database/database.ts';
import { openDatabase, type DatabaseLocation } from '../engine/database/open.ts';
import { rebuild } from '../engine/rebuild.ts';
import { viewQueries } from '../queries/view-queries.ts';
import type { ViewsSchema } from './schema.ts';
import { Views } from './views.ts';
import { waitFor } from '../../../test/support/wait-for.ts';

const organization = 'default' as OrganizationId;
const silent = { info: () => undefined, warn: () => undefined, error: () => undefined };
const patience = { timeout: 30_000 };

describe.each(databaseKinds)('a rebuild on $name', ({ name, make }) => {
  let place: DatabaseUnderTest;
  let database: Database;
  let store: MemoryEventStore;
  let log: EventLog;
  let opened: { close(): Promise<void> }[] = [];

  beforeEach(async () => {
    place = await make();
    database = place.open();
    store = new MemoryEventStore();
    log = new EventLog(store);
    log.endpoint('a');
  });
  afterEach(async () => {
    for (const each of opened.splice(0)) await each.close();
    await place.discard();
  });

  const messages = (from: number, to: number) => {
    for (let n = from; n < to; n++) {
      const message = log.message(`m${n}`, ['a']);
      if (n % 3 > 0) log.attempt(message, 'a', 1, n % 3 === 1 ? 200 : 503);
    }
  };
  const end = async () => (await store.tip()) as Position;
  const liveViews = async () => {
    const views = new ConsumerRunner(new Views(), store, database, silent, { lingerMs: 0, buildCheckMs: 20, dropAfterMs: 0 });
    await views.start();
    opened.push({ close: () => views.stop() });
    expect(await views.reached(await end(), 10_000)).toBe(true);
    return views;
  };
  const routed = (views: Pick<ConsumerRunner<ViewsSchema, ViewEvent>, 'read'>) =>
    viewQueries(() => views.read)
      .deliveries.conservation(organization)
      .then((counts) => counts.routed);

  it('finds the same as is in use, and takes its place under a running server, which goes on', async () => {
    messages(0, 30);
    const views = await liveViews();
    const rebuilt = await rebuild(new Views(), store, database);
    expect(rebuilt).toMatchObject({ events: store.log.length, position: await end(), replaced: true });
    expect(rebuilt?.comparison).toMatchObject({ position: await end(), different: [] });
    expect(views.readBuild).toEqual({ version: new Views().version, build: 1 });
    expect(await database.builds('views', new Views().version)).toEqual([1]);

    messages(30, 40);
    await views.reached(await end(), 10_000);
    expect(await routed(views)).toBe(40);
    expect(await rebuild(new Views(), store, database)).toMatchObject({ comparison: { different: [] }, replaced: true });
  });

  it('takes over what was recorded between its end and the change', async () => {
    messages(0, 5);
    const views = await liveViews();
    const rebuilding = rebuild(new Views(), store, {
      ...bound(database),
      finishNext: async (consumer, version) => {
        messages(5, 25);
        await views.reached(await end(), 10_000);
        return database.finishNext(consumer, version);
      },
    });
    expect(await rebuilding).toMatchObject({ replaced: true });
    expect(views.readBuild).toMatchObject({ build: 1 });
    expect(await routed(views)).toBe(25);
    expect(views.status()).toMatchObject({ state: 'live', position: await end() });
  });

  it('names the tables that did not hold what the log says, and mends them', async () => {
    messages(0, 10);
    const views = await liveViews();
    await views.tables.transaction(({ kysely }) => kysely.updateTable('deliveries').set({ attempt_count: 99 }).execute());
    expect((await rebuild(new Views(), store, database))?.comparison?.different).toEqual(['deliveries']);
    expect((await rebuild(new Views(), store, database))?.comparison?.different).toEqual([]);
  });

  it('goes on where it was interrupted, and leaves what is in use as it was until it is done', async () => {
    messages(0, 30);
    const views = await liveViews();
    await views.stop();
    const interrupted = new AbortController();
    let read = 0;
    const small = {
      tip: () => store.tip(),
      async *follow(after: Position | undefined, { signal }: { signal: AbortSignal }) {
        for await (const batch of store.follow(after, { signal, batchSize: 7 })) {
          yield batch;
          read += batch.length;
          if (read >= 14) interrupted.abort();
        }
      },
    };
    expect(await rebuild(new Views(), small, database, { signal: interrupted.signal })).toBeUndefined();
    expect(read).toBe(14);
    expect(await database.builds('views', new Views().version)).toEqual([0]);

    const rebuilt = await rebuild(new Views(), store, database);
    expect(rebuilt).toMatchObject({ events: store.log.length - 14, comparison: { different: [] }, replaced: true });
    expect(await database.builds('views', new Views().version)).toEqual([1]);
  });

  it.runIf(name === 'sqlite')('is dropped with the files beside it: a journal would spoil the next one', async () => {
    const views = new Views();
    const next = await database.openNext<ViewsSchema>('views', views.version, (db, int64) => views.createTables(db, int64));
    await next.close();
    const { folder } = place.location as Extract<DatabaseLocation, { kind: 'sqlite' }>;
    const file = readdirSync(folder).find((each) => each.endsWith('.next.db')) ?? '';
    writeFileSync(join(folder, `${file}-journal`), 'of a process that was killed');
    await database.drop('views', views.version, 'next');
    expect(readdirSync(folder).filter((each) => each.startsWith(file))).toEqual([`${file}.lock`]);
  });

  it('is made by one process at a time', async () => {
    const views = new Views();
    const first = await database.openNext<ViewsSchema>('views', views.version, (db, int64) => views.createTables(db, int64));
    try {
      await expect(rebuild(new Views(), store, place.open())).rejects.toThrow(DatabaseUnusable);
    } finally {
      await first.close();
    }
  }, 30_000);

  it('builds to the end of the log where there is nothing yet, and compares nothing', async () => {
    messages(0, 10);
    expect(await rebuild(new Views(), store, database)).toMatchObject({ position: await end(), comparison: undefined, replaced: true });
    const views = await liveViews();
    expect(await routed(views)).toBe(10);
  });

  it.runIf(name === 'postgres')('of what replicas send by is refused while they run, and goes on when they have been stopped', async () => {
    messages(0, 5);
    const shared = openDatabase({ ...place.location, shared: true } as DatabaseLocation, silent);
    const replica = new ConsumerRunner(new Views(), store, shared, silent, { lingerMs: 0 });
    await replica.start();
    expect(await replica.reached(await end(), 10_000)).toBe(true);
    const sends = () => Object.assign(new Views(), { exclusiveVersion: true as const });
    await expect(rebuild(sends(), store, database)).rejects.toThrow(
      /^Replicas send due attempts from \w+, and can't all switch to rebuilt tables/,
    );
    await replica.stop();
    expect(await rebuild(sends(), store, database)).toMatchObject({ comparison: { different: [] }, replaced: true });
  });

  it('that can not be used leaves the server on what it has', async () => {
    messages(0, 3);
    const views = await liveViews();
    const broken = await database.openNext('views', views.status().version, async (db) => {
      await db.schema.createTable('something').addColumn('id', 'integer').execute();
    });
    await broken.close();
    await database.finishNext('views', views.status().version);
    await waitFor(() => expect(views.status().error).toMatch(/rebuilt tables can't be used/), patience);
    messages(3, 6);
    await views.reached(await end(), 10_000);
    expect(await routed(views)).toBe(6);
  });
});

/** A copy whose methods can be replaced. */
const bound = (database: Database): Database => ({
  bindTo: (log) => database.bindTo(log),
  open: (name, version, createTables, options) => database.open(name, version, createTables, options),
  openForQueries: (name, version, build) => database.openForQueries(name, version, build),
  openReadOnly: (name, version, build) => database.openReadOnly(name, version, build),
  versions: (name) => database.versions(name),
  builds: (name, version) => database.builds(name, version),
  drop: (name, version, build) => database.drop(name, version, build),
  dropUnused: (name, version, build) => database.dropUnused(name, version, build),
  openNext: (name, version, createTables, options) => database.openNext(name, version, createTables, options),
  finishNext: (name, version, options) => database.finishNext(name, version, options),
  isTransient: (error) => database.isTransient(error),
  damagedFiles: () => database.damagedFiles(),
});
