// The list of what is served says what the server does.
import fastify from 'fastify';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { rememberRoutes } from '../../src/api/http/routes.ts';
import { servedRoutes } from '../../src/api/http/served-paths.ts';
import { startApi, type ApiServer } from './api-server.ts';

let api: ApiServer;
beforeAll(async () => {
  api = await startApi();
});
afterAll(() => api.close());

const send = (path: string, method: string, headers: Record<string, string> = {}) =>
  fetch(api.url + path.replace('*', 'one'), {
    method,
    headers: { 'content-type': 'application/json', ...headers },
    ...(method === 'POST' && { body: '{}' }),
  });

it.each(servedRoutes)('%s takes these methods, and asks for a key if it is needed', async (path, { methods, key }) => {
  const routes = api.app.getHttpAdapter().getInstance().methodsOf(path) as string[];
  expect(routes.filter((method) => method !== 'HEAD')).toEqual(methods);
  for (const method of methods.filter((each) => each !== 'OPTIONS')) {
    const { status } = await send(path, method);
    expect([method, status === 401]).toEqual([method, key === 'needed']);
  }
});

it.each(servedRoutes)('%s counts in the rate limit of its key or does not', async (path, { methods, isCounted }) => {
  const { headers } = await send(path, methods[0] ?? '', { authorization: `Bearer ${api.keys.ADMIN}` });
  expect(headers.has('ratelimit-remaining')).toBe(isCounted);
});

it('serves no route that is not listed', () => {
  const server = fastify();
  rememberRoutes(server);
  server.get('/metrics', () => '');
  expect(() => server.get('/other', () => '')).toThrow(/\/other is not in .*served-paths/);
});
