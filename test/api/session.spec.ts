// POST and DELETE /v1/session: the console's sign-in. A cookie stands for an API key, for requests of the console only.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { ConsoleSessions } from '../../src/api/auth/console-session.ts';
import type { AuthenticatedCaller } from '../../src/api/auth/authentication.ts';
import { startApi, type ApiServer } from './api-server.ts';

let api: ApiServer;
beforeAll(async () => void (api = await startApi()));
afterAll(() => api.close());

const proof = { 'x-hookledger-console': '1' };
const signIn = (body: unknown, headers: Record<string, string> = {}) =>
  fetch(`${api.url}/v1/session`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
const cookieOf = (response: Response) => response.headers.get('set-cookie')?.split(';', 1)[0] ?? '';
const cookieFor = async (key: string) => cookieOf(await signIn({ key }));
const ask = (headers: Record<string, string>, query = '{ organization { id } }') =>
  fetch(`${api.url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ query }),
  });

describe('signing in', () => {
  it('answers a cookie that no script and no other site can use, and that is not the key', async () => {
    const response = await signIn({ key: api.keys.ADMIN });
    expect(response.status).toBe(204);
    const cookie = response.headers.get('set-cookie') ?? '';
    const { port } = new URL(api.url);
    expect(cookie).toMatch(new RegExp(`^hookledger-${port}=[^;]+; Max-Age=43200; Path=/; HttpOnly; SameSite=Strict$`));
    expect(cookie).not.toContain(api.keys.ADMIN);
    expect(await (await ask({ cookie: cookieOf(response), ...proof })).json()).toEqual({ data: { organization: { id: 'default' } } });
  });
  it('counts an unknown key as a failed authentication', async () => {
    const before = api.failedAuthentications.length;
    const response = await signIn({ key: 'not-a-key-of-ours' });
    expect(response.status).toBe(401);
    expect(await response.json()).toMatchObject({
      type: 'urn:hookledger:problem:unauthenticated',
      requestId: expect.any(String) as string,
    });
    expect(api.failedAuthentications.slice(before)).toEqual(['unknown']);
  });
  it('refuses a key that reads nothing', async () => expect((await signIn({ key: api.keys.PUBLISHER })).status).toBe(403));
  it.each([
    ['no JSON', 'key', 400],
    ['no key', {}, 400],
    ['an unknown field', { key: 'a', name: 'b' }, 400],
    ['more than 4 KiB', { key: 'a'.repeat(5_000) }, 413],
  ])('refuses %s', async (_, body, status) => {
    const response = await signIn(body);
    expect([response.status, response.headers.get('content-type')]).toEqual([status, 'application/problem+json; charset=utf-8']);
  });
});

describe('the cookie', () => {
  it('counts only beside the header that other sites cannot send', async () => {
    const cookie = await cookieFor(api.keys.ADMIN);
    expect((await ask({ cookie })).status).toBe(403);
    expect((await ask({ cookie, ...proof, 'sec-fetch-site': 'cross-site' })).status).toBe(403);
    expect((await ask({ cookie, ...proof, 'sec-fetch-site': 'same-origin' })).status).toBe(200);
  });
  it('is no key: neither where it was changed, nor as a bearer token', async () => {
    const cookie = await cookieFor(api.keys.ADMIN);
    expect((await ask({ cookie: `${cookie.slice(0, -3)}abc`, ...proof })).status).toBe(401);
    expect((await ask({ cookie: `${cookie.split('=', 1)[0]}=nonsense`, ...proof })).status).toBe(401);
    expect((await ask({ authorization: `Bearer ${cookie.slice(cookie.indexOf('=') + 1)}` })).status).toBe(401);
  });
  it('gives way to a key in the header', async () => {
    const cookie = await cookieFor(api.keys.ADMIN);
    const answer = await ask({ cookie, authorization: `Bearer ${api.keys.OTHER}` });
    expect(await answer.json()).toEqual({ data: { organization: { id: 'other' } } });
  });
  it('ends with its key', async () => {
    const { issueApiKey } = await api.query<{ issueApiKey: { id: string; key: string } }>(
      'mutation { issueApiKey(name: "for a while", role: VIEWER) { id key } }',
    );
    const cookie = await cookieFor(issueApiKey.key);
    expect((await ask({ cookie, ...proof })).status).toBe(200);
    await api.query('mutation ($id: ID!) { revokeApiKey(id: $id) }', { id: issueApiKey.id });
    expect((await ask({ cookie, ...proof })).status).toBe(401);
  });
  it('is removed by signing out, also when its session has ended', async () => {
    const remove = (headers: Record<string, string>) => fetch(`${api.url}/v1/session`, { method: 'DELETE', headers });
    const response = await remove({ cookie: 'hookledger-1=ended', ...proof });
    expect(response.status).toBe(204);
    expect(response.headers.get('set-cookie')).toMatch(/=; Max-Age=0;/);
    expect((await remove({})).status).toBe(403);
  });
  it('opens a WebSocket for a page of this server only', async () => {
    const cookie = await cookieFor(api.keys.ADMIN);
    const init = (origin: string) =>
      new Promise<string>((resolve) => {
        const socket = new WebSocket(`${api.url.replace('http', 'ws')}/graphql`, 'graphql-transport-ws', { headers: { cookie, origin } });
        socket.once('open', () => socket.send('{"type":"connection_init"}'));
        socket.once('message', (data: Buffer) => {
          resolve(data.toString());
          socket.close();
        });
        socket.once('close', (code) => resolve(String(code)));
      });
    expect(await init(api.url)).toMatch(/connection_ack/);
    expect(await init('https://elsewhere.example')).toBe('4403');
  });
});

describe('where the server is found by https', () => {
  const caller = (): AuthenticatedCaller => ({ organizationId: 'default', keyHash: 'a'.repeat(64) }) as AuthenticatedCaller;
  it('travels over TLS only, under a name that no other host can set', () => {
    const sessions = new ConsoleSessions(api.directory, 'https://hooks.example.com');
    expect(sessions.begin(caller(), {})).toMatch(/^__Host-hookledger=.*; Path=\/; HttpOnly; SameSite=Strict; Secure$/);
  });
  it('ends after 12 hours', () => {
    let now = 0;
    const sessions = new ConsoleSessions(api.directory, 'https://hooks.example.com', () => now);
    const cookie = sessions.begin(caller(), {}).split(';', 1)[0]!;
    now = 12 * 3_600_000 - 1;
    expect(sessions.keyHashIn('GET', { cookie })).toBe('a'.repeat(64));
    now++;
    expect(() => sessions.keyHashIn('GET', { cookie })).toThrow(/has ended/);
  });
});
