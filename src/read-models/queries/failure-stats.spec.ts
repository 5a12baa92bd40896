// Figures on failures: what is counted is what a plain reading of the events gives, an index finds it, and only the newest are looked at.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { databaseKinds, type DatabaseUnderTest } from '../../../test/support/databases.ts';
import { EventLog, minute } from '../../../test/support/event-log.ts';
import { MemoryEventStore } from '../../../test/support/memory-event-store.ts';
import { QueryPlans } from '../../../test/support/query-plans.ts';
import { asEndpointId, asOrganizationId, type EndpointId } from '../../domain/ids.ts';
import { deliveryIdOf } from '../../event-store/id-generation.ts';
import { compareWithRebuild } from '../engine/compare-tables.ts';
import { ConsumerRunner } from '../engine/consumer-runner.ts';
import type { Database } from '../engine/database/database.ts';
import type { ViewsSchema } from '../views/schema.ts';
import type { ViewEvent } from '../views/view-event.ts';
import { Views } from '../views/views.ts';
import { failureGroupings, type FailureFilter, type FailureGrouping } from './failure-stats.ts';
import { viewQueries, type ViewQueries } from './view-queries.ts';

const organization = asOrganizationId('default');
const silent = { info: () => undefined, warn: () => undefined, error: () => undefined };
const [a, b, batched] = ['a', 'b', 'batched'].map(asEndpointId) as [EndpointId, EndpointId, EndpointId];

/** What a plain reading counts. */
type Failure = { delivery: string; attempt: number; endpoint: EndpointId; type: string; code: number | undefined; at: number };

const fill = (log: EventLog): Failure[] => {
  const failures: Failure[] = [];
  for (const id of [a, b, batched]) log.endpoint(id);
  for (let n = 0; n < 120; n++) {
    log.now += minute;
    const type = n % 3 === 0 ? 'alert.created' : 'meeting.ended';
    const id = log.message(`m${n}`, [a, b], { type });
    for (const [endpoint, codes] of [
      [a, n % 4 === 0 ? [500, 503] : [200]],
      [b, n % 5 === 0 ? [undefined, 500] : [404, 200]],
    ] as const)
      for (const [i, code] of codes.entries()) {
        log.attempt(id, endpoint, i + 1, code);
        if (code !== 200) failures.push({ delivery: deliveryIdOf(id, endpoint), attempt: i + 1, endpoint, type, code, at: log.now + 10 });
        log.now += 1000;
      }
    if (n % 10 === 0) log.attempt(log.message(`test${n}`, [a], { test: true }), a, 1, 500, true);
  }
  const members = ['alert.created', 'meeting.ended'].map((type) => ({ type, id: log.message(`in-batch-${type}`, [batched], { type }) }));
  log.closeBatch(
    batched,
    1,
    members.map(({ id }) => id),
  );
  log.attemptBatch(batched, 1, 2, 1, 502);
  for (const { type, id } of members)
    failures.push({ delivery: deliveryIdOf(id, batched), attempt: 1, endpoint: batched, type, code: 502, at: log.now + 10 });
  const other = new EventLog(log.store, asOrganizationId('other'));
  other.now = log.now;
  other.endpoint('theirs');
  other.attempt(other.message('m1', ['theirs']), 'theirs', 1, 500);
  return failures;
};

const keyOf = ({ code, endpoint, type }: Failure): Record<FailureGrouping, string | undefined> => ({
  REASON: code === undefined ? 'CONNECTION' : 'HTTP_STATUS',
  CODE: code === undefined ? undefined : String(code),
  ENDPOINT: endpoint,
  EVENT_TYPE: type,
});

describe.each(databaseKinds)('figures on failures on $name', ({ name, make }) => {
  let place: DatabaseUnderTest;
  let database: Database;
  let views: ConsumerRunner<ViewsSchema, ViewEvent>;
  let plans: QueryPlans;
  let queries: ViewQueries;
  let failures: Failure[];
  const store = new MemoryEventStore();
  const log = new EventLog(store);
  const began = log.now;

  beforeAll(async () => {
    place = await make();
    database = place.open();
    failures = fill(log);
    views = new ConsumerRunner(new Views(), store, database, silent, { lingerMs: 0 });
    await views.start();
    const tip = await store.tip();
    if (tip === undefined || !(await views.reached(tip, 60_000))) throw new Error('The views do not show the log.');
    plans = new QueryPlans(name, views.read, /failed_attempts|deliveries/);
    queries = viewQueries(() => plans.read);
  }, 120_000);
  afterAll(async () => {
    await views.stop();
    await place.discard();
  });

  const counted = (of: readonly Failure[], by: FailureGrouping) =>
    Array.from(
      Map.groupBy(of, (each) => keyOf(each)[by]),
      ([key, some]) => ({
        key,
        attempts: some.length,
        deliveries: new Set(some.map(({ delivery }) => delivery)).size,
        lastAt: new Date(Math.max(...some.map(({ at }) => at))).toISOString(),
      }),
    ).filter(({ key }) => key !== undefined);
  const meets = ({ endpoint, type }: Failure, { endpointIds, eventType, exceptTypes }: FailureFilter) =>
    (endpointIds ?? [endpoint]).includes(endpoint) && (eventType ?? type) === type && !exceptTypes?.includes(type);
  const sortKey = ({ attempts, lastAt, key }: { attempts: number; lastAt: string; key: string | undefined }) =>
    `${String(1e6 - attempts)} ${String(1e15 - Date.parse(lastAt))} ${key}`;

  const filters: readonly FailureFilter[] = [
    {},
    { eventType: 'alert.created' },
    { exceptTypes: ['alert.created', 'nothing'] },
    { endpointIds: [b] },
    { endpointIds: [a, batched], eventType: 'meeting.ended' },
    { endpointIds: [a], exceptTypes: ['meeting.ended'] },
    { endpointIds: [asEndpointId('theirs')] },
    { endpointIds: [] },
  ];
  const everything = { since: new Date(began), until: new Date(began + 1000 * minute) };
  const middle = { since: new Date(began + 30 * minute), until: new Date(began + 200 * minute) };

  it.each(filters)('with %o are what a plain reading counts, by everything, found by indexes', async (filter) => {
    for (const span of [everything, middle])
      for (const by of failureGroupings) {
        const all = await queries.stats.failures(organization, filter, span, by, 100);
        const those = failures.filter((each) => meets(each, filter) && each.at >= +span.since && each.at < +span.until);
        const expected = counted(those, by).sort((one, two) => (sortKey(one) < sortKey(two) ? -1 : 1));
        expect(all.map(({ key, attempts, deliveries, lastAt }) => ({ key, attempts, deliveries, lastAt }))).toEqual(expected);
        for (const { key, lastAt, example } of all) {
          const newest = those.filter((each) => keyOf(each)[by] === key && each.at === Date.parse(lastAt));
          expect(newest.map(({ delivery, attempt }) => ({ deliveryId: delivery, attempt }))).toContainEqual(example);
        }
        expect(await queries.stats.failures(organization, filter, span, by, 1)).toEqual(all.slice(0, 1));
      }
    expect(await plans.takeScans()).toEqual([]);
  });

  it('are the same when they are rebuilt from the log at once', async () => {
    const { different } = await compareWithRebuild(views.read, new Views(), store, database);
    expect(different).toEqual([]);
  });
});
