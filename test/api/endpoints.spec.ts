// Endpoints in GraphQL: made, changed, shown, listed, and refused.
import { describe, expect, it } from 'vitest';
import type { EndpointId } from '../../src/domain/ids.ts';
import { mask } from '../../src/domain/header-masking.ts';
import { api, setUp, create, refused, createMutation, base, attempt, publish, deliveryTo } from './given-api.ts';

setUp();

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
