// What people do by hand, and who may do what.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Client, eventually, type Role } from '../support/client.ts';
import { startReceiver, type Receiver } from '../support/receiver.ts';
import { startServer, type Server } from '../support/server.ts';

let server: Server;
let client: Client;
let receiver: Receiver;
let types = 0;
let type: string;
let id: string;
beforeAll(async () => {
  server = await startServer();
  client = new Client(server);
});
afterAll(() => server.dispose());
beforeEach(async () => {
  type = `test.n${types++}`;
  receiver = await startReceiver();
  id = await client.createEndpoint({
    url: receiver.url,
    eventTypes: [type],
    retryPolicy: { delaysSeconds: [0, 3600] },
    secret: 's3cret-text',
  });
  return () => receiver.close();
});

describe('a person', () => {
  it('retries a delivery that waits: a fresh series, now', async () => {
    receiver.answer({ status: 500 });
    const messageId = await client.publish(type);
    const { id: deliveryId } = await client.delivery(messageId, 'RETRYING');
    receiver.answer({});
    await client.act('retryDelivery', deliveryId);
    expect((await client.delivery(messageId, 'SUCCEEDED')).attemptCount).toBe(2);
  });

  it('retries one that succeeded: it is sent again', async () => {
    const messageId = await client.publish(type);
    const { id: deliveryId } = await client.delivery(messageId, 'SUCCEEDED');
    await client.act('retryDelivery', deliveryId);
    await receiver.received(2);
    const [again] = await eventually(
      () => client.deliveries({ messageId }),
      (all) => all[0]?.attemptCount === 2,
    );
    expect(again?.status).toBe('SUCCEEDED');
    expect(receiver.requests.map(({ headers }) => headers['webhook-attempt'])).toEqual(['1', '2']);
  });

  it('retries those that match a filter: by endpoint, response code and status', async () => {
    await client.updateEndpoint(id, { retryPolicy: { delaysSeconds: [0] } });
    receiver.answer(({ body }) => ({ status: body.includes('"n":1') ? 500 : body.includes('"n":2') ? 404 : 200 }));
    const published = await server.publish([0, 1, 2].map((n) => ({ type, data: { n } })));
    const [ok, broken, missing] = published.map((message) => message.id);
    await client.delivery(broken ?? '', 'FAILED');
    await client.delivery(missing ?? '', 'FAILED');
    await client.delivery(ok ?? '', 'SUCCEEDED');
    receiver.answer({});
    const retry = 'mutation ($filter: DeliveryFilter!) { retryDeliveries(filter: $filter) { matched } }';
    expect(await client.query(retry, { filter: { endpointId: id, responseCode: 404 } })).toEqual({ matched: 1 });
    await client.delivery(missing ?? '', 'SUCCEEDED');
    await client.delivery(broken ?? '', 'FAILED');
    expect(await client.query(retry, { filter: { endpointId: id, status: ['SUCCEEDED'] } })).toEqual({ matched: 2 });
    await receiver.received(6);
    expect(await client.query(retry, { filter: { endpointId: id } })).toEqual({ matched: 1 });
    await client.delivery(broken ?? '', 'SUCCEEDED');
  });

  it('retries nothing of a deleted endpoint: what was delivered to it stays so', async () => {
    await client.updateEndpoint(id, { retryPolicy: { delaysSeconds: [0] } });
    const messageId = await client.publish(type);
    const { id: deliveryId } = await client.delivery(messageId, 'SUCCEEDED');
    receiver.answer({ status: 500 });
    await client.delivery(await client.publish(type), 'FAILED');
    await client.act('deleteEndpoint', id);
    const refusal = await client.refusal('mutation ($id: ID!) { retryDelivery(id: $id) { id } }', { id: deliveryId });
    expect(refusal.extensions.code).toBe('CONFLICT');
    const retry = 'mutation ($filter: DeliveryFilter!) { retryDeliveries(filter: $filter) { matched } }';
    expect(await client.query(retry, { filter: { endpointId: id } })).toEqual({ matched: 0 });
    expect((await client.deliveries({ endpointId: id })).map(({ status }) => status)).toEqual(['FAILED', 'SUCCEEDED']);
  });

  it('cancels a delivery that waits, once; one that ended is not cancelled', async () => {
    receiver.answer({ status: 500 });
    const messageId = await client.publish(type);
    const { id: deliveryId } = await client.delivery(messageId, 'RETRYING');
    await client.act('cancelDelivery', deliveryId);
    const { nextAttemptAt, endedAt } = await client.delivery(messageId, 'CANCELLED');
    expect([nextAttemptAt, typeof endedAt]).toEqual([null, 'string']);
    await client.act('cancelDelivery', deliveryId);

    receiver.answer({});
    const { id: done } = await client.delivery(await client.publish(type), 'SUCCEEDED');
    const refusal = await client.refusal('mutation ($id: ID!) { cancelDelivery(id: $id) { id } }', { id: done });
    expect(refusal.extensions.code).toBe('CONFLICT');
  });

  it.each(['pauseEndpoint', 'disableEndpoint'])('tests an endpoint after %s: one attempt, and no retry', async (mutation) => {
    await client.act(mutation, id);
    receiver.answer({ status: 500 });
    const test = 'mutation ($id: ID!) { testEndpoint(id: $id) { id message { id } } }';
    const { message } = await client.query<{ message: { id: string } }>(test, { id });
    const delivery = await client.delivery(message.id, 'FAILED');
    expect(delivery).toMatchObject({ test: true, attemptCount: 1, message: { eventType: type } });
    const rate = await client.query<{ successRate: unknown }>('query ($id: ID!) { endpoint(id: $id) { successRate { total } } }', { id });
    expect(rate.successRate).toEqual({ total: 0 });
  });
});

// ── Roles ──

const everyone: Role[] = ['ADMIN', 'OPERATOR', 'PUBLISHER', 'VIEWER', 'AUDITOR'];
const read: Role[] = ['ADMIN', 'OPERATOR', 'VIEWER', 'AUDITOR'];
const publish: Role[] = ['ADMIN', 'PUBLISHER'];
const audit: Role[] = ['ADMIN', 'OPERATOR', 'AUDITOR'];
const operate: Role[] = ['ADMIN', 'OPERATOR'];
const admin: Role[] = ['ADMIN'];
/** Keys that span the installation: none that is issued here does. */
const installation: Role[] = [];
const none = '(id: "none")';

/** Every operation of the API: who may, and a document that asks for it and changes nothing. */
const operations: Record<string, [roles: Role[], document: string]> = {
  endpoint: [read, `{ endpoint${none} { id } }`],
  endpoints: [read, '{ endpoints { nodes { id } } }'],
  attention: [read, '{ attention { sentence } }'],
  message: [read, `{ message${none} { id } }`],
  messages: [read, '{ messages { nodes { id } } }'],
  delivery: [read, `{ delivery${none} { id } }`],
  deliveries: [read, '{ deliveries { nodes { id } } }'],
  eventTypes: [read, '{ eventTypes { name } }'],
  apiKeys: [admin, '{ apiKeys { nodes { id } } }'],
  me: [everyone, '{ me { kind } }'],
  organization: [read, '{ organization { name } }'],
  conservation: [read, '{ conservation { balanced } }'],
  history: [audit, '{ history { nodes { id } } }'],
  endpointChanges: [audit, `{ endpointChanges${none} { field } }`],
  explainRouting: [audit, '{ explainRouting(messageId: "none", endpointId: "none") { text } }'],
  replay: [read, `{ replay${none} { id } }`],
  replays: [read, '{ replays { nodes { id } } }'],
  bulkRetry: [read, `{ bulkRetry${none} { id } }`],
  bulkRetries: [read, '{ bulkRetries { nodes { id } } }'],
  search: [read, '{ search(text: "x") { __typename } }'],
  deliveryStats: [read, '{ deliveryStats(since: "2026-01-01T00:00:00Z") { start } }'],
  failureStats: [read, '{ failureStats(since: "2026-01-01T00:00:00Z", by: REASON) { key } }'],
  wouldReceive: [read, '{ wouldReceive(message: { type: "", data: {} }) { nodes { reason } } }'],
  whatIf: [operate, '{ whatIf(endpoint: { name: "", url: "" }) { looked } }'],
  whatIfEndpoint: [operate, '{ whatIfEndpoint(id: "none", input: {}) { looked } }'],
  source: [read, `{ source${none} { id } }`],
  sources: [read, '{ sources { id } }'],
  skippedEvents: [read, '{ skippedEvents(sourceId: "none") { nodes { reason } } }'],
  publishMessages: [publish, 'mutation { publishMessages(messages: []) { id } }'],
  createEndpoint: [operate, 'mutation { createEndpoint(input: { name: "", url: "" }) { id } }'],
  previewEndpoint: [operate, 'mutation { previewEndpoint(input: { name: "", url: "" }, message: { type: "a", data: {} }) { body } }'],
  updateEndpoint: [operate, 'mutation { updateEndpoint(id: "none", input: {}) { id } }'],
  pauseEndpoint: [operate, `mutation { pauseEndpoint${none} { id } }`],
  resumeEndpoint: [operate, `mutation { resumeEndpoint${none} { id } }`],
  disableEndpoint: [operate, `mutation { disableEndpoint${none} { id } }`],
  enableEndpoint: [operate, `mutation { enableEndpoint${none} { id } }`],
  deleteEndpoint: [operate, `mutation { deleteEndpoint${none} }`],
  rotateEndpointSecret: [operate, `mutation { rotateEndpointSecret${none} { id } }`],
  testDraft: [operate, 'mutation { testDraft(input: { name: "", url: "" }) { requestUrl } }'],
  testEndpoint: [operate, `mutation { testEndpoint${none} { id } }`],
  retryDelivery: [operate, `mutation { retryDelivery${none} { id } }`],
  retryDeliveries: [operate, 'mutation { retryDeliveries(filter: { endpointId: "none" }) { matched } }'],
  cancelBulkRetry: [operate, `mutation { cancelBulkRetry${none} { id } }`],
  cancelDelivery: [operate, `mutation { cancelDelivery${none} { id } }`],
  replayMessages: [operate, 'mutation { replayMessages(endpointId: "none") { id } }'],
  cancelReplay: [operate, `mutation { cancelReplay${none} { id } }`],
  createSource: [operate, 'mutation { createSource(input: { name: "" }) { id } }'],
  updateSource: [operate, 'mutation { updateSource(id: "none", input: {}) { id } }'],
  pauseSource: [operate, `mutation { pauseSource${none} { id } }`],
  resumeSource: [operate, `mutation { resumeSource${none} { id } }`],
  deleteSource: [operate, `mutation { deleteSource${none} }`],
  defineEventType: [operate, 'mutation { defineEventType(input: { name: "" }) { name } }'],
  retireEventType: [operate, 'mutation { retireEventType(name: "none") { name } }'],
  system: [everyone, '{ system { version } }'],
  organizations: [installation, '{ organizations { nodes { id } } }'],
  createOrganization: [installation, 'mutation { createOrganization(input: { name: "" }) { id } }'],
  updateOrganization: [installation, 'mutation { updateOrganization(id: "none", input: {}) { id } }'],
  suspendOrganization: [installation, 'mutation { suspendOrganization(id: "none", reason: "none") { id } }'],
  resumeOrganization: [installation, `mutation { resumeOrganization${none} { id } }`],
  deleteOrganization: [installation, 'mutation { deleteOrganization(id: "none", confirmName: "none") }'],
  portalSettings: [read, '{ portalSettings { name } }'],
  updatePortalSettings: [admin, 'mutation { updatePortalSettings(input: { logo: "none" }) { name } }'],
  resetSigningKey: [admin, 'mutation { resetSigningKey(key: "") { id } }'],
  rotateEncryptionKey: [admin, 'mutation { rotateEncryptionKey { id } }'],
  createPortalSession: [admin, 'mutation { createPortalSession(input: { subject: "" }) { token } }'],
  endPortalSessions: [admin, 'mutation { endPortalSessions }'],
  issueApiKey: [admin, 'mutation { issueApiKey(name: "", role: VIEWER) { id } }'],
  revokeApiKey: [admin, `mutation { revokeApiKey${none} }`],
};

describe('roles', () => {
  it('are known here for every operation that the API has', async () => {
    type Fields = { fields: { name: string }[] };
    const schema = await client.query<{ queryType: Fields; mutationType: Fields }>(
      '{ __schema { queryType { fields { name } } mutationType { fields { name } } } }',
    );
    const names = [...schema.queryType.fields, ...schema.mutationType.fields].map(({ name }) => name);
    expect(Object.keys(operations).toSorted()).toEqual(names.toSorted());
  });

  it.each(everyone)('%s may what it may, and everything else is FORBIDDEN', async (role) => {
    const { client: person } = await client.issueKey(role);
    const allowed: string[] = [];
    for (const [name, [, document]] of Object.entries(operations)) {
      const { errors } = await person.ask(document);
      const code = errors?.[0]?.extensions.code;
      expect([undefined, 'FORBIDDEN', 'NOT_FOUND', 'BAD_USER_INPUT'], `${name}: ${errors?.[0]?.message}`).toContain(code);
      if (code !== 'FORBIDDEN') allowed.push(name);
    }
    const expected = Object.entries(operations).filter(([, [roles]]) => roles.includes(role));
    expect(allowed).toEqual(expected.map(([name]) => name));
    expect((await person.post('/v1/messages', { type, data: {} })).status).toBe(publish.includes(role) ? 202 : 403);
    expect((await person.get('/metrics')).status).toBe(read.includes(role) ? 200 : 403);
  });

  it('see the secret of an endpoint as ADMIN only', async () => {
    const query = 'query ($id: ID!) { endpoint(id: $id) { secret } }';
    expect(await client.query(query, { id })).toEqual({ secret: 's3cret-text' });
    for (const role of ['OPERATOR', 'VIEWER', 'AUDITOR'] as const) {
      const { client: person } = await client.issueKey(role);
      expect(await person.query(query, { id })).toEqual({ secret: null });
    }
  });

  it('end at once when the key is revoked', async () => {
    const { id: keyId, client: person } = await client.issueKey('PUBLISHER');
    expect((await person.post('/v1/messages', { type, data: {} })).status).toBe(202);
    await client.act('revokeApiKey', keyId);
    expect((await person.post('/v1/messages', { type, data: {} })).status).toBe(401);
    expect((await person.refusal('{ eventTypes { name } }')).extensions.code).toBe('UNAUTHENTICATED');
  });
});
