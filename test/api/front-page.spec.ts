// GET / and the documentation that it links to: a page for browsers, JSON for others.
import { readFileSync } from 'node:fs';
import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startApi, type ApiServer } from './api-server.ts';

let api: ApiServer;
beforeAll(async () => void (api = await startApi({ isStarting: true })));
afterAll(() => api.close());

const browser = { accept: 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8' };
const get = (path: string, headers: Record<string, string> = {}) => fetch(api.url + path, { headers });

describe('GET /', () => {
  it('says in a browser what runs here, also while it starts, and every link leads somewhere', async () => {
    const response = await get('/', browser);
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toBe('text/html; charset=utf-8');
    const page = await response.text();
    expect(page).toMatch(/<h1>Hookledger<\/h1>/);
    const links = Array.from(page.matchAll(/<a href="([^"]+)"/g), ([, link = '']) => link);
    expect(links).toEqual(expect.arrayContaining(['/graphql', '/health/ready', '/docs/README.md', '/docs/operations.md']));
    for (const link of links) expect([link, (await get(link, browser)).status]).toEqual([link, 200]);
  });
  it('loads nothing, runs nothing, and can not be framed', async () => {
    const response = await get('/?from=here', browser);
    const policy = response.headers.get('content-security-policy') ?? '';
    const page = await response.text();
    expect(page).not.toMatch(/<script|src=|https?:|@import|url\(/);
    const [, style = ''] = /<style>([^]*)<\/style>/.exec(page) ?? [];
    expect(policy).toContain(`'sha256-${createHash('sha256').update(style).digest('base64')}'`);
    expect(policy).toMatch(/^default-src 'none'; .*frame-ancestors 'none'$/);
  });
  it('answers others in JSON, with the same links', async () => {
    const response = await get('/');
    expect(response.headers.get('vary')).toBe('accept');
    expect(await response.json()).toMatchObject({ name: 'Hookledger', links: { playground: '/graphql', ready: '/health/ready' } });
    expect((await fetch(`${api.url}/`, { method: 'HEAD' })).status).toBe(200);
  });
  it('asks who sends a body', async () => expect((await fetch(`${api.url}/`, { method: 'POST', body: '{}' })).status).toBe(401));
});

describe('the documentation', () => {
  it('is that of this version, as text', async () => {
    const response = await get('/docs/operations.md', browser);
    expect(response.headers.get('content-type')).toBe('text/plain; charset=utf-8');
    expect(await response.text()).toBe(readFileSync(new URL('../../docs/operations.md', import.meta.url), 'utf8'));
  });
  it.each(['/docs/none.md', '/docs/..%2Fpackage.json', '/docs/%2e%2e%2fpackage.json', '/docs/adr'])('has no page %s', async (path) =>
    expect((await get(path)).status).toBe(404),
  );
});
