// Internal event types: portal sessions can neither subscribe to them nor learn of them, and they do not go where a session has pointed an endpoint.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startApi, type ApiServer } from './api-server.ts';

let api: ApiServer;
let token: string;
const made: Record<string, string> = {};
const shown = async () => expect(await api.views.reached((await api.store.tip()) ?? ('' as never), 30_000)).toBe(true);

const create = async (name: string, eventTypes: string[], key: string): Promise<string> => {
  const input = { name, url: 'https://a.example/hook', eventTypes };
  const mutation = 'mutation ($input: EndpointInput!) { createEndpoint(input: $input) { id } }';
  return (await api.query<{ createEndpoint: { id: string } }>(mutation, { input }, key)).createEndpoint.id;
};
const update = (id: string, input: Record<string, unknown>, key: string) =>
  api.query('mutation ($id: ID!, $input: EndpointPatch!) { updateEndpoint(id: $id, input: $input) { id } }', { id, input }, key);
const refusal = async (query: string, variables: Record<string, unknown>, key: string) => {
  const { errors } = await api.ask(query, variables, key);
  return { code: errors?.[0]?.extensions.code, paths: errors?.[0]?.extensions.issues?.map(({ path }) => path) };
};
/** The names of the endpoints that a message of this type goes to. */
const goesTo = async (type: string): Promise<string[]> => {
  const { publishMessages } = await api.query<{ publishMessages: { id: string }[] }>(
    'mutation ($type: String!) { publishMessages(messages: [{ type: $type, data: {} }]) { id } }',
    { type },
  );
  await shown();
  const { message } = await api.query<{ message: { deliveries: { endpoint: { name: string } }[] } }>(
    'query ($id: ID!) { message(id: $id) { deliveries { endpoint { name } } } }',
    { id: publishMessages[0]?.id },
  );
  return message.deliveries.map(({ endpoint }) => endpoint.name).sort();
};
const define = (name: string, audience: string) =>
  api.query('mutation ($input: EventTypeInput!) { defineEventType(input: $input) { name } }', {
    input: { name, audience, group: 'secrets', sample: { inside: 'sample' } },
  });

beforeAll(async () => {
  api = await startApi();
  await define('audit.made', 'INTERNAL');
  const mutation = 'mutation { createPortalSession(input: { subject: "anna" }) { token } }';
  token = (await api.query<{ createPortalSession: { token: string } }>(mutation)).createPortalSession.token;
  made['all by key'] = await create('all by key', ['*'], api.keys.ADMIN);
  made['name by key'] = await create('name by key', ['audit.made', 'order.made'], api.keys.ADMIN);
  for (const entry of ['*', 'audit.*', 'secrets', 'later.known']) made[entry] = await create(`${entry} by portal`, [entry], token);
});
afterAll(() => api.close());

describe('a portal session', () => {
  it('subscribes to no internal type, neither when it makes an endpoint nor when it changes one', async () => {
    const mutation = 'mutation ($input: EndpointInput!) { createEndpoint(input: $input) { id } }';
    const input = { name: 'No', url: 'https://a.example/hook', eventTypes: ['order.made', 'audit.made'] };
    const refused = { code: 'BAD_USER_INPUT', paths: ['input.eventTypes.1'] };
    expect(await refusal(mutation, { input }, token)).toEqual(refused);
    const change = 'mutation ($id: ID!, $input: EndpointPatch!) { updateEndpoint(id: $id, input: $input) { id } }';
    for (const id of [made['*'], made['all by key']])
      expect(await refusal(change, { id, input: { eventTypes: ['order.made', 'audit.made'] } }, token)).toEqual(refused);
  });

  it.each([
    ['mutation ($id: ID!) { testEndpoint(id: $id, eventType: "audit.made") { id } }', ['eventType']],
    ['mutation ($id: ID!) { testDraft(id: $id, patch: {}, eventType: "audit.made") { requestBody } }', ['eventType']],
  ])('is shown no sample of one by %s', async (mutation, paths) =>
    expect(await refusal(mutation, { id: made['*'] }, token)).toEqual({ code: 'BAD_USER_INPUT', paths }),
  );

  it('reads a subscription without it, and keeps it by giving back what it read', async () => {
    const read = 'query ($id: ID!) { endpoint(id: $id) { eventTypes undefinedEventTypes } }';
    const subscription = async (key: string) =>
      (await api.query<{ endpoint: { eventTypes: string[] } }>(read, { id: made['name by key'] }, key)).endpoint;
    expect(await subscription(token)).toEqual({ eventTypes: ['order.made'], undefinedEventTypes: ['order.made'] });
    await update(made['name by key'] ?? '', { name: 'name by key', eventTypes: ['order.made'] }, token);
    expect((await subscription(api.keys.ADMIN)).eventTypes).toEqual(['audit.made', 'order.made']);
  });

  it('is told of none by who would receive a message', async () => {
    const query = '{ wouldReceive(message: { type: "audit.made", data: {} }) { nodes { endpoint { name } routed reason } } }';
    const ask = async (key: string) => JSON.stringify(await api.query(query, {}, key));
    expect(await ask(token)).not.toMatch(/internal|portal session/);
    expect(await ask(api.keys.ADMIN)).toMatch(/it is internal, and a portal session has decided/);
  });
});

describe('a message of an internal type', () => {
  it('goes where an API key has sent it, and to no endpoint that a portal session made, however that subscribes', async () => {
    expect(await goesTo('audit.made')).toEqual(['all by key', 'name by key']);
    expect(await goesTo('audit.public')).toEqual(['* by portal', 'all by key', 'audit.* by portal']);
    expect(await goesTo('later.known')).toEqual(['* by portal', 'all by key', 'later.known by portal']);
    await define('later.known', 'INTERNAL');
    expect(await goesTo('later.known')).toEqual(['all by key']);
    const lists = async (key: string) => {
      const query = '{ endpoints(eventType: "later.known") { nodes { name } count { value } } }';
      return (await api.query<{ endpoints: { nodes: { name: string }[]; count: { value: number } } }>(query, {}, key)).endpoints;
    };
    expect(await lists(api.keys.ADMIN)).toEqual({ nodes: [{ name: 'all by key' }], count: { value: 1 } });
  });

  it('is neither listed nor counted for a portal session', async () => {
    type Listed = { value: number; exact: boolean };
    const query = `query ($id: ID!) { messages { nodes { eventType } count { value exact } } deliveries { count { value exact } }
      endpoint(id: $id) { deliveries { count { value exact } } } whatIf(endpoint: { name: "x", url: "https://x.example/" }) { looked } }`;
    type Answer = {
      messages: { nodes: { eventType: string }[]; count: Listed };
      deliveries: { count: Listed };
      endpoint: { deliveries: { count: Listed } };
      whatIf: { looked: number };
    };
    const ask = (key: string) => api.query<Answer>(query, { id: made['all by key'] }, key);
    const [all, seen] = [await ask(api.keys.ADMIN), await ask(token)];
    expect(all.messages.nodes.map(({ eventType }) => eventType)).toContain('audit.made');
    expect(seen.messages.nodes.map(({ eventType }) => eventType)).toEqual(['audit.public']); // later.known became internal
    expect(seen.messages.count).toEqual({ value: 1, exact: true });
    expect(seen.deliveries.count).toEqual({ value: 3, exact: true });
    expect(seen.endpoint.deliveries.count).toEqual({ value: 1, exact: true });
    expect(seen.whatIf.looked).toBe(1);
    expect(all.deliveries.count.value).toBeGreaterThan(seen.deliveries.count.value);
  });

  it('goes no longer where a portal session has changed the URL', async () => {
    await update(made['all by key'] ?? '', { url: 'https://elsewhere.example/hook' }, token);
    expect(await goesTo('audit.made')).toEqual(['name by key']);
    const explain = '{ messages(first: 1) { nodes { routing(routed: false) { nodes { endpoint { name } reason } } } } }';
    expect(JSON.stringify(await api.query(explain))).toMatch(/it is internal, and a portal session had decided/);
  });
});
