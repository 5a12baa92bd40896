// Pages of other origins: which may call the API from a browser, and which may embed the portal.
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startApi, type ApiServer } from './api-server.ts';

const app = 'https://app.example.com';
const other = 'https://other.example.com';
let api: ApiServer;
beforeAll(async () => {
  api = await startApi({
    env: { HOOKLEDGER_ALLOWED_ORIGINS: `${app}, http://localhost:8080`, HOOKLEDGER_PUBLIC_URL: 'https://hooks.example.com/' },
  });
});
afterAll(() => api.close());

const preflight = (origin: string, path = '/graphql', url = api.url) =>
  fetch(url + path, {
    method: 'OPTIONS',
    headers: { origin, 'access-control-request-method': 'POST', 'access-control-request-headers': 'authorization,content-type' },
  });
const corsHeaders = ({ headers }: Response) => Array.from(headers.keys()).filter((name) => name.startsWith('access-control-'));

it.each(['/graphql', '/v1/messages'])('answers the preflight of a page that may call %s, without credentials', async (path) => {
  const response = await preflight(app, path);
  expect(response.status).toBe(204);
  expect(response.headers.get('access-control-allow-origin')).toBe(app);
  expect(response.headers.get('access-control-allow-headers')).toContain('authorization');
  expect(response.headers.get('access-control-allow-credentials')).toBeNull();
  expect(response.headers.get('vary')).toContain('origin');
});

it('lets such a page read answers, refusals among them', async () => {
  const answer = await api.post('/graphql', JSON.stringify({ query: '{ me { name } }' }), { headers: { origin: app } });
  const refused = await api.post('/v1/messages', '{}', { key: 'unknown-key-0123456789', headers: { origin: app } });
  expect([answer.status, refused.status]).toEqual([200, 401]);
  for (const { headers } of [answer, refused]) {
    expect(headers.get('access-control-allow-origin')).toBe(app);
    expect(headers.get('access-control-expose-headers')).toContain('retry-after');
  }
});

it('tells other pages nothing', async () => {
  for (const origin of [other, 'null', `${app}.evil.example`, app.replace('https', 'http')]) {
    expect(corsHeaders(await preflight(origin))).toEqual([]);
    expect(corsHeaders(await api.post('/graphql', JSON.stringify({ query: '{ me { name } }' }), { headers: { origin } }))).toEqual([]);
  }
});

it('unless it is configured, no page may call', async () => {
  const plain = await startApi();
  try {
    expect(corsHeaders(await preflight(app, '/graphql', plain.url))).toEqual([]);
  } finally {
    await plain.close();
  }
});

it('makes links of the public URL', async () => {
  const { createPortalSession } = await api.query<{ createPortalSession: { url: string; token: string } }>(
    'mutation { createPortalSession(input: { subject: "anna" }) { url token } }',
  );
  expect(createPortalSession.url).toBe(`https://hooks.example.com/portal#${createPortalSession.token}`);
});
