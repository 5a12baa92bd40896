// The playground: GraphiQL, with the API key in its header editor. A subscription goes over a WebSocket that carries the same headers.
import { GraphiQL } from 'graphiql';
import 'graphiql/style.css';
import { createRoot } from 'react-dom/client';
import './playground.css';

type Parameters = { readonly query: string; readonly operationName?: string | null; readonly variables?: unknown };
type Headers = Readonly<Record<string, string>>;
type Observer = { readonly next: (value: unknown) => void; readonly error: (error: unknown) => void; readonly complete: () => void };

const url = new URL('/graphql', location.href);

/** In a console that is signed in, its cookie stands for the key where no header names one. */
const ask = async (parameters: Parameters, headers: Headers): Promise<unknown> => {
  const { Authorization, ...others } = headers;
  const named: Headers = Authorization === undefined || Authorization.includes('<') ? {} : { Authorization };
  const response = await fetch(url, {
    method: 'POST',
    headers: { accept: 'application/json', 'content-type': 'application/json', 'x-hookledger-console': '1', ...others, ...named },
    body: JSON.stringify(parameters),
  });
  return response.json();
};

const follow = (parameters: Parameters, headers: Headers) => ({
  subscribe: (observer: Observer) => {
    const socket = new WebSocket(url.href.replace(/^http/, 'ws'), 'graphql-transport-ws');
    const send = (message: unknown) => socket.send(JSON.stringify(message));
    const { Authorization } = headers;
    const named = Authorization === undefined || Authorization.includes('<') ? {} : { headers };
    socket.addEventListener('open', () => send({ type: 'connection_init', payload: named }));
    socket.addEventListener('message', ({ data }: MessageEvent<string>) => {
      const { type, payload } = JSON.parse(data) as { type: string; payload?: unknown };
      if (type === 'connection_ack') send({ id: '1', type: 'subscribe', payload: parameters });
      else if (type === 'ping') send({ type: 'pong' });
      else if (type === 'next') observer.next(payload);
      else if (type === 'error') observer.error({ errors: payload });
      else if (type === 'complete') socket.close(1000);
    });
    socket.addEventListener('close', ({ code, reason }) =>
      code === 1000 ? observer.complete() : observer.error(new Error(reason || `The connection was closed (${code}).`)),
    );
    return { unsubscribe: () => socket.close(1000) };
  },
});

/** GraphiQL names the operation that runs; a document with one operation may leave it out. */
const isSubscription = ({ query, operationName }: Parameters): boolean =>
  new RegExp(String.raw`(^|[}\s])subscription\b\s*${operationName ?? ''}\b`).test(query.replaceAll(/#.*$/gm, ''));

const fetcher = (parameters: Parameters, { headers = {} }: { readonly headers?: Headers } = {}) =>
  isSubscription(parameters) ? follow(parameters, headers) : ask(parameters, headers);

const example = `# Put your API key into the headers below, then run this. Where the console is signed in, its key counts.
{
  endpoints(first: 10) {
    nodes { name url status successRate { label } }
  }
}
`;

const { query, variables } = Object.fromEntries(new URLSearchParams(location.hash.slice(1))) as { query?: string; variables?: string };
createRoot(document.getElementById('playground') ?? document.body).render(
  <GraphiQL
    fetcher={fetcher as never}
    defaultEditorToolsVisibility="headers"
    defaultHeaders={JSON.stringify({ Authorization: 'Bearer <your API key>' }, null, 2)}
    defaultQuery={example}
    {...(query !== undefined && { query })}
    {...(variables !== undefined && { variables })}
    shouldPersistHeaders={false}
  />,
);
