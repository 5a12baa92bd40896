// Order by keys, as a receiver sees it: one after the other, what holds a key up, who lets it go on, and what is sent out of order.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Client, eventually } from '../support/client.ts';
import { startReceiver, type Receiver } from '../support/receiver.ts';
import { startServer, type Server } from '../support/server.ts';

let server: Server;
let client: Client;
let receiver: Receiver;
let id = '';
beforeAll(async () => {
  server = await startServer();
  client = new Client(server);
});
afterAll(() => server.dispose());
beforeEach(async () => {
  receiver = await startReceiver();
  return async () => {
    await client.act('deleteEndpoint', id);
    await receiver.close();
  };
});

const endpoint = async (settings: Record<string, unknown>) => {
  id = await client.createEndpoint({ url: receiver.url, retryPolicy: { delaysSeconds: [0, 3600] }, ...settings });
};
/** `k1`: the first message of the key k. @returns the ids of the messages */
const publish = async (...names: string[]): Promise<string[]> => {
  const messages = names.map((name) => ({ type: 'a', data: { name }, ...(name.startsWith('-') ? {} : { orderingKey: name.charAt(0) }) }));
  return (await server.publish(messages)).map((message) => message.id);
};
const arrived = () => receiver.requests.map(({ body }) => (JSON.parse(body) as { data: { name: string } }).data.name);
type Held = { id: string; status: string; heldReason: string | null; nextAttemptAt: string | null };
const shown = async (messageId: string): Promise<Held> => {
  const query = 'query ($filter: DeliveryFilter) { deliveries(filter: $filter) { nodes { id status heldReason nextAttemptAt } } }';
  const { nodes } = await client.query<{ nodes: Held[] }>(query, { filter: { messageId } });
  return nodes[0] ?? { id: '', status: 'not shown yet', heldReason: null, nextAttemptAt: null };
};
const becomes = (messageId: string, status: string) =>
  eventually(
    () => shown(messageId),
    (found) => found.status === status,
  );
const timeline = async (messageId: string) => {
  const { timeline: all } = await client.query<{ timeline: { text: string }[] }>(
    'query ($id: ID!) { message(id: $id) { timeline { text } } }',
    { id: messageId },
  );
  return all.map(({ text }) => text).join('\n');
};
const balanced = async () =>
  (await client.query<{ balanced: boolean }>('query ($id: ID) { conservation(endpointId: $id) { balanced } }', { id })).balanced;

describe('an endpoint that asks for order by key', () => {
  it('gets the messages of a key in their order, and one that fails holds up its own key only', async () => {
    await endpoint({ ordering: 'PER_KEY' });
    receiver.answer(({ body }) => (body.includes('a1') && arrived().filter((name) => name === 'a1').length === 1 ? { status: 500 } : {}));
    const [a1 = '', a2 = '', a3 = ''] = await publish('a1', 'a2', 'a3', 'b1', 'b2', '-1');
    const first = await becomes(a1, 'RETRYING');
    await receiver.received(4);
    expect(arrived().toSorted()).toEqual(['-1', 'a1', 'b1', 'b2']);
    const waiting = await becomes(a2, 'HELD');
    expect(waiting).toMatchObject({
      nextAttemptAt: null,
      heldReason: expect.stringContaining(`Delivery ${first.id} comes before it under the same ordering key and has not ended`) as string,
    });
    expect((await client.deliveries({ endpointId: id, status: ['HELD'] })).map(({ message }) => message.id)).toEqual([a3, a2]);
    // Those that arrived have ended soon; those that wait are not pending.
    await eventually(
      () => client.deliveries({ endpointId: id, status: ['PENDING'] }),
      (all) => all.length === 0,
    );
    expect(await client.refusal('mutation ($id: ID!) { retryDelivery(id: $id) { id } }', { id: waiting.id })).toMatchObject({
      message: expect.stringContaining(`retry or cancel the delivery ${first.id}`) as string,
      extensions: { code: 'CONFLICT' },
    });
    await client.act('retryDelivery', first.id);
    await becomes(a3, 'SUCCEEDED');
    expect(arrived().slice(4)).toEqual(['a1', 'a2', 'a3']);
    expect(await timeline(a2)).toContain('In order by its key "a"');
    expect(await balanced()).toBe(true);
  });

  it('goes on with a key whose first delivery is out of attempts, and sends that one out of order when a person asks', async () => {
    await endpoint({ ordering: 'PER_KEY', retryPolicy: { delaysSeconds: [0] } });
    receiver.answerNext({ status: 500 });
    const [a1 = '', a2 = ''] = await publish('a1', 'a2');
    await becomes(a2, 'SUCCEEDED');
    expect(await shown(a1)).toMatchObject({ status: 'FAILED' });
    await client.act('retryDelivery', (await shown(a1)).id);
    await becomes(a1, 'SUCCEEDED');
    expect(arrived()).toEqual(['a1', 'a2', 'a1']);
    expect(await timeline(a1)).toContain('It goes at once, out of order: its turn had ended.');
  });

  it('lets a person cancel one that waits, and the first', async () => {
    await endpoint({ ordering: 'PER_KEY' });
    receiver.answerNext({ status: 500 });
    const [a1 = '', a2 = '', a3 = ''] = await publish('a1', 'a2', 'a3');
    await becomes(a1, 'RETRYING');
    await client.act('cancelDelivery', (await becomes(a2, 'HELD')).id);
    expect(await shown(a3)).toMatchObject({ status: 'HELD' });
    await client.act('cancelDelivery', (await shown(a1)).id);
    await becomes(a3, 'SUCCEEDED');
    expect(arrived()).toEqual(['a1', 'a3']);
    expect(await balanced()).toBe(true);
  });
});

describe('an endpoint that holds a key out of attempts', () => {
  const hold = { ordering: 'PER_KEY', onExhausted: 'HOLD', retryPolicy: { delaysSeconds: [0] } };

  it('waits until the failed one is retried with success', async () => {
    await endpoint(hold);
    receiver.answerNext({ status: 500 }, { status: 500 });
    const [a1 = '', a2 = ''] = await publish('a1', 'a2');
    const failed = await becomes(a1, 'FAILED');
    expect((await becomes(a2, 'HELD')).heldReason).toContain(
      `Delivery ${failed.id} comes before it under the same ordering key. It is out of`,
    );
    await client.act('retryDelivery', failed.id); // fails again
    await receiver.received(2);
    await becomes(a1, 'FAILED');
    await client.act('retryDelivery', failed.id);
    await becomes(a2, 'SUCCEEDED');
    expect(arrived()).toEqual(['a1', 'a1', 'a1', 'a2']);
    expect(await timeline(a1)).not.toContain('out of order');
    expect(await timeline(a1)).toContain('Its ordering key waits until it is retried with success, or cancelled.');
    expect(await balanced()).toBe(true);
  });

  it('goes on when a person cancels the failed one', async () => {
    await endpoint(hold);
    receiver.answerNext({ status: 500 });
    const [a1 = '', a2 = ''] = await publish('a1', 'a2');
    await becomes(a2, 'HELD');
    await client.act('cancelDelivery', (await becomes(a1, 'FAILED')).id);
    await becomes(a2, 'SUCCEEDED');
    expect(await shown(a1)).toMatchObject({ status: 'CANCELLED' });
    expect(await timeline(a1)).toContain('Its ordering key goes on.');
    expect(await balanced()).toBe(true);
  });
});

it('a strict endpoint gets all its messages one after the other, through a pause and a restart', async () => {
  await endpoint({ ordering: 'STRICT', retryPolicy: { delaysSeconds: [0, 0.1] } });
  receiver.answerNext({ status: 500 });
  await client.act('pauseEndpoint', id);
  await publish('a1', 'b1', '-1');
  await client.act('resumeEndpoint', id);
  await receiver.received(2);
  await server.kill9();
  await server.start();
  const [last = ''] = await publish('a2', 'b2');
  await becomes(last, 'SUCCEEDED');
  const seen = await eventually(arrived, (all) => all.includes('b2'));
  // A request that was in flight at the kill may be there twice.
  expect(seen.filter((name, i) => i === 0 || seen[i - 1] !== name)).toEqual(['a1', 'b1', '-1', 'a2', 'b2']);
});

it('a batch holds the turns of all its keys, in their order', async () => {
  await endpoint({ ordering: 'STRICT', format: 'ARRAY', batch: { maxSize: 10, maxWaitMs: 300 }, retryPolicy: { delaysSeconds: [0, 0.2] } });
  receiver.answerNext({ status: 500 });
  await publish('a1', 'b1', 'a2');
  const contents = () =>
    receiver.requests.map(({ body }) => (JSON.parse(body) as { data: { name: string } }[]).map(({ data }) => data.name).join());
  await receiver.received(1);
  await publish('a3', 'b2');
  await eventually(contents, (all) => all.length === 3);
  expect(contents()).toEqual(['a1,b1,a2', 'a1,b1,a2', 'a3,b2']);
});

it('a deleted endpoint cancels what waits', async () => {
  await endpoint({ ordering: 'STRICT' });
  receiver.answer({ status: 500 });
  const [, second = '', third = ''] = await publish('a1', 'a2', 'a3');
  await becomes(second, 'HELD');
  await client.act('deleteEndpoint', id);
  await becomes(second, 'CANCELLED');
  await becomes(third, 'CANCELLED');
  expect(await balanced()).toBe(true);
  await endpoint({});
});

it('a changed order counts for messages accepted afterwards', async () => {
  await endpoint({ ordering: 'PER_KEY' });
  receiver.answerNext({ status: 500 });
  const [, waiting = ''] = await publish('a1', 'a2');
  await becomes(waiting, 'HELD');
  await client.updateEndpoint(id, { ordering: 'NONE' });
  const [now = ''] = await publish('a3');
  await becomes(now, 'SUCCEEDED');
  expect(await shown(waiting)).toMatchObject({ status: 'HELD' });
  expect(await client.query('query ($id: ID!) { endpoint(id: $id) { ordering onExhausted } }', { id })).toEqual({
    ordering: 'NONE',
    onExhausted: 'CONTINUE',
  });
});
