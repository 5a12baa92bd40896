// What the views show of deliveries, endpoints, event types and keys.
import { describe, expect, it } from 'vitest';
import { databaseKinds } from '../../../test/support/databases.ts';
import { minute } from '../../../test/support/event-log.ts';
import type { EndpointId, MessageId, OrganizationId } from '../../domain/ids.ts';
import { deliveryIdOf } from '../../event-store/id-generation.ts';
import { ReplayQueries } from '../queries/replay-queries.ts';
import { organization, log, setUp, shown, all, only } from '../../../test/support/given-views.ts';

describe.each(databaseKinds)('the views on $name', ({ make }) => {
  setUp(make);

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
});
