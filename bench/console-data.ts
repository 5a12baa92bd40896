// Something to look at in the console: event types, endpoints that do well, fail, are paused and disabled, and their deliveries. For the demo and
// the screenshots; all of it goes through the public API, to a receiver in this process.
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createEndpoint, type EndpointInput, type Server } from '../test/support/server.ts';

type Input = EndpointInput & { signature?: string; format?: string; useOrganizationKey?: boolean; description?: string };

/** Answers by the path: /ok, /flaky (every fifth fails), /broken, /slow. */
export const startDemoReceiver = async () => {
  let asked = 0;
  const server = createServer((request, response) => {
    request.resume();
    request.on('end', () => {
      asked++;
      if (request.url === '/broken')
        response.writeHead(503, { 'content-type': 'application/json' }).end('{"error":"The orders database is read-only"}');
      else if (request.url === '/flaky' && asked % 5 === 0) response.writeHead(500).end('Internal error');
      else response.writeHead(200, { 'content-type': 'text/plain' }).end('ok');
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url,
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
};

const types = [
  { name: 'meeting.created', group: 'meetings', description: 'A meeting was scheduled', sample: { meeting_id: 7, title: 'Weekly' } },
  { name: 'meeting.ended', group: 'meetings', description: 'The last participant left', sample: { meeting_id: 7, duration: 3_120 } },
  {
    name: 'recording.ready',
    group: 'recordings',
    description: 'The recording can be watched',
    sample: { recording_id: 'r-81', minutes: 52 },
  },
  {
    name: 'alert.created',
    group: 'alerts',
    description: 'A check failed',
    sample: { alert_id: 456, severity: 'critical', message: 'CPU usage exceeded 90%', server_id: 123 },
  },
  { name: 'alert.resolved', group: 'alerts', description: 'The check succeeds again', sample: { alert_id: 456, severity: 'info' } },
] as const;

const shortRetries = { delaysSeconds: [0, 1, 600, 1_800, 7_200] };

const endpointsFor = (receiver: string): readonly Input[] => [
  { name: 'Order desk', url: `${receiver}/ok`, eventTypes: ['*'], secret: 'order-desk-secret' },
  {
    name: 'Recordings archive',
    url: `${receiver}/flaky`,
    eventTypes: ['recordings', 'meeting.ended'],
    retryPolicy: shortRetries,
    secret: 'archive-secret',
  },
  { name: 'On-call', url: `${receiver}/ok`, eventTypes: ['alerts'], filter: { severity: ['critical', 'warning'] }, format: 'SLACK' },
  {
    name: 'Billing',
    url: `${receiver}/broken`,
    eventTypes: ['meetings', 'recordings'],
    retryPolicy: shortRetries,
    useOrganizationKey: true,
  },
  {
    name: 'Legacy CRM',
    url: `${receiver}/broken`,
    eventTypes: ['meeting.created'],
    retryPolicy: { delaysSeconds: [0, 1] },
    useOrganizationKey: true,
  },
  {
    name: 'Data warehouse (nightly maintenance until the migration to the new cluster is done)',
    url: `${receiver}/ok`,
    eventTypes: ['meetings'],
  },
  { name: 'Staging', url: `${receiver}/ok`, eventTypes: ['*'] },
];

/** Customers of the platform: one that is used, and one that did not pay. */
const addOrganizations = async (server: Server, receiver: string): Promise<void> => {
  const create = 'mutation ($input: OrganizationInput!) { createOrganization(input: $input) { id } }';
  const limits = { messagesPerSecond: 100, endpoints: 50 };
  await server.graphql(create, { input: { id: 'cust_4711', name: 'Acme', limits } });
  await server.graphql(create, { input: { id: 'cust_4712', name: 'Globex International Holdings (Wirtschaftsprüfungsgesellschaft)' } });
  const endpoint = 'mutation ($input: EndpointInput!) { createEndpoint(input: $input) { id } }';
  const ownEndpoints = [
    { name: 'Acme orders', url: `${receiver}/ok` },
    { name: 'Acme analytics', url: `${receiver}/broken`, retryPolicy: shortRetries },
  ];
  for (const input of ownEndpoints) await server.graphql(endpoint, { input }, 'cust_4711');
  await server.publish(
    Array.from({ length: 20 }, (_, i) => ({ type: 'meeting.ended', data: { meeting_id: i }, organization: 'cust_4711' })),
  );
  await server.graphql('mutation ($id: ID!, $reason: String) { suspendOrganization(id: $id, reason: $reason) { id } }', {
    id: 'cust_4712',
    reason: 'The invoice of May is unpaid.',
  });
};

/** The address of the portal for a customer, who may do everything there. It is named and colored as the organization's own. */
export const openPortal = async (server: Server): Promise<string> => {
  await server.graphql('mutation { updatePortalSettings(input: { name: "Acme", primaryColor: "#0b7a5c" }) { name } }');
  const mutation = 'mutation { createPortalSession(input: { subject: "anna@customer.example", ttlSeconds: 86400 }) { url } }';
  return (await server.graphql<{ createPortalSession: { url: string } }>(mutation)).createPortalSession.url;
};

/** @param messages how many to publish */
export const fillConsole = async (server: Server, receiver: string, messages = 120): Promise<void> => {
  for (const input of types)
    await server.graphql('mutation ($input: EventTypeInput!) { defineEventType(input: $input) { name } }', { input });
  const ids: string[] = [];
  for (const input of endpointsFor(receiver)) ids.push(await createEndpoint(server, input));
  await server.graphql('mutation ($id: ID!) { pauseEndpoint(id: $id) { id } }', { id: ids[5] });
  await server.graphql('mutation ($id: ID!, $reason: String) { disableEndpoint(id: $id, reason: $reason) { id } }', {
    id: ids[6],
    reason: 'Load test is over',
  });
  for (let i = 0; i < messages; i++) {
    const { name, sample } = types[i % types.length]!;
    await server.publish({ id: `demo-${i}`, type: name, data: { ...sample, number: i } });
  }
  await addOrganizations(server, receiver);
};
