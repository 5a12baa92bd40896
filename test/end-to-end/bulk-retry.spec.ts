// Bulk retries, carried out: in the background, behind new messages, and a killed process neither loses nor doubles any.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Client, eventually } from '../support/client.ts';
import { checkLogAndViews, places } from '../support/places.ts';
import { startReceiver, type Receiver } from '../support/receiver.ts';
import { startServer, type Server } from '../support/server.ts';

describe.each(places)('on $name, with the views in $database, a bulk retry', ({ open }) => {
  let place: Awaited<ReturnType<typeof open>>;
  let server: Server;
  let client: Client;
  let receiver: Receiver;
  beforeAll(async () => {
    place = await open();
    receiver = await startReceiver();
    server = await startServer({ env: place.env });
    client = new Client(server);
  });
  afterAll(async () => {
    await receiver.close();
    await server.dispose();
    await place.discard();
  });

  /** More than are retried at once, and by far. */
  const many = 1_500;

  type BulkRetry = { id: string; status: string; matched: number; retried: number };
  const fields = 'id status matched retried';
  const bulkRetry = (filter: Record<string, unknown>) =>
    client.query<BulkRetry>(`mutation ($filter: DeliveryFilter!) { retryDeliveries(filter: $filter) { ${fields} } }`, { filter });
  const stateOf = (id: string) => client.query<BulkRetry>(`query ($id: ID!) { bulkRetry(id: $id) { ${fields} } }`, { id });
  const ended = (id: string) =>
    eventually(
      () => stateOf(id),
      ({ status }) => status !== 'RUNNING',
      ({ retried }) => retried,
    );
  const count = (endpointId: string) =>
    client.query<Record<'succeeded' | 'failed' | 'open', number>>(
      'query ($endpointId: ID!) { conservation(endpointId: $endpointId) { succeeded failed open } }',
      { endpointId },
    );
  /** An endpoint with so many deliveries that have failed. */
  const failing = async (type: string, messages: number, timeoutSeconds = 30) => {
    const endpointId = await client.createEndpoint({
      url: receiver.url,
      eventTypes: [type],
      retryPolicy: { delaysSeconds: [0] },
      timeoutSeconds,
    });
    receiver.answer({ status: 500 });
    for (let sent = 0; sent < messages; sent += 500)
      await server.publish(Array.from({ length: Math.min(500, messages - sent) }, (_, n) => ({ type, data: { n: sent + n } })));
    await eventually(
      () => count(endpointId),
      ({ failed }) => failed === messages,
      ({ failed }) => failed,
    );
    return endpointId;
  };

  it('retries in the background what had failed, oldest first, and says so in the timeline', async () => {
    const endpointId = await failing('some.failed', 5);
    const other = await failing('other.failed', 2);
    const first = receiver.requests.length;
    receiver.answer({});
    const { id, ...requested } = await bulkRetry({ endpointId });
    expect(requested).toMatchObject({ matched: 5 });
    expect(await ended(id)).toMatchObject({ status: 'DONE', matched: 5, retried: 5 });
    await eventually(
      () => count(endpointId),
      ({ succeeded }) => succeeded === 5,
    );
    expect(await count(other)).toMatchObject({ failed: 2 });
    const { timeline } = await client.query<{ timeline: { text: string }[] }>(
      'query ($id: ID!) { message(id: $id) { timeline { text } } }',
      {
        id: receiver.requests[first]?.headers['webhook-id'],
      },
    );
    expect(timeline.map(({ text }) => text)).toContainEqual(
      expect.stringMatching(`^The bulk retry ${id}, requested by apikey:admin, requested a retry to .*: attempt 2 is due now\\.$`),
    );
    expect(await bulkRetry({ endpointId })).toMatchObject({ matched: 0 });
  });

  it('leaves new messages little to wait for, and ends when a person cancels it', { timeout: 120_000 }, async () => {
    const endpointId = await failing('slow.failed', many);
    receiver.answer({ delayMs: 250 });
    const before = receiver.requests.length;
    const from = performance.now();
    const { id, matched } = await bulkRetry({ endpointId });
    expect(performance.now() - from).toBeLessThan(1_000);
    expect(matched).toBe(many);
    await receiver.received(before + 60);
    const [fresh] = await server.publish({ type: 'slow.failed', data: { fresh: true } });
    await client.delivery(fresh?.id ?? '', 'SUCCEEDED');
    const ahead = receiver.requests.findIndex(({ headers }) => headers['webhook-id'] === fresh?.id) - before;
    expect(ahead).toBeLessThan(many / 2);
    expect(await stateOf(id)).toMatchObject({ status: 'RUNNING' });
    const cancelled = await client.query<BulkRetry>(`mutation ($id: ID!) { cancelBulkRetry(id: $id) { ${fields} } }`, { id });
    expect(cancelled.status).toBe('CANCELLED');
    const { retried } = await stateOf(id);
    expect(retried).toBeLessThan(many);
    await eventually(
      () => count(endpointId),
      ({ open }) => open === 0,
      ({ open }) => open,
    );
    expect(await stateOf(id)).toEqual({ ...cancelled, retried });
    expect(await count(endpointId)).toEqual({ succeeded: retried + 1, failed: many - retried, open: 0 });
  });

  it('goes on after kill -9, and retries each delivery once', { timeout: 120_000 }, async () => {
    const endpointId = await failing('killed.failed', 250, 1);
    const before = receiver.requests.length;
    // They fail again: what was retried and has failed since is not retried twice.
    receiver.answer({ status: 500, delayMs: 10 });
    const { id } = await bulkRetry({ endpointId });
    await receiver.received(before + 75);
    await server.kill9();
    await server.start();
    expect(await ended(id)).toEqual({ id, status: 'DONE', matched: 250, retried: 250 });
    await eventually(
      () => count(endpointId),
      ({ open }) => open === 0,
      ({ open }) => open,
    );
    const { nodes } = await client.query<{ nodes: { attemptCount: number }[] }>(
      'query ($filter: DeliveryFilter) { deliveries(first: 200, filter: $filter) { nodes { attemptCount } } }',
      { filter: { endpointId } },
    );
    expect(new Set(nodes.map(({ attemptCount }) => attemptCount))).toEqual(new Set([2]));
    const again = new Set(receiver.requests.slice(before).map(({ headers }) => headers['webhook-id']));
    expect(again.size).toBe(250);
  });

  it('leaves a log, and views, that are as they should be', async () => {
    await checkLogAndViews(server, place);
  }, 60_000);
});
