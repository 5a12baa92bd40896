// Two customers' organizations on one server, each with one of everything, and everybody who may call: for the spec of isolation.
import { Client, type Role } from './client.ts';
import type { LogServerDouble } from './log-server/double.ts';
import type { Server } from './server.ts';

const roles: readonly Role[] = ['ADMIN', 'OPERATOR', 'PUBLISHER', 'VIEWER', 'AUDITOR'];
const capabilities = ['VIEW_PAYLOADS', 'MANAGE_ENDPOINTS', 'VIEW_SECRETS', 'SEND_TESTS', 'RETRY'];

export type Caller = {
  readonly name: string;
  readonly key: string;
  /** That it names. */
  readonly organization: string | undefined;
  readonly client: Client;
  readonly role: Role | 'PORTAL';
};
/** `ids`: of one of each. */
export type Furnished = {
  readonly id: string;
  readonly ids: Readonly<
    Record<'organization' | 'endpoint' | 'message' | 'delivery' | 'apiKey' | 'replay' | 'bulkRetry' | 'source' | 'clientId', string>
  >;
  readonly admin: Caller;
  readonly callers: readonly Caller[];
};

export const callerOf = (server: Server, name: string, key: string, role: Caller['role'], organization?: string): Caller => ({
  name,
  key,
  role,
  organization,
  client: new Client(server, key, organization),
});

/** Each role twice: acting for `default`, and for the organization. */
export const spanningCallers = async (server: Server, organization: string): Promise<Caller[]> => {
  const issue = 'mutation ($n: String!, $r: ApiKeyRole!) { issueApiKey(name: $n, role: $r, spansOrganizations: true) { key } }';
  const all = roles.map(async (role) => {
    const { key } = await new Client(server).query<{ key: string }>(issue, { n: `spanning ${role}`, r: role });
    return [
      callerOf(server, `${role} that spans`, key, role),
      callerOf(server, `${role} that spans, for ${organization}`, key, role, organization),
    ];
  });
  return (await Promise.all(all)).flat();
};

/** Everything in it says its name. */
export const furnish = async (server: Server, double: LogServerDouble, id: string): Promise<Furnished> => {
  const create = 'mutation ($i: OrganizationInput!) { createOrganization(input: $i) { id } }';
  await new Client(server).query(create, { i: { id, name: `name-of-${id}` } });
  const client = new Client(server, server.adminKey, id);
  const keys = await Promise.all(roles.map(async (role) => ({ role, ...(await client.issueKey(role)) })));
  await client.query('mutation ($i: EventTypeInput!) { defineEventType(input: $i) { name } }', {
    i: { name: `type-of-${id}.made`, description: `description-of-${id}` },
  });
  const common = { url: `http://127.0.0.1:9/url-of-${id}`, secret: `secret-of-${id}` };
  const endpoint = await client.createEndpoint({
    ...common,
    name: `endpoint-of-${id}`,
    eventTypes: [`type-of-${id}.made`],
    retryPolicy: { delaysSeconds: [0] },
    batch: { maxSize: 1, maxWaitMs: 1 },
    rateLimit: { perSecond: 1000, burst: 10 },
    headers: [{ name: 'x-of', value: `header-of-${id}` }],
  });
  await client.createEndpoint({ ...common, name: `filtered-of-${id}`, eventTypes: [`type-of-${id}.made`], filter: { is: 'else' } });
  await client.createEndpoint({ ...common, name: `disabled-of-${id}`, eventTypes: [`type-of-${id}.*`], disabled: true });
  const clientId = `client-id-of-${id}`;
  const response = await client.post('/v1/messages', { id: clientId, type: `type-of-${id}.made`, data: { is: `data-of-${id}` } });
  const message = ((await response.json()) as { messages: { id: string }[] }).messages[0]?.id ?? '';
  const delivery = await client.delivery(message, 'FAILED');
  const replay = await client.query<{ id: string }>('mutation ($id: ID!) { replayMessages(endpointId: $id) { id } }', { id: endpoint });
  const bulkRetry = await client.query<{ id: string }>('mutation { retryDeliveries(filter: {}) { id } }');
  const input = { name: `source-of-${id}`, category: id.replace('-', ''), organizationFrom: { field: 'customer' } };
  const source = await client.query<{ id: string }>('mutation ($i: SourceInput!) { createSource(input: $i) { id } }', { i: input });
  await double.call('writeForeign', { stream: `${input.category}-${id}`, count: 1, type: `not a type of ${id}` });
  const sessions = [[], ...capabilities.map((each) => [each]), capabilities].map((each) => ({ capabilities: each, at: {} }));
  const portals = [...sessions, { capabilities, at: { endpointIds: [endpoint] } }].map(async ({ capabilities: granted, at }) => {
    const open = 'mutation ($i: PortalSessionInput!) { createPortalSession(input: $i) { token } }';
    const { token } = await client.query<{ token: string }>(open, { i: { subject: `subject-of-${id}`, capabilities: granted, ...at } });
    return callerOf(server, `portal of ${id} with ${granted.join()}${'endpointIds' in at ? ' at an endpoint' : ''}`, token, 'PORTAL');
  });
  const callers = [...keys.map(({ role, key }) => callerOf(server, `${role} of ${id}`, key, role)), ...(await Promise.all(portals))];
  const [admin] = callers;
  if (!admin) throw new Error('An organization has an admin.');
  const jobs = { replay: replay.id, bulkRetry: bulkRetry.id, source: source.id, apiKey: keys[0]?.id ?? '' };
  return { id, ids: { organization: id, endpoint, message, delivery: delivery.id, clientId, ...jobs }, admin, callers };
};
