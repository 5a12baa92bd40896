// The playground: GraphiQL at GET /graphql for browsers, from this server alone. The page is public; what it asks needs a key.
import { createHash } from 'node:crypto';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { graphqlPath } from './path.ts';
import { readPlaygroundFile } from './playground-files.ts';

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

type Asset = { readonly type: string; readonly content: string | Buffer };

/** Read when the first browser asks. */
const readAssets = (): ReadonlyMap<string, Asset> =>
  new Map([
    ['react.js', { type: 'text/javascript', content: readPlaygroundFile('react.js') }],
    ['react-dom.js', { type: 'text/javascript', content: readPlaygroundFile('react-dom.js') }],
    ['graphiql.js', { type: 'text/javascript', content: readPlaygroundFile('graphiql.js') }],
    ['graphiql.css', { type: 'text/css', content: readPlaygroundFile('graphiql.css') }],
    ['playground.js', { type: 'text/javascript', content: client }],
    ['playground.css', { type: 'text/css', content: 'html, body, #playground { height: 100%; margin: 0; }\n' }],
  ]);

const pageWith = (base: string) => `<!doctype html>
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

/** The page, and what it loads. Every asset's address has the hash of them all in it, so browsers may cache them for ever. */
const readPlayground = () => {
  const assets = readAssets();
  const hash = createHash('sha256');
  for (const { content } of assets.values()) hash.update(content);
  const version = hash.digest('hex').slice(0, 12);
  return { assets, version, page: pageWith(`${graphqlPath}/assets/${version}`) };
};

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
  let read: ReturnType<typeof readPlayground> | undefined;
  const playground = () => (read ??= readPlayground());
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
      .send(playground().page);
  });
  fastify.get<{ Params: { version: string; name: string } }>(`${graphqlPath}/assets/:version/:name`, ({ params }, reply) => {
    const { assets, version } = playground();
    const asset = params.version === version ? assets.get(params.name) : undefined;
    if (asset === undefined) return reply.callNotFound();
    return reply
      .type(`${asset.type}; charset=utf-8`)
      .headers({ 'cache-control': 'public, max-age=31536000, immutable', 'x-content-type-options': 'nosniff' })
      .send(asset.content);
  });
};
