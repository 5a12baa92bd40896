// What-if queries: which past messages an endpoint would receive with settings that are not stored.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startApi, type ApiServer } from './api-server.ts';
import { logKinds, type LogUnderTest } from '../support/logs.ts';

describe.each(logKinds)('on $name,', ({ make }) => {
  let api: ApiServer;
  let log: LogUnderTest;
  beforeAll(async () => {
    log = await make();
    api = await startApi({ log });
    const messages = [
      { type: 'alert.created', data: { severity: 'critical', n: 1 } },
      { type: 'alert.created', data: { severity: 'info', n: 2 } },
      { type: 'meeting.ended', data: { n: 3 } },
    ];
    await api.query('mutation ($messages: [MessageInput!]!) { publishMessages(messages: $messages) { id } }', { messages });
  });
  afterAll(async () => {
    await api.close();
    await log.discard();
  });

  const base = { name: 'A', url: 'https://hooks.example/in' };
  const whatIf = `query ($endpoint: EndpointInput!, $since: DateTime, $until: DateTime, $limit: Int) {
  whatIf(endpoint: $endpoint, since: $since, until: $until, limit: $limit) {
    looked complete messages { message { eventType } body error } } }`;
  type Answer = {
    looked: number;
    complete: boolean;
    messages: { message: { eventType: string }; body: string | null; error: string | null }[];
  };
  const ask = async (endpoint: Record<string, unknown>, more: Record<string, unknown> = {}) =>
    (await api.query<{ whatIf: Answer }>(whatIf, { endpoint: { ...base, ...endpoint }, ...more })).whatIf;
  const refused = async (query: string, variables: Record<string, unknown>, key = api.keys.ADMIN) => {
    const [error] = (await api.ask(query, variables, key)).errors ?? [];
    return { code: error?.extensions.code, paths: error?.extensions.issues?.map(({ path }) => path) };
  };

  it('a new endpoint would have received the messages that match it, in its format; nothing is stored', async () => {
    const before = await api.store.tip();
    const settings = { eventTypes: ['alert.*'], filter: { severity: ['critical'] }, format: 'FLAT' };
    expect(await ask(settings)).toEqual({
      looked: 3,
      complete: true,
      messages: [{ message: { eventType: 'alert.created' }, body: '{"severity":"critical","n":1}', error: null }],
    });
    expect(await ask({}, { limit: 2 })).toMatchObject({ looked: 2, complete: false, messages: [{}, {}] });
    expect(await ask({}, { until: '2020-01-01T00:00:00Z' })).toEqual({ looked: 0, complete: true, messages: [] });
    const failing = await ask({ format: 'TEMPLATE', formatOptions: { template: '$error("no")' }, eventTypes: ['meeting.ended'] });
    expect(failing.messages).toMatchObject([{ body: null, error: expect.stringMatching(/no/) as string }]);
    expect(await api.store.tip()).toBe(before);
  });

  it('changed settings of an endpoint would gain and lose messages', async () => {
    const { createEndpoint } = await api.query<{ createEndpoint: { id: string } }>(
      'mutation ($input: EndpointInput!) { createEndpoint(input: $input) { id } }',
      { input: { ...base, eventTypes: ['alert.*'] } },
    );
    const { id } = createEndpoint;
    const query = `query ($id: ID!, $input: EndpointPatch!) { whatIfEndpoint(id: $id, input: $input) {
    looked complete gains { message { data } } losses { message { data } body } } }`;
    const before = await api.store.tip();
    expect(await api.query(query, { id, input: { eventTypes: ['meeting.*', 'alert.*'], filter: { n: [1, 3] } } })).toMatchObject({
      whatIfEndpoint: { looked: 3, complete: true, gains: [{ message: { data: { n: 3 } } }], losses: [{ message: { data: { n: 2 } } }] },
    });
    expect(await api.query(query, { id, input: { name: 'B' } })).toMatchObject({ whatIfEndpoint: { gains: [], losses: [] } });
    expect(await api.store.tip()).toBe(before);
    expect(await refused(query, { id, input: { format: 'TEMPLATE' } })).toEqual({
      code: 'BAD_USER_INPUT',
      paths: ['input.formatOptions.template'],
    });
    expect((await refused(query, { id, input: {} }, api.keys.OTHER)).code).toBe('NOT_FOUND');
  });

  it('is refused for the same reasons as creating the endpoint, and has limits', async () => {
    expect(await refused(whatIf, { endpoint: { ...base, format: 'PAGERDUTY' } })).toMatchObject({
      paths: ['endpoint.formatOptions.routingKey'],
    });
    expect(await refused(whatIf, { endpoint: base, limit: 1001 })).toEqual({ code: 'BAD_USER_INPUT', paths: ['limit'] });
    const span = { since: '2026-01-02T00:00:00Z', until: '2026-01-01T00:00:00Z' };
    expect(await refused(whatIf, { endpoint: base, ...span })).toMatchObject({ paths: ['until'] });
    for (const key of [api.keys.VIEWER, api.keys.AUDITOR]) expect((await refused(whatIf, { endpoint: base }, key)).code).toBe('FORBIDDEN');
  });
});
