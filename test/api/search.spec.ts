// One search for whatever an operator has at hand: an id, its beginning, the publisher's own id, a part of a name or URL.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startApi, type ApiServer } from './api-server.ts';

let api: ApiServer;
const ids = { endpoint: '', deleted: '', theirs: '', message: '', delivery: '', theirMessage: '', key: '' };

type Hit = Record<string, unknown>;
const fields = `__typename
  ... on Message { id clientId organization { id } deliveries { id endpoint { name url } } }
  ... on Delivery { id organization { id } message { clientId } endpoint { name successRate { label } } }
  ... on Endpoint { id name url organization { id } own: deliveries { nodes { id } } }
  ... on EventType { typeName: name }
  ... on Organization { id name }
  ... on ApiKey { id name role }`;
const search = async (text: string, key = api.keys.ADMIN, first = 20, headers: Record<string, string> = {}): Promise<Hit[]> => {
  const query = `query ($text: String!, $first: Int) { search(text: $text, first: $first) { ${fields} } }`;
  const response = await api.post('/graphql', JSON.stringify({ query, variables: { text, first } }), { key, headers });
  const { data, errors } = (await response.json()) as { data?: { search: Hit[] }; errors?: unknown };
  if (errors) throw new Error(JSON.stringify(errors));
  return data?.search ?? [];
};
const found = async (...args: Parameters<typeof search>) =>
  (await search(...args)).map(
    (hit) => `${String(hit['__typename'])} ${String(hit['name'] ?? hit['typeName'] ?? hit['clientId'] ?? hit['id'])}`,
  );

beforeAll(async () => {
  api = await startApi();
  const create = async (input: Record<string, unknown>, key = api.keys.ADMIN) => {
    const mutation = 'mutation ($input: EndpointInput!) { createEndpoint(input: $input) { id } }';
    return (await api.query<{ createEndpoint: { id: string } }>(mutation, { input }, key)).createEndpoint.id;
  };
  ids.endpoint = await create({ name: 'Billing', url: 'https://acme.example/hooks', eventTypes: ['invoice.*'] });
  ids.deleted = await create({ name: 'Billing of old', url: 'https://old.example/', eventTypes: ['x'] });
  await create({ name: 'Invoices', url: 'https://billing.example/in?token=hiddenvalue', eventTypes: ['nothing'] });
  ids.theirs = await create(
    { name: 'Their billing', url: 'https://theirs.example/secret/4f7d9a8b6c5e4d3c2b1a0f9e8d7c6b5a' },
    api.keys.OTHER,
  );
  await api.query('mutation ($id: ID!) { deleteEndpoint(id: $id) }', { id: ids.deleted });
  await api.query('mutation { defineEventType(input: { name: "billing.closed" }) { name } }');
  const issued = await api.query<{ issueApiKey: { id: string } }>('mutation { issueApiKey(name: "billing job", role: VIEWER) { id } }');
  ids.key = issued.issueApiKey.id;
  const publish = async (message: object, key = api.keys.ADMIN) =>
    ((await api.publish(message, key)).body as unknown as { messages: { id: string }[] }).messages[0]!.id;
  ids.message = await publish({ id: 'order-4711', type: 'invoice.paid', data: {} });
  ids.theirMessage = await publish({ id: 'order-4711', type: 'invoice.paid', data: {} }, api.keys.OTHER);
  await api.views.reached((await api.store.tip())!, 30_000);
  const asked = await api.query<{ message: { deliveries: { id: string }[] } }>(`{ message(id: "${ids.message}") { deliveries { id } } }`);
  ids.delivery = asked.message.deliveries[0]!.id;
});
afterAll(() => api.close());

describe('a search', () => {
  it('finds by id, any case, with spaces around it', async () => {
    expect(await found(` ${ids.message.toUpperCase()} `)).toEqual(['Message order-4711']);
    expect((await search(ids.delivery))[0]).toMatchObject({
      __typename: 'Delivery',
      id: ids.delivery,
      message: { clientId: 'order-4711' },
    });
    expect(await found(ids.endpoint)).toEqual(['Endpoint Billing']);
    expect(await found(ids.key)).toEqual(['ApiKey billing job']);
    expect(await found(ids.deleted)).toEqual([]);
  });

  it('finds by the beginning of an id, and nothing by less than eight digits', async () => {
    const of = async (text: string) => (await search(text)).map((hit) => hit['id']);
    expect(await of(ids.message.slice(0, 8))).toEqual([ids.message, ids.delivery]);
    expect(await of(ids.delivery.slice(0, 20))).toEqual([ids.delivery]);
    expect(await of(ids.endpoint.slice(0, 13))).toEqual([ids.endpoint]);
    expect(await of(ids.message.slice(0, 7))).toEqual([]);
  });

  it('puts the exact name before its beginning, and that before a part of it', async () => {
    expect(await found('billing')).toEqual([
      'Endpoint Billing',
      'EventType billing.closed',
      'ApiKey billing job',
      'Endpoint Their billing',
      'Endpoint Invoices',
    ]);
    expect(await found('billing', api.keys.ADMIN, 1)).toEqual(['Endpoint Billing']);
    expect(await found('acme.example')).toEqual(['Endpoint Billing']);
    expect(await found('hiddenvalue')).toEqual([]);
    expect(await found('%')).toEqual([]);
  });

  it("finds the publisher's own id in every organization, for a key that spans and names none; each hit is of its organization", async () => {
    const hits = await search('order-4711');
    expect(new Set(hits.map(({ id }) => id))).toEqual(new Set([ids.message, ids.theirMessage]));
    expect(hits).toHaveLength(2);
    const theirs = hits.find(({ id }) => id === ids.theirMessage);
    expect(theirs).toMatchObject({
      organization: { id: 'other' },
      deliveries: [{ endpoint: { name: 'Their billing', url: 'https://theirs.example/secret/4f7d9a8b6c5e4d3c2b1a0f9e8d7c6b5a' } }],
    });
    expect(await found('other')).toContain('Organization other');
    const named = { 'hookledger-organization': 'other' };
    expect((await search('order-4711', api.keys.ADMIN, 20, named)).map(({ id }) => id)).toEqual([ids.theirMessage]);
    expect(await found('default', api.keys.ADMIN, 20, named)).toEqual([]);
  });

  it("shows an organization's own key nothing of others, and API keys to admins only", async () => {
    expect((await search('order-4711', api.keys.OTHER)).map(({ id }) => id)).toEqual([ids.theirMessage]);
    for (const text of [
      ids.message,
      ids.delivery,
      ids.endpoint,
      ids.key,
      ids.message.slice(0, 12),
      'acme.example',
      'default',
      'billing.closed',
    ])
      expect(await found(text, api.keys.OTHER)).toEqual([]);
    expect(await found('billing job', api.keys.VIEWER)).toEqual([]);
    expect(await found(ids.key, api.keys.OPERATOR)).toEqual([]);
  });

  it.each(['', '   ', 'x'.repeat(257)])('for %j is refused by its path', async (text) => {
    const { errors } = await api.ask('query ($text: String!) { search(text: $text) { __typename } }', { text });
    expect(errors?.[0]?.extensions).toMatchObject({ code: 'BAD_USER_INPUT', issues: [{ path: 'text' }] });
  });
});
