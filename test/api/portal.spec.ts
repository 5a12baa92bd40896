// Portal sessions: what their tokens are, what each capability allows, and how sessions end.
import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { api, setUp, open, tokenWith, refusal, create, publish } from './given-portal.ts';

setUp();

describe('opening a session', () => {
  it('answers a token, the portal with the token behind the #, and when it ends; the log says who may what, without the token', async () => {
    const before = Date.now();
    const endpointIds = [await create('opened')];
    const { token, url, expiresAt } = await open({ subject: 'berta', ttlSeconds: 60, capabilities: ['RETRY'], endpointIds });
    expect(url).toBe(`${api.url.replace('127.0.0.1', new URL(url).hostname)}/portal#${token}`);
    expect(Date.parse(expiresAt) - before).toBeGreaterThan(58_000);
    const history = await api.query<{ history: { nodes: { actor: string; data: unknown }[] } }>(
      '{ history(filter: { types: ["portalsession.opened"] }, newestFirst: true, first: 1) { nodes { actor data } } }',
    );
    const session = { organizationId: 'default', subject: 'berta', capabilities: ['RETRY'], endpointIds, expiresAt };
    expect(history.history.nodes).toEqual([{ actor: 'apikey:default-ADMIN', data: session }]);
  });

  it.each([
    [{ subject: ' ' }, 'input.subject'],
    [{ subject: 'a\u200bb' }, 'input.subject'],
    [{ ttlSeconds: 59 }, 'input.ttlSeconds'],
    [{ ttlSeconds: 86_401 }, 'input.ttlSeconds'],
    [{ endpointIds: [] }, 'input.endpointIds'],
    [{ endpointIds: Array.from({ length: 101 }, () => 'a') }, 'input.endpointIds'],
    [{ endpointIds: ['0b5f4a52-6b0c-4a5e-9d0e-3f1f5b6c7d81'] }, 'input.endpointIds.0'],
  ])('is refused with %j', async (input, path) => {
    const mutation = 'mutation ($i: PortalSessionInput!) { createPortalSession(input: $i) { token } }';
    expect(await refusal(mutation, api.keys.ADMIN, { i: { subject: 'anna', ...input } })).toMatchObject({
      code: 'BAD_USER_INPUT',
      issues: [{ path }],
    });
  });

  it('is for admins only, and never for an endpoint of another organization', async () => {
    const mutation = 'mutation { createPortalSession(input: { subject: "x" }) { token } }';
    for (const key of [api.keys.OPERATOR, api.keys.AUDITOR, api.keys.VIEWER, api.keys.PUBLISHER, await tokenWith()])
      expect((await refusal(mutation, key)).code).toBe('FORBIDDEN');
    const foreign = await create('foreign', {}, api.keys.OTHER);
    const other = 'mutation ($e: [ID!]) { createPortalSession(input: { subject: "x", endpointIds: $e }) { token } }';
    expect((await refusal(other, api.keys.ADMIN, { e: [foreign] })).code).toBe('BAD_USER_INPUT');
  });
});

describe('a token', () => {
  it('says who is calling, and what they may', async () => {
    const { token, expiresAt } = await open({ capabilities: ['RETRY', 'VIEW_PAYLOADS', 'RETRY'] });
    const { me } = await api.query<{ me: unknown }>('{ me { kind name role capabilities organization { id } expiresAt } }', {}, token);
    const capabilities = ['VIEW_PAYLOADS', 'RETRY'];
    expect(me).toEqual({ kind: 'PORTAL', name: 'anna', role: null, capabilities, organization: { id: 'default' }, expiresAt });
  });

  it('with 100 endpoints has fewer than 4,096 characters, and is accepted', async () => {
    const endpointIds = await Promise.all(Array.from({ length: 100 }, (_, i) => create(`many-${i}`)));
    const { token } = await open({ subject: 'ä'.repeat(128), endpointIds });
    expect(token.length).toBeLessThan(4_096);
    const { endpoints } = await api.query<{ endpoints: { nodes: unknown[] } }>('{ endpoints(first: 200) { nodes { id } } }', {}, token);
    expect(endpoints.nodes).toHaveLength(100);
  });

  it('that was changed, or signed by somebody else, is refused and counts as a failed authentication', async () => {
    const token = await tokenWith();
    const [json = '', ids = ''] = token.slice('hlp_'.length).split('.');
    const signed = `hlp_${Buffer.from(Buffer.from(json, 'base64url').toString().replace('anna', 'root')).toString('base64url')}.${ids}`;
    const forged = [
      `${signed}.${token.split('.')[2]}`,
      `${signed}.${createHmac('sha256', Buffer.alloc(32)).update(signed).digest('base64url')}`,
      `${token.slice(0, -1)}${token.endsWith('A') ? 'E' : 'A'}`,
      `${token}A`,
      'hlp_',
      'hlp_..',
    ];
    for (const each of forged) expect(await refusal('{ me { name } }', each)).toMatchObject({ code: 'UNAUTHENTICATED' });
    expect(api.failedAuthentications.filter((failure) => failure === 'unknown').length).toBeGreaterThanOrEqual(forged.length);
  });

  it('reads of the installation what forms show', async () => {
    const { token } = await open();
    expect(await api.query('{ system { httpAllowed log database consumers { name } waiting } }', {}, token)).toEqual({
      system: { httpAllowed: true, log: null, database: null, consumers: null, waiting: null },
    });
  });

  it('publishes nothing, and reads neither metrics nor the details of readiness', async () => {
    const { token } = await open();
    expect((await api.publish({ type: 'a', data: {} }, token)).status).toBe(403);
    const get = (path: string) => fetch(api.url + path, { headers: { authorization: `Bearer ${token}` } });
    expect((await get('/metrics')).status).toBe(403);
    expect(Object.keys((await (await get('/health/ready')).json()) as object)).toEqual(['status']);
  });
});

describe('capabilities', () => {
  const read = `query ($id: ID!) { message(id: $id) { data dataHidden eventType timeline { text event { actor actorId correlationId data } } } }`;
  type Shown = { message: { data: unknown; dataHidden: boolean; timeline: { text: string; event: Record<string, unknown> }[] } };

  it('VIEW_PAYLOADS shows contents, without what may be secret in them unless there is VIEW_SECRETS as well', async () => {
    await create('contents');
    const id = await publish('contents.now', { amount: 7, password: 'hunter22' });
    const data = async (...capabilities: string[]) => (await api.query<Shown>(read, { id }, await tokenWith(...capabilities))).message;
    expect(await data()).toMatchObject({ data: {}, dataHidden: true });
    expect(await data('VIEW_SECRETS')).toMatchObject({ data: {}, dataHidden: true });
    expect(await data('VIEW_PAYLOADS')).toMatchObject({ data: { amount: 7, password: '••••••' }, dataHidden: false });
    expect(await data('VIEW_PAYLOADS', 'VIEW_SECRETS')).toMatchObject({ data: { amount: 7, password: 'hunter22' } });
  });

  it('nothing tells a session which key acted, or what others did', async () => {
    await create('acted');
    const id = await publish('acted.now', { n: 'content-of-acted' });
    const { message } = await api.query<Shown>(read, { id }, await tokenWith());
    expect(message.timeline).not.toEqual([]);
    expect(JSON.stringify(message)).not.toMatch(/apikey:|default-ADMIN|content-of-acted/);
    for (const query of [
      '{ history { nodes { id } } }',
      '{ apiKeys { nodes { id } } }',
      '{ sources { id } }',
      '{ replays { nodes { id } } }',
    ])
      expect((await refusal(query, await tokenWith('VIEW_PAYLOADS', 'VIEW_SECRETS', 'MANAGE_ENDPOINTS', 'RETRY'))).code).toBe('FORBIDDEN');
  });

  it('VIEW_SECRETS shows the secret of an endpoint, which the log records, and the organization’s signing key to none', async () => {
    const id = await create('secrets', { url: 'https://a.example/hook?token=hidden-in-url' });
    const query = 'query ($id: ID!) { endpoint(id: $id) { secret url } }';
    const without = await api.query(query, { id }, await tokenWith('VIEW_PAYLOADS', 'MANAGE_ENDPOINTS', 'RETRY', 'SEND_TESTS'));
    expect(without).toMatchObject({ endpoint: { secret: null, url: expect.not.stringContaining('hidden-in-url') as string } });
    const { token } = await open({ subject: 'clara', capabilities: ['VIEW_SECRETS'] });
    const url = expect.stringContaining('hidden-in-url') as string;
    expect(await api.query(query, { id }, token)).toEqual({ endpoint: { secret: 'secret-of-secrets', url } });
    const shown = '{ history(filter: { types: ["disclosure.secret-shown"], actor: "portal:clara" }) { nodes { data } } }';
    await expect.poll(async () => JSON.stringify(await api.query(shown))).toContain(id);
    expect((await refusal('{ organization { signingKey } }', token)).code).toBe('FORBIDDEN');
  });

  it('MANAGE_ENDPOINTS makes and changes endpoints, as portal:<subject>', async () => {
    const token = await tokenWith('MANAGE_ENDPOINTS');
    const id = await create('managed', {}, token);
    await api.query('mutation ($id: ID!) { pauseEndpoint(id: $id) { status } }', { id }, token);
    const { history } = await api.query<{ history: { nodes: unknown[] } }>(
      'query ($id: ID!) { history(filter: { endpointId: $id }) { nodes { type actor actorId } } }',
      { id },
    );
    expect(history.nodes).toEqual([
      { type: 'endpoint.registered', actor: 'portal:anna', actorId: null },
      { type: 'endpoint.paused', actor: 'portal:anna', actorId: null },
    ]);
    const preview =
      'mutation { previewEndpoint(input: { name: "p", url: "https://a.example" }, message: { type: "a", data: {} }) { body } }';
    expect((await api.ask(preview, {}, token)).errors).toBeUndefined();
    const whatIf = '{ whatIf(endpoint: { name: "w", url: "https://a.example" }) { messages { body error message { data } } } }';
    const { data } = await api.ask<{ whatIf: { messages: object[] } }>(whatIf, {}, token);
    expect(data?.whatIf.messages.length).toBeGreaterThan(0);
    for (const each of data?.whatIf.messages ?? []) expect(each).toEqual({ body: null, error: null, message: { data: {} } });
  });

  it('each allows what it names, and nothing else', async () => {
    const id = await create('bounds');
    const message = await publish('bounds.now', {});
    const found = await api.query<{ message: { deliveries: { id: string }[] } }>(
      'query ($m: ID!) { message(id: $m) { deliveries { id } } }',
      {
        m: message,
      },
    );
    const deliveryId = found.message.deliveries[0]?.id;
    const needs: Record<string, [query: string, variables: object][]> = {
      MANAGE_ENDPOINTS: [
        ['mutation ($id: ID!) { updateEndpoint(id: $id, input: { description: "x" }) { id } }', { id }],
        ['mutation ($id: ID!) { rotateEndpointSecret(id: $id) { id } }', { id }],
      ],
      SEND_TESTS: [['mutation ($id: ID!) { testEndpoint(id: $id, eventType: "bounds.now") { id } }', { id }]],
      RETRY: [
        ['mutation ($id: ID!) { retryDelivery(id: $id) { id } }', { id: deliveryId }],
        ['mutation ($id: ID) { retryDeliveries(filter: { endpointId: $id }) { matched } }', { id }],
      ],
    };
    for (const capability of ['VIEW_PAYLOADS', 'VIEW_SECRETS', 'MANAGE_ENDPOINTS', 'SEND_TESTS', 'RETRY'])
      for (const [needed, operations] of Object.entries(needs))
        for (const [query, variables] of operations) {
          const { code, message: sentence } = await refusal(query, await tokenWith(capability), { ...variables });
          const isRefused = capability !== needed;
          expect([query, code === 'FORBIDDEN', sentence.includes(needed)]).toEqual([query, isRefused, isRefused]);
        }
  });
});

describe('the end of a session', () => {
  const connect = async (token: string) => {
    const socket = new WebSocket(`${api.url.replace('http', 'ws')}/graphql`, 'graphql-transport-ws');
    const closed = new Promise<number>((resolve) => socket.once('close', resolve));
    await once(socket, 'open');
    socket.send(JSON.stringify({ type: 'connection_init', payload: { authorization: `Bearer ${token}` } }));
    await once(socket, 'message');
    return { socket, closed };
  };

  it('endPortalSessions ends all that were opened before, also on running WebSockets, and none that is opened after', async () => {
    const { token } = await open();
    const other = await open({}, api.keys.OTHER);
    const { closed } = await connect(token);
    expect(await api.query('mutation { endPortalSessions }')).toEqual({ endPortalSessions: true });
    expect(await refusal('{ me { name } }', token)).toMatchObject({
      code: 'UNAUTHENTICATED',
      message: expect.stringMatching(/ended/) as string,
    });
    expect(await closed).toBe(4403);
    expect((await api.ask('{ me { name } }', {}, (await open()).token)).errors).toBeUndefined();
    expect((await api.ask('{ me { name } }', {}, other.token)).errors).toBeUndefined();
    const history =
      '{ history(filter: { types: ["organization.portal-sessions-ended"] }, newestFirst: true, first: 1) { nodes { actor } } }';
    await expect.poll(() => api.query(history)).toEqual({ history: { nodes: [{ actor: 'apikey:default-ADMIN' }] } });
  });

  it('for others than admins is not to be had', async () => {
    for (const key of [api.keys.OPERATOR, (await open()).token])
      expect((await refusal('mutation { endPortalSessions }', key)).code).toBe('FORBIDDEN');
  });
});

it('an event type for internal use is as if it never was: neither listed, nor its messages and deliveries', async () => {
  await api.executor.execute(
    {
      stream: 'organization-default',
      decider: (await import('../../src/domain/organization.ts')).organization,
      command: { type: 'DefineEventType', name: 'inside.now', description: null, sample: null, audience: 'INTERNAL' },
    },
    { actor: 'system:test', commandId: 'define-inside' },
  );
  await create('inside');
  const id = await publish('inside.now', {});
  const { token } = await open();
  const query =
    'query ($id: ID!) { eventTypes { name } messages { nodes { eventType } } message(id: $id) { id } deliveries { nodes { message { id } } } }';
  expect(JSON.stringify(await api.query(query, { id }))).toContain('inside.now');
  const seen = await api.query<{ message: unknown }>(query, { id }, token);
  expect(seen.message).toBeNull();
  expect(JSON.stringify(seen)).not.toMatch(new RegExp(`inside|${id}`));
});
