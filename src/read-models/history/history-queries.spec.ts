import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { databaseKinds, type DatabaseUnderTest } from '../../../test/support/databases.ts';
import { EventLog, minute } from '../../../test/support/event-log.ts';
import { MemoryEventStore } from '../../../test/support/memory-event-store.ts';
import type { DeliveryId, EndpointId, MessageId, OrganizationId, Position } from '../../domain/ids.ts';
import { deliveryIdOf } from '../../event-store/id-generation.ts';
import { ConsumerRunner } from '../engine/consumer-runner.ts';
import type { Database } from '../engine/database/database.ts';
import { compareWithRebuild } from '../engine/compare-tables.ts';
import { viewEventOf, type ViewEvent } from '../views/view-event.ts';
import { viewQueries } from '../queries/view-queries.ts';
import type { ViewsSchema } from '../views/schema.ts';
import { Views } from '../views/views.ts';
import { type HistoryFilter } from './history-filter.ts';
import { HistoryQueries } from './history-queries.ts';

const organization = 'default' as OrganizationId;
const silent = { info: () => undefined, warn: () => undefined, error: () => undefined };
const [a, b] = ['a' as EndpointId, 'b' as EndpointId];

describe.each(databaseKinds)('the history on $name', ({ make }) => {
  let place: DatabaseUnderTest;
  let database: Database;
  let store: MemoryEventStore;
  let log: EventLog;
  let views: ConsumerRunner<ViewsSchema, ViewEvent> | undefined;

  beforeEach(async () => {
    place = await make();
    database = place.open();
    store = new MemoryEventStore();
    log = new EventLog(store);
  });
  afterEach(async () => {
    await views?.stop();
    views = undefined;
    await place.discard();
  });

  /** The queries, once all that was recorded shows. */
  const shown = async () => {
    if (!views) {
      views = new ConsumerRunner(new Views(), store, database, silent, { lingerMs: 0 });
      await views.start();
    }
    const { read, reached } = { read: () => views!.read, reached: views.reached.bind(views) };
    expect(await reached((await store.tip()) as Position, 10_000)).toBe(true);
    return new HistoryQueries(read, viewQueries(read), store, 1);
  };
  /** The positions of all pages, as numbers. */
  const found = async (filter: HistoryFilter = {}, { first = 200, newestFirst = false, of = organization } = {}) => {
    const queries = await shown();
    const positions: number[] = [];
    let after: string | null = null;
    for (;;) {
      const page = await queries.history(of, { first, after }, filter, newestFirst);
      positions.push(...page.edges.map(({ node }) => Number(node.position)));
      if (!page.hasNextPage) return positions;
      after = page.endCursor;
    }
  };
  /** What the log holds that passes a test of its own. */
  const held = (test: (event: (typeof store.log)[number]) => boolean) => store.log.filter(test).map(({ position }) => Number(position));

  /** An endpoint, messages to it and others, a batch, an organization, a key that is revoked, and a clock that moves. */
  const written = () => {
    log.record('organization-default', { type: 'organization.registered', data: { name: 'Default', encryptionKey: 'k' } });
    log.record('apikey-1', { type: 'apikey.issued', data: { organizationId: organization, name: 'ci', role: 'ADMIN', hash: 'h' } });
    log.endpoint('a');
    log.endpoint('b');
    log.now += minute;
    const both = log.message('both', ['a', 'b']);
    log.attempt(both, 'a', 1, 503);
    log.attempt(both, 'b', 1, 200);
    log.now += minute;
    const skipped = log.message('skipped', ['b'], { skipped: ['a'] });
    const [one, two] = [log.message('one', ['a']), log.message('two', ['a'])];
    const batch = log.closeBatch('a', 1, [one, two]);
    log.attemptBatch('a', 1, 2, 1, 200);
    log.endpoint('a', { type: 'Pause' });
    log.now += minute;
    log.attempt(both, 'a', 2, 200);
    log.endpoint('a', { type: 'Delete' });
    log.record('apikey-1', { type: 'apikey.revoked', data: {} });
    return { both, skipped, one, two, batch };
  };

  it('is the whole log, in its order and in pages, each event once', async () => {
    written();
    const all = held(() => true);
    expect(await found()).toEqual(all);
    expect(await found({}, { first: 3 })).toEqual(all);
    expect(await found({}, { first: 4, newestFirst: true })).toEqual(all.toReversed());
    expect(await found({}, { of: 'other' as OrganizationId })).toEqual([]);
  });

  it('gives the events themselves', async () => {
    const { both } = written();
    const { edges } = await (await shown()).history(organization, { first: 200 }, { types: ['message.accepted'] });
    expect(edges.map(({ node }) => node)).toEqual(store.log.filter(({ type }) => type === 'message.accepted'));
    expect(edges[0]?.node.stream).toBe(`message-${both}`);
  });

  it('is narrowed by each filter, and by several at once', async () => {
    const { both, skipped, one, batch } = written();
    const about = (id: string) =>
      held(
        ({ stream, data }) =>
          stream === `endpoint-${id}` ||
          ('endpointId' in data && data.endpointId === id) ||
          ('destinations' in data && [...data.destinations.map((each) => each.endpointId), ...data.skipped].includes(id as EndpointId)),
      );
    expect(about('a')).toHaveLength(11);
    expect(await found({ endpointId: a })).toEqual(about('a'));
    expect(await found({ endpointId: a }, { first: 2, newestFirst: true })).toEqual(about('a').toReversed());
    expect(await found({ endpointId: b })).toEqual(about('b'));
    expect(await found({ types: ['endpoint.paused', 'apikey.revoked'] })).toEqual(
      held(({ type }) => type === 'endpoint.paused' || type === 'apikey.revoked'),
    );
    expect(await found({ types: [] })).toEqual([]);
    const of = (message: MessageId, ...endpoints: EndpointId[]) => endpoints.map((id) => `delivery-${deliveryIdOf(message, id)}`);
    const inStreams = (...streams: string[]) => held(({ stream }) => streams.includes(stream));
    expect(await found({ messageId: both }, { first: 1 })).toEqual(inStreams(`message-${both}`, ...of(both, a, b)));
    expect(await found({ messageId: both, endpointId: b, types: ['delivery.attempt-succeeded'] })).toEqual(inStreams(...of(both, b)));
    expect(await found({ messageId: skipped, endpointId: a })).toEqual(inStreams(`message-${skipped}`));
    const inBatch = inStreams(`batch-${batch}`);
    expect(await found({ deliveryId: deliveryIdOf(one, a) })).toEqual(inBatch);
    expect(await found({ messageId: one }, { newestFirst: true })).toEqual([...inStreams(`message-${one}`), ...inBatch].toReversed());
    expect(await found({ messageId: one, deliveryId: deliveryIdOf(both, a) })).toEqual([]);
    const [since, until] = [new Date('2026-01-01T12:01:00.000Z'), new Date('2026-01-01T12:02:00.000Z')];
    const then = held(({ recordedAt }) => recordedAt === since.toISOString());
    expect(await found({ since, until })).toEqual(then);
    expect(await found({ since, until, endpointId: b })).toEqual(then.filter((each) => about('b').includes(each)));
    expect(await found({ since, until, messageId: both })).toEqual(then);
    expect(await found({ until: since, endpointId: a })).toEqual([3]);
  });

  it('is narrowed by who did it', async () => {
    written();
    const by = (actor: string) =>
      store.append([
        {
          stream: 'endpoint-b',
          expectedRevision: store.log.findLast(({ stream }) => stream === 'endpoint-b')!.revision,
          events: [{ id: crypto.randomUUID(), type: 'endpoint.renamed', data: { name: actor }, metadata: { actor } }],
        },
      ]);
    await by('apikey:on call');
    await by('system:dispatcher');
    await by('apikey:on call');
    const hers = held(({ metadata }) => metadata.actor === 'apikey:on call');
    expect(hers).toHaveLength(2);
    expect(await found({ actor: 'apikey:on call' }, { first: 1 })).toEqual(hers);
    expect(await found({ actor: 'apikey:on call', types: ['endpoint.paused'] })).toEqual([]);
    expect(await found({ actor: 'apikey:nobody' })).toEqual([]);
    expect(await found({ actor: 'test', endpointId: b, types: ['endpoint.registered'] })).toEqual([4]);
  });

  it('finds what is rare among many endpoints, and what is frequent', async () => {
    const many = Array.from({ length: 70 }, (_, i) => log.endpoint(`e${i}`));
    for (let i = 0; i < 40; i++) {
      log.now += minute;
      const message = log.message(`m${i}`, many.slice(0, 35));
      for (const id of many.slice(0, 3)) log.attempt(message, id, 1, 200);
    }
    const attempts = held(({ type }) => type === 'delivery.attempt-succeeded');
    const registered = held(({ type }) => type === 'endpoint.registered');
    const accepted = held(({ type }) => type === 'message.accepted');
    expect(await found({ types: ['endpoint.registered', 'delivery.attempt-succeeded'] }, { first: 30, newestFirst: true })).toEqual(
      [...registered, ...attempts].toReversed(),
    );
    expect(await found({ types: ['endpoint.registered'] }, { first: 30, newestFirst: true })).toEqual(registered.toReversed());
    expect(await found({ types: ['endpoint.registered'] }, { first: 30 })).toEqual(registered);
    expect(await found({ types: ['message.accepted'] }, { first: 7 })).toEqual(accepted);
    expect(await found({ types: ['message.accepted'], endpointId: many[34]! }, { first: 7 })).toEqual(accepted);
  });

  it('is exact in its times where the clock was set back', async () => {
    log.endpoint('a');
    log.now += 60 * minute;
    const ahead = new Date(log.now);
    log.message('late', ['a']);
    log.now -= 59 * minute;
    for (let i = 0; i < 5; i++) log.message(`m${i}`, ['a']);
    const [since, until] = [new Date(log.now), new Date(log.now + 1)];
    const then = held(({ recordedAt }) => recordedAt === since.toISOString());
    expect(then).toHaveLength(5);
    expect(await found({ since, until })).toEqual(then);
    expect(await found({ since, until, types: ['message.accepted'] }, { first: 2, newestFirst: true })).toEqual(then.toReversed());
    expect(await found({ since: ahead })).toEqual([2]);
  });

  it('refuses, with a sentence, what can not be', async () => {
    const { both } = written();
    const queries = await shown();
    const page = { first: 1 };
    const [since, until] = [new Date('2026-01-02T00:00:00.000Z'), new Date('2026-01-01T00:00:00.000Z')];
    await expect(queries.history(organization, page, { since, until })).rejects.toThrow(/`until` \(2026-01-01.*is before `since`/);
    await expect(queries.history(organization, page, { endpointId: 'x' as EndpointId })).rejects.toThrow(/no endpoint "x"/);
    await expect(queries.history(organization, page, { messageId: 'x' as MessageId })).rejects.toThrow(/no message "x"/);
    await expect(queries.history(organization, page, { deliveryId: 'x' as DeliveryId })).rejects.toThrow(/no delivery "x"/);
    const cursor = (text: string) => Buffer.from(text).toString('base64url');
    for (const [after, filter] of [
      ['12', {}],
      ['at-1', {}],
      ['at-999', { messageId: both }],
      ['5', { messageId: both }],
    ] as const)
      await expect(queries.history(organization, { first: 1, after: cursor(after) }, filter)).rejects.toThrow(/cursor is of no event/);
    await expect(queries.history('other' as OrganizationId, page, { endpointId: a })).rejects.toThrow(/no endpoint "a"/);
  });

  it('is the same however the log is cut into batches, and after what was rolled back', async () => {
    written();
    const views = new Views();
    const namespace = await database.open<ViewsSchema>('views', views.version, (db, int64) => views.createTables(db, int64));
    for (const [i, event] of store.log.entries()) {
      const broken = namespace.transaction(async (tx) => {
        await views.apply(store.log.slice(i).map(viewEventOf), tx);
        throw new Error('broken');
      });
      await expect(broken).rejects.toThrow('broken');
      await namespace.transaction((tx) => views.apply([viewEventOf(event)], tx), event.position);
    }
    try {
      expect((await compareWithRebuild(namespace.read, new Views(), store, database)).different).toEqual([]);
    } finally {
      await namespace.close();
    }
  });
});
