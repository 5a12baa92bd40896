// API keys over GraphQL: names that nobody can confuse, and the last admin key, which stays.
import { afterEach, beforeEach, expect, it } from 'vitest';
import { startApi, type ApiServer } from './api-server.ts';

let api: ApiServer;
beforeEach(async () => {
  api = await startApi();
});
afterEach(() => api.close());

const issue = (name: string, role = 'VIEWER') =>
  api.ask<{ issueApiKey: { id: string; name: string } }>(
    'mutation ($n: String!, $r: ApiKeyRole!) { issueApiKey(name: $n, role: $r) { id name } }',
    {
      n: name,
      r: role,
    },
  );
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
  const second = (await issue('second', 'ADMIN')).data?.issueApiKey;
  const both = await Promise.all([revoke(last), revoke(String(second?.id))]);
  expect(both.filter(({ errors: refused }) => refused !== undefined)).toHaveLength(1);
});

type Listed = {
  apiKeys: {
    nodes: { id: string; name: string; createdBy: string; lastUsedAt: string | null; revokedAt: string | null }[];
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
  await revoke(id);
  expect(namesIn(await list())).not.toContain('gone');
  const [gone] = (await list('(includeRevoked: true, first: 1)')).data?.apiKeys.nodes ?? [];
  expect(gone).toMatchObject({ id, name: 'gone', revokedAt: expect.stringMatching(/Z$/) as string });
});

it('lists them for admins only', async () => {
  for (const role of ['VIEWER', 'AUDITOR', 'PUBLISHER'] as const)
    expect((await list('', api.keys[role])).errors?.[0]?.extensions).toMatchObject({ code: 'FORBIDDEN' });
});
