// Given the views on a database, of a log that a test writes: the fixture of their specs.
import { afterEach, beforeEach, expect } from 'vitest';
import type { DatabaseUnderTest } from './databases.ts';
import { EventLog } from './event-log.ts';
import { MemoryEventStore } from './memory-event-store.ts';
import type { OrganizationId, Position } from '../../src/domain/ids.ts';
import { ConsumerRunner } from '../../src/read-models/engine/consumer-runner.ts';
import type { Database } from '../../src/read-models/engine/database/database.ts';
import { digest } from '../../src/read-models/engine/compare-tables.ts';
import type { DeliveryFilter } from '../../src/read-models/queries/delivery-filter.ts';
import { viewQueries, type ViewQueries } from '../../src/read-models/queries/view-queries.ts';
import { Views } from '../../src/read-models/views/views.ts';

export const organization = 'default' as OrganizationId;
export const silent = { info: () => undefined, warn: () => undefined, error: () => undefined };

export let place: DatabaseUnderTest;
export let database: Database;
export let store: MemoryEventStore;
export let log: EventLog;
export const opened: { close(): Promise<void> }[] = [];

/** A log and a database for each test. */
export const setUp = (make: () => Promise<DatabaseUnderTest>): void => {
  beforeEach(async () => {
    place = await make();
    database = place.open();
    store = new MemoryEventStore();
    log = new EventLog(store);
  });
  afterEach(async () => {
    for (const each of opened.splice(0)) await each.close();
    await place.discard();
  });
};

export const runner = async () => {
  const started = new ConsumerRunner(new Views(), store, database, silent, { lingerMs: 0 });
  await started.start();
  opened.push({ close: () => started.stop() });
  return started;
};
/** The queries, once all that was recorded shows. */
export const shown = async () => {
  const views = await runner();
  const settle = async () => expect(await views.reached((await store.tip()) as Position, 10_000)).toBe(true);
  await settle();
  return Object.assign(
    viewQueries(
      () => views.read,
      () => new Date(log.now),
    ),
    {
      settle,
      db: () => views.read,
      tables: () => digest(views.read, new Views()),
    },
  );
};
export const all = { first: 200 };
export const only = async (queries: ViewQueries, filter: DeliveryFilter) =>
  (await queries.deliveries.page(organization, all, filter)).edges.map(({ node }) => node);
