// The client's admin part against a running server: keys and portal sessions.
import { afterAll, beforeAll, expect, it } from 'vitest';
import { HookledgerAdmin, RefusedError } from '../../client/src/index.ts';
import { Client } from '../support/client.ts';
import { startServer, type Server } from '../support/server.ts';

let server: Server;
let admin: HookledgerAdmin;
beforeAll(async () => {
  server = await startServer();
  admin = new HookledgerAdmin({ url: server.url, key: server.adminKey });
});
afterAll(() => server.dispose());

const me = (key: string) => new Client(server, key).ask('{ me { name role capabilities expiresAt } }');

it('issues keys that expire, and revokes them', async () => {
  const expiresAt = new Date(Date.now() + 3_600_000);
  const issued = await admin.issueApiKey({ name: 'dashboard', role: 'VIEWER', expiresAt });
  expect(issued.expiresAt).toBe(expiresAt.toISOString());
  expect((await me(issued.key)).data).toMatchObject({ me: { name: 'dashboard', role: 'VIEWER', expiresAt: issued.expiresAt } });
  await admin.revokeApiKey(issued.id);
  expect((await me(issued.key)).errors?.[0]?.extensions.code).toBe('UNAUTHENTICATED');
});

it('opens portal sessions, and ends them all', async () => {
  const { token, url } = await admin.createPortalSession({ subject: 'anna', capabilities: ['RETRY'] });
  expect(url).toBe(`${server.url}/portal#${token}`);
  expect((await me(token)).data).toMatchObject({ me: { name: 'anna', role: null, capabilities: ['RETRY'] } });
  await admin.endPortalSessions();
  expect((await me(token)).errors?.[0]?.extensions.code).toBe('UNAUTHENTICATED');
});

it('says what was refused, and where', async () => {
  const refused = admin.createPortalSession({ subject: 'anna', ttlSeconds: 1 });
  await expect(refused).rejects.toBeInstanceOf(RefusedError);
  await expect(refused).rejects.toMatchObject({ status: 400, issues: [{ path: 'input.ttlSeconds' }] });
  const elsewhere = new HookledgerAdmin({ url: server.url, key: server.adminKey, organization: 'none-such' });
  await expect(elsewhere.endPortalSessions()).rejects.toMatchObject({ status: 404 });
});
