// docs/portal.md is true: what it shows of the example is in the example, which test/browser/portal.spec.ts runs, and the API takes its requests.
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startApi, type ApiServer } from '../api/api-server.ts';

const read = (name: string) => readFileSync(new URL(`../../${name}`, import.meta.url), 'utf8');
const blocks = Array.from(read('docs/portal.md').matchAll(/^```(\w+)( portal)?\n([^]*?)^```$/gm), ([, kind = '', whose, content = '']) => ({
  kind,
  isOfPortal: whose !== undefined,
  content,
}));
const of = (kind: string) => blocks.filter((block) => block.kind === kind);

let api: ApiServer;
beforeAll(async () => {
  api = await startApi();
});
afterAll(() => api.close());

it.each([
  ['js', 'examples/portal-host/server.mjs'],
  ['html', 'examples/portal-host/index.html'],
])('shows %s of the example as it is', (kind, file) => {
  expect(of(kind)).not.toEqual([]);
  for (const { content } of of(kind)) expect(read(file)).toContain(content.trim());
});

it('shows requests that the API takes, with an admin key or with a token of a session', async () => {
  const [opening] = of('graphql');
  const { createPortalSession } = await api.query<{ createPortalSession: { token: string } }>(opening?.content ?? '');
  expect(of('graphql').length).toBeGreaterThanOrEqual(3);
  for (const { content, isOfPortal } of of('graphql'))
    expect(await api.ask(content, {}, isOfPortal ? createPortalSession.token : api.keys.ADMIN)).not.toHaveProperty('errors');
});

it('has an example of at most 30 lines', () =>
  expect(
    `${read('examples/portal-host/server.mjs')}${read('examples/portal-host/index.html')}`.trim().split('\n').length,
  ).toBeLessThanOrEqual(30));
