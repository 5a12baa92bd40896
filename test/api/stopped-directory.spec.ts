// While the endpoint directory can't follow the log: nothing is taken in and no key accepted by what it last knew.
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { LogUnavailable, type EventStore } from '../../src/event-store/event-store.ts';
import { SqliteEventStore } from '../../src/event-store/sqlite/sqlite-event-store.ts';
import { startApi, type ApiServer } from './api-server.ts';
import { waitFor } from '../support/wait-for.ts';

let api: ApiServer;
let isBroken = false;
const breaking = Promise.withResolvers<undefined>();

beforeAll(async () => {
  const { prototype } = SqliteEventStore;
  const follow = Reflect.get(prototype, 'followConfiguration');
  vi.spyOn(prototype, 'followConfiguration').mockImplementation(async function* (
    this: SqliteEventStore,
    ...args: Parameters<EventStore['followConfiguration']>
  ) {
    const batches = follow.apply(this, args)[Symbol.asyncIterator]();
    for (;;) {
      const next = await (isBroken
        ? undefined
        : Promise.race([batches.next(), args[0] === undefined ? breaking.promise : new Promise<never>(() => {})]));
      if (!next) throw new LogUnavailable('The disk is broken.', 0.1);
      if (next.done) return;
      yield next.value;
    }
  });
  api = await startApi();
});
afterAll(async () => {
  await api.close();
  vi.restoreAllMocks();
});

it('answers 503 to messages and keys, and says so in readiness; it goes on as soon as it can', async () => {
  const publish = () => api.publish({ type: 'a.b', data: {} }, api.keys.PUBLISHER);
  expect((await publish()).status).toBe(202);

  isBroken = true;
  breaking.resolve(undefined);
  await waitFor(() => expect(api.directory.status().state).toBe('stopped'));
  const { status, headers, body } = await publish();
  expect(status).toBe(503);
  expect(Number(headers.get('retry-after'))).toBeGreaterThan(0);
  expect(body).toMatchObject({
    detail: expect.stringMatching(/no longer follows changes of endpoints and keys.*The disk is broken\. Retrying\./) as string,
  });
  const metrics = await fetch(`${api.url}/metrics`, { headers: { authorization: `Bearer ${api.keys.ADMIN}` } });
  expect(metrics.status).toBe(503);
  expect((await api.ask('{ endpoints { nodes { id } } }')).errors?.[0]?.extensions.code).toBe('UNAVAILABLE');
  const ready = await fetch(`${api.url}/health/ready`);
  expect(ready.status).toBe(503);
  expect(await ready.json()).toEqual({ status: 'error' });
  const withKey = { headers: { authorization: `Bearer ${api.keys.ADMIN}` } };
  const reason = await fetch(`${api.url}/health/ready`, withKey);
  expect(reason.status).toBe(503);
  expect(await reason.json()).toMatchObject({ detail: expect.stringContaining('The disk is broken. Retrying.') as string });
  expect((await fetch(`${api.url}/health/live`, withKey)).status).toBe(200);

  isBroken = false;
  await waitFor(async () => expect((await publish()).status).toBe(202));
});
