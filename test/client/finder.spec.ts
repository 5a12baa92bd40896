// The client's finder against the API.
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Finder, RefusedError } from '../../client/src/index.ts';
import { startApi, type ApiServer } from '../api/api-server.ts';

let api: ApiServer;
let finder: Finder;
let ids: string[];
beforeAll(async () => {
  api = await startApi();
  finder = new Finder({ url: api.url, key: api.keys.VIEWER });
  await api.query('mutation { createEndpoint(input: { name: "Orders", url: "https://orders.example/in" }) { id } }');
  const { body } = await api.publish([
    { id: 'order-1', type: 'order.made', data: { customer: 'c-1' } },
    { id: 'order-2', type: 'order.made', data: { customer: 'c-2' }, orderingKey: 'c-2' },
    { id: 'other', type: 'order.paid', data: { customer: 'c-1' } },
  ]);
  ids = (body as unknown as { messages: { id: string }[] }).messages.map(({ id }) => id);
  await api.views.reached((await api.store.tip())!, 30_000);
});
afterAll(() => api.close());

it('searches, filters and counts', async () => {
  expect(await finder.search('order-2')).toEqual([{ type: 'Message', id: ids[1], name: 'order-2', organizationId: 'default' }]);
  expect(await finder.search('orders.example')).toMatchObject([{ type: 'Endpoint', name: 'Orders' }]);
  const found = await finder.messages({ data: { customer: 'c-1' }, eventTypes: ['order.made'] });
  expect(found).toMatchObject({ nodes: [{ id: ids[0], clientId: 'order-1' }], hasNextPage: false, searchedUntil: null });
  const first = await finder.messages({}, { first: 2 });
  expect((await finder.messages({}, { after: first.endCursor })).nodes.map(({ id }) => id)).toEqual([ids[0]]);
  expect((await finder.deliveries({ clientId: 'other', status: ['PENDING'] })).nodes).toMatchObject([
    { status: 'PENDING', attemptCount: 0 },
  ]);
  expect(await finder.countMessages({ orderingKey: 'c-2' })).toEqual({ value: 1, exact: true });
  expect(await finder.countDeliveries({}, 2)).toEqual({ value: 2, exact: false });
});

it('says what is wrong with a question, and where', async () => {
  const refused = await finder.search('   ').catch((error: unknown) => error);
  expect(refused).toBeInstanceOf(RefusedError);
  expect(refused).toMatchObject({ status: 400, title: 'BAD_USER_INPUT' });
  expect(refused).toMatchObject({ issues: [{ path: 'text' }] });
  const wrongKey = await new Finder({ url: api.url, key: 'wrong' }).countMessages().catch((error: unknown) => error);
  expect(wrongKey).toMatchObject({ name: 'RefusedError', status: 401 });
});
