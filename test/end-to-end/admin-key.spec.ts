// The admin key that HOOKLEDGER_ADMIN_KEY names: changing it replaces the one before, for good.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { Client } from '../support/client.ts';
import { newAdminKey, Server } from '../support/server.ts';

const dataDir = mkdtempSync(join(tmpdir(), 'hookledger-admin-'));
afterAll(() => rmSync(dataDir, { recursive: true, force: true }));

type Event = { type: string; actor: string; data: { name?: string; role?: string } };

/** Runs a server with that admin key while `work` runs. */
const during = async <T>(adminKey: string, work: (server: Server) => Promise<T>): Promise<T> => {
  const server = new Server({ dataDir, adminKey });
  await server.start();
  try {
    return await work(server);
  } finally {
    await server.stop();
  }
};
const history = (server: Server, key: string) =>
  new Client(server, key).query<{ nodes: Event[] }>(
    '{ history(filter: {types: ["apikey.issued", "apikey.revoked"]}) { nodes { type actor data } } }',
  );
const isRefused = async (server: Server, key: string) =>
  (await fetch(`${server.url}/metrics`, { headers: { authorization: `Bearer ${key}` } })).status === 401;

it('replaces the key that it named before, which ends the start when it is named again', async () => {
  const [first, second] = [newAdminKey(), newAdminKey()];
  const issued = await during(first, (server) => new Client(server, first).issueKey('VIEWER'));
  await during(second, async (server) => {
    expect(await isRefused(server, first)).toBe(true);
    expect(await isRefused(server, issued.key)).toBe(false);
    expect((await history(server, second)).nodes).toMatchObject([
      { type: 'apikey.issued', actor: 'system:setup', data: { name: 'admin', role: 'ADMIN' } },
      { type: 'apikey.issued', actor: 'apikey:admin', data: { role: 'VIEWER' } },
      { type: 'apikey.issued', actor: 'system:setup', data: { name: 'admin', role: 'ADMIN' } },
      { type: 'apikey.revoked', actor: 'system:setup' },
    ]);
  });
  // The same key again changes nothing.
  await during(second, async (server) => expect((await history(server, second)).nodes).toHaveLength(4));
  const again = new Server({ dataDir, adminKey: first });
  await expect(again.start()).rejects.toThrow(
    /HOOKLEDGER_ADMIN_KEY names a key that was replaced by another one at .*, and stays revoked\./,
  );
  await during(second, async (server) => expect((await history(server, second)).nodes).toHaveLength(4));
});
