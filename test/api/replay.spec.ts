// Replays over GraphQL: refusals and queries. test/end-to-end/replay.spec.ts runs replays.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startApi, type ApiServer } from './api-server.ts';
import { logKinds, type LogUnderTest } from '../support/logs.ts';

describe.each(logKinds)('on $name,', ({ make }) => {
  let api: ApiServer;
  let log: LogUnderTest;
  beforeAll(async () => {
    log = await make();
    api = await startApi({ log });
  });
  afterAll(async () => {
    await api.close();
    await log.discard();
  });

  const replay = `mutation ($endpointId: ID!, $filter: ReplayFilter, $rate: Float) {
  replayMessages(endpointId: $endpointId, filter: $filter, ratePerSecond: $rate) {
    id status ratePerSecond requestedBy looked sent filter { eventType since only matching } endpoint { id } deliveries { nodes { id } count { value exact } } } }`;
  const create = async (disabled = false) =>
    (
      await api.query<{ createEndpoint: { id: string } }>('mutation ($input: EndpointInput!) { createEndpoint(input: $input) { id } }', {
        input: { name: 'Late', url: 'https://hooks.example/in', disabled },
      })
    ).createEndpoint.id;
  const refused = async (query: string, variables: Record<string, unknown>, key = api.keys.ADMIN) => {
    const [error] = (await api.ask(query, variables, key)).errors ?? [];
    return { code: error?.extensions.code, message: error?.message, paths: error?.extensions.issues?.map(({ path }) => path) };
  };

  describe('a replay', () => {
    it('is requested, shown, and cancelled once', async () => {
      const endpointId = await create();
      const filter = { eventType: 'a.b', since: '2026-01-01T01:00:00+01:00', only: ['FAILED'], matching: false };
      const { replayMessages } = await api.query<{ replayMessages: { id: string } }>(replay, { endpointId, filter, rate: 5 });
      const asked = { status: 'RUNNING', ratePerSecond: 5, requestedBy: 'apikey:default-ADMIN', endpoint: { id: endpointId } };
      const selection = { eventType: 'a.b', since: '2026-01-01T00:00:00.000Z', only: ['FAILED'], matching: false };
      expect(replayMessages).toMatchObject({
        ...asked,
        looked: 0,
        sent: 0,
        filter: selection,
        deliveries: { nodes: [], count: { value: 0, exact: true } },
      });
      const { id } = replayMessages;
      const { replays } = await api.query<{ replays: { nodes: unknown[] } }>('{ replays(first: 1) { nodes { id } } }', {}, api.keys.VIEWER);
      expect(replays.nodes).toEqual([{ id }]);
      const cancel = 'mutation ($id: ID!) { cancelReplay(id: $id) { status reason } }';
      const cancelled = { cancelReplay: { status: 'CANCELLED', reason: 'cancelled by apikey:default-ADMIN' } };
      expect(await api.query(cancel, { id })).toEqual(cancelled);
      expect(await api.query(cancel, { id })).toEqual(cancelled);
      expect(await api.query('query ($id: ID!) { replay(id: $id) { id } }', { id }, api.keys.OTHER)).toEqual({ replay: null });
      expect((await refused(cancel, { id }, api.keys.OTHER)).code).toBe('NOT_FOUND');
      expect((await refused(cancel, { id: 'none' })).message).toMatch(/no replay "none"/);
    });

    it('is refused if it is impossible', async () => {
      const endpointId = await create();
      for (const key of [api.keys.VIEWER, api.keys.AUDITOR]) expect((await refused(replay, { endpointId }, key)).code).toBe('FORBIDDEN');
      expect(await refused(replay, { endpointId, rate: 0 })).toMatchObject({ code: 'BAD_USER_INPUT', paths: ['ratePerSecond'] });
      expect(await refused(replay, { endpointId, filter: { only: [] } })).toMatchObject({ paths: ['filter.only'] });
      const span = { since: '2026-01-02T00:00:00Z', until: '2026-01-01T00:00:00Z' };
      expect(await refused(replay, { endpointId, filter: span })).toMatchObject({
        paths: ['filter.until'],
        message: expect.stringMatching(/`until` is before `since`/) as string,
      });
      expect((await refused(replay, { endpointId: 'none' })).code).toBe('NOT_FOUND');
      expect((await refused(replay, { endpointId }, api.keys.OTHER)).code).toBe('NOT_FOUND');
      expect(await refused(replay, { endpointId: await create(true) })).toMatchObject({
        code: 'CONFLICT',
        message: expect.stringMatching(/disabled; enable it/) as string,
      });
    });
  });
});
