// GraphQL over HTTP: queries, mutations and refusals.
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { delivery } from '../../src/domain/delivery.ts';
import type { DeliveryId, EndpointId, MessageId, OrganizationId } from '../../src/domain/ids.ts';
import { mask } from '../../src/domain/header-masking.ts';
import { newId } from '../../src/event-store/id-generation.ts';
import { DeliveryQueries } from '../../src/read-models/queries/delivery-queries.ts';
import { startApi, type ApiServer } from './api-server.ts';
import { deliveryStream } from '../../src/domain/streams.ts';

let api: ApiServer;
beforeAll(async () => {
  api = await startApi();
});
afterAll(() => api.close());

type Made = { id: string; name: string; secret: string | null };
const create = async (input: Record<string, unknown> = {}): Promise<Made> => {
  const given = { name: 'Alerts', url: 'https://hooks.example/in', ...input };
  const answer = await api.query<{ createEndpoint: Made }>(
    'mutation ($input: EndpointInput!) { createEndpoint(input: $input) { id name secret } }',
    { input: given },
  );
  return answer.createEndpoint;
};

/** The refusal's code and the paths of its issues; the log is as it was. */
const refused = async (query: string, variables: Record<string, unknown> = {}, key = api.keys.ADMIN) => {
  const before = await api.store.tip();
  const { errors } = await api.ask(query, variables, key);
  expect(await api.store.tip()).toBe(before);
  const [error] = errors ?? [];
  expect(error, 'no error').toBeDefined();
  expect(JSON.stringify(errors)).not.toMatch(/stacktrace|node_modules|\.ts:/);
  const { code, issues } = error!.extensions;
  return { code, message: error!.message, paths: issues?.map(({ path }) => path), issues };
};
const createMutation = 'mutation ($input: EndpointInput!) { createEndpoint(input: $input) { id } }';
const base = { name: 'A', url: 'https://hooks.example/in' };

/** Records an attempt as the dispatcher would. */
const attempt = async (deliveryId: string, made: 'succeeded' | 'failed', responseBody = '{"ok":true,"token":"inner"}') => {
  const row = await api.query<{ delivery: { message: { id: string }; endpoint: { id: string } } }>(
    'query ($id: ID!) { delivery(id: $id) { message { id } endpoint { id } } }',
    { id: deliveryId },
  );
  const messageId = row.delivery.message.id as MessageId;
  const endpointId = row.delivery.endpoint.id as EndpointId;
  const endpoint = api.directory.endpoint(endpointId)!;
  const [event] = await api.store.readStream(`message-${messageId}`);
  if (event?.type !== 'message.accepted') throw new Error('no message');
  const now = new Date();
  const request = await api.requests.make(endpoint, { id: messageId, messages: { ...event.data, id: messageId } }, 1, now);
  const subject = { organizationId: 'default' as OrganizationId, messageId, endpointId };
  const record = {
    attempt: 1,
    startedAt: now.toISOString(),
    durationMs: 12.5,
    url: request.url,
    endpointRevision: endpoint.revision,
    bodySha256: request.bodySha256,
    requestHeaders: request.maskedHeaders,
    responseCode: made === 'succeeded' ? 200 : 500,
    responseHeaders: { 'set-cookie': 'session=1', server: 'x' },
    responseBody,
  };
  const outcome = await api.executor.execute(
    {
      stream: deliveryStream(deliveryId as DeliveryId),
      decider: delivery,
      command:
        made === 'succeeded'
          ? { type: 'RecordSuccess', subject, record }
          : {
              type: 'RecordFailure',
              subject,
              record,
              failure: 'HTTP_STATUS',
              error: 'The endpoint answered 500.',
              policy: { delaysSeconds: [0], jitter: 0 },
              random: 0,
            },
    },
    { actor: 'system:dispatcher', commandId: newId() },
  );
  await api.views.reached(outcome.position!, 5000);
};

const publish = async (type: string, data: Record<string, unknown> = { a: 1 }) => {
  const { publishMessages } = await api.query<{ publishMessages: { id: string; position: string }[] }>(
    'mutation ($messages: [MessageInput!]!) { publishMessages(messages: $messages) { id duplicate destinations position } }',
    { messages: [{ type, data }] },
  );
  return publishMessages[0]!.id;
};
/** The delivery of a message to one endpoint; other tests' endpoints may want it, too. */
const deliveryTo = async (messageId: string, endpointId: string): Promise<string> => {
  const { deliveries } = await api.query<{ deliveries: { nodes: { id: string }[] } }>(
    'query ($filter: DeliveryFilter!) { deliveries(filter: $filter) { nodes { id } } }',
    { filter: { messageId, endpointId } },
  );
  expect(deliveries.nodes).toHaveLength(1);
  return deliveries.nodes[0]!.id;
};

describe('endpoints', () => {
  it('are created with the defaults of the contract, and can be read at once', async () => {
    const { id } = await create();
    const { endpoint } = await api.query<{ endpoint: unknown }>(
      `query ($id: ID!) { endpoint(id: $id) {
        name description url status disabledReason eventTypes filter format formatOptions signature secret
        headers { name value } retryPolicy { delaysSeconds jitter } timeoutSeconds batch { maxSize } successRate { ratio succeeded total label }
        deliveries { nodes { id } pageInfo { hasNextPage endCursor } } createdAt updatedAt } }`,
      { id },
    );
    const moment = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/) as string;
    expect(endpoint).toEqual({
      name: 'Alerts',
      description: null,
      url: 'https://hooks.example/in',
      status: 'ENABLED',
      disabledReason: null,
      eventTypes: ['*'],
      filter: null,
      format: 'ENVELOPE',
      formatOptions: null,
      signature: 'NONE',
      secret: null,
      headers: [],
      retryPolicy: { delaysSeconds: [0, 60, 300, 1800, 7200], jitter: 0 },
      timeoutSeconds: 30,
      batch: null,
      successRate: { ratio: null, succeeded: 0, total: 0, label: '–' },
      deliveries: { nodes: [], pageInfo: { hasNextPage: false, endCursor: null } },
      createdAt: moment,
      updatedAt: moment,
    });
  });

  it('sign with WEBHOOK_SHA256 if they have a secret, which only admins see', async () => {
    const { id, secret } = await create({ secret: 'my-secret' });
    expect(secret).toBe('my-secret');
    const query = 'query ($id: ID!) { endpoint(id: $id) { signature secret } }';
    for (const key of [api.keys.VIEWER, api.keys.AUDITOR])
      expect(await api.query(query, { id }, key)).toEqual({ endpoint: { signature: 'WEBHOOK_SHA256', secret: null } });
    const stored = JSON.stringify(await api.store.readStream(`endpoint-${id}`));
    expect(stored).not.toContain('my-secret');
  });

  it('show the public key of a key pair to every reader, and the secret where it signs', async () => {
    const secret = 'whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg==';
    const publicKey = 'whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4=';
    const { id } = await create({ signature: 'STANDARD_WEBHOOKS_ED25519', secret });
    const read = 'query ($id: ID!, $asOf: DateTime) { endpoint(id: $id, asOf: $asOf) { secret publicKey } }';
    expect(await api.query(read, { id })).toEqual({ endpoint: { secret, publicKey } });
    expect(await api.query(read, { id }, api.keys.VIEWER)).toEqual({ endpoint: { secret: null, publicKey } });
    expect(await api.query(read, { id, asOf: new Date().toISOString() })).toEqual({ endpoint: { secret: mask, publicKey } });
    const change = 'mutation ($id: ID!, $input: EndpointPatch!) { updateEndpoint(id: $id, input: $input) { secret publicKey } }';
    expect(await api.query(change, { id, input: { signature: 'WEBHOOK_SHA256' } })).toEqual({
      updateEndpoint: { secret, publicKey: null },
    });
    expect(await api.query(change, { id, input: { signature: 'NONE' } })).toEqual({ updateEndpoint: { secret: null, publicKey: null } });
    expect(await refused(change, { id, input: { signature: 'STANDARD_WEBHOOKS' } })).toMatchObject({ paths: ['input.signature'] });
  });

  it('mask the values of headers for everyone, but for harmless ones', async () => {
    const { id } = await create({
      headers: [
        { name: 'Authorization', value: 'Bearer abc' },
        { name: 'X-Team', value: 'blue' },
        { name: 'Content-Type', value: 'text/plain' },
      ],
    });
    const { endpoint } = await api.query<{ endpoint: unknown }>('query ($id: ID!) { endpoint(id: $id) { headers { name value } } }', {
      id,
    });
    expect(endpoint).toEqual({
      headers: [
        { name: 'Authorization', value: mask },
        { name: 'X-Team', value: mask },
        { name: 'Content-Type', value: 'text/plain' },
      ],
    });
  });

  it('show the secret parts of a URL to admins alone, now and of attempts, and take the shown form as no change', async () => {
    const url = 'https://hooks.example/services/T0/B0/hush?team=ops&token=hush';
    const shown = `https://hooks.example/services/${mask}/${mask}/${mask}?team=ops&token=${mask}`;
    const { id } = await create({ url, eventTypes: ['shown.url'], headers: [{ name: 'X-Odd', value: 'hush' }] });
    const deliveryId = await deliveryTo(await publish('shown.url', {}), id);
    await attempt(deliveryId, 'succeeded');
    const read = `query ($id: ID!, $delivery: ID!) { endpoint(id: $id) { url }
      delivery(id: $delivery) { attempts { url requestHeaders configuration { url } } message { timeline { text event { data } } } } }`;
    type Shown = { endpoint: { url: string }; delivery: { attempts: { url: string; configuration: { url: string } }[] } };
    const byAdmin = await api.query<Shown>(read, { id, delivery: deliveryId });
    expect(byAdmin).toMatchObject({ endpoint: { url }, delivery: { attempts: [{ url, configuration: { url: shown } }] } });
    for (const key of [api.keys.VIEWER, api.keys.AUDITOR]) {
      const answer = await api.query<Shown>(read, { id, delivery: deliveryId }, key);
      expect(answer).toMatchObject({ endpoint: { url: shown }, delivery: { attempts: [{ url: shown, configuration: { url: shown } }] } });
      expect(JSON.stringify(answer)).not.toContain('hush');
    }
    const change = 'mutation ($id: ID!, $input: EndpointPatch!) { updateEndpoint(id: $id, input: $input) { url headers { name value } } }';
    const headers = [{ name: 'X-Odd', value: mask }];
    expect(await api.query(change, { id, input: { url: shown, headers } })).toEqual({ updateEndpoint: { url, headers } });
    expect(api.directory.endpoint(id as EndpointId)).toMatchObject({ revision: 0, url, headers: [{ name: 'X-Odd', value: 'hush' }] });
    expect(await api.query(change, { id, input: { url: new URL(shown).href } })).toEqual({ updateEndpoint: { url, headers } });
    expect(await refused(change, { id, input: { url: `https://other.example/${mask}` } })).toMatchObject({ paths: ['input.url'] });
    expect(await refused(change, { id, input: { headers: [{ name: 'X-New', value: null }] } })).toMatchObject({
      paths: ['input.headers.0.value'],
    });
    expect(await refused(createMutation, { input: { ...base, url: shown } })).toMatchObject({ paths: ['input.url'] });
    expect(await refused(createMutation, { input: { ...base, headers: [{ name: 'X-New' }] } })).toMatchObject({
      paths: ['input.headers.0.value'],
    });
  });

  it('show a routing key to nobody: neither in settings, nor in attempts, nor in the log', async () => {
    const routingKey = 'R0123456789abcdefghijklmnopqrstu';
    const { id } = await create({ eventTypes: ['paged.now'], format: 'PAGERDUTY', formatOptions: { routingKey } });
    const update = 'mutation ($id: ID!, $input: EndpointPatch!) { updateEndpoint(id: $id, input: $input) { formatOptions } }';
    const changed = await api.query<{ updateEndpoint: unknown }>(update, { id, input: { formatOptions: { routingKey: mask } } });
    expect(changed.updateEndpoint).toEqual({ formatOptions: { routingKey: mask } });
    const messageId = await publish('paged.now', { status: 'down', note: `the key ${routingKey}` });
    const deliveryId = await deliveryTo(messageId, id);
    await attempt(deliveryId, 'failed');
    const shown = await api.query<{ delivery: { attempts: { requestBody: string }[] } }>(
      `query ($id: ID!) { delivery(id: $id) { attempts { requestBody configuration { formatOptions } } endpoint { formatOptions }
        message { timeline { text event { data } } } } }`,
      { id: deliveryId },
    );
    expect(JSON.parse(shown.delivery.attempts[0]!.requestBody)).toMatchObject({ routing_key: mask, event_action: 'trigger' });
    expect(JSON.stringify(shown.delivery.attempts)).not.toContain(routingKey);
  });

  it('make the body of a template again', async () => {
    const { id } = await create({ eventTypes: ['templated.now'], format: 'TEMPLATE', formatOptions: { template: '{"n": data.n * 2}' } });
    const deliveryId = await deliveryTo(await publish('templated.now', { n: 21 }), id);
    await attempt(deliveryId, 'succeeded');
    const { delivery } = await api.query<{ delivery: unknown }>('query ($id: ID!) { delivery(id: $id) { attempts { requestBody } } }', {
      id: deliveryId,
    });
    expect(delivery).toEqual({ attempts: [{ requestBody: '{"n":42}' }] });
  });

  it('change only in the fields given, and can be queried as they were before', async () => {
    const { id } = await create({ name: 'Before', secret: 'first-secret' });
    const read = 'query ($id: ID!, $asOf: DateTime) { endpoint(id: $id, asOf: $asOf) { name url secret updatedAt } }';
    const { endpoint } = await api.query<{ endpoint: { updatedAt: string } }>(read, { id });
    const [registered] = await api.store.readStream(`endpoint-${id}`);
    // Lets the clock move: the change must be later than the first configuration.
    await expect.poll(() => Date.now()).toBeGreaterThan(Date.parse(registered!.recordedAt));
    const changed = await api.query<{ updateEndpoint: unknown }>(
      'mutation ($id: ID!, $input: EndpointPatch!) { updateEndpoint(id: $id, input: $input) { name url } }',
      { id, input: { name: 'After' } },
    );
    expect(changed.updateEndpoint).toEqual({ name: 'After', url: 'https://hooks.example/in' });
    expect(await api.query(read, { id, asOf: endpoint.updatedAt })).toMatchObject({ endpoint: { name: 'Before', secret: mask } });
    expect(await api.query(read, { id, asOf: '2020-01-01T00:00:00Z' })).toEqual({ endpoint: null });
  });

  it('can be paused, resumed, disabled, enabled, given a new secret and deleted', async () => {
    const { id } = await create({ secret: 'old-secret' });
    const shorter = 'mutation ($id: ID!) { rotateEndpointSecret(id: $id, secret: "7 chars") { id } }';
    expect(await refused(shorter, { id })).toMatchObject({ code: 'BAD_USER_INPUT', paths: ['secret'] });
    const mutate = async (call: string) =>
      Object.values(await api.query<Record<string, unknown>>(`mutation ($id: ID!) { ${call} }`, { id }))[0];
    expect(await mutate('pauseEndpoint(id: $id) { status }')).toEqual({ status: 'PAUSED' });
    expect((await refused('mutation ($id: ID!) { enableEndpoint(id: $id) { id } }', { id })).code).toBe('CONFLICT');
    expect(await mutate('resumeEndpoint(id: $id) { status }')).toEqual({ status: 'ENABLED' });
    expect(await mutate('disableEndpoint(id: $id, reason: "moving") { status disabledReason }')).toEqual({
      status: 'DISABLED',
      disabledReason: 'moving',
    });
    expect(await mutate('enableEndpoint(id: $id) { status disabledReason }')).toEqual({ status: 'ENABLED', disabledReason: null });
    expect(await mutate('rotateEndpointSecret(id: $id, secret: "new-secret") { secret }')).toEqual({ secret: 'new-secret' });
    expect(await mutate('deleteEndpoint(id: $id)')).toBe(id);
    expect(await api.query('query ($id: ID!) { endpoint(id: $id) { id } }', { id })).toEqual({ endpoint: null });
    expect((await refused('mutation ($id: ID!) { pauseEndpoint(id: $id) { id } }', { id })).code).toBe('NOT_FOUND');
  });

  it('are listed newest first, in pages', async () => {
    const made = [await create({ name: 'P1' }), await create({ name: 'P2' }), await create({ name: 'P3' })]
      .map(({ id }) => id)
      .toReversed();
    type List = {
      endpoints: {
        edges: { cursor: string; node: { id: string } }[];
        pageInfo: { hasNextPage: boolean; hasPreviousPage: boolean; startCursor: string; endCursor: string };
      };
    };
    const list =
      'query ($after: String) { endpoints(first: 2, after: $after) { edges { cursor node { id } } pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } }';
    const first = (await api.query<List>(list)).endpoints;
    const second = (await api.query<List>(list, { after: first.pageInfo.endCursor })).endpoints;
    expect([...first.edges, ...second.edges].slice(0, 3).map(({ node }) => node.id)).toEqual(made);
    expect(first.pageInfo).toEqual({
      hasNextPage: true,
      hasPreviousPage: false,
      startCursor: first.edges[0]!.cursor,
      endCursor: first.edges[1]!.cursor,
    });
    expect(second.pageInfo.hasPreviousPage).toBe(true);
  });

  it('of another organization do not exist for the caller', async () => {
    const { id } = await create();
    const read = 'query ($id: ID!, $asOf: DateTime) { endpoint(id: $id, asOf: $asOf) { id } }';
    expect(await api.query(read, { id }, api.keys.OTHER)).toEqual({ endpoint: null });
    expect(await api.query(read, { id, asOf: new Date().toISOString() }, api.keys.OTHER)).toEqual({ endpoint: null });
    expect((await refused('mutation ($id: ID!) { deleteEndpoint(id: $id) }', { id }, api.keys.OTHER)).code).toBe('NOT_FOUND');
  });

  it.each([
    ['a URL with credentials', { url: 'https://user:pw@hooks.example/' }, 'input.url'],
    ['a URL of an odd scheme', { url: 'ftp://hooks.example/' }, 'input.url'],
    ['a javascript URL', { url: 'javascript:alert(1)' }, 'input.url'],
    ['a file URL', { url: 'file:///etc/passwd' }, 'input.url'],
    ['what is no URL', { url: 'hooks' }, 'input.url'],
    ['a line break in the value of a header', { headers: [{ name: 'X-A', value: 'a\r\nX-B: b' }] }, 'input.headers.0.value'],
    ['a line break in the name of a header', { headers: [{ name: 'X-A\nX-B', value: 'a' }] }, 'input.headers.0.name'],
    ['a header that Hookledger sets', { headers: [{ name: 'webhook-id', value: 'a' }] }, 'input.headers.0.name'],
    ['an empty name', { name: ' ' }, 'input.name'],
    ['an entry that names no event type', { eventTypes: ['a', '*.b'] }, 'input.eventTypes.1'],
    ['a format that there is not', { format: 'XML' }, 'input.format'],
    ['a routing key that is none', { format: 'PAGERDUTY', formatOptions: { routingKey: 'x' } }, 'input.formatOptions.routingKey'],
    ['a pager without a routing key', { format: 'PAGERDUTY' }, 'input.formatOptions.routingKey'],
    ['the mask of a routing key', { format: 'PAGERDUTY', formatOptions: { routingKey: mask } }, 'input.formatOptions.routingKey'],
    ['a template that is none', { format: 'TEMPLATE', formatOptions: { template: '{"a": }' } }, 'input.formatOptions.template'],
    ['an option of another format', { format: 'SLACK', formatOptions: { constants: {} } }, 'input.formatOptions.constants'],
    ['a secret that its signature cannot sign with', { signature: 'STANDARD_WEBHOOKS', secret: 'whsec_short' }, 'input.secret'],
    ['a secret of fewer than 8 characters', { secret: '7 chars' }, 'input.secret'],
    ['a batch of nothing', { batch: { maxSize: 0, maxWaitMs: 5 } }, 'input.batch.maxSize'],
    [
      'a key pair that the organization does not have',
      { signature: 'STANDARD_WEBHOOKS_ED25519', useOrganizationKey: true },
      'input.useOrganizationKey',
    ],
    ['a timeout of nothing', { timeoutSeconds: 0 }, 'input.timeoutSeconds'],
    ['a retry policy without attempts', { retryPolicy: { delaysSeconds: [] } }, 'input.retryPolicy.delaysSeconds'],
    ['an unknown field', { colour: 'red' }, 'input.colour'],
    ['a value of another type', { eventTypes: ['a', 1] }, 'input.eventTypes.1'],
    ['a filter with a key __proto__', { filter: JSON.parse('{"a":1}') as unknown, name: 1 }, 'input.name'],
  ])('refuse %s, naming the place', async (_, input, path) => {
    const refusal = await refused(createMutation, { input: { ...base, ...input } });
    expect(refusal.code).toBe('BAD_USER_INPUT');
    expect(refusal.paths).toContain(path);
  });

  it('refuse bad literals like bad variables', async () => {
    const refusal = await refused('mutation { createEndpoint(input: { name: "A", url: "https://a.example", colour: 1 }) { id } }');
    expect(refusal).toMatchObject({ code: 'BAD_USER_INPUT', message: expect.stringMatching(/colour/) as string });
  });
});

describe('the signing key', () => {
  const read = '{ organization { name signingKey } }';
  const reset = 'mutation ($key: String) { resetSigningKey(key: $key) { name signingKey } }';

  it('can be read, set and regenerated by admins', async () => {
    expect(await api.query(read)).toEqual({ organization: { name: 'default', signingKey: 'signing-key-of-default' } });
    expect(await api.query(reset, { key: 'sehr géheim' })).toEqual({ resetSigningKey: { name: 'default', signingKey: 'sehr géheim' } });
    const { resetSigningKey } = await api.query<{ resetSigningKey: { signingKey: string } }>(reset);
    expect(resetSigningKey.signingKey).toMatch(/^whsec_[\w+/]{43}=$/);
    expect(await api.query(read)).toEqual({ organization: resetSigningKey });
    expect(await api.query(read, {}, api.keys.OTHER)).toMatchObject({ organization: { signingKey: 'signing-key-of-other' } });
  });
  it.each(['VIEWER', 'AUDITOR'] as const)('is FORBIDDEN to a %s, who sees the rest', async (role) => {
    expect(await api.query('{ organization { name } }', {}, api.keys[role])).toEqual({ organization: { name: 'default' } });
    expect(await refused(read, {}, api.keys[role])).toMatchObject({ code: 'FORBIDDEN', message: expect.stringMatching(/ADMIN/) as string });
    expect(await refused(reset, {}, api.keys[role])).toMatchObject({ code: 'FORBIDDEN' });
  });
  it.each(['', '7 chars', 'a\nb is a key', 'x'.repeat(1025)])('must be printable text of 8 to 1024 characters, not %j', async (key) =>
    expect(await refused(reset, { key })).toMatchObject({ code: 'BAD_USER_INPUT', paths: ['key'] }),
  );
  it('can sign instead of a secret; the endpoint then shows none', async () => {
    expect(await create({ signature: 'SIGNATURE_SHA256', useOrganizationKey: true, secret: 'for later' })).toMatchObject({ secret: null });
  });
});

describe('JSON', () => {
  const define = (sample: string) => `mutation { defineEventType(input: { name: "a.b", sample: ${sample} }) { sample } }`;

  it('is accepted as objects, lists and literals, and returned unchanged', async () => {
    expect(await api.query(define('{ a: [1, 2.5, "x", true, null, { b: {} }] }'))).toEqual({
      defineEventType: { sample: { a: [1, 2.5, 'x', true, null, { b: {} }] } },
    });
  });

  it.each([
    ['a key __proto__', define('{ __proto__: { a: 1 } }'), /__proto__/],
    ['deep literals', define('{ a: '.repeat(70) + '1' + ' }'.repeat(70)), /64 levels/],
    ['half of a surrogate pair', define(String.raw`"\ud800"`), /./],
    ['an enum', define('RED'), /quotes/],
    ['a key that occurs twice', define('{ a: 1, a: 2 }'), /only one input field named "a"/],
  ])('is refused with %s', async (_, query, message) => {
    expect(await refused(query)).toMatchObject({ code: 'BAD_USER_INPUT', message: expect.stringMatching(message) as string });
  });

  it.each([
    ['a key __proto__', '{"__proto__":{}}', /__proto__/],
    ['a key that occurs twice', '{"a":1,"a":2}', /twice/],
    ['half of a surrogate pair', String.raw`"\ud800"`, /surrogate/],
    ['deep nesting', '['.repeat(100) + ']'.repeat(100), /64 levels/],
  ])('in variables is refused with %s before anything is carried out', async (_, sample, message) => {
    const query = 'mutation ($sample: JSON) { defineEventType(input: { name: \\"a.b\\", sample: $sample }) { sample } }';
    const response = await api.post('/graphql', `{"query":"${query}","variables":{"sample":${sample}}}`);
    expect(response.status).toBe(400);
    const { errors } = (await response.json()) as { errors: { message: string; extensions: { code: string } }[] };
    expect(errors[0]).toMatchObject({ message: expect.stringMatching(message) as string, extensions: { code: 'BAD_USER_INPUT' } });
  });
});

describe('messages and deliveries', () => {
  it('keep their timestamp as written, and show it in UTC', async () => {
    const { publishMessages } = await api.query<{ publishMessages: { id: string }[] }>(
      'mutation { publishMessages(messages: [{ id: "own", type: "a.b", timestamp: "2026-01-15T10:30:00+02:00", data: { x: 1 }, orderingKey: "k" }]) { id duplicate destinations } }',
    );
    expect(publishMessages[0]).toMatchObject({ duplicate: false });
    const [event] = await api.store.readStream(`message-${publishMessages[0]!.id}`);
    expect(event!.data).toMatchObject({ timestamp: '2026-01-15T10:30:00+02:00' });
    const shown = await api.query(
      'query ($id: ID!) { message(id: $id) { clientId eventType timestamp data orderingKey skipped { id } } }',
      {
        id: publishMessages[0]!.id,
      },
    );
    expect(shown).toEqual({
      message: { clientId: 'own', eventType: 'a.b', timestamp: '2026-01-15T08:30:00.000Z', data: { x: 1 }, orderingKey: 'k', skipped: [] },
    });
  });

  it('refuse what the intake refuses', async () => {
    const query = 'mutation ($messages: [MessageInput!]!) { publishMessages(messages: $messages) { id } }';
    const good = { type: 'a', data: {} };
    expect(await refused(query, { messages: [good, { type: 'a b', data: {} }] })).toMatchObject({ paths: ['messages.1.type'] });
    expect(await refused(query, { messages: [good, { type: 'a', data: [] }] })).toMatchObject({ paths: ['messages.1.data'] });
    expect(await refused(query, { messages: [] })).toMatchObject({ paths: ['messages'] });
    expect(await refused(query, { messages: [good, { ...good, timestamp: 'now' }] })).toMatchObject({ paths: ['messages.1.timestamp'] });
    const large = { type: 'a', data: { x: 'x'.repeat(256 * 1024) } };
    expect(await refused(query, { messages: [good, large] })).toMatchObject({ paths: ['messages.1.data'] });
  });

  it('show what was sent, the configuration at that time, and the response', async () => {
    const { id } = await create({ name: 'Shown', eventTypes: ['shown.now'], url: 'https://first.example/', secret: 's3cret-text' });
    const messageId = await publish('shown.now', { user: 'u', api_key: 'inner-secret' });
    const deliveryId = await deliveryTo(messageId, id);
    await attempt(deliveryId, 'succeeded');
    await api.query('mutation ($id: ID!) { updateEndpoint(id: $id, input: { url: "https://second.example/" }) { id } }', { id });
    const read = `query ($id: ID!) { delivery(id: $id) { status test attemptCount endpoint { url successRate { label } } message { id data } attempts {
      number url responseCode responseBody responseHeaders requestBody requestHeaders failure error durationMs configuration { url secret } } } }`;
    type Shown = { delivery: { attempts: Record<string, unknown>[]; message: { data: unknown }; endpoint: unknown; status: string } };
    const { delivery: shown } = await api.query<Shown>(read, { id: deliveryId });
    expect(shown).toMatchObject({
      status: 'SUCCEEDED',
      endpoint: { url: 'https://second.example/', successRate: { label: '100% (1/1)' } },
    });
    const [first] = shown.attempts;
    expect(first).toMatchObject({
      number: 1,
      url: 'https://first.example/',
      responseCode: 200,
      responseBody: '{"ok":true,"token":"inner"}',
      responseHeaders: { 'set-cookie': mask, server: 'x' },
      failure: null,
      configuration: { url: 'https://first.example/', secret: mask },
    });
    expect(JSON.parse(first!['requestBody'] as string)).toMatchObject({ event: 'shown.now', data: { user: 'u', api_key: 'inner-secret' } });
    expect(first!['requestHeaders']).toMatchObject({ 'webhook-id': messageId });

    const { delivery: masked } = await api.query<Shown>(read, { id: deliveryId }, api.keys.VIEWER);
    expect(masked.message.data).toEqual({ user: 'u', api_key: mask });
    expect(masked.attempts[0]!['responseBody']).toBe(`{"ok":true,"token":"${mask}"}`);
    expect(JSON.stringify(masked)).not.toContain('inner');
    expect(JSON.stringify(await api.query(read, { id: deliveryId }, api.keys.AUDITOR))).toContain('inner-secret');
  });

  it('show a consistent delivery even while an attempt is being recorded', async () => {
    const { id } = await create({ name: 'Meanwhile', eventTypes: ['shown.meanwhile'] });
    const deliveryId = await deliveryTo(await publish('shown.meanwhile', {}), id);
    const asking = vi.spyOn(DeliveryQueries.prototype, 'attemptsOf');
    asking.mockImplementationOnce(async function (this: DeliveryQueries, ...asked) {
      await attempt(deliveryId, 'succeeded');
      asking.mockRestore();
      return this.attemptsOf(...asked);
    });
    const read = 'query ($id: ID!) { delivery(id: $id) { status attemptCount attempts { number } } }';
    const { delivery: before } = await api.query<Record<string, unknown>>(read, { id: deliveryId });
    expect(before).toEqual({ status: 'PENDING', attemptCount: 0, attempts: [] });
    const { delivery: after } = await api.query<Record<string, unknown>>(read, { id: deliveryId });
    expect(after).toEqual({ status: 'SUCCEEDED', attemptCount: 1, attempts: [{ number: 1 }] });
  });

  it('have a timeline of sentences in order', async () => {
    const story = await create({ name: 'Story', eventTypes: ['story.told'] });
    const off = await create({ name: 'Off', eventTypes: ['story.told'], disabled: true });
    const messageId = await publish('story.told', { password: 'p' });
    const deliveryId = await deliveryTo(messageId, story.id);
    await attempt(deliveryId, 'failed');
    await api.query('mutation ($id: ID!) { retryDelivery(id: $id) { id status } }', { id: deliveryId });
    await api.query('mutation ($id: ID!) { cancelDelivery(id: $id) { status } }', { id: deliveryId });
    type Answer = {
      message: {
        skipped: { id: string }[];
        timeline: { text: string; event: { type: string; data: unknown }; delivery: { id: string } | null }[];
      };
    };
    const { message } = await api.query<Answer>(
      'query ($id: ID!) { message(id: $id) { skipped { id } timeline { at text event { type actor data } delivery { id } } } }',
      { id: messageId },
      api.keys.VIEWER,
    );
    expect(message.skipped).toEqual([{ id: off.id }]);
    expect(message.timeline.map(({ event }) => event.type)).toEqual([
      'message.accepted',
      'delivery.attempt-failed',
      'delivery.exhausted',
      'delivery.retry-requested',
      'delivery.cancelled',
    ]);
    const texts = message.timeline.map(({ text }) => text);
    expect(texts[0]).toMatch(
      /^Message "story.told" accepted from apikey:default-ADMIN\. It goes to .*"Story", subscribed to "story\.told"\. Skipped because disabled: "Off", subscribed to "story\.told"\.$/,
    );
    expect(texts[1]).toBe('Attempt 1 to "Story" failed: The endpoint answered 500. No further attempt follows.');
    expect(texts[3]).toMatch(/^apikey:default-ADMIN requested a retry to "Story"/);
    expect(message.timeline[1]!.delivery).toEqual({ id: deliveryId });
    expect(JSON.stringify(message.timeline)).not.toContain('"p"');
  });

  it('can be retried in bulk in the background, counted, and tested', async () => {
    const { id } = await create({ eventTypes: ['bulk.all'] });
    const ids = [await publish('bulk.all'), await publish('bulk.all')];
    for (const each of ids) await attempt(await deliveryTo(each, id), 'failed');
    type Count = { conservation: { routed: number; failed: number; open: number; balanced: boolean } };
    const counts = async () =>
      (await api.query<Count>('query ($id: ID!) { conservation(endpointId: $id) { routed failed open balanced } }', { id })).conservation;
    expect(await counts()).toEqual({ routed: 2, failed: 2, open: 0, balanced: true });
    const retry = 'mutation ($f: DeliveryFilter!) { retryDeliveries(filter: $f) { id matched retried status filter actor endedAt } }';
    const f = { endpointId: id, since: '2020-01-01T00:00:00.000Z', responseCode: null };
    const { retryDeliveries } = await api.query<{ retryDeliveries: { id: string } }>(retry, { f });
    expect(retryDeliveries).toMatchObject({ matched: 2, retried: 0, status: 'RUNNING', actor: 'apikey:default-ADMIN', endedAt: null });
    expect(retryDeliveries).toMatchObject({ filter: { endpointId: id, status: ['FAILED'], since: '2020-01-01T00:00:00.000Z' } });
    const listed = await api.query('{ bulkRetries(first: 1) { nodes { id } pageInfo { hasNextPage } } }');
    expect(listed).toMatchObject({ bulkRetries: { nodes: [{ id: retryDeliveries.id }] } });
    const cancel = 'mutation ($id: ID!) { cancelBulkRetry(id: $id) { status endedAt } }';
    expect(await api.query(cancel, retryDeliveries)).toEqual({ cancelBulkRetry: { status: 'CANCELLED', endedAt: expect.any(String) } });
    expect(await api.query('query ($id: ID!) { bulkRetry(id: $id) { status } }', retryDeliveries)).toMatchObject({
      bulkRetry: { status: 'CANCELLED' },
    });
    expect((await refused('mutation { cancelBulkRetry(id: "none") { id } }')).code).toBe('NOT_FOUND');
    const test = await api.query<{ testEndpoint: { test: boolean; status: string } }>(
      'mutation ($id: ID!) { testEndpoint(id: $id) { test status message { eventType } } }',
      { id },
    );
    expect(test.testEndpoint).toMatchObject({ test: true, status: 'PENDING', message: { eventType: 'bulk.all' } });
    expect((await refused('mutation { cancelDelivery(id: "none") { id } }')).code).toBe('NOT_FOUND');
  });

  it('are loaded with one query for a whole list', async () => {
    await create({ eventTypes: ['many.all'] });
    for (let i = 0; i < 5; i++) await publish('many.all');
    const { messages } = await api.query<{ messages: { nodes: { deliveries: { endpoint: { id: string } }[] }[] } }>(
      '{ messages(first: 5, eventType: "many.all") { nodes { data deliveries { attempts { number } endpoint { id successRate { label } } message { id } } } } }',
    );
    expect(messages.nodes).toHaveLength(5);
    expect(messages.nodes.every(({ deliveries }) => deliveries.length > 0)).toBe(true);
  });
});

describe('the organization', () => {
  it('has a name, event types and keys, which take effect at once', async () => {
    expect(await api.query('{ organization { id name } }')).toEqual({ organization: { id: 'default', name: 'default' } });
    await api.query('mutation { defineEventType(input: { name: "meeting.ended", description: "It ended." }) { group } }');
    await api.query('mutation { retireEventType(name: "meeting.ended") { retired } }');
    const { eventTypes } = await api.query<{ eventTypes: unknown[] }>('{ eventTypes { name group description retired } }');
    expect(eventTypes).toContainEqual({ name: 'meeting.ended', group: 'meeting', description: 'It ended.', retired: true });

    const { issueApiKey } = await api.query<{ issueApiKey: { id: string; key: string } }>(
      'mutation { issueApiKey(name: "dashboard", role: VIEWER) { id name role key } }',
    );
    expect((await api.ask('{ organization { id } }', {}, issueApiKey.key)).errors).toBeUndefined();
    await api.query('mutation ($id: ID!) { revokeApiKey(id: $id) }', { id: issueApiKey.id });
    expect((await refused('{ organization { id } }', {}, issueApiKey.key)).code).toBe('UNAUTHENTICATED');
  });
});

describe('access', () => {
  it('is refused without a key: 401, and the code UNAUTHENTICATED', async () => {
    const response = await fetch(`${api.url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ query: '{ organization { id } }' }),
    });
    expect(response.status).toBe(401);
    expect(response.headers.get('www-authenticate')).toMatch(/^Bearer/);
    expect(await response.json()).toMatchObject({ errors: [{ extensions: { code: 'UNAUTHENTICATED' } }] });
  });

  it('depends on the role; the refusal names the role needed', async () => {
    const mutation = 'mutation { defineEventType(input: { name: "x" }) { name } }';
    for (const key of [api.keys.VIEWER, api.keys.AUDITOR, api.keys.PUBLISHER])
      expect(await refused(mutation, {}, key)).toMatchObject({ code: 'FORBIDDEN', message: expect.stringMatching(/role ADMIN/) as string });
    expect((await refused('{ messages { nodes { id } } }', {}, api.keys.PUBLISHER)).code).toBe('FORBIDDEN');
    const publishing = 'mutation { publishMessages(messages: [{ type: "a", data: {} }]) { id } }';
    expect((await api.ask(publishing, {}, api.keys.PUBLISHER)).errors).toBeUndefined();
    expect((await refused(publishing, {}, api.keys.VIEWER)).code).toBe('FORBIDDEN');
    for (const key of [api.keys.VIEWER, api.keys.AUDITOR])
      expect((await api.ask('{ conservation { balanced } messages { nodes { id } } }', {}, key)).errors).toBeUndefined();
  });
});

describe('limits', () => {
  it.each([0, 201, -1])('`first` is 1..200: %d is refused', async (first) => {
    expect(await refused('query ($first: Int) { endpoints(first: $first) { nodes { id } } }', { first })).toMatchObject({
      code: 'BAD_USER_INPUT',
      paths: ['endpoints.first'],
    });
  });

  it('a malformed cursor is refused', async () => {
    expect(await refused('{ deliveries(after: "??") { nodes { id } } }')).toMatchObject({ code: 'BAD_USER_INPUT', paths: ['after'] });
    const span = 'since: "2026-01-02T00:00:00Z", until: "2026-01-01T00:00:00Z"';
    const swapped = { code: 'BAD_USER_INPUT', message: expect.stringMatching(/`until` .* is before `since`/) as string };
    expect(await refused(`{ messages(${span}) { nodes { id } } }`)).toMatchObject({ ...swapped, paths: ['until'] });
    expect(await refused(`{ deliveries(filter: { ${span} }) { nodes { id } } }`)).toMatchObject({ ...swapped, paths: ['filter.until'] });
  });

  it('a query that is nested too deep is refused, but introspection is not', async () => {
    const deep = `{ deliveries(first: 1) { nodes { ${'message { deliveries { '.repeat(6)} id ${'} }'.repeat(6)} } } }`;
    expect(await refused(deep)).toMatchObject({ code: 'BAD_USER_INPUT', message: expect.stringMatching(/deep/) as string });
    const { getIntrospectionQuery } = await import('graphql');
    expect((await api.ask(getIntrospectionQuery())).errors).toBeUndefined();
  });

  it('a query for too many fields is refused; `first` counts, also in variables and fragments', async () => {
    const query = `query ($first: Int) { endpoints(first: $first) { ...E } }
      fragment E on EndpointConnection { nodes { deliveries(first: $first) { nodes { id status createdAt } } } }`;
    expect(await refused(query, { first: 200 })).toMatchObject({ message: expect.stringMatching(/more than 50000 fields/) as string });
    expect((await api.ask(query, { first: 20 })).errors).toBeUndefined();
  });

  it('batches, malformed documents and subscriptions over HTTP are refused', async () => {
    const response = await api.post('/graphql', JSON.stringify([{ query: '{ organization { id } }' }]));
    expect(response.status).toBe(400);
    expect((await refused('{ nothing }')).code).toBe('BAD_USER_INPUT');
    expect((await refused('{ organization { id }')).code).toBe('BAD_USER_INPUT');
    expect((await refused(`{ ${'a: organization { id } '.repeat(3000)} }`)).code).toBe('BAD_USER_INPUT');
    expect((await refused('subscription { deliveryChanged { id } }')).code).toBe('BAD_USER_INPUT');
  });

  it('a request that a page of another site could make a browser send is refused', async () => {
    const response = await fetch(`${api.url}/graphql?query={organization{id}}`, { headers: { authorization: `Bearer ${api.keys.ADMIN}` } });
    expect(response.status).toBe(400);
  });
});

it('an internal error is answered with one fixed sentence and an id that the log has', async () => {
  const read = api.store.readStream.bind(api.store);
  const { id } = await create();
  api.store.readStream = () => Promise.reject(new Error('secret inner detail'));
  try {
    const { errors } = await api.ask('query ($id: ID!) { endpoint(id: $id, asOf: "2026-01-01T00:00:00Z") { id } }', { id });
    expect(errors?.[0]).toMatchObject({
      message: expect.stringMatching(/Something failed here/) as string,
      extensions: { code: 'INTERNAL_SERVER_ERROR' },
    });
    expect(JSON.stringify(errors)).not.toMatch(/secret inner|stack/);
    const { requestId } = api.failures.at(-1) as { requestId: string };
    expect(errors![0]!.message).toContain(requestId);
  } finally {
    api.store.readStream = read;
  }
});
