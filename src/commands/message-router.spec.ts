import { expect, it } from 'vitest';
import type { EndpointId, OrganizationId, Position } from '../domain/ids.ts';
import type { JsonObject } from '../domain/json.ts';
import { EndpointMatcher, routeInSteps } from '../domain/routing.ts';
import { MessageRouter } from './message-router.ts';

const now = new Date('2026-01-01T12:00:00.000Z');
const organizationId = 'default' as OrganizationId;
const routedAt = '1' as Position;

const router = (filter: JsonObject, { endpoints = 1, mostMilliseconds }: { endpoints?: number; mostMilliseconds?: number } = {}) => {
  const settings = { eventTypes: ['*'], filter, retryPolicy: { delaysSeconds: [0], jitter: 0 }, ordering: 'NONE' as const };
  const matchers = Array.from({ length: endpoints }, (_, i) => new EndpointMatcher(`e${i}` as EndpointId, { status: 'ENABLED', settings }));
  const directory: ConstructorParameters<typeof MessageRouter>[0] = {
    *route(_organizationId, _type, message) {
      return { ...(yield* routeInSteps(matchers, message, now)), routedAt };
    },
  };
  return new MessageRouter(directory, mostMilliseconds);
};

/** As many as fit into the data of a message. */
const ones = { a: Array.from({ length: 131_000 }, () => 1) };
const objects = { a: Array.from({ length: 87_000 }, () => ({})) };
const message = (data: JsonObject) => ({ type: 'alert.created', data });

/** How often others had their turn meanwhile. */
const turnsDuring = async (work: Promise<unknown>) => {
  let turns = 0;
  let isDone = false;
  const count = () => {
    turns += 1;
    if (!isDone) setImmediate(count);
  };
  setImmediate(count);
  await work;
  isDone = true;
  return turns;
};

it.each<[string, JsonObject, JsonObject]>([
  ['alternatives against a long array', { $or: Array.from({ length: 80 }, (_, i) => ({ a: { numeric: ['>', i + 1] } })) }, ones],
  ['alternatives against many objects', { $or: Array.from({ length: 80 }, (_, i) => ({ a: { b: i } })) }, objects],
  ['a list of operators', { a: Array.from({ length: 80 }, (_, i) => ({ $gt: i + 1 })) }, ones],
])('lets others go on while it matches %s', async (_, filter, data) => {
  const turns = await turnsDuring(router(filter, { mostMilliseconds: 60_000 }).route(organizationId, [message(data)], now));
  expect(turns).toBeGreaterThan(10);
});

it('routes what is cheap in one turn, in the order of the messages', async () => {
  const routed = router({ a: ['x'] }, { endpoints: 2 }).route(organizationId, [message({ a: 'x' }), message({ a: 'y' })], now);
  await expect(routed).resolves.toMatchObject([
    { message: message({ a: 'x' }), routing: { destinations: [{ endpointId: 'e0' }, { endpointId: 'e1' }], routedAt } },
    { message: message({ a: 'y' }), routing: { destinations: [], skipped: [] } },
  ]);
});

it('refuses messages whose routing takes too long, and names the costliest endpoint', async () => {
  const filter = { a: Array.from({ length: 64 }, (_, i) => ({ $gt: i + 1 })) };
  const routed = router(filter, { mostMilliseconds: 20 }).route(organizationId, [message(ones), message(ones)], now);
  await expect(routed).rejects.toThrow(/more than 0\.02 s with these messages, the endpoint e0 the longest\. Send fewer messages/);
});
