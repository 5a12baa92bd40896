// Tests of endpoints that are not saved, against a real receiver.
import { createHmac } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startReceiver, type Receiver } from '../support/receiver.ts';
import { startApi, type ApiServer } from './api-server.ts';

let api: ApiServer;
let receiver: Receiver;
beforeAll(async () => {
  api = await startApi();
  receiver = await startReceiver();
});
afterAll(async () => {
  await api.close();
  await receiver.close();
});

let seen = 0;
/** Since the last call. */
const arrived = () => {
  const requests = receiver.requests.slice(seen);
  seen = receiver.requests.length;
  return requests;
};

const fields = `{ requestUrl requestHeaders requestBody
  attempt { number url responseCode responseBody failure error hint trigger bodyVerified requestBody configuration { id name url secret health { state } } } }`;
type Result = {
  requestUrl: string;
  requestHeaders: Record<string, string>;
  requestBody: string;
  attempt: Record<string, unknown> & { configuration: Record<string, unknown> };
};
const test = (variables: Record<string, unknown>, key = api.keys.ADMIN) =>
  api.ask<{ testDraft: Result }>(
    `mutation ($input: EndpointInput, $id: ID, $patch: EndpointPatch, $eventType: String, $data: JSON) {
      testDraft(input: $input, id: $id, patch: $patch, eventType: $eventType, data: $data) ${fields} }`,
    variables,
    key,
  );
const secret = 'a-secret-of-the-draft';
const draft = (more: Record<string, unknown> = {}) => ({
  name: 'Draft',
  url: `${receiver.url}/in?token=abcdefgh`,
  signature: 'WEBHOOK_SHA256',
  secret,
  headers: [{ name: 'X-Own', value: 'own-header-value' }],
  ...more,
});
const eventTypes = async () => {
  const events = await api.query<{ history: { nodes: { type: string; data: Record<string, unknown> }[] } }>(
    '{ history(first: 200, newestFirst: true) { nodes { type data } } }',
  );
  return events.history.nodes;
};

describe('the test of a draft', () => {
  it('is signed and sent as the endpoint would be, and only that it was made is kept', async () => {
    const { data, errors } = await test({ input: draft(), eventType: 'alert.created', data: { order: 7 } });
    expect(errors).toBeUndefined();
    const [request] = arrived();
    expect(request?.path).toBe('/in?token=abcdefgh');
    expect(JSON.parse(request!.body)).toMatchObject({ event: 'alert.created', data: { order: 7 } });
    const expected = createHmac('sha256', secret).update(request!.body).digest('hex');
    expect(request?.headers).toMatchObject({
      'x-own': 'own-header-value',
      'x-webhook-signature': `sha256=${expected}`,
      'webhook-attempt': '1',
    });
    const { requestUrl, requestHeaders, requestBody, attempt } = data!.testDraft;
    expect(requestUrl).toBe(`${receiver.url}/in?token=abcdefgh`);
    expect(requestBody).toBe(request?.body);
    expect(JSON.stringify(requestHeaders)).not.toContain('own-header-value');
    expect(attempt).toMatchObject({
      number: 1,
      responseCode: 200,
      failure: null,
      error: null,
      hint: null,
      trigger: 'TEST',
      bodyVerified: true,
    });
    expect(attempt.configuration).toMatchObject({ id: 'draft', name: 'Draft', health: { state: 'HEALTHY' } });
    const [event] = await eventTypes();
    expect(event).toMatchObject({ type: 'drafttest.made', data: { eventType: 'alert.created', responseCode: 200 } });
    expect(JSON.stringify(event)).not.toMatch(/abcdefgh|own-header-value|order/);
    const { endpoints } = await api.query<{ endpoints: { nodes: unknown[] } }>('{ endpoints { nodes { id } } }');
    expect(endpoints.nodes).toEqual([]);
  });

  it('says what went wrong, and what to do', async () => {
    receiver.answer({ status: 404 });
    const { data } = await test({ input: draft() });
    receiver.answer({ status: 200 });
    arrived();
    expect(data?.testDraft.attempt).toMatchObject({ responseCode: 404, failure: 'HTTP_STATUS', hint: expect.stringContaining('URL') });
    const broken = await test({ input: draft({ format: 'TEMPLATE', formatOptions: { template: '$error("no")' } }) });
    expect(broken.data?.testDraft.attempt).toMatchObject({ responseCode: null, failure: 'FORMAT', bodyVerified: null, requestBody: null });
    expect(arrived()).toEqual([]);
  });

  it('may be of changes that are not saved', async () => {
    const { createEndpoint } = await api.query<{ createEndpoint: { id: string } }>(
      'mutation ($input: EndpointInput!) { createEndpoint(input: $input) { id } }',
      { input: draft({ name: 'Saved', url: 'https://elsewhere.example/in' }) },
    );
    const { data } = await test({ id: createEndpoint.id, patch: { url: `${receiver.url}/changed`, name: 'Changed' } });
    expect(arrived().map(({ path }) => path)).toEqual(['/changed']);
    expect(data?.testDraft.attempt.configuration).toMatchObject({ id: 'draft', name: 'Changed' });
    const { endpoint } = await api.query<{ endpoint: { name: string; revision: number } }>(
      'query ($id: ID!) { endpoint(id: $id) { name revision } }',
      { id: createEndpoint.id },
    );
    expect(endpoint).toEqual({ name: 'Saved', revision: 0 });
    const [event] = await eventTypes();
    expect(event).toMatchObject({ type: 'drafttest.made', data: { endpointId: createEndpoint.id } });
  });

  it('is refused by path, and nothing is sent or kept', async () => {
    const tip = await api.store.tip();
    const refused = async (variables: Record<string, unknown>) => (await test(variables)).errors?.[0]?.extensions;
    expect(await refused({ input: draft({ url: 'no url' }) })).toMatchObject({ code: 'BAD_USER_INPUT', issues: [{ path: 'input.url' }] });
    expect(await refused({ input: draft(), data: 'text' })).toMatchObject({ issues: [{ path: 'data' }] });
    expect(await refused({})).toMatchObject({ code: 'BAD_USER_INPUT', issues: [{ path: 'input' }] });
    expect(await refused({ id: 'none', patch: {} })).toMatchObject({ code: 'NOT_FOUND' });
    for (const key of [api.keys.VIEWER, api.keys.AUDITOR, api.keys.PUBLISHER])
      expect((await test({ input: draft() }, key)).errors?.[0]?.extensions.code).toBe('FORBIDDEN');
    expect([arrived(), await api.store.tip()]).toEqual([[], tip]);
  });

  it('may be sent only so often', async () => {
    const answers = await Promise.all(Array.from({ length: 31 }, () => test({ input: draft() }, api.keys.OTHER)));
    const codes = answers.map(({ errors }) => errors?.[0]?.extensions.code);
    expect(codes.filter((code) => code === undefined)).toHaveLength(30);
    expect(codes.filter((code) => code === 'TOO_MANY_REQUESTS')).toHaveLength(1);
  });
});
