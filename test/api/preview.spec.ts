// previewEndpoint: shows the request that would be sent, and sends nothing.
import { createHmac } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { mask } from '../../src/domain/header-masking.ts';
import { startApi, type ApiServer } from './api-server.ts';

let api: ApiServer;
beforeAll(async () => {
  api = await startApi();
});
afterAll(() => api.close());

type Preview = { url: string; headers: Record<string, string>; body: string; matches: boolean };
const mutation =
  'mutation ($input: EndpointInput!, $message: MessageInput!) { previewEndpoint(input: $input, message: $message) { url headers body matches } }';
const message = { type: 'alert.created', timestamp: '2024-12-04T10:30:00Z', data: { severity: 'critical' } };
const base = { name: 'A', url: 'https://hooks.example/in' };
const preview = async (input: object, changed: object = {}) => {
  const before = await api.store.tip();
  const answer = await api.query<{ previewEndpoint: Preview }>(mutation, {
    input: { ...base, ...input },
    message: { ...message, ...changed },
  });
  expect(await api.store.tip()).toBe(before);
  return answer.previewEndpoint;
};
const refused = async (input: object, changed: object = {}, key = api.keys.ADMIN) => {
  const { errors } = await api.ask(mutation, { input: { ...base, ...input }, message: { ...message, ...changed } }, key);
  const { code, issues } = errors?.[0]?.extensions ?? expect.fail('it was not refused');
  return { code, path: issues?.[0]?.path, message: errors?.[0]?.message };
};

describe('a preview', () => {
  it('is the request that would be sent, signed, with its secrets masked', async () => {
    const headers = [
      { name: 'Authorization', value: 'Token token=KEY' },
      { name: 'X-Tenant', value: 'a' },
    ];
    const shown = await preview({ secret: 's3cret-text', headers, formatOptions: { constants: { instance_id: 1 } } }, { id: 'mine' });
    const body = '{"event":"alert.created","timestamp":"2024-12-04T10:30:00Z","instance_id":1,"data":{"severity":"critical"}}';
    expect(shown).toEqual({
      url: 'https://hooks.example/in',
      body,
      matches: true,
      headers: {
        'user-agent': 'Hookledger/test',
        'content-type': 'application/json',
        'webhook-id': expect.stringMatching(/^[0-9a-f-]{36}$/),
        'webhook-attempt': '1',
        'hookledger-hops': '1',
        Authorization: mask,
        'X-Tenant': mask,
        'X-Webhook-Signature': `sha256=${createHmac('sha256', 's3cret-text').update(body).digest('hex')}`,
      },
    });
  });
  it('is signed with the key of the organization if the endpoint would be', async () => {
    const { headers, body } = await preview({ signature: 'SIGNATURE_SHA256', useOrganizationKey: true });
    expect(headers['x-signature']).toBe(createHmac('sha256', 'signing-key-of-default').update(body).digest('hex'));
  });
  it('is a list of one message if the endpoint takes batches', async () => {
    const { body } = await preview({ format: 'FLAT', batch: { maxSize: 10, maxWaitMs: 100 } });
    expect(body).toBe('[{"severity":"critical"}]');
  });
  it('shows no routing key', async () => {
    const { body } = await preview({ format: 'PAGERDUTY', formatOptions: { routingKey: 'R0123456789abcdefghijklmnopqrstu' } });
    expect(JSON.parse(body)).toMatchObject({ routing_key: mask, event_action: 'trigger', payload: { severity: 'critical' } });
  });
  it('shows the result of a template', async () => {
    const { body } = await preview({ format: 'TEMPLATE', formatOptions: { template: '{"text": type & " is " & data.severity}' } });
    expect(body).toBe('{"text":"alert.created is critical"}');
  });
  it.each<[string, object, boolean]>([
    ['another type', { eventTypes: ['meeting.*'] }, false],
    ['its group', { eventTypes: ['alert'] }, true],
    ['data that the filter lets pass', { filter: { severity: ['critical'] } }, true],
    ['data that it does not', { filter: { severity: ['warning'] } }, false],
  ])('says whether the message would be sent at all: %s', async (_, input, matches) =>
    expect((await preview(input)).matches).toBe(matches),
  );
});

describe('a preview is refused', () => {
  it.each<[object, object, string]>([
    [{ url: 'ftp://a' }, {}, 'input.url'],
    [{ format: 'PAGERDUTY' }, {}, 'input.formatOptions.routingKey'],
    [{ signature: 'STANDARD_WEBHOOKS', secret: 'whsec_short' }, {}, 'input.secret'],
    [{ format: 'SLACK', formatOptions: { template: 'x' } }, {}, 'input.formatOptions.template'],
    [{ format: 'TEMPLATE', formatOptions: { template: '{' } }, {}, 'input.formatOptions.template'],
    [{}, { type: 'a b' }, 'message.type'],
    [{}, { data: [] }, 'message.data'],
  ])('%j with %j, for the same reasons as creating and publishing', async (input, changed, path) =>
    expect(await refused(input, changed)).toMatchObject({ code: 'BAD_USER_INPUT', path }),
  );
  it('with data that is too large', async () =>
    expect(await refused({}, { data: { a: 'x'.repeat(300_000) } })).toMatchObject({ code: 'PAYLOAD_TOO_LARGE', path: 'message.data' }));
  it('if the template fails, with the reason', async () =>
    expect(await refused({ format: 'TEMPLATE', formatOptions: { template: '$error("No owner")' } })).toEqual({
      code: 'BAD_USER_INPUT',
      path: 'input.formatOptions.template',
      message: 'The template failed at line 1, column 7: No owner.',
    }));
  it.each(['PUBLISHER', 'VIEWER', 'AUDITOR'] as const)('to a %s', async (role) =>
    expect(await refused({}, {}, api.keys[role])).toMatchObject({ code: 'FORBIDDEN' }),
  );
});
