// The playground: GraphiQL at GET /graphql for browsers, from this server alone. The page is public; what it asks needs a key.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { graphqlPath } from './path.ts';

const require = createRequire(import.meta.url);
const inPackage = (name: string, file: string) => path.join(path.dirname(require.resolve(`${name}/package.json`)), file);

/** The header editor is filled with the place for a key; a subscription goes over a WebSocket that carries the same headers. */
const client = `'use strict';
const url = new URL('${graphqlPath}', location.href);
const operationOf = ({ operationName }, document) =>
  document?.definitions.find((each) => each.kind === 'OperationDefinition' && (!operationName || each.name?.value === operationName));

const ask = async (parameters, headers) => {
  const response = await fetch(url, {
    method: 'POST',
    headers: { accept: 'application/json', 'content-type': 'application/json', ...headers },
    body: JSON.stringify(parameters),
  });
  return response.json();
};

const follow = (parameters, headers) => ({
  subscribe: (observer) => {
    const socket = new WebSocket(url.href.replace(/^http/, 'ws'), 'graphql-transport-ws');
    const send = (message) => socket.send(JSON.stringify(message));
    socket.onopen = () => send({ type: 'connection_init', payload: { headers } });
    socket.onmessage = ({ data }) => {
      const { type, payload } = JSON.parse(data);
      if (type === 'connection_ack') send({ id: '1', type: 'subscribe', payload: parameters });
      else if (type === 'ping') send({ type: 'pong' });
      else if (type === 'next') observer.next(payload);
      else if (type === 'error') observer.error({ errors: payload });
      else if (type === 'complete') socket.close(1000);
    };
    socket.onclose = ({ code, reason }) =>
      code === 1000 ? observer.complete() : observer.error(new Error(reason || 'The connection was closed (' + code + ').'));
    return { unsubscribe: () => socket.close(1000) };
  },
});

const fetcher = (parameters, { documentAST, headers = {} } = {}) =>
  operationOf(parameters, documentAST)?.operation === 'subscription' ? follow(parameters, headers) : ask(parameters, headers);

ReactDOM.createRoot(document.getElementById('playground')).render(
  React.createElement(GraphiQL, {
    fetcher,
    defaultEditorToolsVisibility: 'headers',
    defaultHeaders: JSON.stringify({ Authorization: 'Bearer <your API key>' }, null, 2),
    defaultQuery:
      '# Put your API key into the headers below, then run this.\\n{\\n  endpoints(first: 10) {\\n    nodes { name url status successRate { label } }\\n  }\\n}\\n',
    shouldPersistHeaders: false,
  }),
);
`;

const assets: Readonly<Record<string, { readonly type: string; readonly read: () => string | Buffer }>> = {
  'react.js': { type: 'text/javascript', read: () => readFileSync(inPackage('react', 'umd/react.production.min.js')) },
  'react-dom.js': { type: 'text/javascript', read: () => readFileSync(inPackage('react-dom', 'umd/react-dom.production.min.js')) },
  'graphiql.js': { type: 'text/javascript', read: () => readFileSync(inPackage('graphiql', 'graphiql.min.js')) },
  'graphiql.css': { type: 'text/css', read: () => readFileSync(inPackage('graphiql', 'graphiql.min.css')) },
  'playground.js': { type: 'text/javascript', read: () => client },
  'playground.css': { type: 'text/css', read: () => 'html, body, #playground { height: 100%; margin: 0; }\n' },
};

/** Part of every asset's address, so that they can be kept for ever: another version has other addresses. */
const version = ((require('graphiql/package.json') as { version: string }).version + '-1').replaceAll('.', '-');
const base = `${graphqlPath}/assets/${version}`;

const page = `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <title>Hookledger</title>
    <link rel="icon" href="data:,">
    <link rel="stylesheet" href="${base}/graphiql.css">
    <link rel="stylesheet" href="${base}/playground.css">
  </head>
  <body>
    <div id="playground">Loading …</div>
    <script src="${base}/react.js"></script>
    <script src="${base}/react-dom.js"></script>
    <script src="${base}/graphiql.js"></script>
    <script src="${base}/playground.js"></script>
  </body>
</html>
`;

/** No other site, no inline script. The editor sets styles on its elements, and its style sheet carries its fonts. */
const policy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "connect-src 'self'",
  'font-src data:',
  "img-src 'self' data:",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

const wantsPage = ({ method, url, headers }: FastifyRequest) =>
  method === 'GET' && (url === graphqlPath || url === `${graphqlPath}/`) && (headers.accept ?? '').includes('text/html');

export const servePlayground = (fastify: FastifyInstance): void => {
  fastify.addHook('onRequest', (request, reply, done) => {
    if (!wantsPage(request)) return done();
    void reply
      .type('text/html; charset=utf-8')
      .headers({
        'content-security-policy': policy,
        'referrer-policy': 'no-referrer',
        'x-content-type-options': 'nosniff',
        'cache-control': 'no-cache',
      })
      .send(page);
  });
  const read = new Map<string, string | Buffer>();
  for (const [name, asset] of Object.entries(assets))
    fastify.get(`${base}/${name}`, (_, reply) => {
      const content = read.get(name) ?? asset.read();
      read.set(name, content);
      return reply
        .type(`${asset.type}; charset=utf-8`)
        .headers({ 'cache-control': 'public, max-age=31536000, immutable', 'x-content-type-options': 'nosniff' })
        .send(content);
    });
};
