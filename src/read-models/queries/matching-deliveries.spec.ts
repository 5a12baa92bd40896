import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { databaseKinds, type DatabaseUnderTest } from '../../../test/support/databases.ts';
import { EventLog, minute } from '../../../test/support/event-log.ts';
import { MemoryEventStore } from '../../../test/support/memory-event-store.ts';
import type { DeliveryId, EndpointId, OrganizationId, Position } from '../../domain/ids.ts';
import { deliveryIdOf } from '../../event-store/id-generation.ts';
import { ConsumerRunner } from '../engine/consumer-runner.ts';
import type { ViewsSchema } from '../views/schema.ts';
import { Views } from '../views/views.ts';
import { DeliveryQueries } from './delivery-queries.ts';
import type { JobFilter } from './matching-deliveries.ts';

const organization = 'default' as OrganizationId;
const silent = { info: () => undefined, warn: () => undefined, error: () => undefined };
const [a, b, held, gone] = ['a', 'b', 'held', 'gone'] as EndpointId[] as [EndpointId, EndpointId, EndpointId, EndpointId];

describe.each(databaseKinds)('the deliveries that match, on $name,', ({ make }) => {
  let place: DatabaseUnderTest;
  let store: MemoryEventStore;
  let log: EventLog;
  let runner: ConsumerRunner<ViewsSchema, never> | undefined;
  let queries: DeliveryQueries;
  beforeEach(async () => {
    place = await make();
    store = new MemoryEventStore();
    log = new EventLog(store);
    const views = new ConsumerRunner(new Views(), store, place.open(), silent, { lingerMs: 0 });
    await views.start();
    runner = views as unknown as typeof runner;
    queries = new DeliveryQueries(() => views.read);
  });
  afterEach(async () => {
    await runner?.stop();
    await place.discard();
  });

  const settle = async () => expect(await runner?.reached((await store.tip()) as Position, 10_000)).toBe(true);
  const fail = (message: ReturnType<EventLog['message']>, to: string, code = 500) => {
    for (const attempt of [1, 2]) log.attempt(message, to, attempt, code);
  };
  const counts = async (filter: JobFilter) =>
    Object.fromEntries((await queries.countMatching(organization, filter)).map(({ endpointId, count }) => [endpointId, count]));
  const oldest = async (endpoint: EndpointId, filter: JobFilter, after?: DeliveryId, upTo?: DeliveryId, limit = 100) =>
    (await queries.oldestMatching(organization, endpoint, filter, { after, ...(upTo !== undefined && { upTo }) }, limit)).map(
      ({ subject }) => subject.messageId,
    );

  it('are counted by endpoint, without deleted ones and other organizations', async () => {
    for (const id of [a, b, held, gone]) log.endpoint(id);
    const other = new EventLog(store, 'other' as OrganizationId);
    other.endpoint('theirs');
    const theirs = other.message('m', ['theirs']);
    for (const attempt of [1, 2]) other.attempt(theirs, 'theirs', attempt, 500);
    const [m1, m2] = [log.message('m1', [a, b, held, gone]), log.message('m2', [a, b, held, gone], { type: 'alert.created' })];
    for (const to of [a, held, gone]) fail(m1, to);
    fail(m2, a, 404);
    log.endpoint(held, { type: 'Pause' });
    log.endpoint(gone, { type: 'Delete' });
    await settle();
    expect(await counts({ status: ['FAILED'] })).toEqual({ [a]: 2, [held]: 1 });
    expect(await counts({ status: ['PENDING', 'FAILED'] })).toEqual({ [a]: 2, [b]: 2, [held]: 1 });
    expect(await counts({ status: ['HELD'] })).toEqual({ [held]: 1 });
    expect(await counts({ status: ['FAILED'], endpointId: held })).toEqual({ [held]: 1 });
    expect(await counts({ status: ['FAILED'], endpointId: gone })).toEqual({});
    expect(await counts({ status: ['FAILED'], responseCode: 404 })).toEqual({ [a]: 1 });
    expect(await counts({ status: ['FAILED', 'PENDING'], eventType: 'alert.created' })).toEqual({ [a]: 1, [b]: 1 });
    expect(await counts({ status: ['FAILED', 'PENDING', 'HELD'], messageId: m1 })).toEqual({ [a]: 1, [b]: 1, [held]: 1 });
    expect(await counts({ status: [] })).toEqual({});
  });

  it('come oldest first in pages, each once, though they change on the way', async () => {
    log.endpoint(a);
    const failed = Array.from({ length: 5 }, (_, i) => {
      log.now += minute;
      const message = log.message(`m${i}`, [a]);
      fail(message, a);
      return message;
    });
    log.message('open', [a]);
    await settle();
    const filter: JobFilter = { status: ['FAILED'] };
    const pages: string[][] = [];
    let after: DeliveryId | undefined;
    for (;;) {
      const page = await oldest(a, filter, after, undefined, 2);
      const last = page.at(-1);
      if (last === undefined) break;
      pages.push(page);
      for (const message of page) log.retry(message, a);
      await settle();
      after = deliveryIdOf(last, a);
    }
    expect(pages.map(({ length }) => length)).toEqual([2, 2, 1]);
    expect(pages.flat()).toEqual(failed);
  });

  it('are those of a part, of a time, and of one message with what replays added', async () => {
    for (const id of [a, b]) log.endpoint(id);
    const messages = Array.from({ length: 4 }, (_, i) => {
      log.now += minute;
      const message = log.message(`m${i}`, [a]);
      fail(message, a);
      return message;
    });
    const [, second, third] = messages as [never, (typeof messages)[0], (typeof messages)[0]];
    log.requestReplay(b, 'r1');
    log.replay(second, b, 'r1');
    for (const attempt of [1, 2]) log.attempt(second, b, attempt, 500);
    await settle();
    const filter: JobFilter = { status: ['FAILED'] };
    const part = await oldest(a, filter, deliveryIdOf(second, a), deliveryIdOf(third, a));
    expect(part).toEqual([third]);
    const began = Date.parse('2026-01-01T12:00:00.000Z');
    expect(await oldest(a, { ...filter, since: new Date(began + 2 * minute), until: new Date(began + 4 * minute) })).toEqual([
      second,
      third,
    ]);
    expect(await oldest(a, { ...filter, messageId: second })).toEqual([second]);
    expect(await oldest(b, { ...filter, messageId: second })).toEqual([second]);
    expect(await counts({ ...filter, messageId: second })).toEqual({ [a]: 1, [b]: 1 });
  });
});
