// Finding deliveries, messages and endpoints: whatever is asked for, the answer is what a plain reading of all rows gives, and an index finds it.
import type { Kysely } from 'kysely';
import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { databaseKinds, type DatabaseUnderTest } from '../../../test/support/databases.ts';
import { EventLog, minute } from '../../../test/support/event-log.ts';
import { MemoryEventStore } from '../../../test/support/memory-event-store.ts';
import { QueryPlans } from '../../../test/support/query-plans.ts';
import { failureReasons } from '../../domain/attempts.ts';
import { asEndpointId, asOrganizationId, type MessageId } from '../../domain/ids.ts';
import { ConsumerRunner } from '../engine/consumer-runner.ts';
import type { ViewsSchema } from '../views/schema.ts';
import { Views } from '../views/views.ts';
import { countUpTo } from './counting.ts';
import type { DeliveryFilter } from './delivery-filter.ts';
import type { DeliveryView } from './delivery-view.ts';
import type { EndpointFilter } from './endpoint-pages.ts';
import type { MessageFilter } from './message-pages.ts';
import type { MessageView } from './message-queries.ts';
import type { Page } from './page.ts';
import { viewQueries, type ViewQueries } from './view-queries.ts';

const organization = asOrganizationId('default');
const silent = { info: () => undefined, warn: () => undefined, error: () => undefined };
const statuses = ['PENDING', 'RETRYING', 'HELD', 'SUCCEEDED', 'FAILED', 'CANCELLED'] as const;
const types = ['meeting.ended', 'meeting.started', 'alert.created'];
const endpoints = ['a', 'b', 'held', 'd'].map(asEndpointId);
const began = Date.parse('2026-01-01T12:00:00.000Z');

/** A day of messages: every outcome, some tests, some in order of a key, some to nobody. */
const fill = (log: EventLog, messages: number) => {
  for (const id of endpoints) log.endpoint(id);
  for (let n = 0; n < messages; n++) {
    log.now += minute;
    const to = n % 11 === 0 ? [] : [endpoints[n % 4] ?? 'a', endpoints[(n + 1) % 4] ?? 'b'];
    const [at = 'a'] = to;
    const options = {
      type: types[n % 7 === 0 ? 2 : n % 2] ?? '',
      ...(n % 13 === 0 && to.length > 0 && { inOrder: { at, key: `key-${n % 3}` } }),
    };
    const id = n % 29 === 5 ? log.message(`m${n}`, to, { ...options, test: true }) : log.message(`m${n}`, to, options);
    const results = [[200], [503, 200], [undefined], [404, 404], [], [500], [201]][n % 7] ?? [];
    for (const endpoint of to)
      for (const [i, result] of results.entries())
        if (log.isOpen(id, endpoint)) log.attempt(id, endpoint, i + 1, result, n % 29 === 5 || undefined);
    if (n % 17 === 4 && to.length > 0 && log.isOpen(id, at)) log.cancel(id, at);
  }
  log.endpoint('held', { type: 'Pause' });
};

const everything = async <T>(page: (after: string | null) => Promise<Page<T>>): Promise<T[]> => {
  const all: T[] = [];
  for (let after: string | null = null; ;) {
    const { edges, hasNextPage, endCursor } = await page(after);
    all.push(...edges.map(({ node }) => node));
    if (!hasNextPage) return all;
    after = endCursor;
  }
};

const subset = <T>(values: readonly T[]) => fc.option(fc.subarray([...values]), { nil: undefined });
const maybe = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined, freq: 3 });
const moments = maybe(fc.integer({ min: -10, max: 420 }).map((n) => new Date(began + n * minute + 1)));
const deliveryFilters: fc.Arbitrary<DeliveryFilter> = fc.record({
  endpointId: maybe(fc.constantFrom(...endpoints)),
  endpointIds: subset(endpoints),
  status: subset(statuses),
  eventType: maybe(fc.constantFrom(...types)),
  eventTypes: subset(types),
  exceptTypes: subset(types),
  clientId: maybe(fc.constantFrom('m7', 'm26', 'm300')),
  since: moments,
  until: moments,
  responseCode: maybe(fc.constantFrom(200, 404, 503)),
  responseCodeFrom: maybe(fc.constantFrom(201, 400, 500)),
  responseCodeUntil: maybe(fc.constantFrom(200, 499, 599)),
  failure: subset(failureReasons),
  test: maybe(fc.boolean()),
});
const messageFilters: fc.Arbitrary<MessageFilter> = fc.record({
  clientId: maybe(fc.constantFrom('m7', 'm26', 'nobody')),
  eventType: maybe(fc.constantFrom(...types)),
  eventTypes: subset(types),
  exceptTypes: subset(types),
  orderingKey: maybe(fc.constantFrom('key-0', 'key-2', 'none')),
  since: moments,
  until: moments,
  unrouted: maybe(fc.boolean()),
});

describe.each(databaseKinds)('finding on $name', ({ name, make }) => {
  let place: DatabaseUnderTest;
  let views: { readonly read: Kysely<ViewsSchema>; stop: () => Promise<void> };
  let queries: ViewQueries;
  let allDeliveries: DeliveryView[];
  let allMessages: MessageView[];
  let plans: QueryPlans;

  beforeAll(async () => {
    place = await make();
    const store = new MemoryEventStore();
    const log = new EventLog(store);
    fill(log, 400);
    const other = new EventLog(store, asOrganizationId('other'));
    other.endpoint('theirs');
    other.attempt(other.message('m7', ['theirs']), 'theirs', 1, undefined);
    const runner = new ConsumerRunner(new Views(), store, place.open(), silent, { lingerMs: 0 });
    await runner.start();
    const tip = await store.tip();
    if (tip === undefined || !(await runner.reached(tip, 60_000))) throw new Error('The views do not show the log.');
    views = runner;
    plans = new QueryPlans(name, runner.read, /deliveries|messages|endpoints|endpoint_\w+/);
    queries = viewQueries(() => plans.read);
    allDeliveries = await everything((after) => queries.deliveries.page(organization, { first: 200, after }));
    allMessages = await everything((after) => queries.messages.page(organization, { first: 200, after }));
  }, 120_000);
  afterAll(async () => {
    await views.stop();
    await place.discard();
  });

  const expectIndexes = async () => expect(await plans.takeScans()).toEqual([]);

  const clientIdOf = (id: MessageId) => allMessages.find((message) => message.id === id)?.clientId;
  const isOf = (at: string, since: Date | null | undefined, until: Date | null | undefined) =>
    (!since || Date.parse(at) >= since.getTime()) && (!until || Date.parse(at) < until.getTime());
  const meets = (delivery: DeliveryView, filter: DeliveryFilter): boolean => {
    const { endpointId, endpointIds, status, eventType, eventTypes, clientId, responseCode, failure, test } = filter;
    const { responseCodeFrom: from, responseCodeUntil: until } = filter;
    const code = delivery.lastResponseCode;
    return (
      (endpointId ?? delivery.endpointId) === delivery.endpointId &&
      (endpointIds ?? [delivery.endpointId]).includes(delivery.endpointId) &&
      (status ?? [delivery.status]).includes(delivery.status) &&
      (eventType ?? delivery.eventType) === delivery.eventType &&
      (eventTypes ?? [delivery.eventType]).includes(delivery.eventType) &&
      !filter.exceptTypes?.includes(delivery.eventType) &&
      (!clientId || clientIdOf(delivery.messageId) === clientId) &&
      isOf(delivery.createdAt, filter.since, filter.until) &&
      (!responseCode || code === responseCode) &&
      (!from || (code !== null && code >= from)) &&
      (!until || (code !== null && code <= until)) &&
      (!failure || (delivery.lastFailure !== null && failure.includes(delivery.lastFailure))) &&
      (test ?? delivery.test) === delivery.test
    );
  };
  const meetsMessage = (
    message: MessageView,
    { clientId, eventType, eventTypes, exceptTypes, orderingKey, since, until, unrouted }: MessageFilter,
  ): boolean =>
    (clientId ?? message.clientId) === message.clientId &&
    (eventType ?? message.eventType) === message.eventType &&
    (eventTypes ?? [message.eventType]).includes(message.eventType) &&
    !exceptTypes?.includes(message.eventType) &&
    (orderingKey ?? message.orderingKey) === message.orderingKey &&
    isOf(message.acceptedAt, since, until) &&
    (unrouted ?? message.destinations === 0) === (message.destinations === 0);
  const ids = (views: readonly { readonly id: string }[]) => views.map(({ id }) => id);

  it('has something of everything to find', () => {
    expect(new Set(allDeliveries.map(({ status }) => status))).toEqual(new Set(statuses));
    expect(new Set(allDeliveries.map(({ lastFailure }) => lastFailure))).toEqual(new Set([null, 'HTTP_STATUS', 'CONNECTION']));
    expect(allDeliveries.some(({ test }) => test)).toBe(true);
    expect(allMessages.some(({ destinations }) => destinations === 0)).toBe(true);
    expect(allMessages).toHaveLength(400);
  });

  it('of deliveries gives, for every filter, what a plain reading of it gives, newest first, counts it, and never reads a whole table', () =>
    fc.assert(
      fc.asyncProperty(deliveryFilters, fc.integer({ min: 1, max: 60 }), async (filter, first) => {
        const expected = ids(allDeliveries.filter((delivery) => meets(delivery, filter)));
        plans.forget();
        expect(ids(await everything((after) => queries.deliveries.page(organization, { first, after }, filter)))).toEqual(expected);
        expect(await queries.deliveries.count(organization, filter, 10_000)).toEqual({ value: expected.length, exact: true });
        await expectIndexes();
      }),
      { numRuns: 25 },
    ));

  it('of messages does so, too', () =>
    fc.assert(
      fc.asyncProperty(messageFilters, fc.integer({ min: 1, max: 60 }), async (filter, first) => {
        const expected = ids(allMessages.filter((message) => meetsMessage(message, filter)));
        plans.forget();
        expect(ids(await everything((after) => queries.messages.page(organization, { first, after }, filter)))).toEqual(expected);
        expect(await queries.messages.count(organization, filter, 10_000)).toEqual({ value: expected.length, exact: true });
        await expectIndexes();
      }),
      { numRuns: 25 },
    ));

  it.each<[string, (first: number) => Promise<unknown>]>([
    ['deliveries_failed', (first) => queries.deliveries.page(organization, { first }, { failure: ['DNS'] })],
    ['deliveries_tests', (first) => queries.deliveries.page(organization, { first }, { test: true })],
    ['messages_of_key', (first) => queries.messages.page(organization, { first }, { orderingKey: 'key-1' })],
    ['messages_unrouted', (first) => queries.messages.page(organization, { first }, { unrouted: true })],
    ['messages_unrouted', () => queries.messages.count(organization, { unrouted: true }, 10)],
  ])('finds by the index %s', async (index, ask) => {
    plans.forget();
    await ask(20);
    expect((await plans.take()).flatMap(({ plan }) => plan).join('\n')).toContain(index);
  });

  it('by a combination, what a bulk retry goes through is what the filter finds, oldest first', async () => {
    const filter = {
      status: ['FAILED', 'RETRYING'] as const,
      failure: ['HTTP_STATUS'] as const,
      responseCodeFrom: 400,
      eventTypes: types.slice(0, 2),
      test: false,
    };
    const found = allDeliveries.filter((delivery) => meets(delivery, filter));
    expect(found.length).toBeGreaterThan(10);
    const counts = await queries.deliveries.countMatching(organization, filter);
    expect(counts.reduce((sum, { count }) => sum + count, 0)).toBe(found.length);
    for (const { endpointId } of counts) {
      const subjects = await queries.deliveries.oldestMatching(
        organization,
        endpointId,
        { ...filter, endpointIds: [endpointId] },
        { after: undefined },
        1000,
      );
      expect(ids(subjects)).toEqual(ids(found.filter((delivery) => delivery.endpointId === endpointId)).toReversed());
    }
    expect(await queries.deliveries.countMatching(organization, { ...filter, endpointIds: [] })).toEqual([]);
  });

  it('counts up to what was asked, and says when that was not all: by number, rows and time', async () => {
    const all = allDeliveries.length;
    const count = (max: number) => queries.deliveries.count(organization, {}, max);
    expect(await count(all)).toEqual({ value: all, exact: true });
    expect(await count(all - 1)).toEqual({ value: all - 1, exact: false });
    const rows = (before: number | string | undefined, limit: number) => {
      const query = views.read
        .selectFrom('messages')
        .select('sequence as key')
        .select((is) => is.lit(1).as('hit'))
        .orderBy('sequence', 'desc')
        .limit(limit);
      return before === undefined ? query : query.where('sequence', '<', Number(before));
    };
    expect(await countUpTo(views.read, [rows], 1000, { rows: 150, ms: 60_000 })).toEqual({ value: 150, exact: false });
    expect(await countUpTo(views.read, [rows], 1000, { rows: 100_000, ms: 0 })).toEqual({ value: 401, exact: true }); // the first step is always made
  });

  describe('of endpoints', () => {
    const page = (filter: EndpointFilter, order: 'NEWEST' | 'NAME' | 'FAILING_FIRST' = 'NEWEST', first = 2) =>
      everything((after) => queries.endpoints.page(organization, { first, after }, filter, order));
    it.each(['NEWEST', 'NAME', 'FAILING_FIRST'] as const)(
      'in the order %s, each comes once, whatever the size of a page',
      async (order) => {
        const all = ids(await page({}, order, 200));
        expect([...all].sort()).toEqual([...endpoints].sort());
        for (const first of [1, 2, 3]) expect(ids(await page({}, order, first))).toEqual(all);
        plans.forget();
        await page({}, order);
        await expectIndexes();
      },
    );
    it('refuses a cursor of another order', async () => {
      const { endCursor } = await queries.endpoints.page(organization, { first: 1 }, {}, 'NAME');
      for (const order of ['NEWEST', 'FAILING_FIRST'] as const)
        await expect(queries.endpoints.page(organization, { first: 1, after: endCursor }, {}, order)).rejects.toThrow(
          /another list, or to another order/,
        );
    });
  });
});
