// Sources: refused without a log server, and who may read and change them.
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startApi, type ApiServer } from './api-server.ts';

let api: ApiServer;
beforeAll(async () => {
  api = await startApi();
});
afterAll(() => api.close());

const create = 'mutation { createSource(input: { name: "Orders", category: "order" }) { id } }';

it('a source is refused if the log is in the data folder, with the remedy', async () => {
  const { errors } = await api.ask(create);
  expect(errors?.[0]).toMatchObject({
    message: expect.stringMatching(/The log is in the data folder.*HOOKLEDGER_EVENTSTORE_URL/),
    extensions: { code: 'CONFLICT' },
  });
  expect(await api.query('{ sources { id } source(id: "x") { id } skippedEvents(sourceId: "x") { nodes { id } } }')).toEqual({
    sources: [],
    source: null,
    skippedEvents: { nodes: [] },
  });
});

it('only admins change sources; every reader reads them', async () => {
  for (const role of ['VIEWER', 'AUDITOR', 'PUBLISHER'] as const)
    expect((await api.ask(create, {}, api.keys[role])).errors?.[0]?.extensions.code).toBe('FORBIDDEN');
  expect(await api.query('{ sources { id } }', {}, api.keys.VIEWER)).toEqual({ sources: [] });
  expect((await api.ask('{ sources { id } }', {}, api.keys.PUBLISHER)).errors?.[0]?.extensions.code).toBe('FORBIDDEN');
});
