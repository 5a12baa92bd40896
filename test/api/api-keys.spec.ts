// API keys over GraphQL: names that nobody can confuse, and the last admin key, which stays.
import { once } from 'node:events';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { startApi, type ApiServer } from './api-server.ts';

let api: ApiServer;
beforeEach(async () => {
  api = await startApi();
});
afterEach(() => api.close());

type Issued = { issueApiKey: { id: string; name: string; key: string; expiresAt: string | null } };
const issue = (name: string, role = 'VIEWER', expiresAt: string | null = null, spans = false) =>
  api.ask<Issued>(
    `mutation ($n: String!, $r: ApiKeyRole!, $e: DateTime, $s: Boolean) {
       issueApiKey(name: $n, role: $r, expiresAt: $e, spansOrganizations: $s) { id name key expiresAt }
     }`,
    { n: name, r: role, e: expiresAt, s: spans },
  );
const inMs = (ms: number) => new Date(Date.now() + ms).toISOString();
const revoke = (id: string) => api.ask('mutation ($id: ID!) { revokeApiKey(id: $id) }', { id });
const idOf = (name: string) => {
  const found = [...api.directory.apiKeysOf('default' as never)].find((each) => each.name === name);
  if (!found) throw new Error(`There is no key ${name}.`);
  return found.id;
};

it('a name of a key that is valid is refused with the key that has it, until that is revoked', async () => {
  const first = (await issue(' Bücher ')).data?.issueApiKey;
  expect(first?.name).toBe('Bücher');
  const { errors } = await issue('Bu\u0308cher');
  expect(errors?.[0]).toMatchObject({
    message: expect.stringContaining(String(first?.id)),
    extensions: { code: 'CONFLICT', issues: [{ path: 'name' }] },
  });
  expect((await issue('bücher')).errors).toBeUndefined();
  await revoke(String(first?.id));
  expect((await issue('Bücher')).errors).toBeUndefined();
});

it('of two requests at the same moment, one gets the name', async () => {
  const answers = await Promise.all([issue('twin'), issue('twin'), issue('twin')]);
  expect(answers.filter(({ errors }) => errors === undefined)).toHaveLength(1);
});

it.each([
  ['issueApiKey', 'mutation ($n: String!) { issueApiKey(name: $n, role: VIEWER) { id } }', 'name'],
  ['createEndpoint', 'mutation ($n: String!) { createEndpoint(input: {name: $n, url: "https://a.example"}) { id } }', 'input.name'],
  ['createSource', 'mutation ($n: String!) { createSource(input: {name: $n, category: "a"}) { id } }', 'input.name'],
  ['defineEventType', 'mutation ($n: String!) { defineEventType(input: {name: "a.b", group: $n}) { name } }', 'input.group'],
])('%s refuses blank and invisible names by their path', async (_, mutation, path) => {
  for (const name of [' ', 'a\u200bb', 'a\u202eb', 'a\tb', '\u3164']) {
    const { errors } = await api.ask(mutation, { n: name });
    expect(errors?.[0]?.extensions).toMatchObject({ code: 'BAD_USER_INPUT', issues: [{ path }] });
  }
});

it('the last admin key cannot be revoked, and one of two can', async () => {
  const last = idOf('default-ADMIN');
  const { errors } = await revoke(last);
  expect(errors?.[0]).toMatchObject({ message: expect.stringContaining('last admin key'), extensions: { code: 'CONFLICT' } });
  const second = (await issue('second', 'ADMIN', null, true)).data?.issueApiKey;
  const both = await Promise.all([revoke(last), revoke(String(second?.id))]);
  expect(both.filter(({ errors: refused }) => refused !== undefined)).toHaveLength(1);
});

type Listed = {
  apiKeys: {
    nodes: { id: string; name: string; createdBy: string; lastUsedAt: string | null; expiresAt: string | null; revokedAt: string | null }[];
    pageInfo: { hasNextPage: boolean; endCursor: string };
  };
};
const list = (args = '', key?: string) =>
  api.ask<Listed>(
    `{ apiKeys${args} { nodes { id name role spansOrganizations createdAt createdBy lastUsedAt expiresAt revokedAt organization { id name } }
       pageInfo { hasNextPage endCursor } } }`,
    {},
    key,
  );
const namesIn = ({ data }: Awaited<ReturnType<typeof list>>) => data?.apiKeys.nodes.map(({ name }) => name);

it('lists the keys of the organization, newest first, with who issued them and when they were last used', async () => {
  const issued = (await issue('ci')).data?.issueApiKey;
  const { data } = await list('(first: 1)');
  expect(data?.apiKeys.nodes).toEqual([
    {
      id: issued?.id,
      name: 'ci',
      role: 'VIEWER',
      spansOrganizations: false,
      createdAt: expect.stringMatching(/Z$/) as string,
      createdBy: 'apikey:default-ADMIN',
      lastUsedAt: null,
      expiresAt: null,
      revokedAt: null,
      organization: { id: 'default', name: expect.any(String) as string },
    },
  ]);
  const next = await list(`(first: 10, after: "${data?.apiKeys.pageInfo.endCursor}")`);
  expect(namesIn(next)).toEqual(expect.arrayContaining(['default-ADMIN', 'default-VIEWER']));
  expect(namesIn(next)).not.toContain('ci');
  expect(namesIn(next)).not.toContain('other-ADMIN');
  const admin = next.data?.apiKeys.nodes.find(({ name }) => name === 'default-ADMIN');
  expect(admin?.lastUsedAt).toMatch(/T\d\d:00:00\.000Z$/);
  expect(Date.now() - Date.parse(admin?.lastUsedAt ?? '')).toBeLessThan(7_200_000);
});

it('lists revoked keys on request', async () => {
  const id = String((await issue('gone')).data?.issueApiKey.id);
  const count = async (args: string, max: number) =>
    (await api.query<{ apiKeys: { count: unknown } }>(`{ apiKeys${args} { count(max: ${max}) { value exact } } }`)).apiKeys.count;
  const all = (await count('', 100)) as { value: number; exact: boolean };
  expect(all.exact).toBe(true);
  await revoke(id);
  expect(await count('(first: 1)', 100)).toEqual({ value: all.value - 1, exact: true });
  expect(await count('(includeRevoked: true)', 100)).toEqual(all);
  expect(await count('', 1)).toEqual({ value: 1, exact: false });
  expect(namesIn(await list())).not.toContain('gone');
  const [gone] = (await list('(includeRevoked: true, first: 1)')).data?.apiKeys.nodes ?? [];
  expect(gone).toMatchObject({ id, name: 'gone', revokedAt: expect.stringMatching(/Z$/) as string });
});

it('lists them for admins only', async () => {
  for (const role of ['VIEWER', 'AUDITOR', 'PUBLISHER'] as const)
    expect((await list('', api.keys[role])).errors?.[0]?.extensions).toMatchObject({ code: 'FORBIDDEN' });
});

describe('a key that expires', () => {
  const soon = 3_000;

  it('says so where it is issued and listed, and is refused with that sentence from then on', async () => {
    const expiresAt = inMs(soon);
    const { id, key, expiresAt: answered } = (await issue('guest', 'VIEWER', expiresAt)).data!.issueApiKey;
    expect(answered).toBe(expiresAt);
    const [listed] = (await list('(first: 1)')).data?.apiKeys.nodes ?? [];
    expect(listed).toMatchObject({ id, expiresAt });
    expect((await api.ask('{ me { expiresAt } }', {}, key)).data).toEqual({ me: { expiresAt } });
    await expect
      .poll(async () => (await api.ask('{ me { name } }', {}, key)).errors?.[0], { timeout: 10 * soon })
      .toMatchObject({ message: expect.stringContaining(`expired at ${expiresAt}`) as string, extensions: { code: 'UNAUTHENTICATED' } });
    const response = await api.post('/v1/messages', '{}', { key });
    expect([response.status, await response.text()]).toEqual([401, expect.stringContaining('expired')]);
    expect(api.failedAuthentications).toContain('expired');
    // Its name is free again.
    expect((await issue('guest')).errors).toBeUndefined();
  });

  it('closes its WebSockets when it expires', async () => {
    const { key } = (await issue('socket', 'VIEWER', inMs(soon))).data!.issueApiKey;
    const socket = new WebSocket(`${api.url.replace('http', 'ws')}/graphql`, 'graphql-transport-ws');
    const closed = new Promise<number>((resolve) => socket.once('close', resolve));
    await new Promise((resolve) => socket.once('open', resolve));
    socket.send(JSON.stringify({ type: 'connection_init', payload: { authorization: `Bearer ${key}` } }));
    const [acknowledged] = (await once(socket, 'message')) as [Buffer];
    expect(String(acknowledged)).toContain('connection_ack');
    expect(await closed).toBe(4403);
    expect((await api.ask('{ me { name } }', {}, key)).errors?.[0]?.message).toContain('expired');
  });

  it('is not issued for a moment that has passed', async () => {
    const { errors } = await issue('late', 'VIEWER', inMs(-1_000));
    expect(errors?.[0]?.extensions).toMatchObject({ code: 'BAD_USER_INPUT', issues: [{ path: 'expiresAt' }] });
  });

  it('does not replace the last admin key that does not expire', async () => {
    const guest = String((await issue('guest', 'ADMIN', inMs(3_600_000), true)).data?.issueApiKey.id);
    const { errors } = await revoke(idOf('default-ADMIN'));
    expect(errors?.[0]).toMatchObject({ message: expect.stringContaining('does not expire') as string, extensions: { code: 'CONFLICT' } });
    expect((await revoke(guest)).errors).toBeUndefined();
  });
});

describe('me', () => {
  it.each([
    ['ADMIN', ['VIEW_PAYLOADS', 'MANAGE_ENDPOINTS', 'VIEW_SECRETS', 'SEND_TESTS', 'RETRY']],
    ['OPERATOR', ['VIEW_PAYLOADS', 'MANAGE_ENDPOINTS', 'SEND_TESTS', 'RETRY']],
    ['PUBLISHER', []],
    ['VIEWER', ['VIEW_PAYLOADS']],
    ['AUDITOR', ['VIEW_PAYLOADS']],
  ] as const)('says of %s what it may', async (role, capabilities) => {
    const question = '{ me { kind name role capabilities spansOrganizations organization { id } expiresAt } }';
    expect((await api.ask(question, {}, api.keys[role])).data).toEqual({
      me: {
        kind: 'API_KEY',
        name: `default-${role}`,
        role,
        capabilities,
        spansOrganizations: role === 'ADMIN',
        organization: { id: 'default' },
        expiresAt: null,
      },
    });
  });
});
