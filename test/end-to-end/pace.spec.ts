// The pace that an endpoint has set, seen from its receiver.
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { Client } from '../support/client.ts';
import { startReceiver, type Receiver } from '../support/receiver.ts';
import { startServer, type Server } from '../support/server.ts';

let server: Server;
let client: Client;
let receiver: Receiver;
beforeAll(async () => {
  server = await startServer();
  client = new Client(server);
});
afterAll(() => server.dispose());
beforeEach(async () => {
  receiver = await startReceiver();
  return () => receiver.close();
});

const publishMany = (type: string, count: number) => server.publish(Array.from({ length: count }, (_, n) => ({ type, data: { n } })));

it('the receiver gets as many requests a second as the endpoint says, and all of them at once when it says nothing any more', async () => {
  const id = await client.createEndpoint({ url: receiver.url, eventTypes: ['paced'], rateLimit: { perSecond: 20 } });
  await publishMany('paced', 500);
  const requests = await receiver.received(60);
  const times = requests.slice(0, 60).map(({ at }) => at.getTime());
  const took = Math.max(...times) - Math.min(...times);
  expect(took).toBeGreaterThan(0.95 * 59 * 50);
  expect(took).toBeLessThan(2 * 59 * 50); // a busy machine is late
  await client.updateEndpoint(id, { rateLimit: null });
  await receiver.received(500);
});

it('the receiver gets no more requests at one time than the endpoint says', async () => {
  let [open, most] = [0, 0];
  receiver.answer(() => {
    most = Math.max(most, ++open);
    setTimeout(() => open--, 49);
    return { delayMs: 50 };
  });
  await client.createEndpoint({ url: receiver.url, eventTypes: ['narrow'], maxConcurrency: 3 });
  await publishMany('narrow', 60);
  await receiver.received(60);
  expect(most).toBe(3);
});

it('the pace is shown, changed and refused like other settings', async () => {
  const id = await client.createEndpoint({ url: receiver.url, rateLimit: { perSecond: 2.5, burst: 10 }, maxConcurrency: 4 });
  const query = 'query ($id: ID!, $asOf: DateTime) { endpoint(id: $id, asOf: $asOf) { rateLimit { perSecond burst } maxConcurrency } }';
  const before = new Date().toISOString();
  expect(await client.query(query, { id })).toEqual({ rateLimit: { perSecond: 2.5, burst: 10 }, maxConcurrency: 4 });
  await client.updateEndpoint(id, { rateLimit: { perSecond: 1 }, maxConcurrency: null });
  expect(await client.query(query, { id })).toEqual({ rateLimit: { perSecond: 1, burst: 1 }, maxConcurrency: null });
  expect(await client.query(query, { id, asOf: before })).toEqual({ rateLimit: { perSecond: 2.5, burst: 10 }, maxConcurrency: 4 });
  const patch = 'mutation ($id: ID!, $input: EndpointPatch!) { updateEndpoint(id: $id, input: $input) { id } }';
  const { extensions } = await client.refusal(patch, { id, input: { rateLimit: { perSecond: 0 } } });
  expect(extensions).toMatchObject({ code: 'BAD_USER_INPUT', issues: [{ path: 'input.rateLimit.perSecond' }] });
});
