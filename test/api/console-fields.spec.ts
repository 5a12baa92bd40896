// What pages of a console show of endpoints, deliveries and attempts, beside their lists.
import { hash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { AttemptRecord, FailureReason } from '../../src/domain/attempts.ts';
import { delivery } from '../../src/domain/delivery.ts';
import type { DeliveryId, EndpointId, MessageId, OrganizationId } from '../../src/domain/ids.ts';
import { deliveryStream } from '../../src/domain/streams.ts';
import { newId } from '../../src/event-store/id-generation.ts';
import { startApi, type ApiServer } from './api-server.ts';

let api: ApiServer;
beforeAll(async () => {
  api = await startApi();
});
afterAll(() => api.close());

const create = async (input: Record<string, unknown> = {}) => {
  const given = { name: 'Alerts', url: 'https://hooks.example/in', retryPolicy: { delaysSeconds: [0, 60, 300] }, ...input };
  const made = await api.query<{ createEndpoint: { id: string; revision: number } }>(
    'mutation ($given: EndpointInput!) { createEndpoint(input: $given) { id revision } }',
    { given },
  );
  return made.createEndpoint;
};
const shown = async <T>(id: string, fields: string, more = ''): Promise<T> =>
  (await api.query<{ endpoint: T }>(`query ($id: ID!) { endpoint(id: $id${more}) { ${fields} } }`, { id })).endpoint;
const change = (id: string, input: Record<string, unknown>, expectedRevision?: number) =>
  api.ask<{ updateEndpoint: { revision: number; name: string } }>(
    'mutation ($id: ID!, $input: EndpointPatch!, $expectedRevision: Int) { updateEndpoint(id: $id, input: $input, expectedRevision: $expectedRevision) { revision name } }',
    { id, input, expectedRevision },
  );
/** @returns the ids of its deliveries, by endpoint */
const publish = async (type: string): Promise<ReadonlyMap<string, string>> => {
  const { publishMessages } = await api.query<{ publishMessages: { id: string }[] }>(
    'mutation ($messages: [MessageInput!]!) { publishMessages(messages: $messages) { id } }',
    { messages: [{ type, data: { a: 1 } }] },
  );
  const { message } = await api.query<{ message: { deliveries: { id: string; endpoint: { id: string } }[] } }>(
    'query ($id: ID!) { message(id: $id) { deliveries { id endpoint { id } } } }',
    { id: publishMessages[0]!.id },
  );
  return new Map(message.deliveries.map(({ id, endpoint }) => [endpoint.id, id]));
};
const deliveryFields =
  'status attemptCount attemptsPlanned lastResponseCode lastFailure lastError lastAttemptAt attempts { number trigger hint bodySha256 bodyVerified responseTruncated }';
type ShownDelivery = {
  status: string;
  attemptCount: number;
  attemptsPlanned: number;
  lastResponseCode: number | null;
  lastFailure: string | null;
  lastError: string | null;
  lastAttemptAt: string | null;
  attempts: {
    number: number;
    trigger: string;
    hint: string | null;
    bodySha256: string | null;
    bodyVerified: boolean | null;
    responseTruncated: boolean;
  }[];
};
const shownDelivery = async (id: string) =>
  (await api.query<{ delivery: ShownDelivery }>(`query ($id: ID!) { delivery(id: $id) { ${deliveryFields} } }`, { id })).delivery;

/** Records an attempt as the dispatcher would. @param code undefined: no connection */
const attempt = async (id: string, number: number, code: number | undefined, more: Partial<AttemptRecord> = {}) => {
  const { delivery: row } = await api.query<{ delivery: { message: { id: string }; endpoint: { id: string } } }>(
    'query ($id: ID!) { delivery(id: $id) { message { id } endpoint { id } } }',
    { id },
  );
  const messageId = row.message.id as MessageId;
  const endpoint = api.directory.endpoint(row.endpoint.id as EndpointId)!;
  const [event] = await api.store.readStream(`message-${messageId}`);
  if (event?.type !== 'message.accepted') throw new Error('no message');
  const now = new Date();
  const request = await api.requests.make(endpoint, { id: messageId, messages: { ...event.data, id: messageId } }, number, now);
  const subject = {
    organizationId: 'default' as OrganizationId,
    messageId,
    endpointId: endpoint.id,
    ...(event.data.test && { test: true as const }),
  };
  const record: AttemptRecord = {
    attempt: number,
    startedAt: now.toISOString(),
    durationMs: 12,
    url: request.url,
    endpointRevision: endpoint.revision,
    bodySha256: request.bodySha256,
    requestHeaders: request.maskedHeaders,
    ...(code === undefined ? {} : { responseCode: code, responseHeaders: {}, responseBody: 'ok' }),
    ...more,
  };
  const failure: FailureReason = code === undefined ? 'CONNECTION' : 'HTTP_STATUS';
  const failed = {
    type: 'RecordFailure' as const,
    subject,
    record,
    failure,
    error: 'It failed.',
    policy: endpoint.configuration.settings.retryPolicy,
    random: 0,
  };
  const command = code !== undefined && code < 300 ? { type: 'RecordSuccess' as const, subject, record } : failed;
  const { position } = await api.executor.execute(
    { stream: deliveryStream(id as DeliveryId), decider: delivery, command },
    { actor: 'system:dispatcher', commandId: newId() },
  );
  await api.views.reached(position!, 5000);
};

describe('the revision of an endpoint', () => {
  it('grows with each change, and is the same in a mutation, a query and at a past moment', async () => {
    const made = await create();
    expect(made.revision).toBe(0);
    const { data } = await change(made.id, { name: 'B' });
    expect(data?.updateEndpoint).toEqual({ revision: 1, name: 'B' });
    expect(await shown(made.id, 'revision')).toEqual({ revision: 1 });
    const [first] = await api.store.readStream(`endpoint-${made.id}`);
    expect(await shown(made.id, 'revision name', `, asOfPosition: "${first!.position}"`)).toEqual({ revision: 0, name: 'Alerts' });
  });

  it('refuses a change that was made on an older one, and says who changed what since', async () => {
    const { id } = await create();
    await change(id, { url: 'https://other.example/in', timeoutSeconds: 5 });
    const tip = await api.store.tip();
    const { errors } = await change(id, { name: 'Mine' }, 0);
    expect(errors?.[0]?.extensions).toMatchObject({ code: 'CONFLICT', issues: [{ path: 'expectedRevision' }] });
    expect(errors?.[0]?.message).toMatch(
      /changed since revision 0: apikey:default-ADMIN changed `url` at .*; apikey:default-ADMIN changed `timeoutSeconds` at .*`expectedRevision` 2\./,
    );
    expect(await api.store.tip()).toBe(tip);
    expect((await change(id, { name: 'Mine' }, 2)).data?.updateEndpoint).toEqual({ revision: 3, name: 'Mine' });
    expect((await change(id, { name: 'Mine' }, 9)).errors?.[0]?.message).toContain('no revision 9 yet');
  });
});

describe('an endpoint', () => {
  it('says until when the secret before signs, where both can', async () => {
    const rotated = async (signature: string) => {
      const { id } = await create({ signature });
      expect(await shown(id, 'previousSecretUntil useOrganizationKey')).toEqual({ previousSecretUntil: null, useOrganizationKey: false });
      await api.query('mutation ($id: ID!) { rotateEndpointSecret(id: $id, graceSeconds: 600) { id } }', { id });
      return (await shown<{ previousSecretUntil: string | null }>(id, 'previousSecretUntil')).previousSecretUntil;
    };
    const until = Date.parse((await rotated('STANDARD_WEBHOOKS'))!);
    expect(until - Date.now()).toBeGreaterThan(500_000);
    expect(until - Date.now()).toBeLessThanOrEqual(600_000);
    expect(await rotated('WEBHOOK_SHA256')).toBeNull();
  });

  it('counts what is open, held and was skipped, and shows its last attempt', async () => {
    const fields = 'openDeliveries heldDeliveries skippedSinceDisabled lastAttempt { number responseCode }';
    const { id } = await create({ eventTypes: ['counted.a'] });
    expect(await shown(id, fields)).toEqual({ openDeliveries: 0, heldDeliveries: 0, skippedSinceDisabled: 0, lastAttempt: null });
    const [one, two, three] = [await publish('counted.a'), await publish('counted.a'), await publish('counted.a')];
    await attempt(one.get(id)!, 1, 200);
    await attempt(two.get(id)!, 1, 503);
    expect(await shown(id, fields)).toMatchObject({ openDeliveries: 2, heldDeliveries: 0, lastAttempt: { number: 1, responseCode: 503 } });
    await api.query('mutation ($id: ID!) { pauseEndpoint(id: $id) { id } }', { id });
    expect(await shown(id, fields)).toMatchObject({ openDeliveries: 2, heldDeliveries: 2 });
    await api.query('mutation ($id: ID!) { cancelDelivery(id: $id) { id } }', { id: three.get(id) });
    expect(await shown(id, fields)).toMatchObject({ openDeliveries: 1, heldDeliveries: 1 });
    await api.query('mutation ($id: ID!) { resumeEndpoint(id: $id) { id } }', { id });
    await api.query('mutation ($id: ID!) { retryDelivery(id: $id) { id } }', { id: three.get(id) });
    expect(await shown(id, fields)).toMatchObject({ openDeliveries: 2, heldDeliveries: 0, skippedSinceDisabled: 0 });
    await api.query('mutation ($id: ID!) { disableEndpoint(id: $id) { id } }', { id });
    await publish('counted.a');
    await publish('counted.a');
    await api.query('mutation ($id: ID!) { enableEndpoint(id: $id) { id } }', { id });
    expect(await shown(id, fields)).toMatchObject({ openDeliveries: 2, heldDeliveries: 0, skippedSinceDisabled: 2 });
    await api.query('mutation ($id: ID!) { disableEndpoint(id: $id) { id } }', { id });
    expect(await shown(id, fields)).toMatchObject({ skippedSinceDisabled: 0 });
  });
});

describe('a delivery', () => {
  it('shows its last attempt, and how many are planned', async () => {
    const { id } = await create({ eventTypes: ['planned.a'] });
    const first = (await publish('planned.a')).get(id)!;
    expect(await shownDelivery(first)).toMatchObject({ attemptCount: 0, attemptsPlanned: 3, lastResponseCode: null, lastAttemptAt: null });
    await attempt(first, 1, 503);
    expect(await shownDelivery(first)).toMatchObject({
      status: 'RETRYING',
      attemptCount: 1,
      attemptsPlanned: 3,
      lastResponseCode: 503,
      lastFailure: 'HTTP_STATUS',
      lastError: 'It failed.',
    });
    await api.query('mutation ($id: ID!) { retryDelivery(id: $id) { id } }', { id: first });
    expect(await shownDelivery(first)).toMatchObject({ status: 'PENDING', attemptCount: 1, attemptsPlanned: 4 });
    await attempt(first, 2, 200);
    const { lastAttemptAt, ...done } = await shownDelivery(first);
    expect(done).toMatchObject({ status: 'SUCCEEDED', attemptsPlanned: 3, lastResponseCode: 200, lastFailure: null, lastError: null });
    expect(Date.now() - Date.parse(lastAttemptAt!)).toBeLessThan(60_000);
  });

  it('says of each attempt what triggered it, what to do, and whether its body is verified', async () => {
    const { id } = await create({ eventTypes: ['triggered.a'] });
    const to = (await publish('triggered.a')).get(id)!;
    await attempt(to, 1, undefined);
    await api.query('mutation ($id: ID!) { retryDelivery(id: $id) { id } }', { id: to });
    await attempt(to, 2, 404, { responseBody: 'x'.repeat(4096), responseTruncated: true });
    await attempt(to, 3, 500, { probe: true, bodySha256: hash('sha256', 'another body') });
    const { attempts } = await shownDelivery(to);
    expect(attempts).toMatchObject([
      { number: 1, trigger: 'SCHEDULE', hint: expect.stringContaining('No connection'), bodyVerified: true, responseTruncated: false },
      { number: 2, trigger: 'PERSON', hint: expect.stringContaining('URL'), bodyVerified: true, responseTruncated: true },
      { number: 3, trigger: 'PROBE', hint: expect.stringContaining('own log'), bodyVerified: false, responseTruncated: false },
    ]);
    const { testEndpoint } = await api.query<{ testEndpoint: { id: string } }>('mutation ($id: ID!) { testEndpoint(id: $id) { id } }', {
      id,
    });
    await attempt(testEndpoint.id, 1, 200);
    expect((await shownDelivery(testEndpoint.id)).attempts).toMatchObject([{ number: 1, trigger: 'TEST', hint: null }]);
  });
});

describe('a test', () => {
  const test = (id: string, data: unknown) =>
    api.ask<{ testEndpoint: { message: { data: unknown; eventType: string } } }>(
      'mutation ($id: ID!, $data: JSON) { testEndpoint(id: $id, eventType: "tested.a", data: $data) { message { data eventType } } }',
      { id, data },
    );
  it('sends the payload that is given', async () => {
    const { id } = await create();
    const { data } = await test(id, { order: 7 });
    expect(data?.testEndpoint.message).toEqual({ eventType: 'tested.a', data: { order: 7 } });
  });
  it('is refused with a payload that could not be published', async () => {
    const { id } = await create();
    const tip = await api.store.tip();
    for (const data of ['text', [1], { a: 'x'.repeat(270_000) }]) {
      const { errors } = await test(id, data);
      expect(errors?.[0]?.extensions.issues?.[0]?.path).toBe('data');
    }
    expect(await api.store.tip()).toBe(tip);
  });
});

describe('endpoints that need a person', () => {
  type Attention = { endpoint: { name: string }; sentence: string; since: string; waiting: number };
  const attention = async (key = api.keys.ADMIN) =>
    (await api.query<{ attention: Attention[] }>('{ attention(first: 50) { endpoint { name } sentence since waiting } }', {}, key))
      .attention;
  it('are those that fail, and disabled ones that messages go past, with a sentence', async () => {
    const failing = await create({ name: 'Fails', eventTypes: ['need.a'] });
    const off = await create({ name: 'Off', eventTypes: ['need.b'] });
    const fine = await create({ name: 'Fine', eventTypes: ['need.a'] });
    const sent = await publish('need.a');
    await attempt(sent.get(failing.id)!, 1, 500);
    await attempt(sent.get(fine.id)!, 1, 200);
    await api.query('mutation ($id: ID!) { disableEndpoint(id: $id, reason: "Moved away.") { id } }', { id: off.id });
    await publish('need.b');
    const found = (await attention()).filter(({ endpoint }) => ['Fails', 'Off', 'Fine'].includes(endpoint.name));
    expect(found).toEqual([
      {
        endpoint: { name: 'Off' },
        sentence: 'It is disabled: Moved away. 1 message was skipped since.',
        since: expect.any(String),
        waiting: 0,
      },
      {
        endpoint: { name: 'Fails' },
        sentence: 'It fails: one attempt failed. The last one: It failed. 1 delivery waits.',
        since: expect.any(String),
        waiting: 1,
      },
    ]);
    const seen = (await attention(api.keys.VIEWER)).find(({ endpoint }) => endpoint.name === 'Fails');
    expect(seen?.sentence).toBe('It fails: one attempt failed. 1 delivery waits.');
    expect(await api.query('{ attention { waiting } }', {}, api.keys.OTHER)).toEqual({ attention: [] });
  });
});
