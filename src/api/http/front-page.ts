// GET /: the console for browsers; for others in JSON what runs here, and where to go from here. GET /docs: the documentation of this version.
// Public, without scripts and without anything from another server.
import { createHash } from 'node:crypto';
import type { FastifyInstance } from 'fastify';
import { graphqlPath } from '../graphql/path.ts';
import { sendConsole } from './console.ts';
import { readDocs, type DocsPage } from './docs-pages.ts';

const about = 'Delivers webhooks: signs, sends and retries what services publish, and keeps every attempt in a log.';

const links = { playground: graphqlPath, publish: '/v1/messages', ready: '/health/ready', live: '/health/live', docs: '/docs' };

const style = `
:root { color-scheme: light dark; --text: #1c2024; --soft: #60646c; --line: #d9d9e0; --back: #fcfcfd; --card: #fff; --link: #0b62c4; }
@media (prefers-color-scheme: dark) {
  :root { --text: #edeef0; --soft: #b0b4ba; --line: #363a3f; --back: #111113; --card: #18191b; --link: #70b8ff; }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--back); color: var(--text); font: 16px/1.55 system-ui, sans-serif; }
main { max-width: 44rem; margin: 0 auto; padding: 3.5rem 1.25rem; }
h1 { margin: 0; font-size: 2rem; letter-spacing: -0.02em; }
h2 { margin: 2.25rem 0 0.5rem; font-size: 1rem; }
p { margin: 0.4rem 0; color: var(--soft); }
ul { margin: 0; padding: 0; list-style: none; border: 1px solid var(--line); border-radius: 10px; background: var(--card); overflow: hidden; }
li + li { border-top: 1px solid var(--line); }
li a { display: flex; flex-wrap: wrap; justify-content: space-between; gap: 0 1rem; padding: 0.65rem 1rem; text-decoration: none; }
li a:hover, li a:focus-visible { background: color-mix(in srgb, var(--link) 9%, transparent); }
a { color: var(--link); }
code, pre { font: 0.875rem/1.6 ui-monospace, monospace; color: var(--soft); }
pre { margin: 0; padding: 0.9rem 1rem; overflow-x: auto; border: 1px solid var(--line); border-radius: 10px; background: var(--card); }
`;

const policy = [
  "default-src 'none'",
  `style-src 'sha256-${createHash('sha256').update(style).digest('base64')}'`,
  'img-src data:',
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

const escaped = (text: string) => text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);

const list = (entries: readonly (readonly [path: string, text: string])[]) =>
  `<ul>${entries.map(([path, text]) => `<li><a href="${path}">${escaped(text)} <code>${path}</code></a></li>`).join('')}</ul>`;

const pageWith = (docs: readonly DocsPage[]) => `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Hookledger</title>
<link rel="icon" href="data:,">
<style>${style}</style>
</head>
<body>
<main>
<h1>Hookledger</h1>
<p>${about}</p>
<h2>Look and try</h2>
${list([
  ['/', 'Console'],
  [links.playground, 'GraphQL playground'],
])}
<p>The API takes an API key; the playground asks for it.</p>
<h2>Publish a message</h2>
<pre>POST ${links.publish}
Authorization: Bearer &lt;API key&gt;
Content-Type: application/json

{ "type": "meeting.ended", "data": { "room": 7 } }</pre>
<h2>Documentation of this version</h2>
${list(docs.map(({ name, title }) => [`/docs/${name}`, title]))}
<h2>Health</h2>
${list([
  [links.ready, 'Ready for requests?'],
  [links.live, 'Does the process run?'],
])}
</main>
</body>
</html>
`;

const headers = { 'x-content-type-options': 'nosniff', 'referrer-policy': 'no-referrer', 'cache-control': 'no-cache' };

const readAll = () => {
  const pages = readDocs();
  return { pages: new Map(pages.map((page) => [page.name, page])), front: pageWith(pages) };
};

export const serveFrontPage = (fastify: FastifyInstance): void => {
  let read: ReturnType<typeof readAll> | undefined;
  /** Read when the first browser asks. */
  const docs = () => (read ??= readAll());
  fastify.get('/', (request, reply) => {
    void reply.headers({ ...headers, vary: 'accept' });
    if (!(request.headers.accept ?? '').includes('text/html')) return reply.send({ name: 'Hookledger', about, links });
    return sendConsole(reply);
  });
  fastify.get('/docs', (_, reply) =>
    reply
      .type('text/html; charset=utf-8')
      .headers({ ...headers, 'content-security-policy': policy })
      .send(docs().front),
  );
  fastify.get<{ Params: { name: string } }>('/docs/:name', ({ params }, reply) => {
    const page = docs().pages.get(params.name);
    if (page === undefined) return reply.callNotFound();
    return reply.type('text/plain; charset=utf-8').headers(headers).send(page.text);
  });
};
