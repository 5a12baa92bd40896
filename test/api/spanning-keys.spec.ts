// Keys that span the installation: for which organization their calls act, and what an organization's own keys learn of them.
import { createClient } from 'graphql-ws';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { startApi, type ApiServer } from './api-server.ts';

let api: ApiServer;
beforeAll(async () => {
  api = await startApi();
});
afterAll(() => api.close());

const question = '{ organization { id } me { spansOrganizations organization { id } } }';
const ask = async (key: string, organization?: string, query = question) => {
  const headers = organization === undefined ? {} : { 'hookledger-organization': organization };
  const response = await api.post('/graphql', JSON.stringify({ query }), { key, headers });
  const { data, errors } = (await response.json()) as {
    data?: Record<string, never>;
    errors?: { message: string; extensions: { code: string } }[];
  };
  return { status: response.status, data, code: errors?.[0]?.extensions.code, message: errors?.[0]?.message };
};
const publish = (key: string, organization: string) =>
  api.post('/v1/messages', JSON.stringify({ type: 'order.placed', data: {} }), {
    key,
    headers: { 'hookledger-organization': organization },
  });
const issue = async (name: string, args: string, key = api.keys.ADMIN) =>
  api.ask<{ issueApiKey: { id: string; key: string; spansOrganizations: boolean } }>(
    `mutation { issueApiKey(name: "${name}", ${args}) { id key spansOrganizations } }`,
    {},
    key,
  );
const names = async (key: string) =>
  (await api.query<{ apiKeys: { nodes: { name: string }[] } }>('{ apiKeys(first: 200) { nodes { name } } }', {}, key)).apiKeys.nodes.map(
    ({ name }) => name,
  );

describe('a key that spans', () => {
  it('acts for the organization that the header names, and for `default` without one', async () => {
    expect(await ask(api.keys.ADMIN)).toMatchObject({ data: { organization: { id: 'default' } } });
    expect(await ask(api.keys.ADMIN, 'other')).toMatchObject({
      data: { organization: { id: 'other' }, me: { spansOrganizations: true, organization: { id: 'other' } } },
    });
  });

  it('makes and reads what belongs to that organization, and to no other', async () => {
    const made = await ask(
      api.keys.ADMIN,
      'other',
      'mutation { createEndpoint(input: {name: "of other", url: "https://a.example"}) { id } }',
    );
    expect(made.code).toBeUndefined();
    const list = '{ endpoints { nodes { name } } }';
    expect((await ask(api.keys.ADMIN, undefined, list)).data).toEqual({ endpoints: { nodes: [] } });
    expect((await ask(api.keys.ADMIN, 'other', list)).data).toEqual({ endpoints: { nodes: [{ name: 'of other' }] } });
    expect((await ask(api.keys.OTHER, undefined, list)).data).toEqual({ endpoints: { nodes: [{ name: 'of other' }] } });
    const { id } = (made.data?.['createEndpoint'] ?? {}) as { id?: string };
    expect((await ask(api.keys.ADMIN, undefined, `{ endpoint(id: "${id}") { id } }`)).data).toEqual({ endpoint: null });
  });

  it('publishes for it', async () => {
    expect((await publish(api.keys.ADMIN, 'other')).status).toBe(202);
    await expect
      .poll(async () => (await ask(api.keys.OTHER, undefined, '{ messages { nodes { eventType } } }')).data)
      .toEqual({ messages: { nodes: [{ eventType: 'order.placed' }] } });
    expect((await ask(api.keys.ADMIN, undefined, '{ messages { nodes { eventType } } }')).data).toEqual({ messages: { nodes: [] } });
  });

  it('is told that there is no such organization: 404 and NOT_FOUND', async () => {
    for (const unknown of ['nobody', '', 'other, other', 'x'.repeat(500)]) {
      const { status, code, message } = await ask(api.keys.ADMIN, unknown);
      expect([status, code, message]).toEqual([404, 'NOT_FOUND', expect.stringContaining(`no organization "${unknown.slice(0, 128)}"`)]);
    }
    const refused = await publish(api.keys.ADMIN, 'nobody');
    expect([refused.status, (await refused.json()) as object]).toMatchObject([404, { type: 'urn:hookledger:problem:not-found' }]);
  });

  it.each(['ADMIN', 'OPERATOR', 'PUBLISHER', 'VIEWER', 'AUDITOR'])(
    'is issued by another, with the role %s, and belongs to `default`',
    async (role) => {
      const { data } = await issue(`spanning ${role}`, `role: ${role}, spansOrganizations: true`);
      expect(data?.issueApiKey.spansOrganizations).toBe(true);
      const { data: me } = await ask(data?.issueApiKey.key ?? '', 'other', '{ me { role spansOrganizations organization { id } } }');
      expect(me).toEqual({ me: { role, spansOrganizations: true, organization: { id: 'other' } } });
      expect(await names(api.keys.ADMIN)).toContain(`spanning ${role}`);
      expect(await names(api.keys.OTHER)).not.toContain(`spanning ${role}`);
    },
  );

  it('names the organization of a WebSocket in connection_init', async () => {
    const over = async (organization: unknown) => {
      const url = `${api.url.replace('http', 'ws')}/graphql`;
      const connectionParams = { authorization: `Bearer ${api.keys.ADMIN}`, organization };
      const client = createClient({ url, webSocketImpl: WebSocket, connectionParams, retryAttempts: 0 });
      try {
        for await (const result of client.iterate({ query: '{ me { organization { id } } }' })) return result.data;
        return undefined;
      } catch (error) {
        return error;
      } finally {
        await client.dispose();
      }
    };
    expect(await over('other')).toEqual({ me: { organization: { id: 'other' } } });
    expect(await over(undefined)).toEqual({ me: { organization: { id: 'default' } } });
    expect(await over('nobody')).toMatchObject({ code: 4403, reason: expect.stringContaining('no organization "nobody"') as string });
    expect(await over(7)).toMatchObject({ code: 4403 });
  });
});

describe("an organization's own key", () => {
  it('may name its own organization, and no other: 403', async () => {
    expect(await ask(api.keys.OTHER, 'other')).toMatchObject({
      data: { me: { spansOrganizations: false, organization: { id: 'other' } } },
    });
    for (const foreign of ['default', 'nobody'])
      expect(await ask(api.keys.OTHER, foreign)).toMatchObject({ status: 403, code: 'FORBIDDEN' });
    expect((await publish(api.keys.OTHER, 'default')).status).toBe(403);
    expect(await ask(api.keys.VIEWER, 'other')).toMatchObject({ status: 403 });
  });

  it('issues none that spans', async () => {
    const { errors } = await issue('escape', 'role: ADMIN, spansOrganizations: true', api.keys.OTHER);
    expect(errors?.[0]?.extensions).toMatchObject({ code: 'FORBIDDEN' });
  });

  it('of `default` neither sees nor revokes those that span', async () => {
    const own = (await issue('own admin', 'role: ADMIN')).data?.issueApiKey;
    const spanning = (await issue('platform', 'role: VIEWER, spansOrganizations: true')).data?.issueApiKey;
    expect(await names(own?.key ?? '')).toContain('own admin');
    expect(await names(own?.key ?? '')).not.toContain('platform');
    const revoke = (id: string | undefined, key: string) => api.ask(`mutation { revokeApiKey(id: "${id}") }`, {}, key);
    expect((await revoke(spanning?.id, own?.key ?? '')).errors?.[0]?.extensions).toMatchObject({ code: 'NOT_FOUND' });
    const { errors } = await issue('platform', 'role: VIEWER', own?.key);
    expect(errors?.[0]).toMatchObject({ message: 'The key "platform" has this name; choose another one.' });
    expect((await revoke(spanning?.id, api.keys.ADMIN)).errors).toBeUndefined();
  });
});

it('the last admin key of an organization is revoked by one that spans, and not by itself', async () => {
  const [other] = api.directory.apiKeysOf('other' as never);
  const query = `mutation { revokeApiKey(id: "${other?.id}") }`;
  expect(await ask(api.keys.OTHER, undefined, query)).toMatchObject({
    code: 'CONFLICT',
    message: expect.stringContaining('last admin key') as string,
  });
  expect((await ask(api.keys.ADMIN, 'other', query)).data).toEqual({ revokeApiKey: other?.id });
  expect(await ask(api.keys.OTHER)).toMatchObject({ status: 401 });
});
