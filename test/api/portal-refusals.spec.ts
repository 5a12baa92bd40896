// What the portal does not draw, the API refuses: every operation of the schema is asked with the tokens of sessions, and each may what stands here and
// nothing else. An operation that is added is refused, or fails this spec.
import { buildClientSchema, getIntrospectionQuery, type GraphQLSchema, type IntrospectionQuery } from 'graphql';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { operationsOf, requestOf } from '../support/every-operation.ts';
import { startApi, type ApiServer } from './api-server.ts';

const capabilities = ['VIEW_PAYLOADS', 'MANAGE_ENDPOINTS', 'VIEW_SECRETS', 'SEND_TESTS', 'RETRY'] as const;
type Capability = (typeof capabilities)[number];

/** Drawn for every session. */
const always = (
  'me organization portalSettings system endpoint endpoints eventTypes message messages delivery deliveries ' +
  'attention conservation deliveryStats failureStats'
).split(' ');
const managing =
  'createEndpoint updateEndpoint deleteEndpoint pauseEndpoint resumeEndpoint disableEndpoint enableEndpoint rotateEndpointSecret ' +
  'previewEndpoint whatIf whatIfEndpoint wouldReceive';
/** Drawn with the capability. */
const drawnWith: Readonly<Record<Capability, readonly string[]>> = {
  VIEW_PAYLOADS: [],
  VIEW_SECRETS: [],
  MANAGE_ENDPOINTS: managing.split(' '),
  SEND_TESTS: ['testEndpoint'],
  RETRY: ['retryDelivery', 'retryDeliveries', 'cancelDelivery', 'bulkRetry', 'bulkRetries', 'cancelBulkRetry'],
};
/** Sessions that are limited to some endpoints are not offered these. */
const aboutAll = new Set(['createEndpoint', 'whatIf', 'whatIfEndpoint']);

let api: ApiServer;
let schema: GraphQLSchema;
let endpointId: string;
beforeAll(async () => {
  api = await startApi();
  schema = buildClientSchema(await api.query<IntrospectionQuery>(getIntrospectionQuery()));
  const create = 'mutation { createEndpoint(input: { name: "a", url: "https://a.example", eventTypes: ["a.now"] }) { id } }';
  endpointId = (await api.query<{ createEndpoint: { id: string } }>(create)).createEndpoint.id;
});
afterAll(() => api.close());

const open = async (input: Record<string, unknown>): Promise<string> => {
  const mutation = 'mutation ($i: PortalSessionInput!) { createPortalSession(input: $i) { token } }';
  const { createPortalSession } = await api.query<{ createPortalSession: { token: string } }>(mutation, {
    i: { subject: 'anna', ...input },
  });
  return createPortalSession.token;
};

/** The operations that are not refused for want of a right, whatever else they answer: the ids are nobody's. */
const allowed = async (token: string): Promise<string[]> => {
  const nobody = '00000000-0000-4000-8000-000000000000';
  const found: string[] = [];
  for (const operation of operationsOf(schema, 'query', 'mutation')) {
    const { query, variables } = requestOf(operation, nobody, -1);
    const { errors } = await api.ask(query, variables, token);
    if (!(errors ?? []).some(({ extensions }) => extensions.code === 'FORBIDDEN')) found.push(operation.name);
  }
  return found.toSorted();
};

describe('a session may what is drawn for it, and nothing else', () => {
  it.each(capabilities.map((capability) => [capability]))('with %s alone', async (capability) =>
    expect(await allowed(await open({ capabilities: [capability] }))).toEqual([...always, ...drawnWith[capability]].toSorted()),
  );

  it('without any capability', async () => expect(await allowed(await open({ capabilities: [] }))).toEqual(always.toSorted()));

  it('with all of them, where two together allow one thing more', async () =>
    expect(await allowed(await open({ capabilities }))).toEqual([...always, ...Object.values(drawnWith).flat(), 'testDraft'].toSorted()));

  it('limited to an endpoint', async () => {
    const all = [...always, ...Object.values(drawnWith).flat(), 'testDraft'].filter((name) => !aboutAll.has(name));
    expect(await allowed(await open({ capabilities, endpointIds: [endpointId] }))).toEqual(all.toSorted());
  });
});

it('contents, bodies and secrets are not in the answers to a session that does not see them', async () => {
  const id = (
    await api.query<{ publishMessages: { id: string }[] }>(
      'mutation { publishMessages(messages: [{ type: "a.now", data: { n: "content" } }]) { id } }',
    )
  ).publishMessages[0]?.id;
  const query = `query ($id: ID!, $endpoint: ID!) { message(id: $id) { data dataHidden deliveries { attempts { requestBody responseBody } } }
    endpoint(id: $endpoint) { secret } }`;
  const answer = await api.query<{ message: { dataHidden: boolean }; endpoint: { secret: unknown } }>(
    query,
    { id, endpoint: endpointId },
    await open({ capabilities: ['MANAGE_ENDPOINTS', 'SEND_TESTS', 'RETRY'] }),
  );
  expect(answer).toMatchObject({ message: { data: {}, dataHidden: true }, endpoint: { secret: null } });
  expect(JSON.stringify(answer)).not.toContain('content"');
});
