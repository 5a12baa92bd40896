// Live GraphQL over WebSockets: who may listen, what is told, and what is refused.
import { createClient, type Client } from 'graphql-ws';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { WebSocket } from 'ws';
import { startApi, type ApiServer } from './api-server.ts';

let api: ApiServer;
let clients: Client[] = [];
beforeAll(async () => {
  api = await startApi();
});
afterEach(async () => {
  for (const client of clients) await client.dispose();
  clients = [];
});
afterAll(() => api.close());

const connect = (connectionParams: Record<string, unknown>): Client => {
  const url = `${api.url.replace('http', 'ws')}/graphql`;
  const client = createClient({ url, webSocketImpl: WebSocket, connectionParams, retryAttempts: 0 });
  clients.push(client);
  return client;
};
type Change = { deliveryChanged: { id: string; status: string; endpoint: { name: string }; message: { data: unknown } } };
const changed = 'subscription { deliveryChanged { id status endpoint { name } message { data } } }';

/** Subscribes, and resolves when the server listens for it. */
const follow = async (client: Client, query = changed) => {
  const before = api.live.subscriberCount;
  const results = client.iterate<Change>({ query });
  const first = results.next();
  await expect.poll(() => api.live.subscriberCount).toBe(before + 1);
  return { results, first };
};
const create = (name: string, key = api.keys.ADMIN) =>
  api.query(
    'mutation ($input: EndpointInput!) { createEndpoint(input: $input) { id } }',
    { input: { name, url: 'https://a.example', eventTypes: [`${name}.now`] } },
    key,
  );
const valueOf = ({ value }: { value?: unknown }) => value as { data: Change; errors?: unknown };

it.each(['authorization', 'Authorization'])('sends changes of deliveries once the views show them (key as %s)', async (name) => {
  await create(`live-${name}`);
  const { first, results } = await follow(connect({ [name]: `Bearer ${api.keys.VIEWER}` }));
  await api.publish({ type: `live-${name}.now`, data: { token: 'inner', a: 1 } });
  expect(valueOf(await first).data.deliveryChanged).toMatchObject({
    status: 'PENDING',
    endpoint: { name: `live-${name}` },
    message: { data: { a: 1, token: expect.not.stringContaining('inner') as string } },
  });
  await results.return?.();
  await expect.poll(() => api.live.subscriberCount).toBe(0);
});

it('reads once what many subscribers ask of one delivery', async () => {
  await create('shared');
  const find = vi.spyOn(api.readModels.queries.deliveries, 'find');
  const client = connect({ authorization: `Bearer ${api.keys.VIEWER}` });
  const subscribers = [await follow(client), await follow(client), await follow(client)];
  find.mockClear();
  await api.publish({ type: 'shared.now', data: {} });
  const answers = await Promise.all(subscribers.map(({ first }) => first));
  expect(answers.map((answer) => valueOf(answer).data.deliveryChanged.endpoint.name)).toEqual(['shared', 'shared', 'shared']);
  expect(find).toHaveBeenCalledTimes(1);
  for (const { results } of subscribers) await results.return?.();
  find.mockRestore();
});

it('sends nothing of another organization', async () => {
  await create('mine');
  await create('theirs', api.keys.OTHER);
  const { first, results } = await follow(connect({ headers: { authorization: `Bearer ${api.keys.OTHER}` } }));
  await api.publish({ type: 'mine.now', data: {} });
  await api.publish({ type: 'theirs.now', data: {} }, api.keys.OTHER);
  expect(valueOf(await first).data.deliveryChanged.endpoint.name).toBe('theirs');
  await results.return?.();
});

it('is closed without a valid key', async () => {
  const results = connect({ authorization: 'Bearer nonsense' }).iterate({ query: changed });
  await expect(results.next()).rejects.toMatchObject({ code: 4403 });
});

it('is refused to publishers, and a query over the limits is refused', async () => {
  const client = connect({ authorization: `Bearer ${api.keys.PUBLISHER}` });
  const answer = await client
    .iterate({ query: changed })
    .next()
    .catch((error: unknown) => ({ value: { errors: error } }));
  expect(JSON.stringify(answer)).toMatch(/FORBIDDEN/);
  expect(JSON.stringify(answer)).not.toMatch(/stacktrace/);
  const admin = connect({ authorization: `Bearer ${api.keys.ADMIN}` });
  const deep = `subscription { deliveryChanged { ${'message { deliveries { '.repeat(7)} id ${'} }'.repeat(7)} } }`;
  const refused = await admin
    .iterate({ query: deep })
    .next()
    .catch((error: unknown) => error);
  expect(JSON.stringify(refused)).toMatch(/fields deep/);
  expect(JSON.stringify(refused)).toMatch(/BAD_USER_INPUT/);
});

it('ends with a sentence when the key is revoked', async () => {
  await create('revoked');
  const { issueApiKey } = await api.query<{ issueApiKey: { id: string; key: string } }>(
    'mutation { issueApiKey(name: "short", role: VIEWER) { id key } }',
  );
  const { first, results } = await follow(connect({ authorization: `Bearer ${issueApiKey.key}` }));
  await api.query('mutation ($id: ID!) { revokeApiKey(id: $id) }', { id: issueApiKey.id });
  await api.publish({ type: 'revoked.now', data: {} });
  expect(JSON.stringify(valueOf(await first))).toMatch(/UNAUTHENTICATED/);
  expect((await results.next()).done).toBe(true);
});

describe('a WebSocket', () => {
  const socketTo = (headers: Record<string, string> = {}) => {
    const socket = new WebSocket(`${api.url.replace('http', 'ws')}/graphql`, 'graphql-transport-ws', { headers });
    const messages: { type: string; id?: string; payload?: unknown }[] = [];
    const closed = new Promise<number>((resolve) => socket.once('close', (code) => resolve(code)));
    socket.on('error', () => undefined);
    socket.on('message', (data: Buffer) => messages.push(JSON.parse(data.toString('utf8')) as (typeof messages)[number]));
    const opened = new Promise((resolve) => socket.once('open', resolve));
    return { socket, messages, closed, opened };
  };
  const send = (socket: WebSocket, message: unknown) => socket.send(JSON.stringify(message));

  it('takes the key from the header of the handshake as well', async () => {
    const { socket, messages, opened } = socketTo({ authorization: `Bearer ${api.keys.VIEWER}` });
    await opened;
    send(socket, { type: 'connection_init' });
    await expect.poll(() => messages).toMatchObject([{ type: 'connection_ack' }]);
    socket.close();
  });

  it('takes no large frame before it is let in, and a large one afterwards', async () => {
    const strange = socketTo();
    await strange.opened;
    strange.socket.send('x'.repeat(100_000));
    expect(await strange.closed).toBe(1006);
    const known = socketTo({ authorization: `Bearer ${api.keys.VIEWER}` });
    await known.opened;
    send(known.socket, { type: 'connection_init' });
    await expect.poll(() => known.messages.length).toBe(1);
    send(known.socket, {
      type: 'subscribe',
      id: '1',
      payload: { query: '{ organization { id } }', extensions: { note: 'x'.repeat(100_000) } },
    });
    await expect.poll(() => known.messages.map(({ type }) => type)).toEqual(['connection_ack', 'next', 'complete']);
    known.socket.close();
  });

  it('carries a bounded number of operations', async () => {
    const { socket, messages, opened } = socketTo({ authorization: `Bearer ${api.keys.VIEWER}` });
    await opened;
    send(socket, { type: 'connection_init' });
    await expect.poll(() => messages.length).toBe(1);
    for (let i = 0; i <= 50; i++) send(socket, { type: 'subscribe', id: String(i), payload: { query: changed } });
    await expect
      .poll(() => messages.at(-1))
      .toMatchObject({ type: 'error', id: '50', payload: [{ extensions: { code: 'TOO_MANY_REQUESTS' } }] });
    send(socket, { type: 'complete', id: '0' });
    await expect.poll(() => api.live.subscriberCount).toBe(49);
    send(socket, { type: 'subscribe', id: 'again', payload: { query: '{ organization { id } }' } });
    await expect.poll(() => messages.at(-1)).toMatchObject({ type: 'complete', id: 'again' });
    socket.close();
    await expect.poll(() => api.live.subscriberCount).toBe(0);
  });

  it('ends with its key', async () => {
    const { issueApiKey } = await api.query<{ issueApiKey: { id: string; key: string } }>(
      'mutation { issueApiKey(name: "ended", role: VIEWER) { id key } }',
    );
    const { socket, messages, closed, opened } = socketTo({ authorization: `Bearer ${issueApiKey.key}` });
    await opened;
    send(socket, { type: 'connection_init' });
    await expect.poll(() => messages.length).toBe(1);
    await api.query('mutation ($id: ID!) { revokeApiKey(id: $id) }', { id: issueApiKey.id });
    expect(await closed).toBe(4403);
  });
});
