// LiveSwitch, real-time media: every fact of its webhooks, through the public API, to a receiver that verifies.
import { createHmac, timingSafeEqual } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { load } from '../../src/cli/load.ts';
import { Client, eventually } from '../support/client.ts';
import { startReceiver, type ReceivedRequest, type Receiver } from '../support/receiver.ts';
import { startServer, type Server } from '../support/server.ts';

const catalog = new URL('../../examples/liveswitch.json', import.meta.url);
const secret = 'liveswitch-secret';
const verify = ({ raw, headers }: ReceivedRequest): boolean => {
  const given = Buffer.from(String(headers['x-webhook-signature']));
  const expected = Buffer.from(`sha256=${createHmac('sha256', secret).update(raw).digest('hex')}`);
  return given.length === expected.length && timingSafeEqual(given, expected);
};

let server: Server;
let client: Client;
let receiver: Receiver;
beforeAll(async () => {
  server = await startServer();
  client = new Client(server);
  await load(catalog.pathname, { url: server.url, key: server.adminKey });
});
afterAll(() => server.dispose());
beforeEach(async () => {
  receiver = await startReceiver();
  return () => receiver.close();
});
const webhook = (input: Record<string, unknown>) => client.createEndpoint({ name: 'Media events', url: receiver.url, secret, ...input });
const eventsOf = (requests: readonly ReceivedRequest[]) =>
  requests.flatMap(({ body }) => [JSON.parse(body) as { event: string } | { event: string }[]].flat()).map(({ event }) => event);

describe('a webhook', () => {
  it('has a name that need not be unique, and a URL that may be http', async () => {
    const ids = [await webhook({ eventTypes: ['none'] }), await webhook({ eventTypes: ['none'] })];
    const names = await Promise.all(
      ids.map((id) => client.query<{ name: string }>('query ($id: ID!) { endpoint(id: $id) { name } }', { id })),
    );
    expect(names).toEqual([{ name: 'Media events' }, { name: 'Media events' }]);
  });

  it.each([
    ['connections', ['connection.initializing', 'connection.connected', 'connection.failed', 'connection.closed']],
    ['clients', ['client.registered', 'client.updated', 'client.unregistered']],
    ['channels', ['channel.created', 'channel.updated', 'channel.destroyed']],
  ])('of the category %s gets its lifecycle events and no others', async (group, expected) => {
    const { eventTypes } = JSON.parse(readFileSync(catalog, 'utf8')) as { eventTypes: { name: string; sample: object }[] };
    const id = await webhook({ eventTypes: [group] });
    await server.publish(eventTypes.map(({ name, sample }) => ({ type: name, data: { ...sample } })));
    const requests = await receiver.received(expected.length);
    expect(requests.every(verify)).toBe(true);
    expect(eventsOf(requests).toSorted()).toEqual(expected.toSorted());
    await client.act('deleteEndpoint', id);
  });

  it('can choose single events within a category', async () => {
    const id = await webhook({ eventTypes: ['connection.connected', 'connection.closed'] });
    await server.publish(['connection.initializing', 'connection.connected', 'connection.closed'].map((type) => ({ type, data: {} })));
    expect(eventsOf(await receiver.received(2)).toSorted()).toEqual(['connection.closed', 'connection.connected']);
    await client.act('deleteEndpoint', id);
  });

  it('sends several events in one request where Batch is on, and each by itself where it is off', async () => {
    const id = await webhook({ eventTypes: ['client.updated'], batch: { maxSize: 4, maxWaitMs: 5_000 } });
    await server.publish(Array.from({ length: 4 }, (_, n) => ({ type: 'client.updated', data: { n } })));
    const [batch] = await receiver.received(1);
    expect(batch && verify(batch)).toBe(true);
    expect(eventsOf(batch ? [batch] : [])).toHaveLength(4);
    await client.updateEndpoint(id, { batch: null });
    await server.publish(Array.from({ length: 2 }, (_, n) => ({ type: 'client.updated', data: { n } })));
    const requests = await receiver.received(3);
    expect(requests.slice(1).map(({ body }) => Array.isArray(JSON.parse(body)))).toEqual([false, false]);
    await client.act('deleteEndpoint', id);
  });

  it('sends nothing while it is Disabled, and records what it would have got as skipped', async () => {
    const id = await webhook({ eventTypes: ['recordings'], disabled: true });
    const messageId = await client.publish('recording.completed', { recordingId: 'rec-5' });
    const skipped = 'query ($id: ID!) { message(id: $id) { skipped { id } deliveries { id } } }';
    expect(await eventually(() => client.query(skipped, { id: messageId }), Boolean)).toEqual({ skipped: [{ id }], deliveries: [] });
    await client.act('enableEndpoint', id);
    await client.publish('recording.completed', { recordingId: 'rec-6' });
    const [request] = await receiver.received(1);
    expect(JSON.parse(request?.body ?? '')).toMatchObject({ event: 'recording.completed', data: { recordingId: 'rec-6' } });
    await client.act('deleteEndpoint', id);
  });
});
