// Figures over time: what the buckets add up to, and that rows become fewer with their age, the same in live tables and in rebuilt ones.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { databaseKinds, type DatabaseUnderTest } from '../../../test/support/databases.ts';
import { EventLog, hour, minute } from '../../../test/support/event-log.ts';
import { MemoryEventStore } from '../../../test/support/memory-event-store.ts';
import { QueryPlans } from '../../../test/support/query-plans.ts';
import { asEndpointId, asOrganizationId } from '../../domain/ids.ts';
import { compareWithRebuild } from '../engine/compare-tables.ts';
import { ConsumerRunner } from '../engine/consumer-runner.ts';
import type { Database } from '../engine/database/database.ts';
import type { ViewsSchema } from '../views/schema.ts';
import { latencyStep } from '../views/tables/delivery-stats.ts';
import type { ViewEvent } from '../views/view-event.ts';
import { Views } from '../views/views.ts';
import { DeliveryStatsQueries, percentile, type StatsFilter } from './delivery-stats.ts';

const organization = asOrganizationId('default');
const silent = { info: () => undefined, warn: () => undefined, error: () => undefined };

describe.each(databaseKinds)('figures over time on $name', ({ name, make }) => {
  let place: DatabaseUnderTest;
  let database: Database;
  let store: MemoryEventStore;
  let log: EventLog;
  let views: ConsumerRunner<ViewsSchema, ViewEvent>;
  let queries: DeliveryStatsQueries;
  let began: number;

  const settle = async () => {
    const tip = await store.tip();
    if (tip === undefined || !(await views.reached(tip, 60_000))) throw new Error('The views do not show the log.');
  };
  const total = async (filter: StatsFilter, since: number, until: number, buckets = 7) => {
    const all = await queries.stats(organization, filter, { since: new Date(since), until: new Date(until), buckets });
    const sum = (name: 'accepted' | 'succeeded' | 'failed' | 'attempts' | 'failedAttempts') => all.reduce((n, each) => n + each[name], 0);
    return [sum('accepted'), sum('succeeded'), sum('failed'), sum('attempts'), sum('failedAttempts')];
  };

  beforeAll(async () => {
    place = await make();
    database = place.open();
    store = new MemoryEventStore();
    log = new EventLog(store);
    began = log.now;
    for (const id of ['a', 'b']) log.endpoint(id);
    views = new ConsumerRunner(new Views(), store, database, silent, { lingerMs: 0 });
    await views.start();
    queries = new DeliveryStatsQueries(() => views.read);
    // Two hours; then, a day later, another one: by then the first ones are kept by the hour.
    for (let n = 0; n < 180; n++) {
      if (n === 120) {
        await settle();
        log.now += 26 * hour;
      }
      log.now += minute;
      const id = log.message(`m${n}`, ['a', 'b'], { type: n % 3 === 0 ? 'alert.created' : 'meeting.ended' });
      log.attempt(id, 'a', 1, 200);
      for (const attempt of [1, 2]) if (n % 10 === 0) log.attempt(id, 'b', attempt, 500);
      if (n % 60 === 7) log.attempt(log.message(`test${n}`, ['a'], { test: true }), 'a', 1, 200, true);
    }
    log.attempt(log.message('late', ['a']), 'a', 1, 200);
    log.now -= 27 * hour; // the clock is set back: what is older than a day is counted by the hour at once
    log.attempt(log.message('older', ['a']), 'a', 1, 200);
    await settle();
  }, 120_000);
  afterAll(async () => {
    await views.stop();
    await place.discard();
  });

  it.each<[string, StatsFilter]>([
    ['of all', {}],
    ['of an endpoint', { endpointId: asEndpointId('a') }],
    ['of an event type', { eventType: 'alert.created' }],
    ['but for some types', { exceptTypes: ['alert.created'] }],
  ])('%s are found by an index', async (_, filter) => {
    const plans = new QueryPlans(name, views.read, /delivery_stats|attempt_latencies/);
    const planned = new DeliveryStatsQueries(() => plans.read);
    await planned.stats(organization, filter, { since: new Date(began), until: new Date(log.now), buckets: 7 });
    expect(await plans.takeScans()).toEqual([]);
  });

  it('add up to all that happened, of the organization, of an endpoint, and of a type', async () => {
    const [from, to] = [began, began + 40 * hour];
    expect(await total({}, from, to)).toEqual([362, 182, 18, 218, 36]);
    expect(await total({ endpointId: asEndpointId('b') }, from, to)).toEqual([180, 0, 18, 36, 36]);
    expect(await total({ eventType: 'alert.created' }, from, to)).toEqual([120, 60, 6, 72, 12]);
    expect(await total({ endpointId: asEndpointId('a'), exceptTypes: ['alert.created'] }, from, to)).toEqual([122, 122, 0, 122, 0]);
    expect(await total({}, to, to + hour)).toEqual([0, 0, 0, 0, 0]);
  });

  it('are in the bucket of their minute while that is a day old at most, and of their hour after that', async () => {
    const recent = began + 28 * hour + minute;
    const stats = await queries.stats(organization, {}, { since: new Date(recent), until: new Date(recent + 6 * 10 * minute), buckets: 6 });
    expect(stats.map(({ accepted }) => accepted)).toEqual([20, 20, 20, 20, 20, 21]); // the last also has the late one
    expect(stats.map(({ start }) => start)[1]).toBe(new Date(recent + 10 * minute).toISOString());
    const rows = await views.read.selectFrom('delivery_stats').select(['minutes', 'start']).execute();
    expect(rows.some(({ minutes }) => minutes === 60)).toBe(true);
    const newest = Math.max(...rows.map(({ start }) => start));
    for (const { minutes, start } of rows) expect(minutes === 60 || start >= newest - 26 * 60).toBe(true);
  });

  it('know how long attempts took', async () => {
    const [{ p50Ms, p95Ms } = { p50Ms: 0, p95Ms: 0 }] = await queries.stats(
      organization,
      {},
      { since: new Date(began), until: new Date(began + 40 * hour), buckets: 1 },
    );
    for (const ms of [p50Ms, p95Ms]) {
      expect(ms).toBeGreaterThan(8.2);
      expect(ms).toBeLessThan(12);
    }
    const [empty] = await queries.stats(organization, {}, { since: new Date(0), until: new Date(hour), buckets: 1 });
    expect(empty).toMatchObject({ attempts: 0, p50Ms: null, p95Ms: null });
  });

  it('are the same when they are rebuilt from the log at once', async () => {
    const { different } = await compareWithRebuild(views.read, new Views(), store, database);
    expect(different).toEqual([]);
  });
});

describe('a percentile', () => {
  it('is within the width of a step of what was measured', () => {
    const measured = Array.from({ length: 1000 }, (_, n) => 1.005 ** n);
    const steps = Array.from(Map.groupBy(measured, latencyStep), ([step, some]) => ({ step, attempts: some.length }));
    for (const share of [0.05, 0.5, 0.95, 1]) {
      const exact = measured[Math.ceil(share * measured.length) - 1] ?? 0;
      const estimated = percentile(steps, share) ?? 0;
      expect(Math.abs(estimated - exact) / exact).toBeLessThan(0.2);
    }
  });
});
