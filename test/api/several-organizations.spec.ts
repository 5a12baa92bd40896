// Messages of several organizations in one request, and what each organization is limited to.
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { startApi, type ApiServer } from './api-server.ts';

let api: ApiServer;
beforeAll(async () => {
  api = await startApi();
});
afterAll(() => api.close());

type Published = { id: string; duplicate: boolean; destinations: number; position: string };
type Answer = {
  messages?: (Published | { refused: { code: string; message: string; retryAfterSeconds?: number } })[];
  detail?: string;
  issues?: { path: string; message: string; code?: string; retryAfterSeconds?: number }[];
};
const send = async (
  messages: unknown,
  { key = api.keys.ADMIN, query = '', organization }: { key?: string; query?: string; organization?: string } = {},
) => {
  const headers = organization === undefined ? {} : { 'hookledger-organization': organization };
  const response = await api.post(`/v1/messages${query}`, JSON.stringify(messages), { key, headers });
  return { status: response.status, retryAfter: response.headers.get('retry-after'), body: (await response.json()) as Answer };
};
const create = (id: string, limits: Record<string, number> = {}) =>
  api.query('mutation ($i: OrganizationInput!) { createOrganization(input: $i) { id } }', { i: { id, name: id, limits } });
const suspend = (id: string) => api.query(`mutation { suspendOrganization(id: "${id}", reason: "unpaid") { id } }`);
const asOrganization = async (organization: string, query: string) => {
  const response = await api.post('/graphql', JSON.stringify({ query }), { headers: { 'hookledger-organization': organization } });
  return (await response.json()) as {
    data: { messages: { nodes: { eventType: string }[] } };
    errors?: { message: string; extensions: { code: string } }[];
  };
};
const typesIn = async (organization: string) => {
  const { data } = await asOrganization(organization, '{ messages { nodes { eventType } } }');
  return data.messages.nodes.map(({ eventType }) => eventType).toSorted();
};
const message = (organization: string | undefined, type: string, more: object = {}) => ({ type, data: {}, organization, ...more });

describe('one request with messages of several organizations', () => {
  beforeAll(async () => {
    for (const id of ['s1', 's2', 's3', 'closed']) await create(id);
    await suspend('closed');
    await asOrganization('s2', 'mutation { createEndpoint(input: {name: "e", url: "https://a.example"}) { id } }');
  });

  it('is one append, and each message goes where its organization says', async () => {
    const append = vi.spyOn(api.store, 'append');
    const { status, body } = await send(
      [message('s1', 'one.a'), message('s2', 'one.b'), message(undefined, 'one.c'), message('s1', 'one.d')],
      { organization: 's3' },
    );
    expect([status, append.mock.calls.length]).toEqual([202, 1]);
    append.mockRestore();
    expect(body.messages?.map((each) => 'destinations' in each && each.destinations)).toEqual([0, 1, 0, 0]);
    await expect.poll(() => typesIn('s1')).toEqual(['one.a', 'one.d']);
    expect([await typesIn('s2'), await typesIn('s3')]).toEqual([['one.b'], ['one.c']]);
  });

  it('takes the same id once in each organization', async () => {
    const twice = [message('s1', 'same.id', { id: 'm' }), message('s2', 'same.id', { id: 'm' })];
    const { body } = await send([...twice, ...twice]);
    expect(body.messages?.map((each) => 'duplicate' in each && each.duplicate)).toEqual([false, false, true, true]);
  });

  it('is refused whole with every index, and one repeat without them succeeds', async () => {
    const all = [
      message('s1', 'whole.a'),
      message('nobody', 'whole.b'),
      message('closed', 'whole.c'),
      message('s1', 'whole.d', { id: 'w' }),
    ];
    await send(message('s1', 'whole.before', { id: 'w' }));
    const { status, body } = await send(all);
    expect(status).toBe(400);
    expect(body.issues).toEqual([
      { path: '1.organization', code: 'NOT_FOUND', message: 'There is no such organization.' },
      { path: '2.organization', code: 'FORBIDDEN', message: 'The organization is suspended: unpaid' },
    ]);
    const again = await send(all.filter((_, i) => i === 0 || i === 3));
    expect([again.status, again.body.issues]).toEqual([409, [expect.objectContaining({ path: '1.organization', code: 'CONFLICT' })]]);
    expect((await send(all.slice(0, 1))).status).toBe(202);
    await expect.poll(() => typesIn('s1')).toEqual(expect.arrayContaining(['whole.a']));
    expect((await typesIn('s1')).filter((type) => type.startsWith('whole.'))).toEqual(['whole.a', 'whole.before']);
  });

  it('takes the others with ?partial=true, and answers the refused ones in their place', async () => {
    await send(message('s3', 'part.before', { id: 'p' }));
    const all = [message('s1', 'part.a'), message('nobody', 'part.b'), message('s3', 'part.c', { id: 'p' }), message('s2', 'part.d')];
    const { status, body } = await send(all, { query: '?partial=true' });
    expect(status).toBe(202);
    expect(body.messages).toEqual([
      expect.objectContaining({ duplicate: false }),
      { refused: { code: 'NOT_FOUND', message: 'There is no such organization.' } },
      { refused: { code: 'CONFLICT', message: expect.stringContaining('"p" was accepted before') as string } },
      expect.objectContaining({ destinations: 1 }),
    ]);
    await expect.poll(() => typesIn('s2')).toEqual(expect.arrayContaining(['part.d']));
    expect((await send(all, { query: '?partial=yes' })).status).toBe(400);
    const none = await send([message('nobody', 'part.e')], { query: '?partial=true' });
    expect([none.status, none.body.messages]).toEqual([202, [{ refused: { code: 'NOT_FOUND', message: expect.any(String) as string } }]]);
  });

  it('may name the own organization of a key, and no other: 403', async () => {
    expect((await send([message('other', 'own.a')], { key: api.keys.OTHER })).status).toBe(202);
    const { status, body } = await send([message('other', 'own.b'), message('s1', 'own.c'), message('nobody', 'own.d')], {
      key: api.keys.OTHER,
    });
    expect([status, body.issues?.map(({ path, code }) => [path, code])]).toEqual([
      403,
      [
        ['1.organization', 'FORBIDDEN'],
        ['2.organization', 'FORBIDDEN'],
      ],
    ]);
  });

  it('goes over GraphQL, too', async () => {
    const publish = (organizations: string[]) =>
      api.ask<{ publishMessages: { destinations: number }[] }>(
        'mutation ($m: [MessageInput!]!) { publishMessages(messages: $m) { destinations } }',
        { m: organizations.map((each) => message(each, 'graphql.a')) },
      );
    expect((await publish(['s1', 's2'])).data?.publishMessages).toEqual([{ destinations: 0 }, { destinations: 1 }]);
    expect((await publish(['s1', 'nobody'])).errors?.[0]?.extensions).toMatchObject({
      code: 'NOT_FOUND',
      issues: [{ path: 'messages.1.organization', code: 'NOT_FOUND' }],
    });
  });

  it('carries a thousand', async () => {
    const names = Array.from({ length: 1_000 }, (_, n) => ['s1', 's2', 's3'][n % 3]);
    const { status, body } = await send(names.map((each) => message(each, 'many.a')));
    expect([status, body.messages?.length]).toEqual([202, 1_000]);
  });
});

describe('an organization', () => {
  it('publishes as many messages a second as it may, then gets 429 and when to come back; others are taken', async () => {
    await create('slow', { messagesPerSecond: 0.5 });
    expect((await send([message('slow', 'a.b')])).status).toBe(202);
    const { status, retryAfter, body } = await send({ type: 'a.b', data: {} }, { organization: 'slow' });
    expect([status, body.detail]).toEqual([429, 'The organization may publish 0.5 messages a second; slow down.']);
    expect(Number(retryAfter)).toBeGreaterThanOrEqual(1);
    const mixed = await send([message('slow', 'a.b'), message('s1', 'a.b')]);
    expect([mixed.status, mixed.body.issues]).toMatchObject([
      429,
      [{ path: '0.organization', code: 'TOO_MANY_REQUESTS', retryAfterSeconds: expect.any(Number) as number }],
    ]);
    expect((await send({ type: 'a.b', data: {} })).status).toBe(202);
    const usage = '{ organization(id: "slow") { usage { refusedLastDay } } }';
    expect(await api.query(usage)).toEqual({ organization: { usage: { refusedLastDay: 2 } } });
    await api.readModels.organizationRefusals.write();
    await send([message('slow', 'a.b')]);
    expect(await api.query(usage)).toEqual({ organization: { usage: { refusedLastDay: 3 } } });
  });

  it('gets 503 while as many deliveries wait as may; others are taken', async () => {
    await create('full', { waitingDeliveries: 2 });
    await asOrganization('full', 'mutation { createEndpoint(input: {name: "e", url: "https://a.example"}) { id } }');
    expect((await send([message('full', 'a.b'), message('full', 'a.b')])).status).toBe(202);
    await expect.poll(async () => (await send([message('full', 'a.b')])).status, { timeout: 20_000 }).toBe(503);
    const { retryAfter, body } = await send({ type: 'a.b', data: {} }, { organization: 'full' });
    expect([retryAfter, body.detail]).toEqual(['5', expect.stringMatching(/^2 deliveries of the organization have not ended/)]);
    expect((await send({ type: 'a.b', data: {} }, { organization: 's1' })).status).toBe(202);
    await api.query('mutation { updateOrganization(id: "full", input: {limits: {waitingDeliveries: null}}) { id } }');
    expect((await send([message('full', 'a.b')])).status).toBe(202);
  });

  it('publishes no larger data than it may', async () => {
    await create('small', { payloadBytes: 20 });
    expect((await send({ type: 'a.b', data: { a: '0123456789' } }, { organization: 'small' })).status).toBe(202);
    const { status, body } = await send({ type: 'a.b', data: { a: '01234567890123' } }, { organization: 'small' });
    expect([status, body.detail]).toEqual([413, 'data has 22 bytes as JSON; messages of the organization may have 20.']);
  });

  it('has no more endpoints than it may', async () => {
    await create('few', { endpoints: 1 });
    const one = 'mutation { createEndpoint(input: {name: "e", url: "https://a.example"}) { id } }';
    expect((await asOrganization('few', one)).errors).toBeUndefined();
    const { errors } = await asOrganization('few', one);
    expect(errors?.[0]).toMatchObject({
      message: expect.stringContaining('has 1 endpoints, and may have 1') as string,
      extensions: { code: 'CONFLICT' },
    });
  });
});
