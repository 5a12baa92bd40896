// Messages and deliveries in GraphQL: what was sent and what became of it, timelines, retries, tests.
import { describe, expect, it, vi } from 'vitest';
import { mask } from '../../src/domain/header-masking.ts';
import { DeliveryQueries } from '../../src/read-models/queries/delivery-queries.ts';
import { api, setUp, create, refused, attempt, publish, deliveryTo } from './given-api.ts';

setUp();

describe('messages and deliveries', () => {
  it('keep their timestamp as written, and show it in UTC', async () => {
    const { publishMessages } = await api.query<{ publishMessages: { id: string }[] }>(
      'mutation { publishMessages(messages: [{ id: "own", type: "a.b", timestamp: "2026-01-15T10:30:00+02:00", data: { x: 1 }, orderingKey: "k" }]) { id duplicate destinations } }',
    );
    expect(publishMessages[0]).toMatchObject({ duplicate: false });
    const [event] = await api.store.readStream(`message-${publishMessages[0]!.id}`);
    expect(event!.data).toMatchObject({ timestamp: '2026-01-15T10:30:00+02:00' });
    const shown = await api.query(
      'query ($id: ID!) { message(id: $id) { clientId eventType timestamp data orderingKey skipped { id } } }',
      {
        id: publishMessages[0]!.id,
      },
    );
    expect(shown).toEqual({
      message: { clientId: 'own', eventType: 'a.b', timestamp: '2026-01-15T08:30:00.000Z', data: { x: 1 }, orderingKey: 'k', skipped: [] },
    });
  });

  it('refuse what the intake refuses', async () => {
    const query = 'mutation ($messages: [MessageInput!]!) { publishMessages(messages: $messages) { id } }';
    const good = { type: 'a', data: {} };
    expect(await refused(query, { messages: [good, { type: 'a b', data: {} }] })).toMatchObject({ paths: ['messages.1.type'] });
    expect(await refused(query, { messages: [good, { type: 'a', data: [] }] })).toMatchObject({ paths: ['messages.1.data'] });
    expect(await refused(query, { messages: [] })).toMatchObject({ paths: ['messages'] });
    expect(await refused(query, { messages: [good, { ...good, timestamp: 'now' }] })).toMatchObject({ paths: ['messages.1.timestamp'] });
    const large = { type: 'a', data: { x: 'x'.repeat(256 * 1024) } };
    expect(await refused(query, { messages: [good, large] })).toMatchObject({ paths: ['messages.1.data'] });
  });

  it('show what was sent, the configuration at that time, and the response', async () => {
    const { id } = await create({ name: 'Shown', eventTypes: ['shown.now'], url: 'https://first.example/', secret: 's3cret-text' });
    const messageId = await publish('shown.now', { user: 'u', api_key: 'inner-secret' });
    const deliveryId = await deliveryTo(messageId, id);
    await attempt(deliveryId, 'succeeded');
    await api.query('mutation ($id: ID!) { updateEndpoint(id: $id, input: { url: "https://second.example/" }) { id } }', { id });
    const read = `query ($id: ID!) { delivery(id: $id) { status test attemptCount endpoint { url successRate { label } } message { id data } attempts {
      number url responseCode responseBody responseHeaders requestBody requestHeaders failure error durationMs configuration { url secret } } } }`;
    type Shown = { delivery: { attempts: Record<string, unknown>[]; message: { data: unknown }; endpoint: unknown; status: string } };
    const { delivery: shown } = await api.query<Shown>(read, { id: deliveryId });
    expect(shown).toMatchObject({
      status: 'SUCCEEDED',
      endpoint: { url: 'https://second.example/', successRate: { label: '100% (1/1)' } },
    });
    const [first] = shown.attempts;
    expect(first).toMatchObject({
      number: 1,
      url: 'https://first.example/',
      responseCode: 200,
      responseBody: '{"ok":true,"token":"inner"}',
      responseHeaders: { 'set-cookie': mask, server: 'x' },
      failure: null,
      configuration: { url: 'https://first.example/', secret: mask },
    });
    expect(JSON.parse(first!['requestBody'] as string)).toMatchObject({ event: 'shown.now', data: { user: 'u', api_key: 'inner-secret' } });
    expect(first!['requestHeaders']).toMatchObject({ 'webhook-id': messageId });

    const { delivery: masked } = await api.query<Shown>(read, { id: deliveryId }, api.keys.VIEWER);
    expect(masked.message.data).toEqual({ user: 'u', api_key: mask });
    expect(masked.attempts[0]!['responseBody']).toBe(`{"ok":true,"token":"${mask}"}`);
    expect(JSON.stringify(masked)).not.toContain('inner');
    expect(JSON.stringify(await api.query(read, { id: deliveryId }, api.keys.AUDITOR))).toContain('inner-secret');
  });

  it('show a consistent delivery even while an attempt is being recorded', async () => {
    const { id } = await create({ name: 'Meanwhile', eventTypes: ['shown.meanwhile'] });
    const deliveryId = await deliveryTo(await publish('shown.meanwhile', {}), id);
    const asking = vi.spyOn(DeliveryQueries.prototype, 'attemptsOf');
    asking.mockImplementationOnce(async function (this: DeliveryQueries, ...asked) {
      await attempt(deliveryId, 'succeeded');
      asking.mockRestore();
      return this.attemptsOf(...asked);
    });
    const read = 'query ($id: ID!) { delivery(id: $id) { status attemptCount attempts { number } } }';
    const { delivery: before } = await api.query<Record<string, unknown>>(read, { id: deliveryId });
    expect(before).toEqual({ status: 'PENDING', attemptCount: 0, attempts: [] });
    const { delivery: after } = await api.query<Record<string, unknown>>(read, { id: deliveryId });
    expect(after).toEqual({ status: 'SUCCEEDED', attemptCount: 1, attempts: [{ number: 1 }] });
  });

  it('have a timeline of sentences in order', async () => {
    const story = await create({ name: 'Story', eventTypes: ['story.told'] });
    const off = await create({ name: 'Off', eventTypes: ['story.told'], disabled: true });
    const messageId = await publish('story.told', { password: 'p' });
    const deliveryId = await deliveryTo(messageId, story.id);
    await attempt(deliveryId, 'failed');
    await api.query('mutation ($id: ID!) { retryDelivery(id: $id) { id status } }', { id: deliveryId });
    await api.query('mutation ($id: ID!) { cancelDelivery(id: $id) { status } }', { id: deliveryId });
    type Answer = {
      message: {
        skipped: { id: string }[];
        timeline: { text: string; event: { type: string; data: unknown }; delivery: { id: string } | null }[];
      };
    };
    const { message } = await api.query<Answer>(
      'query ($id: ID!) { message(id: $id) { skipped { id } timeline { at text event { type actor data } delivery { id } } } }',
      { id: messageId },
      api.keys.VIEWER,
    );
    expect(message.skipped).toEqual([{ id: off.id }]);
    expect(message.timeline.map(({ event }) => event.type)).toEqual([
      'message.accepted',
      'delivery.attempt-failed',
      'delivery.exhausted',
      'delivery.retry-requested',
      'delivery.cancelled',
    ]);
    const texts = message.timeline.map(({ text }) => text);
    expect(texts[0]).toMatch(
      /^Message "story.told" accepted from apikey:default-ADMIN\. It goes to .*"Story", subscribed to "story\.told"\. Skipped because disabled: "Off", subscribed to "story\.told"\.$/,
    );
    expect(texts[1]).toBe('Attempt 1 to "Story" failed: The endpoint answered 500. No further attempt follows.');
    expect(texts[3]).toMatch(/^apikey:default-ADMIN requested a retry to "Story"/);
    expect(message.timeline[1]!.delivery).toEqual({ id: deliveryId });
    expect(JSON.stringify(message.timeline)).not.toContain('"p"');
  });

  it('can be retried in bulk in the background, counted, and tested', async () => {
    const { id } = await create({ eventTypes: ['bulk.all'] });
    const ids = [await publish('bulk.all'), await publish('bulk.all')];
    for (const each of ids) await attempt(await deliveryTo(each, id), 'failed');
    type Count = { conservation: { routed: number; failed: number; open: number; balanced: boolean } };
    const counts = async () =>
      (await api.query<Count>('query ($id: ID!) { conservation(endpointId: $id) { routed failed open balanced } }', { id })).conservation;
    expect(await counts()).toEqual({ routed: 2, failed: 2, open: 0, balanced: true });
    const retry = 'mutation ($f: DeliveryFilter!) { retryDeliveries(filter: $f) { id matched retried status filter actor endedAt } }';
    const f = { endpointId: id, since: '2020-01-01T00:00:00.000Z', responseCode: null };
    const { retryDeliveries } = await api.query<{ retryDeliveries: { id: string } }>(retry, { f });
    expect(retryDeliveries).toMatchObject({ matched: 2, retried: 0, status: 'RUNNING', actor: 'apikey:default-ADMIN', endedAt: null });
    expect(retryDeliveries).toMatchObject({ filter: { endpointId: id, status: ['FAILED'], since: '2020-01-01T00:00:00.000Z' } });
    const listed = await api.query('{ bulkRetries(first: 1) { nodes { id } pageInfo { hasNextPage } } }');
    expect(listed).toMatchObject({ bulkRetries: { nodes: [{ id: retryDeliveries.id }] } });
    const cancel = 'mutation ($id: ID!) { cancelBulkRetry(id: $id) { status endedAt } }';
    expect(await api.query(cancel, retryDeliveries)).toEqual({ cancelBulkRetry: { status: 'CANCELLED', endedAt: expect.any(String) } });
    expect(await api.query('query ($id: ID!) { bulkRetry(id: $id) { status } }', retryDeliveries)).toMatchObject({
      bulkRetry: { status: 'CANCELLED' },
    });
    expect((await refused('mutation { cancelBulkRetry(id: "none") { id } }')).code).toBe('NOT_FOUND');
    const test = await api.query<{ testEndpoint: { test: boolean; status: string } }>(
      'mutation ($id: ID!) { testEndpoint(id: $id) { test status message { eventType } } }',
      { id },
    );
    expect(test.testEndpoint).toMatchObject({ test: true, status: 'PENDING', message: { eventType: 'bulk.all' } });
    expect((await refused('mutation { cancelDelivery(id: "none") { id } }')).code).toBe('NOT_FOUND');
  });

  it('are loaded with one query for a whole list', async () => {
    await create({ eventTypes: ['many.all'] });
    for (let i = 0; i < 5; i++) await publish('many.all');
    const { messages } = await api.query<{ messages: { nodes: { deliveries: { endpoint: { id: string } }[] }[] } }>(
      '{ messages(first: 5, eventType: "many.all") { nodes { data deliveries { attempts { number } endpoint { id successRate { label } } message { id } } } } }',
    );
    expect(messages.nodes).toHaveLength(5);
    expect(messages.nodes.every(({ deliveries }) => deliveries.length > 0)).toBe(true);
  });
});
