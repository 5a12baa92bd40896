import * as fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { databaseKinds, type DatabaseUnderTest } from '../../../test/support/databases.ts';
import { EventLog, hour, minute } from '../../../test/support/event-log.ts';
import { MemoryEventStore } from '../../../test/support/memory-event-store.ts';
import { DomainError } from '../../domain/errors.ts';
import type { EndpointId, MessageId, OrganizationId, Position } from '../../domain/ids.ts';
import type { RecordedEvent } from '../../event-store/event-store.ts';
import { deliveryIdOf } from '../../event-store/id-generation.ts';
import { ConsumerRunner } from '../engine/consumer-runner.ts';
import type { Database, Tables } from '../engine/database/database.ts';
import { viewEventOf } from './view-event.ts';
import { compareWithRebuild, digest } from '../engine/compare-tables.ts';
import type { DeliveryFilter } from '../queries/delivery-filter.ts';
import { viewQueries, type ViewQueries } from '../queries/view-queries.ts';
import { ReplayQueries } from '../queries/replay-queries.ts';
import type { ViewsSchema } from './schema.ts';
import { Views } from './views.ts';

const organization = 'default' as OrganizationId;
const silent = { info: () => undefined, warn: () => undefined, error: () => undefined };

describe.each(databaseKinds)('the views on $name', ({ name, make }) => {
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
  });
  afterEach(async () => {
    for (const each of opened.splice(0)) await each.close();
    await place.discard();
  });

  const runner = async () => {
    const started = new ConsumerRunner(new Views(), store, database, silent, { lingerMs: 0 });
    await started.start();
    opened.push({ close: () => started.stop() });
    return started;
  };
  /** The queries, once all that was recorded shows. */
  const shown = async () => {
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
  const all = { first: 200 };
  const only = async (queries: ViewQueries, filter: DeliveryFilter) =>
    (await queries.deliveries.page(organization, all, filter)).edges.map(({ node }) => node);

  it('show a delivery from its acceptance to its end', async () => {
    log.endpoint('a');
    const queries = await shown();
    const message = log.message('m1', ['a']);
    await queries.settle();
    const id = deliveryIdOf(message, 'a' as EndpointId);
    const at = '2026-01-01T12:00:00.000Z';
    expect(await queries.deliveries.find(organization, id)).toEqual({
      id,
      organizationId: organization,
      messageId: message,
      endpointId: 'a',
      eventType: 'meeting.ended',
      batch: null,
      waitsFor: null,
      replayId: null,
      status: 'PENDING',
      test: false,
      attemptCount: 0,
      nextAttemptAt: at,
      lastResponseCode: null,
      lastFailure: null,
      createdAt: at,
      endedAt: null,
    });

    log.attempt(message, 'a', 1, 503);
    await queries.settle();
    const retrying = { status: 'RETRYING', attemptCount: 1, nextAttemptAt: '2026-01-01T12:01:00.010Z', lastResponseCode: 503 };
    expect(await queries.deliveries.find(organization, id)).toMatchObject({ ...retrying, endedAt: null });

    log.attempt(message, 'a', 2, undefined);
    await queries.settle();
    const failed = { status: 'FAILED', attemptCount: 2, nextAttemptAt: null, lastResponseCode: null, endedAt: '2026-01-01T12:00:00.010Z' };
    expect(await queries.deliveries.find(organization, id)).toMatchObject({ ...failed, lastFailure: 'CONNECTION' });

    log.retry(message, 'a');
    await queries.settle();
    expect(await queries.deliveries.find(organization, id)).toMatchObject({
      status: 'PENDING',
      attemptCount: 2,
      nextAttemptAt: at,
      endedAt: null,
    });

    log.attempt(message, 'a', 3, 200);
    await queries.settle();
    expect(await queries.deliveries.find(organization, id)).toMatchObject({
      status: 'SUCCEEDED',
      attemptCount: 3,
      lastResponseCode: 200,
      lastFailure: null,
    });
    const attempts = await queries.deliveries.attemptsOf(organization, [id]);
    expect(attempts.map(({ attempt, responseCode, failure, error }) => ({ attempt, responseCode, failure, error }))).toEqual([
      { attempt: 1, responseCode: 503, failure: 'HTTP_STATUS', error: 'It failed.' },
      { attempt: 2, responseCode: undefined, failure: 'CONNECTION', error: 'It failed.' },
      { attempt: 3, responseCode: 200, failure: null, error: null },
    ]);
  });

  describe.each([
    ['in one batch of events', false],
    ['event by event', true],
  ])('read %s', (_, apart) => {
    it('show the deliveries of a batch as it is', async () => {
      log.endpoint('a');
      const queries = await shown();
      const step = async <T>(done: T): Promise<T> => {
        if (apart) await queries.settle();
        return done;
      };
      const messages = [await step(log.message('m1', ['a'])), await step(log.message('m2', ['a']))];
      const alone = await step(log.message('m3', ['a']));
      const ids = messages.map((id) => deliveryIdOf(id, 'a' as EndpointId));
      const id = await step(log.closeBatch('a', 1, messages));
      await step(log.attemptBatch('a', 1, 2, 1, 503));
      await queries.settle();
      const retrying = { status: 'RETRYING', attemptCount: 1, lastResponseCode: 503, batch: { id, size: 2 } };
      expect(await only(queries, { status: ['RETRYING'] })).toMatchObject([retrying, retrying]);
      expect((await queries.deliveries.ofBatch(organization, id)).map((each) => each.id)).toEqual(ids);
      expect(await queries.deliveries.subjects(organization, ids)).toMatchObject([{ batch: { id, size: 2 } }, { batch: { id, size: 2 } }]);
      await step(log.attempt(alone, 'a', 1, 200));
      await step(log.attemptBatch('a', 1, 2, 2, undefined));
      await queries.settle();
      const rate = async () => (await queries.endpoints.successRates(organization, ['a' as EndpointId], 'ALL')).get('a' as EndpointId);
      expect(await rate()).toMatchObject({ succeeded: 1, total: 3 });
      const attempts = await queries.deliveries.attemptsOf(organization, ids);
      expect(attempts.map(({ deliveryId, attempt, responseCode }) => [deliveryId, attempt, responseCode])).toEqual([
        [ids[0], 1, 503],
        [ids[1], 1, 503],
        [ids[0], 2, undefined],
        [ids[1], 2, undefined],
      ]);
      await step(log.retryBatch('a', 1, 2));
      await queries.settle();
      expect(await rate()).toMatchObject({ succeeded: 1, total: 1 });
      await step(log.attemptBatch('a', 1, 2, 3, 200));
      await queries.settle();
      expect(await rate()).toMatchObject({ succeeded: 3, total: 3 });
      expect(await queries.deliveries.conservation(organization)).toMatchObject({
        routed: 3,
        succeeded: 3,
        failed: 0,
        cancelled: 0,
        open: 0,
      });
    });
  });

  it('show what a replay sends, also where a delivery begins with it, and how far the replay has come', async () => {
    log.endpoint('a');
    log.endpoint('late');
    const message = log.message('m1', ['a']);
    log.attempt(message, 'a', 1, 200);
    log.now += minute;
    const id = log.requestReplay('late', 'r1');
    log.replay(message, 'late', 'r1');
    log.replay(message, 'a', 'r1');
    const queries = await shown();
    const [begun, again] = [deliveryIdOf(message, 'late' as EndpointId), deliveryIdOf(message, 'a' as EndpointId)];
    const times = { createdAt: '2026-01-01T12:01:00.000Z', nextAttemptAt: '2026-01-01T12:01:00.000Z' };
    const made = { id: begun, status: 'PENDING', replayId: 'r1', attemptCount: 0, eventType: 'meeting.ended', batch: null, ...times };
    expect(await queries.deliveries.ofMessages(organization, [message])).toMatchObject([
      { id: again, status: 'PENDING', replayId: 'r1' },
      made,
    ]);
    expect(await only(queries, { messageId: message, endpointId: 'late' as EndpointId })).toMatchObject([made]);
    expect((await only(queries, { messageId: message })).map((each) => each.id)).toEqual([begun, again]);
    expect(await queries.deliveries.conservation(organization)).toMatchObject({ routed: 2, succeeded: 0, open: 2 });
    const replays = new ReplayQueries(() => queries.db());
    expect(await replays.running()).toEqual(['r1']);
    const asked = { id, endpointId: 'late', status: 'RUNNING', looked: 0, sent: 0, cameTo: null, requestedBy: 'test', ratePerSecond: 10 };
    expect(await replays.find(organization, id)).toMatchObject(asked);
    expect(await replays.find('other' as OrganizationId, id)).toBeUndefined();
    expect(await replays.messagesAfter(id, null, 10)).toMatchObject([{ id: message, eventType: 'meeting.ended' }]);
    expect(await replays.messagesAfter(id, message, 10)).toEqual([]);
    expect((await replays.deliveriesOf(organization, id, { first: 1 })).edges.map(({ node }) => node)).toEqual([begun]);

    log.progressReplay('r1', message);
    await queries.settle();
    expect(await replays.find(organization, id)).toMatchObject({ looked: 1, sent: 1, cameTo: '2026-01-01T12:01:00.000Z' });
    log.finishReplay('r1');
    await queries.settle();
    expect(await replays.find(organization, id)).toMatchObject({ status: 'FINISHED', endedAt: '2026-01-01T12:01:00.000Z' });
    expect(await replays.running()).toEqual([]);
    log.attempt(message, 'late', 1, 200);
    await queries.settle();
    expect(await queries.deliveries.conservation(organization)).toMatchObject({ routed: 2, succeeded: 1, open: 1 });
  });

  it('leave a delivery cancelled whose last attempt fails later, and show one succeeded whose last attempt arrived', async () => {
    const [late, lost] = [log.message('late', [log.endpoint('a')]), log.message('lost', ['a'])];
    log.cancel(late, 'a');
    log.cancel(lost, 'a');
    log.attempt(late, 'a', 1, 200);
    log.attempt(lost, 'a', 1, 500);
    const queries = await shown();
    const statuses = (await queries.deliveries.ofMessages(organization, [late, lost])).map(({ status, attemptCount }) => [
      status,
      attemptCount,
    ]);
    expect(statuses).toEqual([
      ['CANCELLED', 1],
      ['SUCCEEDED', 1],
    ]);
    expect(await queries.deliveries.conservation(organization)).toMatchObject({
      routed: 2,
      succeeded: 1,
      failed: 0,
      cancelled: 1,
      open: 0,
    });
  });

  it('show a delivery as held while it waits for its turn, with the one that comes first', async () => {
    log.endpoint('b');
    const queries = await shown();
    const [first, second, other] = ['m1', 'm2', 'm3'].map((id, i) =>
      log.message(id, ['b'], { inOrder: { at: 'b', key: i < 2 ? 'k' : 'other' } }),
    );
    const show = async (message = '' as MessageId) => {
      await queries.settle();
      const found = await queries.deliveries.find(organization, deliveryIdOf(message, 'b' as EndpointId));
      return [found?.status, found?.waitsFor];
    };
    const firstId = deliveryIdOf(first!, 'b' as EndpointId);
    expect(await show(first)).toEqual(['PENDING', null]);
    expect(await show(second)).toEqual(['HELD', firstId]);
    expect(await show(other)).toEqual(['PENDING', null]);
    expect((await only(queries, { status: ['HELD'] })).map(({ messageId }) => messageId)).toEqual([second]);
    expect((await only(queries, { status: ['PENDING', 'HELD'] })).length).toBe(3);
    log.attempt(first!, 'b', 1, 500);
    expect(await show(second)).toEqual(['HELD', firstId]);
    log.attempt(first!, 'b', 2, 200);
    expect(await show(second)).toEqual(['PENDING', null]);
    const { routed, succeeded, open } = await queries.deliveries.conservation(organization);
    expect([routed, succeeded, open]).toEqual([3, 1, 2]);
  });

  it('show endpoints as they are configured now, without the deleted, newest first', async () => {
    log.endpoint('a');
    log.endpoint('b', log.registering(), { type: 'Change', settings: { name: 'Renamed' } }, { type: 'Pause' });
    log.endpoint('c', log.registering(), { type: 'Delete' });
    const queries = await shown();
    const names = async (status?: 'PAUSED') =>
      (await queries.endpoints.page(organization, all, { status })).edges.map(({ node }) => node.configuration.settings.name);
    expect(await names()).toEqual(['Renamed', 'An endpoint']);
    expect(await names('PAUSED')).toEqual(['Renamed']);
    expect(await queries.endpoints.find(organization, 'c' as EndpointId)).toBeUndefined();
    expect(await queries.endpoints.byIds(organization, ['c' as EndpointId])).toMatchObject([
      { id: 'c', deletedAt: '2026-01-01T12:00:00.000Z' },
    ]);
    log.endpoint('b', { type: 'Resume' });
    await queries.settle();
    expect(await names('PAUSED')).toEqual([]);
  });

  it('show event types and API keys', async () => {
    const defined = (name: string, description: string | null) =>
      ({ type: 'organization.event-type-defined', data: { name, group: 'meetings', description, sample: { a: 1 } } }) as const;
    log.record(
      'organization-default',
      { type: 'organization.registered', data: { name: 'Default', encryptionKey: 'k' } },
      defined('b', null),
    );
    log.record('organization-default', { type: 'organization.event-type-retired', data: { name: 'b' } }, defined('a', 'first'));
    log.record('organization-default', { type: 'organization.event-type-retired', data: { name: 'a' } }, defined('a', 'again'));
    log.record('apikey-1', { type: 'apikey.issued', data: { organizationId: organization, name: 'ci', role: 'PUBLISHER', hash: 'h' } });
    log.record('apikey-1', { type: 'apikey.revoked', data: {} });
    const queries = await shown();
    expect(await queries.organizations.find(organization)).toMatchObject({ id: 'default', name: 'Default' });
    expect(await queries.organizations.eventTypes(organization)).toEqual([
      { name: 'a', group: 'meetings', description: 'again', sample: { a: 1 }, audience: 'PUBLIC', shared: false, retired: false },
      { name: 'b', group: 'meetings', description: null, sample: { a: 1 }, audience: 'PUBLIC', shared: false, retired: true },
    ]);
    expect((await queries.organizations.apiKeys(organization, all, { includeRevoked: false, spanning: true })).edges).toEqual([]);
    const [key] = (await queries.organizations.apiKeys(organization, all, { includeRevoked: true, spanning: false })).edges;
    expect(key?.node).toMatchObject({ id: '1', name: 'ci', role: 'PUBLISHER', revokedAt: '2026-01-01T12:00:00.000Z' });
  });

  it('show an organization nothing of another', async () => {
    const message = log.message('m1', [log.endpoint('a')]);
    log.attempt(message, 'a', 1, 200);
    const queries = await shown();
    const other = 'other' as OrganizationId;
    const id = deliveryIdOf(message, 'a' as EndpointId);
    expect(await queries.endpoints.byIds(other, ['a' as EndpointId])).toEqual([]);
    expect(await queries.messages.find(other, message)).toBeUndefined();
    expect(await queries.deliveries.find(other, id)).toBeUndefined();
    expect(await queries.deliveries.ofMessages(other, [message])).toEqual([]);
    expect(await queries.deliveries.attemptsOf(other, [id])).toEqual([]);
    expect(await queries.deliveries.subjects(other, [id])).toEqual([]);
    for (const filter of [{}, { endpointId: 'a' as EndpointId }, { messageId: message }])
      expect((await queries.deliveries.page(other, all, filter)).edges).toEqual([]);
    expect((await queries.messages.page(other, all)).edges).toEqual([]);
    expect((await queries.endpoints.successRates(other, ['a' as EndpointId], 'ALL')).get('a' as EndpointId)?.total).toBe(0);
    expect(await queries.deliveries.conservation(other, 'a' as EndpointId)).toMatchObject({ routed: 0, succeeded: 0, open: 0 });
  });

  describe('a filter of deliveries', () => {
    it('finds what it says, alone and combined', async () => {
      for (const id of ['on', 'paused']) log.endpoint(id);
      const both = log.message('both', ['on', 'paused']);
      log.attempt(both, 'on', 1, 200);
      log.now += minute;
      const retrying = log.message('retrying', ['on', 'paused'], { type: 'alert.created' });
      log.attempt(retrying, 'on', 1, 503);
      log.attempt(retrying, 'paused', 1, 503);
      log.now += minute;
      const ended = log.message('ended', ['on', 'paused']);
      log.cancel(ended, 'on');
      log.attempt(ended, 'paused', 1, 500);
      log.attempt(ended, 'paused', 2, 404);
      log.endpoint('paused', { type: 'Pause' });
      const queries = await shown();
      const names = new Map([
        [both, 'both'],
        [retrying, 'retrying'],
        [ended, 'ended'],
      ]);
      const found = async (filter: DeliveryFilter) =>
        (await only(queries, filter)).map(({ messageId, endpointId, status }) => `${names.get(messageId)} ${endpointId} ${status}`);
      const paused = 'paused' as EndpointId;

      expect(await found({})).toEqual([
        'ended paused FAILED',
        'ended on CANCELLED',
        'retrying paused HELD',
        'retrying on RETRYING',
        'both paused HELD',
        'both on SUCCEEDED',
      ]);
      expect(await found({ status: [] })).toEqual([]);
      expect(await found({ status: ['HELD'] })).toEqual(['retrying paused HELD', 'both paused HELD']);
      expect(await found({ status: ['RETRYING'] })).toEqual(['retrying on RETRYING']);
      expect(await found({ status: ['PENDING', 'RETRYING', 'HELD'] })).toEqual([
        'retrying paused HELD',
        'retrying on RETRYING',
        'both paused HELD',
      ]);
      expect(await found({ status: ['RETRYING', 'HELD'] })).toEqual(['retrying paused HELD', 'retrying on RETRYING', 'both paused HELD']);
      expect(await found({ status: ['RETRYING', 'PENDING'], endpointId: paused })).toEqual([]);
      expect(await found({ status: ['HELD', 'FAILED'], endpointId: paused, eventType: 'meeting.ended' })).toEqual([
        'ended paused FAILED',
        'both paused HELD',
      ]);
      expect(await found({ status: ['HELD'], messageId: both })).toEqual(['both paused HELD']);
      expect(await found({ messageId: 'unknown' as MessageId })).toEqual([]);
      expect(await found({ responseCode: 503 })).toEqual(['retrying paused HELD', 'retrying on RETRYING']);
      expect(await found({ responseCode: 503, endpointId: paused })).toEqual(['retrying paused HELD']);
      expect(await found({ responseCode: 200 })).toEqual(['both on SUCCEEDED']);
      const second = new Date('2026-01-01T12:01:00.000Z');
      const third = new Date('2026-01-01T12:02:00.000Z');
      expect(await found({ since: second, until: third })).toEqual(['retrying paused HELD', 'retrying on RETRYING']);
      expect(await found({ since: third })).toEqual(['ended paused FAILED', 'ended on CANCELLED']);
      expect(await found({ until: second })).toEqual(['both paused HELD', 'both on SUCCEEDED']);
    });

    it('finds what is held also among many endpoints', async () => {
      const ids = Array.from({ length: 50 }, (_, i) => log.endpoint(`e${i}`));
      log.message('m', ids);
      for (const id of ids.slice(0, 45)) log.endpoint(id, { type: 'Pause' });
      const queries = await shown();
      expect(await only(queries, { status: ['HELD'] })).toHaveLength(45);
      expect((await only(queries, { status: ['PENDING'] })).map(({ endpointId }) => endpointId)).toEqual(ids.slice(45).toReversed());
    });

    it('gives pages that are complete and stable while rows arrive', async () => {
      log.endpoint('a');
      for (let i = 0; i < 23; i++) log.message(`m${i}`, ['a', 'b']);
      const queries = await shown();
      const before = (await only(queries, {})).map(({ id }) => id);
      const seen: string[] = [];
      let after: string | null = null;
      do {
        const page = await queries.deliveries.page(organization, { first: 7, after });
        seen.push(...page.edges.map(({ node }) => node.id));
        after = page.hasNextPage ? page.endCursor : null;
        log.message(`later ${seen.length}`, ['a', 'b']);
        await queries.settle();
      } while (after !== null);
      expect(seen).toEqual(before);
    });

    it.each(['', 'x', '!!!', 'bm9uZQ', 'LTE'])('refuses the broken cursor "%s"', async (after) => {
      log.endpoint('a');
      const queries = await shown();
      await expect(queries.deliveries.page(organization, { first: 1, after })).rejects.toMatchObject({
        name: DomainError.name,
        code: 'BAD_USER_INPUT',
        issues: [{ path: 'after' }],
      });
    });
  });

  it('list messages newest first, by type and time', async () => {
    const first = log.message('first', ['a', 'b'], { skipped: ['c'] });
    log.now += minute;
    const second = log.message('second', [], { type: 'alert.created' });
    const queries = await shown();
    const found = async (filter = {}) => (await queries.messages.page(organization, all, filter)).edges.map(({ node }) => node.id);
    expect(await found()).toEqual([second, first]);
    expect(await found({ eventType: 'meeting.ended' })).toEqual([first]);
    expect(await found({ since: new Date(log.now) })).toEqual([second]);
    expect(await found({ until: new Date(log.now) })).toEqual([first]);
    expect(await queries.messages.find(organization, first)).toMatchObject({
      clientId: 'first',
      destinations: 2,
      skipped: ['c'],
      acceptedAt: '2026-01-01T12:00:00.000Z',
    });
    const [page] = (await queries.messages.page(organization, { first: 1 })).edges;
    expect((await queries.messages.page(organization, { first: 1, after: page?.cursor })).edges.map(({ node }) => node.id)).toEqual([
      first,
    ]);
  });

  describe('a success rate', () => {
    const rate = async (queries: ViewQueries, window: 'ALL' | 'LAST_HOUR' | 'LAST_DAY' = 'ALL') =>
      (await queries.endpoints.successRates(organization, ['a' as EndpointId], window)).get('a' as EndpointId)?.label;

    it('counts what ended, in its window; neither tests nor what was cancelled', async () => {
      log.endpoint('a');
      const queries = await shown();
      expect(await rate(queries)).toBe('–');
      log.attempt(log.message('old', ['a']), 'a', 1, 200);
      log.now += 5 * hour;
      const failed = log.message('failed', ['a']);
      log.attempt(failed, 'a', 1, 500);
      log.attempt(failed, 'a', 2, 500);
      log.attempt(log.message('tried', ['a'], { test: true }), 'a', 1, 500, true);
      log.cancel(log.message('cancelled', ['a']), 'a');
      log.message('open', ['a']);
      await queries.settle();
      expect(await rate(queries)).toBe('50% (1/2)');
      expect(await rate(queries, 'LAST_DAY')).toBe('50% (1/2)');
      expect(await rate(queries, 'LAST_HOUR')).toBe('0% (0/1)');
      log.now += 25 * hour;
      expect(await rate(queries, 'LAST_DAY')).toBe('–');
    });

    it('takes a delivery that is retried out again of the hour in which it had ended', async () => {
      const message = log.message('m', [log.endpoint('a')]);
      log.attempt(message, 'a', 1, 500);
      log.attempt(message, 'a', 2, 500);
      const queries = await shown();
      expect(await rate(queries)).toBe('0% (0/1)');
      log.now += 5 * hour;
      log.retry(message, 'a');
      await queries.settle();
      expect(await rate(queries)).toBe('–');
      log.attempt(message, 'a', 3, 200);
      await queries.settle();
      expect(await rate(queries)).toBe('100% (1/1)');
      expect(await rate(queries, 'LAST_HOUR')).toBe('100% (1/1)');
      expect(await rate(queries, 'LAST_DAY')).toBe('100% (1/1)');
    });
  });

  // ── Once and only once ──

  type Step = {
    kind: 'message' | 'attempt' | 'retry' | 'replay' | 'cancel' | 'endpoint' | 'close';
    message: number;
    to: number;
    ok: boolean;
  };
  const steps = fc.array(
    fc.record<Step>({
      kind: fc.constantFrom('message', 'attempt', 'attempt', 'attempt', 'retry', 'replay', 'cancel', 'endpoint', 'close'),
      message: fc.nat(4),
      to: fc.nat(1),
      ok: fc.boolean(),
    }),
    { minLength: 5, maxLength: 40 },
  );
  /** A log that the deciders could have written. */
  const write = (into: EventLog, taken: readonly Step[]) => {
    const endpoints = [into.endpoint('a'), into.endpoint('b')];
    /** Messages take turns at b, by two keys. */
    const keyOf = (of: MessageId) => `k${messages.indexOf(of) % 2}`;
    const hasTurn = (of: MessageId, to: EndpointId) =>
      to === 'a' || !messages.slice(0, messages.indexOf(of)).some((each) => keyOf(each) === keyOf(of) && isOpen(each, to));
    const isOpen = (of: MessageId, to: EndpointId) => {
      const batch = batchOf(of, to);
      return into.routed(of, to) && (batch ? into.isBatchOpen(to, batch.number) : into.isOpen(of, to));
    };
    const messages: MessageId[] = [];
    const attempts = new Map<string, number>();
    const batches: { of: MessageId[]; to: EndpointId; number: number; attempts: number }[] = [];
    const batchOf = (of: MessageId, to: EndpointId) => batches.find((each) => each.to === to && each.of.includes(of));
    for (const { kind, message, to, ok } of taken) {
      into.now += 7 * minute;
      const receiver = endpoints[to] as EndpointId;
      const target = messages[message % Math.max(messages.length, 1)];
      if (kind === 'message')
        messages.push(
          into.message(`m${messages.length}`, ok ? endpoints : [receiver], { inOrder: { at: 'b', key: `k${messages.length % 2}` } }),
        );
      else if (kind === 'endpoint') into.endpoint(receiver, { type: ok ? 'Resume' : 'Pause' });
      else if (kind === 'close') {
        const alone = (of: MessageId) =>
          into.routed(of, receiver) && into.isNew(of, receiver) && !batchOf(of, receiver) && hasTurn(of, receiver);
        const of = messages.filter(alone).slice(0, 1 + message);
        if (of.length === 0) continue;
        batches.push({ of, to: receiver, number: batches.length + 1, attempts: 0 });
        into.closeBatch(receiver, batches.length, of);
      } else if (kind === 'replay' && target && !batchOf(target, receiver)) into.replay(target, receiver, ok ? 'r1' : 'r2');
      else if (!target || !into.routed(target, receiver)) continue;
      else if (kind === 'attempt' && !hasTurn(target, receiver)) continue;
      else if (batchOf(target, receiver)) {
        const batch = batchOf(target, receiver) as (typeof batches)[number];
        const { number, of } = batch;
        if (kind === 'retry') into.retryBatch(receiver, number, of.length);
        else if (kind === 'replay') into.replayBatch(receiver, number, of.length, ok ? 'r1' : 'r2');
        else if (kind === 'cancel') into.cancelBatch(receiver, number, of.length);
        else if (into.isBatchOpen(receiver, number)) into.attemptBatch(receiver, number, of.length, ++batch.attempts, ok ? 200 : 500);
      } else if (kind === 'retry') into.retry(target, receiver);
      else if (kind === 'cancel') into.cancel(target, receiver);
      else {
        const next = (attempts.get(target + receiver) ?? 0) + 1;
        if (!into.isOpen(target, receiver)) continue;
        attempts.set(target + receiver, next);
        into.attempt(target, receiver, next, ok ? 200 : 500);
      }
    }
  };
  const rolledBack = async (namespace: Tables<ViewsSchema>, batch: readonly RecordedEvent[]) => {
    const work = namespace.transaction(async (tx) => {
      await new Views().apply(batch.map(viewEventOf), tx);
      throw new Error('rolled back');
    }, batch.at(-1)?.position);
    await expect(work).rejects.toThrow('rolled back');
  };
  const tablesOf = (namespace: Tables<ViewsSchema>) => digest(namespace.read, new Views());

  it('are the same however the log is cut into batches, and whatever was rolled back', async () => {
    const views = new Views();
    let n = 0;
    await fc.assert(
      fc.asyncProperty(
        steps,
        fc.array(fc.record({ size: fc.integer({ min: 1, max: 9 }), fails: fc.boolean() }), { minLength: 1 }),
        async (taken, cuts) => {
          const source = new MemoryEventStore();
          write(new EventLog(source), taken);
          const create = views.createTables.bind(views);
          const [cut, single] = [await database.open('cut', ++n, create), await database.open('single', n, create)];
          const [anew, viewsAnew] = [await database.openNext('anew', n, create), new Views()];
          opened = [cut, single, anew];
          for (const event of source.log) await single.transaction((tx) => views.apply([viewEventOf(event)], tx), event.position);
          for (let from = 0, i = 0; from < source.log.length; i++) {
            const { size, fails } = cuts[i % cuts.length] ?? { size: 1, fails: false };
            const batch = source.log.slice(from, (from += size));
            if (fails) await rolledBack(cut, batch);
            await cut.transaction((tx) => views.apply(batch.map(viewEventOf), tx), batch.at(-1)?.position);
            await anew.transaction((tx) => viewsAnew.apply(batch.map(viewEventOf), tx), batch.at(-1)?.position);
          }
          await anew.checkpoint();
          expect(await tablesOf(cut)).toEqual(await tablesOf(single));
          expect(await tablesOf(anew)).toEqual(await tablesOf(single));
          const queries = viewQueries(() => cut.read);
          const { routed, succeeded, failed, cancelled, open } = await queries.deliveries.conservation(organization);
          expect(routed).toBe(succeeded + failed + cancelled + open);
          for (const each of opened.splice(0)) await each.close();
        },
      ),
      { numRuns: name === 'sqlite' ? 20 : 3 }, // what differs between databases shows in few
    );
  });

  it('count each event once across stops at random moments, and are what a rebuild makes', async () => {
    write(log, fc.sample(steps, { numRuns: name === 'sqlite' ? 20 : 8, seed: 7 }).flat());
    const end = (await store.tip()) as Position;
    for (let i = 0; ; i++) {
      const views = new ConsumerRunner(new Views(), store, database, silent, { maxBatch: 3 });
      await views.start();
      const reached = await views.reached(end, i % 7);
      await views.stop();
      if (reached) break;
    }
    const views = await runner();
    const compared = await compareWithRebuild(views.read, new Views(), store, database);
    expect(compared.different).toEqual([]);
    expect(compared).toMatchObject({ position: end, events: store.log.length });
    expect(compared.live.tables['deliveries']?.rows).toBeGreaterThan(5);

    await views.tables.transaction(({ kysely }) => kysely.updateTable('deliveries').set({ attempt_count: 99 }).execute());
    expect((await compareWithRebuild(views.read, new Views(), store, database)).different).toEqual(['deliveries']);
  });
});
