// Given the API in process: the fixture of the specs of GraphQL.
import { afterAll, beforeAll, expect } from 'vitest';
import { delivery } from '../../src/domain/delivery.ts';
import type { DeliveryId, EndpointId, MessageId, OrganizationId } from '../../src/domain/ids.ts';
import { newId } from '../../src/event-store/id-generation.ts';
import { startApi, type ApiServer } from './api-server.ts';
import { deliveryStream } from '../../src/domain/streams.ts';

export let api: ApiServer;

/** One server for all tests of a file. */
export const setUp = (): void => {
  beforeAll(async () => {
    api = await startApi();
  });
  afterAll(() => api.close());
};

export type Made = { id: string; name: string; secret: string | null };
export const create = async (input: Record<string, unknown> = {}): Promise<Made> => {
  const given = { name: 'Alerts', url: 'https://hooks.example/in', ...input };
  const answer = await api.query<{ createEndpoint: Made }>(
    'mutation ($input: EndpointInput!) { createEndpoint(input: $input) { id name secret } }',
    { input: given },
  );
  return answer.createEndpoint;
};

/** The refusal's code and the paths of its issues; the log is as it was. */
export const refused = async (query: string, variables: Record<string, unknown> = {}, key = api.keys.ADMIN) => {
  const before = await api.store.tip();
  const { errors } = await api.ask(query, variables, key);
  expect(await api.store.tip()).toBe(before);
  const [error] = errors ?? [];
  expect(error, 'no error').toBeDefined();
  expect(JSON.stringify(errors)).not.toMatch(/stacktrace|node_modules|\.ts:/);
  const { code, issues } = error!.extensions;
  return { code, message: error!.message, paths: issues?.map(({ path }) => path), issues };
};
export const createMutation = 'mutation ($input: EndpointInput!) { createEndpoint(input: $input) { id } }';
export const base = { name: 'A', url: 'https://hooks.example/in' };

/** Records an attempt as the dispatcher would. */
export const attempt = async (deliveryId: string, made: 'succeeded' | 'failed', responseBody = '{"ok":true,"token":"inner"}') => {
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

export const publish = async (type: string, data: Record<string, unknown> = { a: 1 }) => {
  const { publishMessages } = await api.query<{ publishMessages: { id: string; position: string }[] }>(
    'mutation ($messages: [MessageInput!]!) { publishMessages(messages: $messages) { id duplicate destinations position } }',
    { messages: [{ type, data }] },
  );
  return publishMessages[0]!.id;
};
/** The delivery of a message to one endpoint; other tests' endpoints may want it, too. */
export const deliveryTo = async (messageId: string, endpointId: string): Promise<string> => {
  const { deliveries } = await api.query<{ deliveries: { nodes: { id: string }[] } }>(
    'query ($filter: DeliveryFilter!) { deliveries(filter: $filter) { nodes { id } } }',
    { filter: { messageId, endpointId } },
  );
  expect(deliveries.nodes).toHaveLength(1);
  return deliveries.nodes[0]!.id;
};
