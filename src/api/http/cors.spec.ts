import fastify from 'fastify';
import { expect, it } from 'vitest';
import { allowFraming } from './cors.ts';

const policy = "default-src 'self'; frame-ancestors 'none'; base-uri 'none'";
const policyAt = async (url: string, ancestors: readonly string[]) => {
  const server = fastify();
  allowFraming(server, ancestors);
  for (const path of ['/portal', '/portal/endpoints', '/', '/portals'])
    server.get(path, (_, reply) => reply.header('content-security-policy', policy).send('a page'));
  return (await server.inject(url)).headers['content-security-policy'];
};

it.each(['/portal', '/portal?a=b', '/portal/endpoints'])('%s may be embedded by the pages that are named', async (url) =>
  expect(await policyAt(url, ['https://a.example', 'https://b.example'])).toBe(
    "default-src 'self'; frame-ancestors https://a.example https://b.example; base-uri 'none'",
  ),
);
it.each(['/', '/portals'])('%s may not', async (url) => expect(await policyAt(url, ['https://a.example'])).toBe(policy));
it('the portal may not, unless pages are named', async () => expect(await policyAt('/portal', [])).toBe(policy));
