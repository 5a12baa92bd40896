// What lists and rates show: filters of deliveries, pages, messages by type and time, success rates.
import { describe, expect, it } from 'vitest';
import { databaseKinds } from '../../../test/support/databases.ts';
import { hour, minute } from '../../../test/support/event-log.ts';
import { DomainError } from '../../domain/errors.ts';
import type { EndpointId, MessageId } from '../../domain/ids.ts';
import type { DeliveryFilter } from '../queries/delivery-filter.ts';
import type { ViewQueries } from '../queries/view-queries.ts';
import { organization, log, setUp, shown, all, only } from '../../../test/support/given-views.ts';

describe.each(databaseKinds)('the views on $name', ({ make }) => {
  setUp(make);

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
});
