// `npm run demo`: starts the service on a free port with its own folder, and a receiver that fails at first. Publishes three messages and prints,
// line by line, what happens to them; then two messages to two customers' organizations, in one request. Ends by itself after a few seconds and
// leaves nothing behind.
import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Client } from '../test/support/client.ts';
import { createEndpoint, startServer, type Server } from '../test/support/server.ts';

const secret = 'demo-secret';
const began = performance.now();
const say = (who: string, what: string) =>
  console.log(`${((performance.now() - began) / 1_000).toFixed(2).padStart(6)} s  ${who.padEnd(9)} ${what}`);

// ── The receiver: it fails at the first attempt that it gets. ──

const startReceiver = async () => {
  let broken = true;
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const body = Buffer.concat(chunks);
      const { event, data } = JSON.parse(body.toString()) as { event: string; data: { order: number } };
      const genuine = request.headers['x-webhook-signature'] === `sha256=${createHmac('sha256', secret).update(body).digest('hex')}`;
      const status = broken ? 500 : genuine ? 200 : 401;
      const verdict = broken ? 'I am not ready' : genuine ? 'signature verified' : 'the signature is wrong';
      say(
        'receiver',
        `got ${event} for order ${data.order}, attempt ${String(request.headers['webhook-attempt'])}: ${verdict}, answering ${status}`,
      );
      broken = false;
      response.writeHead(status, { 'content-type': 'text/plain' }).end(verdict);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { server, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/orders` };
};

// ── Watching the deliveries ──

type Shown = {
  timeline: { at: string; text: string }[];
  deliveries: {
    status: string;
    nextAttemptAt: string | null;
    attempts: { number: number; durationMs: number; responseCode: number | null; error: string | null }[];
  }[];
};

/** Null until the views show the message, some milliseconds after the 202. */
const show = async (server: Server, id: string): Promise<Shown | null> => {
  const query = `query ($id: ID!) {
    message(id: $id) {
      timeline { at text }
      deliveries { status nextAttemptAt attempts { number durationMs responseCode error } }
    }
  }`;
  return (await server.graphql<{ message: Shown | null }>(query, { id })).message;
};

/** Prints every attempt once, as soon as the views show it. Resolves when the delivery has ended. */
const watch = async (server: Server, order: number, id: string): Promise<void> => {
  const printed = new Set<number>();
  for (;;) {
    const delivery = (await show(server, id))?.deliveries[0];
    for (const { number, durationMs, responseCode, error } of delivery?.attempts.toSorted((a, b) => a.number - b.number) ?? []) {
      if (printed.has(number)) continue;
      printed.add(number);
      if (error === null)
        say('service', `order ${order}: attempt ${number} succeeded with ${responseCode} in ${Math.round(durationMs)} ms`);
      else {
        const due = delivery?.nextAttemptAt;
        const next = due ? `; next attempt in ${(Math.max(0, Date.parse(due) - Date.now()) / 1_000).toFixed(1)} s` : '';
        say('service', `order ${order}: attempt ${number} failed: ${error.replace(/\.$/, '')}${next}`);
      }
    }
    if (delivery && ['SUCCEEDED', 'FAILED', 'CANCELLED'].includes(delivery.status)) {
      say('service', `order ${order}: ${delivery.status === 'SUCCEEDED' ? 'delivered' : delivery.status.toLowerCase()}`);
      return;
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
};

// ── Two customers on one installation ──

const showCustomers = async (server: Server, url: string): Promise<void> => {
  const customers = ['acme', 'zenith'];
  for (const id of customers) {
    const create = 'mutation ($input: OrganizationInput!) { createOrganization(input: $input) { id } }';
    await server.graphql(create, { input: { id, name: `Customer ${id}` } });
    await new Client(server, server.adminKey, id).createEndpoint({ name: `${id}'s desk`, url, eventTypes: ['order.*'], secret });
  }
  say('you', `made the organizations ${customers.join(' and ')}, each with an endpoint of its own`);
  const orders = customers.map((organization, i) => ({ organization, type: 'order.created', data: { order: 2001 + i, total: 7 } }));
  const response = await server.request('/v1/messages', orders);
  const { messages } = (await response.json()) as { messages: { id: string }[] };
  say('you', 'published an order of each with one request and one key');
  for (const [i, id] of customers.entries()) {
    const own = new Client(server, server.adminKey, id);
    await own.delivery(messages[i]?.id ?? '', 'SUCCEEDED');
    const { token } = await own.query<{ token: string }>('mutation { createPortalSession(input: { subject: "anna" }) { token } }');
    const portal = await new Client(server, token).ask('{ endpoints { nodes { name } } messages { count { value } } }');
    const { endpoints, messages: seen } = portal.data as {
      endpoints: { nodes: { name: string }[] };
      messages: { count: { value: number } };
    };
    say(
      'service',
      `${id}'s portal shows ${endpoints.nodes.map(({ name }) => `"${name}"`).join(', ')} and ${seen.count.value} message, nothing of the other's`,
    );
  }
};

// ── The demo ──

const receiver = await startReceiver();
const server = await startServer();
const tooLong = setTimeout(() => {
  console.error('The demo did not end within 30 s. The last lines from the service:\n' + server.logs.slice(-20).join('\n'));
  process.exit(1);
}, 30_000);
try {
  say('service', `listening on ${server.url} (GraphQL playground: ${server.url}/graphql)`);
  const endpointId = await createEndpoint(server, {
    name: 'Order desk',
    url: receiver.url,
    eventTypes: ['order.*'],
    secret,
    retryPolicy: { delaysSeconds: [0, 2, 4] },
  });
  say('you', 'created the endpoint "Order desk" for order.*, signed, with retries after 2 s and 4 s');

  const orders = [1001, 1002, 1003];
  const messages = await server.publish(
    orders.map((order) => ({ id: `order-${order}`, type: 'order.created', data: { order, total: 42 } })),
  );
  for (const [i, message] of messages.entries())
    say('service', `order ${orders[i]}: accepted and durable, ${message.destinations} destination`);
  await Promise.all(messages.map(({ id }, i) => watch(server, orders[i] ?? 0, id)));

  const [again] = await server.publish({ id: 'order-1001', type: 'order.created', data: { order: 1001, total: 42 } });
  say('you', `published order 1001 again: ${again?.duplicate ? 'a duplicate, nothing is sent again' : 'it was accepted as a new message'}`);

  const query = 'query ($id: ID!) { endpoint(id: $id) { name successRate { label } } }';
  const { endpoint } = await server.graphql<{ endpoint: { name: string; successRate: { label: string } } }>(query, { id: endpointId });
  say('service', `${endpoint.name}: success rate ${endpoint.successRate.label}`);

  await showCustomers(server, receiver.url);

  const retried = (await Promise.all(messages.map(({ id }) => show(server, id))))
    .filter((shown) => shown !== null)
    .toSorted((a, b) => b.timeline.length - a.timeline.length)[0];
  console.log('\nThe timeline of the message that failed at first:');
  for (const { at, text } of retried?.timeline ?? []) console.log(`  ${at}  ${text}`);
  const code = await server.stop();
  console.log(`\nThe service has stopped (exit code ${code}).`);
} finally {
  clearTimeout(tooLong);
  await server.dispose();
  receiver.server.closeAllConnections();
  receiver.server.close();
}
