// GET / is the console for browsers, and JSON for others; GET /docs lists the documentation.
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startApi, type ApiServer } from './api-server.ts';

let api: ApiServer;
beforeAll(async () => void (api = await startApi({ isStarting: true })));
afterAll(() => api.close());

const browser = { accept: 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8' };
const get = (path: string, headers: Record<string, string> = {}) => fetch(api.url + path, { headers });

describe('GET /', () => {
  it('is the console in a browser, also while the server starts: under a policy that lets nothing else in', async () => {
    const response = await get('/?from=here', browser);
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toBe('text/html; charset=utf-8');
    expect(response.headers.get('cache-control')).toBe('no-store');
    const page = await response.text();
    const policy = response.headers.get('content-security-policy') ?? '';
    const [, nonce = ''] = /'nonce-([^']+)'/.exec(policy) ?? [];
    expect(page).toContain(`nonce="${nonce}"`);
    expect(policy).toMatch(/^default-src 'none'; script-src 'self'; .*frame-ancestors 'none'$/);
    expect(policy).not.toMatch(/unsafe|https?:|\*/);
    expect(page).not.toMatch(/<script(?! type="module" crossorigin src="\/assets\/)|<style|https?:/);
    expect(/'nonce-([^']+)'/.exec((await get('/', browser)).headers.get('content-security-policy') ?? '')?.[1]).not.toBe(nonce);
  });
  it('is the same page at each of its addresses', async () => {
    for (const path of ['/sign-in', '/endpoints', '/endpoints/new', '/deliveries?status=FAILED'])
      expect([path, (await get(path, browser)).headers.get('content-type')]).toEqual([path, 'text/html; charset=utf-8']);
  });
  it('loads files that browsers may keep for ever, compressed where they say so', async () => {
    const page = await (await get('/', browser)).text();
    const files = Array.from(page.matchAll(/(?:src|href)="(\/assets\/[^"]+)"/g), ([, file = '']) => file);
    expect(files.length).toBeGreaterThan(2);
    for (const file of files) {
      for (const encoding of ['br', 'gzip', 'identity']) {
        const asset = await get(file, { 'accept-encoding': encoding });
        expect([file, asset.status, asset.headers.get('cache-control')]).toEqual([file, 200, 'public, max-age=31536000, immutable']);
      }
    }
    const sheet = files.find((file) => file.endsWith('.css')) ?? '';
    const encodings = ['br, gzip', 'gzip', 'identity'].map(async (accepted) => (await get(sheet, { 'accept-encoding': accepted })).headers);
    expect((await Promise.all(encodings)).map((headers) => headers.get('content-encoding'))).toEqual(['br', 'gzip', null]);
  });
  it.each(['/assets/none.js', '/assets/..%2Findex.html', '/assets/%2e%2e%2f%2e%2e%2fmain.js', '/assets/.js'])(
    'has no file %s',
    async (path) => expect((await get(path)).status).toBe(404),
  );
  it('answers others in JSON, with the same links', async () => {
    const response = await get('/');
    expect(response.headers.get('vary')).toBe('accept');
    expect(await response.json()).toMatchObject({ name: 'Hookledger', links: { playground: '/graphql', ready: '/health/ready' } });
    expect((await fetch(`${api.url}/`, { method: 'HEAD' })).status).toBe(200);
  });
  it('asks who sends a body', async () => expect((await fetch(`${api.url}/`, { method: 'POST', body: '{}' })).status).toBe(401));
});

describe('the documentation', () => {
  it('is listed for browsers, and every link leads somewhere', async () => {
    const response = await get('/docs', browser);
    const page = await response.text();
    expect(response.headers.get('content-security-policy')).toMatch(/^default-src 'none'; .*frame-ancestors 'none'$/);
    expect(page).not.toMatch(/<script|src=|https?:|@import|url\(/);
    const links = Array.from(page.matchAll(/<a href="([^"]+)"/g), ([, link = '']) => link);
    expect(links).toEqual(expect.arrayContaining(['/', '/graphql', '/health/ready', '/docs/README.md', '/docs/operations.md']));
    for (const link of links) expect([link, (await get(link, browser)).status]).toEqual([link, 200]);
  });
  it('is that of this version, as text', async () => {
    const response = await get('/docs/operations.md', browser);
    expect(response.headers.get('content-type')).toBe('text/plain; charset=utf-8');
    expect(await response.text()).toBe(readFileSync(new URL('../../docs/operations.md', import.meta.url), 'utf8'));
  });
  it.each(['/docs/none.md', '/docs/..%2Fpackage.json', '/docs/%2e%2e%2fpackage.json', '/docs/adr'])('has no page %s', async (path) =>
    expect((await get(path)).status).toBe(404),
  );
});
