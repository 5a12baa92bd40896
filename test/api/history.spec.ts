// The history over GraphQL: the log in pages, an endpoint at a moment, its changes, and why a message was routed as it was.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hashOfKey } from '../../src/commands/organization-commands.ts';
import { mask } from '../../src/domain/header-masking.ts';
import { startApi, type ApiServer } from './api-server.ts';
import { logKinds, type LogUnderTest } from '../support/logs.ts';
import { waitFor } from '../support/wait-for.ts';

describe.each(logKinds)('on $name,', ({ make }) => {
  let api: ApiServer;
  let log: LogUnderTest;
  beforeAll(async () => {
    log = await make();
    api = await startApi({ log });
  });
  afterAll(async () => {
    await api.close();
    await log.discard();
  });

  type Event = {
    id: string;
    position: string;
    recordedAt: string;
    stream: string;
    type: string;
    actor: string;
    actorId: string | null;
    correlationId: string | null;
    data: unknown;
  };
  type Page = { history: { nodes: Event[]; pageInfo: { hasNextPage: boolean; endCursor: string | null } } };
  const historyQuery = `query ($first: Int, $after: String, $filter: HistoryFilter, $newestFirst: Boolean) {
  history(first: $first, after: $after, filter: $filter, newestFirst: $newestFirst) {
    nodes { id position stream revision type recordedAt actor actorId correlationId causationId data } pageInfo { hasNextPage endCursor } } }`;
  const history = async (variables: Record<string, unknown>, key = api.keys.AUDITOR) =>
    (await api.query<Page>(historyQuery, variables, key)).history;
  const create = async (input: Record<string, unknown>) =>
    (
      await api.query<{ createEndpoint: { id: string } }>('mutation ($input: EndpointInput!) { createEndpoint(input: $input) { id } }', {
        input: { name: 'Alerts', url: 'https://hooks.example/in', ...input },
      })
    ).createEndpoint.id;
  const update = (id: string, input: Record<string, unknown>) =>
    api.query('mutation ($id: ID!, $input: EndpointPatch!) { updateEndpoint(id: $id, input: $input) { id } }', { id, input });
  const publish = async (type: string, data: Record<string, unknown> = {}) =>
    (
      await api.query<{ publishMessages: { id: string }[] }>(
        'mutation ($messages: [MessageInput!]!) { publishMessages(messages: $messages) { id } }',
        { messages: [{ type, data }] },
      )
    ).publishMessages[0]!.id;
  const refused = async (query: string, variables: Record<string, unknown> = {}, key = api.keys.AUDITOR) => {
    const { errors } = await api.ask(query, variables, key);
    const [error] = errors ?? [];
    return { code: error?.extensions.code, message: error?.message, paths: error?.extensions.issues?.map(({ path }) => path) };
  };

  describe('the history', () => {
    it('says who changed an endpoint in which request, and shows no secret', async () => {
      const id = await create({ secret: 'my-own-secret', headers: [{ name: 'Authorization', value: 'Bearer abc' }] });
      await update(id, { url: 'https://hooks.example/other' });
      const { nodes } = await history({ filter: { endpointId: id } });
      expect(nodes).toMatchObject([
        { type: 'endpoint.registered', actor: 'apikey:default-ADMIN', stream: `endpoint-${id}`, causationId: null },
        { type: 'endpoint.url-changed', actor: 'apikey:default-ADMIN', data: { url: 'https://hooks.example/other' } },
      ]);
      const { id: keyId } = api.directory.apiKey(hashOfKey(api.keys.ADMIN))!;
      expect(nodes.map(({ actorId }) => actorId)).toEqual([keyId, keyId]);
      const system = await history({ filter: { actor: 'system:test' } });
      expect(new Set(system.nodes.map(({ actorId }) => actorId))).toEqual(new Set([null]));
      expect(new Set(nodes.map(({ correlationId }) => correlationId)).size).toBe(2);
      expect(nodes[0]!.data).toMatchObject({
        secret: mask,
        headers: [{ name: 'Authorization', value: mask }],
        signature: 'WEBHOOK_SHA256',
      });
    });

    it('has the whole log in pages, for admins and auditors only', async () => {
      const { nodes } = await history({ first: 200 }, api.keys.ADMIN);
      expect(nodes.map(({ position }) => position)).toEqual(nodes.map(({ position }) => position).toSorted());
      const seen: string[] = [];
      let after: string | null = null;
      do {
        const page: Page['history'] = await history({ first: 5, after, newestFirst: true });
        seen.push(...page.nodes.map(({ id }) => id));
        after = page.pageInfo.hasNextPage ? page.pageInfo.endCursor : null;
      } while (after !== null);
      expect(seen).toEqual(nodes.map(({ id }) => id).toReversed());
      const shown = JSON.stringify(nodes);
      for (const part of ['my-own-secret', 'signing-key-of', 'Bearer', 'v1.']) expect(shown).not.toContain(part);
      for (const key of [api.keys.VIEWER, api.keys.PUBLISHER])
        expect(await refused(historyQuery, {}, key)).toMatchObject({
          code: 'FORBIDDEN',
          message: expect.stringMatching(/ADMIN, OPERATOR or AUDITOR/) as string,
        });
      expect((await history({ filter: { actor: 'apikey:default-ADMIN' } }, api.keys.OTHER)).nodes).toEqual([]);
    });

    it.each([
      [{ filter: { types: ['endpoint.moved'] } }, 'BAD_USER_INPUT', /no event "endpoint\.moved"; there are endpoint\.registered/],
      [{ filter: { since: '2026-01-02T00:00:00Z', until: '2026-01-01T00:00:00Z' } }, 'BAD_USER_INPUT', /is before `since`/],
      [{ filter: { messageId: 'none' } }, 'NOT_FOUND', /no message "none"/],
      [{ filter: { endpointId: 'none' } }, 'NOT_FOUND', /no endpoint "none"/],
      [{ after: 'MTIz' }, 'BAD_USER_INPUT', /cursor is of no event/],
      [{ after: '??' }, 'BAD_USER_INPUT', /not a cursor/],
    ])('refuses %j', async (variables, code, message) => {
      expect(await refused(historyQuery, variables)).toMatchObject({ code, message: expect.stringMatching(message) as string });
    });
  });

  describe('an endpoint', () => {
    it('is shown as of a time or a position, but not of one that the log does not have', async () => {
      const id = await create({ name: 'Before' });
      const [registered] = (await history({ filter: { endpointId: id } })).nodes;
      await waitFor(() => expect(Date.now()).toBeGreaterThan(Date.parse(registered!.recordedAt)));
      await update(id, { name: 'After' });
      const asOf = 'query ($id: ID!, $asOf: DateTime) { endpoint(id: $id, asOf: $asOf) { name } }';
      expect(await api.query(asOf, { id, asOf: registered!.recordedAt })).toEqual({ endpoint: { name: 'Before' } });
      expect(await api.query(asOf, { id, asOf: new Date().toISOString() })).toEqual({ endpoint: { name: 'After' } });
      expect(await api.query(asOf, { id, asOf: '2020-01-01T00:00:00Z' })).toEqual({ endpoint: null });
      const query = 'query ($id: ID!, $at: Position) { endpoint(id: $id, asOfPosition: $at) { name } }';
      expect(await api.query(query, { id, at: registered!.position })).toEqual({ endpoint: { name: 'Before' } });
      const [first] = (await history({ first: 1 })).nodes;
      expect(await api.query(query, { id, at: first!.position })).toEqual({ endpoint: null });
      expect(await refused(query, { id, at: first!.position.replaceAll(/./g, '9') })).toMatchObject({
        code: 'BAD_USER_INPUT',
        message: expect.stringMatching(/has not come to the position/) as string,
        paths: ['asOfPosition'],
      });
      for (const at of ['yesterday', first!.position.replace(/.$/, 'x'), '000000000000000a'])
        expect(await refused(query, { id, at })).toMatchObject({ message: expect.stringMatching(/no position of this log/) as string });
      const both = 'query ($id: ID!) { endpoint(id: $id, asOf: "2026-01-01T00:00:00Z", asOfPosition: "1") { id } }';
      expect(await refused(both, { id })).toMatchObject({ message: 'Give `asOf` or `asOfPosition`, not both.' });
    });

    it('lists its changes field by field, even after it was deleted', async () => {
      const id = await create({ secret: 'the-first' });
      await update(id, { name: 'Other', retryPolicy: { delaysSeconds: [0, 5] } });
      await api.query('mutation ($id: ID!) { rotateEndpointSecret(id: $id, secret: "the-second") { id } }', { id });
      await api.query('mutation ($id: ID!) { deleteEndpoint(id: $id) }', { id });
      const query = `query ($id: ID!, $since: DateTime, $until: DateTime) {
      endpointChanges(id: $id, since: $since, until: $until) { at actor field from to event { type data } } }`;
      const { endpointChanges } = await api.query<{ endpointChanges: { field: string; event: { type: string } }[] }>(
        query,
        { id },
        api.keys.AUDITOR,
      );
      const later = endpointChanges.filter(({ event }) => !['endpoint.registered', 'endpoint.deleted'].includes(event.type));
      expect(later).toMatchObject([
        { actor: 'apikey:default-ADMIN', field: 'name', from: 'Alerts', to: 'Other', event: { type: 'endpoint.renamed' } },
        { field: 'retryPolicy', to: { delaysSeconds: [0, 5], jitter: 0 } },
        { field: 'secret', from: mask, to: 'changed', event: { data: { secret: mask } } },
      ]);
      expect(endpointChanges.at(-1)).toMatchObject({ to: null, event: { type: 'endpoint.deleted' } });
      expect(await api.query(query, { id, until: '2020-01-01T00:00:00Z' })).toEqual({ endpointChanges: [] });
      const wrong = { id, since: '2026-01-02T00:00:00Z', until: '2026-01-01T00:00:00Z' };
      expect(await refused(query, wrong)).toMatchObject({ code: 'BAD_USER_INPUT', paths: ['until'] });
      expect((await refused(query, { id: 'none' })).code).toBe('NOT_FOUND');
      expect((await refused(query, { id }, api.keys.OTHER)).code).toBe('NOT_FOUND');
      expect((await refused(query, { id }, api.keys.VIEWER)).code).toBe('FORBIDDEN');
    });
  });

  it('a routing is explained from the configuration at that time', async () => {
    const id = await create({ name: 'Pager', eventTypes: ['explained.*'], filter: { severity: ['critical'] } });
    const [sent, left] = [await publish('explained.now', { severity: 'critical' }), await publish('explained.now', { severity: 'info' })];
    await update(id, { eventTypes: ['other'], filter: null });
    const query = `query ($messageId: ID!, $endpointId: ID!) { explainRouting(messageId: $messageId, endpointId: $endpointId) {
    text recorded expected agrees subscription failedConditions { path asks found } configuration { eventTypes } } }`;
    const explain = async (messageId: string) =>
      (await api.query<{ explainRouting: unknown }>(query, { messageId, endpointId: id })).explainRouting;
    expect(await explain(sent)).toEqual({
      text: '"Pager" subscribed to it by "explained.*", and its filter let it pass.',
      recorded: 'SENT',
      expected: 'SENT',
      agrees: true,
      subscription: 'explained.*',
      failedConditions: [],
      configuration: { eventTypes: ['explained.*'] },
    });
    expect(await explain(left)).toMatchObject({
      recorded: 'NOT_ROUTED',
      agrees: true,
      failedConditions: [{ path: 'severity', asks: ['critical'], found: 'info' }],
    });
    expect((await refused(query, { messageId: 'none', endpointId: id })).code).toBe('NOT_FOUND');
    expect((await refused(query, { messageId: sent, endpointId: 'none' })).code).toBe('NOT_FOUND');
    expect((await refused(query, { messageId: sent, endpointId: id }, api.keys.OTHER)).code).toBe('NOT_FOUND');
  });
});
