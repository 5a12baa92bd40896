// What callers are told of the installation.
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startApi, type ApiServer } from './api-server.ts';

let api: ApiServer;
beforeAll(async () => {
  api = await startApi();
});
afterAll(() => api.close());

const fields =
  'version httpAllowed privateNetworksAllowed log database consumers { name state lagEvents lagSeconds error } inFlight waiting oldestDueSeconds';
const system = async (key: string) => (await api.query<{ system: Record<string, unknown> }>(`{ system { ${fields} } }`, {}, key)).system;
const rules = { version: 'test', httpAllowed: true, privateNetworksAllowed: false };

it('tells those who run the installation what it has to do', async () => {
  for (const key of [api.keys.ADMIN, api.keys.OPERATOR, api.keys.VIEWER, api.keys.AUDITOR]) {
    const { consumers, ...rest } = await system(key);
    expect(rest).toEqual({ ...rules, log: 'embedded log (SQLite)', database: 'SQLite', inFlight: 2, waiting: 3, oldestDueSeconds: 4.5 });
    expect(consumers).toEqual([
      expect.objectContaining({ name: 'endpoint-directory', state: 'live', error: null }),
      expect.objectContaining({ name: 'views', state: 'live', error: null }),
    ]);
  }
});

it('tells others the rules that forms show', async () => {
  const nothing = { log: null, database: null, consumers: null, inFlight: null, waiting: null, oldestDueSeconds: null };
  for (const key of [api.keys.PUBLISHER, api.keys.OTHER]) expect(await system(key)).toEqual({ ...rules, ...nothing });
});
