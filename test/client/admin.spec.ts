// The client's admin part against a running server: organizations, keys and portal sessions.
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

it('lists keys, by pages, and revoked ones where they are asked for', async () => {
  const names = ['first', 'second', 'third'];
  const issued: string[] = [];
  for (const name of names) issued.push((await admin.issueApiKey({ name, role: 'PUBLISHER', spansOrganizations: true })).id);
  await admin.revokeApiKey(issued[1] ?? '');
  const page = await admin.apiKeys({ first: 1 });
  expect(page).toMatchObject({ nodes: [{ id: issued[2], name: 'third', role: 'PUBLISHER', spansOrganizations: true }], hasNextPage: true });
  const next = await admin.apiKeys({ first: 1, after: page.endCursor });
  expect(next.nodes).toMatchObject([{ name: 'first', revokedAt: null, createdBy: expect.stringContaining('apikey:') as string }]);
  const all = await admin.apiKeys({ includeRevoked: true });
  expect(all.nodes.find(({ name }) => name === 'second')?.revokedAt).not.toBeNull();
});

it('makes, changes, suspends, lists and deletes organizations', async () => {
  const made = await admin.createOrganization({ id: 'acme', name: 'Acme', metadata: { plan: 'pro' }, limits: { endpoints: 5 } });
  expect(made).toMatchObject({ id: 'acme', name: 'Acme', status: 'ACTIVE', suspendedReason: null });
  expect((await admin.updateOrganization('acme', { name: 'Acme Ltd' })).name).toBe('Acme Ltd');
  expect(await admin.suspendOrganization('acme', 'unpaid')).toMatchObject({ status: 'SUSPENDED', suspendedReason: 'unpaid' });
  expect((await admin.organizations({ search: 'acm', status: 'SUSPENDED' })).nodes.map(({ id }) => id)).toEqual(['acme']);
  expect((await admin.resumeOrganization('acme')).status).toBe('ACTIVE');
  await expect(admin.deleteOrganization('acme', 'another name')).rejects.toMatchObject({ issues: [{ path: 'confirmName' }] });
  await admin.deleteOrganization('acme', 'Acme Ltd');
  expect(await admin.organizations({ search: 'acme' })).toEqual({ nodes: [], hasNextPage: false, endCursor: null });
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
