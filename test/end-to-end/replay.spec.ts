// Replays, carried out: past messages are sent again, or for the first time, at a pace, and a killed process neither loses nor doubles any.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Client, eventually } from '../support/client.ts';
import { checkLogAndViews, places } from '../support/places.ts';
import { startReceiver, type Receiver } from '../support/receiver.ts';
import { startServer, type Server } from '../support/server.ts';

describe.each(places)('on $name, with the views in $database, a replay', ({ open }) => {
  let place: Awaited<ReturnType<typeof open>>;
  let server: Server;
  let client: Client;
  let receiver: Receiver;
  let late: Receiver;
  beforeAll(async () => {
    place = await open();
    [receiver, late] = [await startReceiver(), await startReceiver()];
    server = await startServer({ env: place.env });
    client = new Client(server);
  });
  afterAll(async () => {
    await receiver.close();
    await late.close();
    await server.dispose();
    await place.discard();
  });

  type Replay = { id: string; status: string; looked: number; sent: number; reason: string | null };
  const fields = 'id status looked sent reason';
  const replay = (endpointId: string, more: Record<string, unknown> = {}) =>
    client.query<Replay>(
      `mutation ($endpointId: ID!, $filter: ReplayFilter, $rate: Float) {
      replayMessages(endpointId: $endpointId, filter: $filter, ratePerSecond: $rate) { ${fields} } }`,
      { endpointId, rate: 200, ...more },
    );
  const stateOf = (id: string) => client.query<Replay>(`query ($id: ID!) { replay(id: $id) { ${fields} } }`, { id });
  const ended = (id: string) =>
    eventually(
      () => stateOf(id),
      ({ status }) => status !== 'RUNNING',
    );
  const idsAt = (at: Receiver) => at.requests.map(({ headers }) => headers['webhook-id'] as string);
  const publish = async (type: string, count: number) =>
    (await server.publish(Array.from({ length: count }, (_, n) => ({ type, data: { n } })))).map(({ id }) => id);

  it('fills a new endpoint with what was before it, and sends again what had been sent', async () => {
    const first = await client.createEndpoint({ url: receiver.url, eventTypes: ['back.fill'] });
    const messages = await publish('back.fill', 5);
    await publish('back.other', 1);
    await receiver.received(5);
    const endpointId = await client.createEndpoint({
      name: 'Late',
      url: late.url,
      eventTypes: ['back.*'],
      filter: { n: [{ numeric: ['<', 4] }] },
    });

    const { id } = await replay(endpointId, { filter: { eventType: 'back.fill' } });
    expect(await ended(id)).toMatchObject({ status: 'FINISHED', looked: 5, sent: 4 });
    await late.received(4);
    expect(idsAt(late).toSorted()).toEqual(messages.slice(0, 4).toSorted());
    const [message = ''] = messages;
    const delivery = await client.delivery(message, 'SUCCEEDED', endpointId);
    const told = await client.query<{ replay: { id: string }; message: { timeline: { text: string }[] } }>(
      'query ($id: ID!) { delivery(id: $id) { replay { id } message { timeline { text } } } }',
      { id: delivery.id },
    );
    expect(told.replay).toEqual({ id });
    const counted = 'query ($id: ID!) { replay(id: $id) { deliveries(first: 1) { count { value exact } } } }';
    expect(await client.query(counted, { id })).toEqual({ deliveries: { count: { value: 4, exact: true } } });
    expect(told.message.timeline.map(({ text }) => text)).toContain(
      `The replay ${id}, requested by apikey:admin, sends it to "Late" for the first time: attempt 1 is due now.`,
    );
    const explained = await client.query<{ text: string }>(
      'query ($message: ID!, $endpoint: ID!) { explainRouting(messageId: $message, endpointId: $endpoint) { text recorded } }',
      { message, endpoint: endpointId },
    );
    expect(explained).toEqual({
      recorded: 'NOT_ROUTED',
      text: expect.stringMatching(
        `^"Late" was not registered yet when the message was accepted. The replay ${id} sent it there later, at .*Z.$`,
      ),
    });
    const { nodes } = await client.query<{ nodes: { type: string; actor: string; causationId: string; correlationId: string }[] }>(
      'query ($id: ID!) { history(filter: { deliveryId: $id }) { nodes { id type actor causationId correlationId } } }',
      { id: delivery.id },
    );
    expect(nodes.map(({ type, actor }) => [type, actor])).toEqual([
      ['delivery.replay-requested', 'system:replayer'],
      ['delivery.attempt-succeeded', 'system:dispatcher'],
    ]);
    expect(nodes[1]).toMatchObject({ causationId: (nodes[0] as unknown as { id: string }).id, correlationId: nodes[0]?.correlationId });
    expect(nodes[0]?.correlationId).toEqual(expect.any(String));

    const again = await ended((await replay(first, { filter: { eventType: 'back.fill' } })).id);
    expect(again).toMatchObject({ status: 'FINISHED', sent: 5 });
    await receiver.received(10);
    expect(idsAt(receiver).toSorted()).toEqual([...messages, ...messages].toSorted());
    const none = await ended((await replay(first, { filter: { eventType: 'back.fill', only: ['FAILED', 'NEVER_SENT'] } })).id);
    expect(none).toMatchObject({ status: 'FINISHED', looked: 5, sent: 0 });
    const { balanced, routed } = await client.query<{ balanced: boolean; routed: number }>('{ conservation { balanced routed } }');
    expect([balanced, routed]).toEqual([true, 5 + 4]);
  });

  it('sends one message to an endpoint that it did not go to, and nothing else', async () => {
    const endpointId = await client.createEndpoint({ name: 'One', url: late.url, eventTypes: ['one.none'] });
    const [, wanted = '', ...others] = await publish('one.message', 4);
    const before = late.requests.length;
    await eventually(
      () => client.query<unknown>('query ($id: ID!) { message(id: $id) { id } }', { id: wanted }),
      (shown) => shown !== null,
    );
    const { id } = await replay(endpointId, { filter: { messageId: wanted, matching: false } });
    expect(await ended(id)).toMatchObject({ status: 'FINISHED', looked: 1, sent: 1 });
    await client.delivery(wanted, 'SUCCEEDED', endpointId);
    expect(idsAt(late).slice(before)).toEqual([wanted]);
    expect(others).toHaveLength(2);
  });

  it('goes on after kill -9, and sends each message once', { timeout: 60_000 }, async () => {
    const messages = await publish('much.more', 24);
    // Where replicas may run, what was in flight is due again when its lease ends: the timeout and some seconds later.
    const endpointId = await client.createEndpoint({ url: late.url, eventTypes: ['much.more'], timeoutSeconds: 1 });
    const before = late.requests.length;
    const { id } = await replay(endpointId, { rate: 24 });
    await late.received(before + 6);
    expect(await stateOf(id)).toMatchObject({ status: 'RUNNING' });
    await server.kill9();
    await server.start();
    expect(await ended(id)).toMatchObject({ status: 'FINISHED', sent: 24 });
    await eventually(
      () => client.deliveries({ endpointId, status: ['SUCCEEDED'] }),
      (all) => all.length === 24,
    );
    const sent = idsAt(late).slice(before);
    expect(new Set(sent)).toEqual(new Set(messages));
    // What was in flight when it was killed may come again, and nothing else.
    expect(sent.length).toBeLessThanOrEqual(24 + 6);
  });

  it('goes to an endpoint that takes batches in batches', async () => {
    const batched = await startReceiver();
    const endpointId = await client.createEndpoint({
      url: batched.url,
      eventTypes: ['in.batches'],
      format: 'ARRAY',
      batch: { maxSize: 24, maxWaitMs: 5_000 },
    });
    const { id } = await replay(endpointId, { filter: { only: ['NEVER_SENT'], matching: false, eventType: 'much.more' }, rate: 1000 });
    expect(await ended(id)).toMatchObject({ sent: 24 });
    await eventually(
      () => client.deliveries({ endpointId, status: ['SUCCEEDED'] }),
      (all) => all.length === 24,
    );
    expect(batched.requests.length).toBeLessThan(6);
    await batched.close();
  });

  it('ends when a person cancels it, and when its endpoint is deleted', async () => {
    await publish('much.slower', 3);
    const endpointId = await client.createEndpoint({ url: late.url, eventTypes: ['much.slower'] });
    const paced = await replay(endpointId, { rate: 0.1 });
    await client.query('mutation ($id: ID!) { cancelReplay(id: $id) { id } }', { id: paced.id });
    expect(await stateOf(paced.id)).toMatchObject({ status: 'CANCELLED', reason: 'cancelled by apikey:admin' });
    const orphaned = await replay(endpointId, { rate: 1 });
    await eventually(
      () => stateOf(orphaned.id),
      ({ looked }) => looked > 0,
    );
    await client.act('deleteEndpoint', endpointId);
    expect(await ended(orphaned.id)).toMatchObject({ status: 'CANCELLED', reason: 'the endpoint was deleted' });
  });

  it('leaves a log, and views, that are as they should be', async () => {
    const checks = await checkLogAndViews(server, place);
    for (const name of ['ids', 'routing', 'states', 'views']) expect(checks[name]?.checked).toBeGreaterThan(5);
  }, 60_000);
});
