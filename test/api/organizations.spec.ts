// Organizations over GraphQL: made by the platform's own id, listed, changed, suspended, resumed and deleted.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startApi, type ApiServer } from './api-server.ts';

let api: ApiServer;
beforeAll(async () => {
  api = await startApi();
});
afterAll(() => api.close());

const fields = `id name status suspendedReason metadata endpointCount createdAt
  limits { messagesPerSecond endpoints waitingDeliveries payloadBytes portalSessionsPerHour payloadDays messageDays }
  usage { messagesLastDay refusedLastDay waitingDeliveries endpoints }`;
type Answer = { organization: Record<string, unknown> };
const create = (input: Record<string, unknown>, key?: string) =>
  api.ask<Answer>(`mutation ($i: OrganizationInput!) { organization: createOrganization(input: $i) { ${fields} } }`, { i: input }, key);
const update = (id: string, input: Record<string, unknown>) =>
  api.ask<Answer>(`mutation ($id: ID!, $i: OrganizationPatch!) { organization: updateOrganization(id: $id, input: $i) { ${fields} } }`, {
    id,
    i: input,
  });
const find = (id: string, key?: string) => api.ask<Answer>(`query ($id: ID) { organization(id: $id) { id name } }`, { id }, key);
const asOrganization = async (organization: string, query: string, key = api.keys.ADMIN) => {
  const response = await api.post('/graphql', JSON.stringify({ query }), { key, headers: { 'hookledger-organization': organization } });
  return (await response.json()) as { data?: Record<string, never>; errors?: { message: string; extensions: { code: string } }[] };
};
const publishFor = (organization: string) =>
  api.post('/v1/messages', JSON.stringify({ type: 'order.placed', data: {} }), { headers: { 'hookledger-organization': organization } });
const codeOf = ({ errors }: { errors?: readonly { extensions: { code?: unknown } }[] | undefined }) => errors?.[0]?.extensions.code;
const noLimits = {
  messagesPerSecond: null,
  endpoints: null,
  waitingDeliveries: null,
  payloadBytes: null,
  portalSessionsPerHour: null,
  payloadDays: null,
  messageDays: null,
};

describe('createOrganization', () => {
  it('makes one with the id, the metadata and the limits that are given', async () => {
    const { data } = await create({
      id: 'cust_0-1.A~b',
      name: ' Acme ',
      metadata: { plan: 'gold' },
      limits: { endpoints: 7, payloadDays: 1.5 },
    });
    expect(data?.organization).toEqual({
      id: 'cust_0-1.A~b',
      name: 'Acme',
      status: 'ACTIVE',
      suspendedReason: null,
      metadata: { plan: 'gold' },
      endpointCount: 0,
      createdAt: expect.stringMatching(/Z$/) as string,
      limits: { ...noLimits, endpoints: 7, payloadDays: 1.5 },
      usage: { messagesLastDay: 0, refusedLastDay: 0, waitingDeliveries: 0, endpoints: 0 },
    });
  });

  it('gives an id where none is given, and answers at once what can be used', async () => {
    const { data } = await create({ name: 'Unnamed' });
    const id = String(data?.organization['id']);
    expect(id).toMatch(/^[0-9a-f-]{36}$/);
    expect((await publishFor(id)).status).toBe(202);
    const { data: own } = await asOrganization(id, '{ organization { id signingKey } }');
    expect(own).toEqual({ organization: { id, signingKey: expect.stringMatching(/\S{20,}/) as string } });
  });

  it('answers the same for the same again, and CONFLICT for other content', async () => {
    const made = await create({ id: 'twice', name: 'Twice', metadata: [1] });
    expect((await create({ id: 'twice', name: 'Twice' })).data).toEqual(made.data);
    const { errors } = await create({ id: 'twice', name: 'Thrice' });
    expect(errors?.[0]).toMatchObject({
      message: expect.stringContaining('`updateOrganization`') as string,
      extensions: { code: 'CONFLICT', issues: [{ path: 'input.id' }] },
    });
  });

  it.each([
    ['id', { id: '-a', name: 'A' }],
    ['id', { id: 'a/b', name: 'A' }],
    ['id', { id: 'a'.repeat(129), name: 'A' }],
    ['name', { name: ' ' }],
    ['metadata', { name: 'A', metadata: { a: 'x'.repeat(16_380) } }],
    ['limits.payloadBytes', { name: 'A', limits: { payloadBytes: 300_000 } }],
    ['limits.messagesPerSecond', { name: 'A', limits: { messagesPerSecond: 0 } }],
  ])('refuses a wrong %s', async (path, input) => {
    const { errors } = await create(input);
    expect(errors?.[0]?.extensions).toMatchObject({ code: 'BAD_USER_INPUT', issues: [{ path: `input.${path}` }] });
  });

  it('is refused to keys that do not span, and to other roles than ADMIN', async () => {
    for (const key of [api.keys.OTHER, api.keys.OPERATOR, api.keys.PUBLISHER, api.keys.AUDITOR])
      expect(codeOf(await create({ name: 'No' }, key))).toBe('FORBIDDEN');
  });
});

describe('updateOrganization', () => {
  it('changes what is given and nothing else', async () => {
    await create({ id: 'changed', name: 'Before', metadata: { a: 1 }, limits: { endpoints: 3, payloadBytes: 1_000 } });
    const { data } = await update('changed', { name: 'After', limits: { endpoints: null, waitingDeliveries: 9 } });
    expect(data?.organization).toMatchObject({
      name: 'After',
      metadata: { a: 1 },
      limits: { ...noLimits, payloadBytes: 1_000, waitingDeliveries: 9 },
    });
    expect((await update('changed', { metadata: null })).data?.organization).toMatchObject({ name: 'After', metadata: {} });
  });

  it('answers NOT_FOUND for what never was', async () => expect(codeOf(await update('nobody', { name: 'A' }))).toBe('NOT_FOUND'));
});

describe('organizations', () => {
  type Listed = {
    organizations: { nodes: { id: string }[]; edges: { cursor: string }[]; pageInfo: { hasNextPage: boolean; endCursor: string | null } };
  };
  const list = (filter: Record<string, unknown> | null, page: Record<string, unknown> = {}, key?: string) =>
    api.ask<Listed>(
      `query ($f: OrganizationFilter, $first: Int, $after: String) {
         organizations(filter: $f, first: $first, after: $after) { nodes { id } edges { cursor } pageInfo { hasNextPage endCursor } } }`,
      { f: filter, ...page },
      key,
    );
  const ids = ({ data }: Awaited<ReturnType<typeof list>>) => data?.organizations.nodes.map(({ id }) => id);

  beforeAll(async () => {
    for (const [id, name] of [
      ['list-1', 'Ärzte 100%'],
      ['list-2', 'Second_A'],
      ['LIST-3', 'Third'],
    ])
      await create({ id, name });
  });

  it('are listed newest first, page by page', async () => {
    const first = await list({ search: 'list-' }, { first: 2 });
    expect(ids(first)).toEqual(['LIST-3', 'list-2']);
    const { hasNextPage, endCursor } = first.data?.organizations.pageInfo ?? {};
    expect(hasNextPage).toBe(true);
    const next = await list({ search: 'list-' }, { first: 2, after: endCursor });
    expect([ids(next), next.data?.organizations.pageInfo.hasNextPage]).toEqual([['list-1'], false]);
    expect(ids(await list(null, { first: 200 }))).toEqual(expect.arrayContaining(['default', 'other', 'list-1']));
  });

  it.each([
    ['äRZTE', ['list-1']],
    ['0%', ['list-1']],
    ['d_a', ['list-2']],
    ['LIST-3', ['LIST-3']],
    [String.raw`\ `, []],
  ])('are found by a part of id or name: %s', async (search, expected) => expect(ids(await list({ search }))).toEqual(expected));

  it('are counted', async () => {
    const query =
      '{ organizations(first: 1, filter: {search: "list-"}) { all: count { value exact } some: count(max: 2) { value exact } } }';
    expect(await api.query(query)).toEqual({ organizations: { all: { value: 3, exact: true }, some: { value: 2, exact: false } } });
  });

  it('are found by status', async () => {
    await api.query('mutation { suspendOrganization(id: "list-2") { id } }');
    expect(ids(await list({ search: 'list-', status: 'SUSPENDED' }))).toEqual(['list-2']);
    expect(ids(await list({ search: 'list-', status: 'ACTIVE' }))).toEqual(['LIST-3', 'list-1']);
  });

  it('are shown to keys that span, the metadata to ADMIN alone', async () => {
    expect(codeOf(await list(null, {}, api.keys.OTHER))).toBe('FORBIDDEN');
    const issued = await api.query<{ issueApiKey: { key: string } }>(
      'mutation { issueApiKey(name: "platform operator", role: OPERATOR, spansOrganizations: true) { key } }',
    );
    const operator = issued.issueApiKey.key;
    expect(ids(await list({ search: 'list-1' }, {}, operator))).toEqual(['list-1']);
    const { data, errors } = await api.ask<Listed>('{ organizations { nodes { id name status usage { endpoints } } } }', {}, operator);
    expect([errors, data?.organizations.nodes.length]).toEqual([undefined, expect.any(Number)]);
    expect(codeOf(await api.ask('{ organizations { nodes { metadata } } }', {}, operator))).toBe('FORBIDDEN');
    expect(codeOf(await api.ask('mutation { suspendOrganization(id: "list-1") { id } }', {}, operator))).toBe('FORBIDDEN');
  });
});

describe('organization(id)', () => {
  it('names another for keys that span; to others, what is not theirs never was', async () => {
    expect((await find('other')).data).toEqual({ organization: { id: 'other', name: 'other' } });
    expect((await find('other', api.keys.OTHER)).data).toEqual({ organization: { id: 'other', name: 'other' } });
    for (const id of ['default', 'nobody']) {
      const { errors } = await find(id, api.keys.OTHER);
      expect(errors?.[0]).toMatchObject({ message: 'There is no such organization.', extensions: { code: 'NOT_FOUND' } });
    }
  });

  it('shows the signing key of that organization, and records that it was shown in it', async () => {
    const own = await api.query<{ organization: { signingKey: string } }>('{ organization { signingKey } }', {}, api.keys.OTHER);
    expect(await api.query('{ organization(id: "other") { signingKey } }')).toEqual(own);
    expect(own.organization.signingKey).toBe('signing-key-of-other');
  });

  it('is the owner of endpoints, messages and deliveries', async () => {
    await asOrganization('other', 'mutation { createEndpoint(input: {name: "owned", url: "https://a.example"}) { id } }');
    expect((await publishFor('other')).status).toBe(202);
    const query = `{ organization { endpointCount usage { messagesLastDay waitingDeliveries endpoints } }
      endpoints { nodes { organization { id } } } messages { nodes { organization { id } deliveries { organization { id status } } } } }`;
    await expect
      .poll(async () => (await asOrganization('other', query)).data)
      .toEqual({
        organization: { endpointCount: 1, usage: { messagesLastDay: 1, waitingDeliveries: 1, endpoints: 1 } },
        endpoints: { nodes: [{ organization: { id: 'other' } }] },
        messages: { nodes: [{ organization: { id: 'other' }, deliveries: [{ organization: { id: 'other', status: 'ACTIVE' } }] }] },
      });
  });
});

describe('a shared event type', () => {
  type Type = { name: string; group: string; shared: boolean; audience: string; retired: boolean };
  const define = (organization: string, input: string, key = api.keys.ADMIN) =>
    asOrganization(
      organization,
      `mutation { defineEventType(input: {name: "order.placed", ${input}}) { name group shared audience } }`,
      key,
    );
  const types = async (organization: string) =>
    ((await asOrganization(organization, '{ eventTypes { name group shared audience retired } }')).data?.['eventTypes'] ?? []) as Type[];
  const retire = (organization: string, key = api.keys.ADMIN) =>
    asOrganization(organization, 'mutation { retireEventType(name: "order.placed") { name shared retired } }', key);

  it('is offered in every organization, grouped there, and replaced by the own one', async () => {
    await create({ id: 'shop', name: 'Shop' });
    expect(codeOf(await define('other', 'shared: true, group: "sales"', api.keys.OTHER))).toBe('FORBIDDEN');
    const { data } = await define('shop', 'shared: true, group: "sales", audience: INTERNAL');
    expect(data?.['defineEventType']).toEqual({ name: 'order.placed', group: 'sales', shared: true, audience: 'INTERNAL' });
    const shared = { name: 'order.placed', group: 'sales', shared: true, audience: 'INTERNAL', retired: false };
    for (const id of ['shop', 'other', 'default']) expect(await types(id)).toEqual([shared]);
    await asOrganization('shop', 'mutation { createEndpoint(input: {name: "e", url: "https://a.example", eventTypes: ["sales"]}) { id } }');
    const routed = async () =>
      ((await (await publishFor('shop')).json()) as { messages: { destinations: number }[] }).messages[0]?.destinations;
    expect(await routed()).toBe(1);
    await define('shop', 'group: "own"');
    expect(await types('shop')).toEqual([{ ...shared, group: 'own', shared: false, audience: 'PUBLIC' }]);
    expect(await types('other')).toEqual([shared]);
    expect(await routed()).toBe(0);
    const query = '{ messages { nodes { routing { nodes { routed } } } } }';
    const { data: explained } = await asOrganization('shop', query);
    const messages = explained?.['messages'] as unknown as { nodes: { routing: { nodes: { routed: boolean }[] } }[] };
    expect(messages.nodes.map(({ routing }) => routing.nodes.map(({ routed: was }) => was))).toEqual([[false], [true]]);
  });

  it('is retired by keys that span', async () => {
    expect(codeOf(await retire('other', api.keys.OTHER))).toBe('FORBIDDEN');
    expect((await retire('other')).data?.['retireEventType']).toEqual({ name: 'order.placed', shared: true, retired: true });
    expect((await types('default'))[0]).toMatchObject({ shared: true, retired: true });
    expect((await retire('shop')).data?.['retireEventType']).toMatchObject({ shared: false, retired: true });
  });
});

describe('a suspended organization', () => {
  it('publishes nothing: 403 with the reason; it is read, and goes on once resumed', async () => {
    await create({ id: 'late', name: 'Late' });
    const { data } = await api.ask<Answer>(
      `mutation { organization: suspendOrganization(id: "late", reason: "The invoice is unpaid.") { ${fields} } }`,
    );
    expect(data?.organization).toMatchObject({ status: 'SUSPENDED', suspendedReason: 'The invoice is unpaid.' });
    const refused = await publishFor('late');
    expect([refused.status, await refused.json()]).toMatchObject([
      403,
      { detail: 'The organization is suspended: The invoice is unpaid.' },
    ]);
    const mutation = 'mutation { publishMessages(messages: [{type: "a.b", data: {}}]) { id } }';
    expect(codeOf(await asOrganization('late', mutation))).toBe('FORBIDDEN');
    expect((await asOrganization('late', '{ messages { nodes { id } } }')).data).toEqual({ messages: { nodes: [] } });
    await api.query('mutation { resumeOrganization(id: "late") { status } }');
    expect((await publishFor('late')).status).toBe(202);
  });

  it('is never `default`', async () => {
    expect(codeOf(await api.ask('mutation { suspendOrganization(id: "default") { id } }'))).toBe('CONFLICT');
    expect(codeOf(await api.ask('mutation { deleteOrganization(id: "default", confirmName: "default") }'))).toBe('CONFLICT');
  });
});

describe('a deleted organization', () => {
  const remove = (id: string, name: string) =>
    api.ask('mutation ($id: ID!, $n: String!) { deleteOrganization(id: $id, confirmName: $n) }', { id, n: name });

  it('is gone with its keys, and its id is never used again', async () => {
    await create({ id: 'gone', name: 'Gone' });
    const { data } = await asOrganization('gone', 'mutation { issueApiKey(name: "own", role: ADMIN) { key } }');
    const { key } = (data?.['issueApiKey'] ?? {}) as { key?: string };
    expect((await find('gone', key)).errors).toBeUndefined();
    expect(codeOf(await remove('gone', 'gone'))).toBe('BAD_USER_INPUT');
    expect((await remove('gone', 'Gone')).data).toEqual({ deleteOrganization: 'gone' });
    expect(codeOf(await find('gone'))).toBe('NOT_FOUND');
    expect(codeOf(await find('gone', key))).toBe('UNAUTHENTICATED');
    expect((await publishFor('gone')).status).toBe(404);
    expect(codeOf(await remove('gone', 'Gone'))).toBe('NOT_FOUND');
    const { errors } = await create({ id: 'gone', name: 'Gone' });
    expect(errors?.[0]).toMatchObject({ message: expect.stringContaining('never used again') as string, extensions: { code: 'CONFLICT' } });
    const listed = await api.query<{ organizations: { nodes: { id: string }[] } }>('{ organizations(first: 200) { nodes { id } } }');
    expect(listed.organizations.nodes.map(({ id }) => id)).not.toContain('gone');
  });
});
