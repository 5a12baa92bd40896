// The marker of secrets.spec.ts in what changes something: the answers to mutations, refusals of what holds secrets, and live deliveries.
import { createClient } from 'graphql-ws';
import { isObjectType, getNamedType } from 'graphql';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { eventually } from '../support/client.ts';
import { endpointInput, leaksIn, marker, markedPath, roles, routingKey, selectionOf, startMarked, type Marked } from '../support/marked.ts';

const opened = new AsyncDisposableStack();
let marked: Marked;
beforeAll(async () => {
  marked = await startMarked(opened);
});
afterAll(() => opened.disposeAsync());

/** Variables by mutation. */
const mutations = (): Readonly<Record<string, Record<string, unknown>>> => {
  const { endpointId: id, deliveryId, receiver } = marked;
  const input = endpointInput(receiver);
  return {
    createEndpoint: { input },
    updateEndpoint: { id, input: { headers: input.headers, url: input.url, description: 'changed' } },
    pauseEndpoint: { id },
    resumeEndpoint: { id },
    disableEndpoint: { id, reason: 'for now' },
    enableEndpoint: { id },
    rotateEndpointSecret: { id, secret: `${marker}-secret-rotated` },
    testEndpoint: { id, eventType: 'marked.now' },
    publishMessages: { messages: [{ type: 'marked.now', data: { n: 2 } }] },
    retryDelivery: { id: deliveryId },
    retryDeliveries: { filter: { endpointId: id } },
    cancelDelivery: { id: deliveryId },
    replayMessages: { endpointId: id },
    resetSigningKey: { key: `${marker}-signing-key-new` },
    rotateEncryptionKey: {},
    defineEventType: { input: { name: 'marked.defined' } },
    retireEventType: { name: 'marked.defined' },
    issueApiKey: { name: 'One more', role: 'VIEWER' },
    createSource: { input: { name: 'Marked', category: 'marked' } },
  };
};

/** With everything that the answer can hold. */
const documentOf = (
  name: string,
  variables: Record<string, unknown>,
  kind: 'mutation' | 'subscription' = 'mutation',
  depth = 2,
  without: readonly string[] = [],
): string => {
  const root = kind === 'mutation' ? marked.schema.getMutationType() : marked.schema.getSubscriptionType();
  const field = root!.getFields()[name]!;
  const given = field.args.filter((arg) => Object.hasOwn(variables, arg.name));
  const declared = given.map((arg) => `$${arg.name}: ${String(arg.type)}`).join(', ');
  const passed = given.map((arg) => `${arg.name}: $${arg.name}`).join(', ');
  return `${kind} ${declared && `(${declared})`} { ${name}${passed && `(${passed})`} ${selectionOf(field, depth, without)} }`;
};

it('no answer to a mutation holds one, but what admins may see', async () => {
  const leaks: string[] = [];
  for (const [name, variables] of Object.entries(mutations())) {
    const answer = await marked.admin.ask(documentOf(name, variables), variables);
    leaks.push(...leaksIn(answer, 'ADMIN', marked).map((text) => `${name} → ${text}`));
    const isRefused = answer.errors?.some(({ extensions }) => extensions.code !== 'CONFLICT') ?? false;
    expect(isRefused ? { [name]: answer.errors } : {}).toEqual({});
  }
  expect(leaks).toEqual([]);
});

it('every mutation whose answer has an endpoint, a delivery or an organization is among them', () => {
  const holdsSecrets = new Set(['Endpoint', 'Delivery', 'Organization', 'BulkRetry', 'Replay']);
  const relevant = Object.values(marked.schema.getMutationType()!.getFields()).filter(({ type }) => {
    const named = getNamedType(type);
    return isObjectType(named) && holdsSecrets.has(named.name);
  });
  const without = new Set(['cancelReplay', 'cancelBulkRetry']); // they answer as replayMessages and retryDeliveries do
  // These answer as resetSigningKey does, of other organizations.
  for (const verb of ['create', 'update', 'suspend', 'resume']) without.add(`${verb}Organization`);
  const missing = relevant.map(({ name }) => name).filter((name) => !Object.hasOwn(mutations(), name) && !without.has(name));
  expect(missing).toEqual([]);
});

it.each(roles.filter((role) => role !== 'ADMIN'))('no refusal of a mutation of %s holds one', async (role) => {
  const leaks: string[] = [];
  for (const [name, variables] of Object.entries(mutations()))
    leaks.push(...leaksIn(await marked.clients.get(role)!.ask(documentOf(name, variables), variables), role, marked));
  expect(leaks).toEqual([]);
});

it('no refusal of a value repeats what the field keeps secret, nor does a line of the server', async () => {
  const { admin, server, endpointId, receiver } = marked;
  const input = endpointInput(receiver);
  const refused = `${marker}-refused`;
  const bad: Record<string, unknown>[] = [
    { secret: `${refused}\n` },
    { secret: refused.padEnd(2_000, 'x') },
    { signature: 'STANDARD_WEBHOOKS', secret: `whsec_${refused}!` },
    { headers: [{ name: 'X-Odd', value: `${refused}\nx` }] },
    { headers: [{ name: 'X-Odd', value: refused.padEnd(20_000, 'x') }] },
    { url: `http://user:${refused}@127.0.0.1${markedPath}` },
    { url: `ftp://127.0.0.1/?token=${refused}` },
    { url: `http://127.0.0.1:99999/?token=${refused}` },
    { format: 'PAGERDUTY', formatOptions: { routingKey: refused } },
    { format: 'SLACK', formatOptions: { routingKey } },
  ];
  const answers: string[] = [];
  const answerTo = async (query: string, variables: Record<string, unknown>) => {
    const { errors } = await admin.ask(query, variables);
    return errors ? JSON.stringify(errors) : `not refused: ${JSON.stringify(variables)}`;
  };
  const create = 'mutation ($input: EndpointInput!) { createEndpoint(input: $input) { id } }';
  const update = 'mutation ($id: ID!, $input: EndpointPatch!) { updateEndpoint(id: $id, input: $input) { id } }';
  for (const wrong of bad) {
    answers.push(await answerTo(create, { input: { ...input, ...wrong } }));
    answers.push(await answerTo(update, { id: endpointId, input: wrong }));
  }
  answers.push(await answerTo('mutation ($key: String) { resetSigningKey(key: $key) { id } }', { key: `${refused}\n` }));
  const rotate = 'mutation ($id: ID!, $secret: String) { rotateEndpointSecret(id: $id, secret: $secret) { id } }';
  answers.push(await answerTo(rotate, { id: endpointId, secret: `${refused}\n` }));
  expect(answers.filter((answer) => answer.includes(refused))).toEqual([]);
  expect(server.logs.filter((line) => line.includes(marker))).toEqual([]);
});

it('a request with a key that is not valid is answered and logged without it', async () => {
  const { server } = marked;
  for (const authorization of [`Bearer ${marker}-wrong-key`, `Basic ${marker}-wrong-key`, `Bearer ${marker}-wrong key`]) {
    const response = await fetch(`${server.url}/v1/messages`, { method: 'POST', headers: { authorization }, body: '{}' });
    expect(response.status).toBe(401);
    expect(await response.text()).not.toContain(marker);
  }
  expect(server.logs.filter((line) => line.includes(marker))).toEqual([]);
});

it.each(roles)('no live delivery that %s gets holds one', async (role) => {
  const { server, admin, keys, deliveryId, messageId } = marked;
  const { promise: connected, resolve } = Promise.withResolvers<void>();
  const ws = createClient({
    url: `${server.url.replace('http', 'ws')}/graphql`,
    webSocketImpl: WebSocket,
    connectionParams: { authorization: `Bearer ${keys.get(role)}` },
    lazy: false,
    retryAttempts: 0,
    on: { connected: () => resolve() },
  });
  const results: unknown[] = [];
  const done: unknown[] = [];
  const end = (why?: unknown) => done.push(why);
  await connected;
  const variables = { messageId };
  // Who may not read it gets a refusal instead of the whole delivery.
  const query = documentOf('deliveryChanged', variables, 'subscription', 3, role === 'ADMIN' ? [] : ['signingKey', 'metadata']);
  ws.subscribe({ query, variables }, { next: (result) => results.push(result), error: end, complete: end });
  await eventually(
    async () => {
      await admin.ask('mutation ($id: ID!) { retryDelivery(id: $id) { id } }', { id: deliveryId });
      return results.length + done.length;
    },
    (count) => count > 0,
  );
  await ws.dispose();
  expect(leaksIn({ results, done }, role, marked)).toEqual([]);
  expect(JSON.stringify(results).includes('"attempts":[{')).toBe(role !== 'PUBLISHER');
});
