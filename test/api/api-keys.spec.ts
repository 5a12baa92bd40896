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
