// GET /portal and /portal.js: what the server gives to anybody, and whose pages may embed it.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startApi, type ApiServer } from './api-server.ts';

const app = 'https://app.example.com';
let api: ApiServer;
let plain: ApiServer;
beforeAll(async () => {
  api = await startApi({ env: { HOOKLEDGER_PORTAL_FRAME_ANCESTORS: `${app}, http://localhost:8080` } });
  plain = await startApi();
});
afterAll(async () => {
  await api.close();
  await plain.close();
});

const get = (path: string, { url } = api) => fetch(url + path, { headers: { accept: 'text/html' } });
const ancestorsAt = async (path: string, server = api) =>
  /frame-ancestors ([^;]*)/.exec((await get(path, server)).headers.get('content-security-policy') ?? '')?.[1];

describe('the portal', () => {
  it.each(['/portal', '/portal?a=b'])('at %s may be embedded by the pages that are named, and knows them', async (path) => {
    expect(await ancestorsAt(path)).toBe(`${app} http://localhost:8080`);
    expect(await (await get(path)).text()).toContain(`<meta name="portal-ancestors" content="${app} http://localhost:8080"`);
  });

  it('may be embedded by none, unless pages are named', async () => {
    expect(await ancestorsAt('/portal', plain)).toBe("'none'");
    expect(await (await get('/portal', plain)).text()).toContain('<meta name="portal-ancestors" content=""');
  });

  it.each(['/', '/endpoints', '/sign-in'])('is all that may be embedded: %s may not', async (path) =>
    expect(await ancestorsAt(path)).toBe("'none'"),
  );

  it('sets no cookie, is kept by no cache, loads nothing from elsewhere, and does not say whose product it is', async () => {
    const { headers } = await get('/portal');
    expect(headers.get('set-cookie')).toBeNull();
    expect(headers.get('cache-control')).toBe('no-store');
    expect(headers.get('content-security-policy')).toMatch(/default-src 'none'; script-src 'self'; style-src 'self' 'nonce-/);
    expect(await (await get('/portal')).text()).not.toMatch(/hookledger/i);
  });
});

it('gives its element to every page, as one script', async () => {
  const response = await get('/portal.js', plain);
  expect(response.headers.get('content-type')).toMatch(/^text\/javascript/);
  expect(response.headers.get('access-control-allow-origin')).toBe('*');
  expect(response.headers.get('access-control-allow-credentials')).toBeNull();
  const script = await response.text();
  expect(script).toContain('hookledger-portal');
  expect(script).not.toMatch(/\bimport\b|\bexport\b/);
});
