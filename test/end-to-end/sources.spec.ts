// Sources over a log server: services write events there as they always did, and each becomes one message, also when Hookledger is killed in the
// middle; what can't become one is listed with the reason.
import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Client, eventually } from '../support/client.ts';
import { LogServerDouble } from '../support/log-server/double.ts';
import { startReceiver, type Receiver } from '../support/receiver.ts';
import { startServer, type Server } from '../support/server.ts';

type Source = {
  id: string;
  name: string;
  status: string;
  error: string | null;
  published: number;
  skipped: number;
  position: string | null;
};

let double: LogServerDouble;
let server: Server;
let client: Client;
let receiver: Receiver;
beforeAll(async () => {
  double = await LogServerDouble.start();
  server = await startServer({ env: { HOOKLEDGER_EVENTSTORE_URL: double.url(), HOOKLEDGER_EVENTSTORE_PREFIX: 'acme_' } });
  client = new Client(server);
});
afterAll(async () => {
  await server.dispose();
  await double.stop();
});
beforeEach(async () => {
  receiver = await startReceiver();
  return () => receiver.close();
});

const fields = 'id name status error published skipped position';
const create = (input: Record<string, unknown>) =>
  client.query<Source>(`mutation ($input: SourceInput!) { createSource(input: $input) { ${fields} } }`, {
    input: { name: `Orders ${randomUUID()}`, ...input },
  });
const refused = (input: Record<string, unknown>) =>
  client.refusal('mutation ($input: SourceInput!) { createSource(input: $input) { id } }', { input: { name: 'Refused', ...input } });
const read = (id: string) => client.query<Source>(`query ($id: ID!) { source(id: $id) { ${fields} } }`, { id });
const counted = (id: string, published: number, skipped = 0) =>
  eventually(
    () => read(id),
    (source) => source.published === published && source.skipped === skipped,
  );
const accepted = async (eventType: string) => {
  const clientIds: string[] = [];
  for (let after: string | null = null; ;) {
    const query = `query ($after: String, $eventType: String) {
      messages(first: 200, after: $after, eventType: $eventType) { nodes { clientId } pageInfo { hasNextPage endCursor } } }`;
    type Page = { nodes: { clientId: string }[]; pageInfo: { hasNextPage: boolean; endCursor: string | null } };
    const page: Page = await client.query<Page>(query, { after, eventType });
    clientIds.push(...page.nodes.map(({ clientId }) => clientId));
    if (!page.pageInfo.hasNextPage) return clientIds;
    after = page.pageInfo.endCursor;
  }
};

it('has one message for each event, though Hookledger is killed in the middle, twice', async () => {
  const category = 'order';
  await client.createEndpoint({ url: receiver.url, eventTypes: ['order.*'] });
  await double.call('writeForeign', { stream: 'order-0', count: 5 }); // before there was a source: they are not its
  const { id } = await create({ category, eventTypes: ['OrderPlaced'], mapping: { type: { OrderPlaced: 'order.placed' } } });
  const ids: string[] = [];
  for (let round = 1; round <= 2; round++) {
    ids.push(...(await double.call('writeForeign', { stream: `order-${round}`, count: 100 })));
    await double.call('writeForeign', { stream: `order-${round}`, count: 3, type: 'OrderSeen' });
    await eventually(
      async () => (await double.call('counts')).appends,
      (appends) => appends > round * 50,
    );
    await server.kill9();
    await server.start();
  }
  await counted(id, 200);
  const clientIds = await accepted('order.placed');
  expect(clientIds).toHaveLength(200);
  expect(new Set(clientIds)).toEqual(new Set(ids));
  await receiver.received(200);
  const body = receiver.requests[0]?.body.toString() ?? '';
  expect(JSON.parse(body)).toMatchObject({ event: 'order.placed', data: { sum: 7 } });
  await client.act('deleteSource', id);
}, 120_000);

it('lists what can not become a message, with the reason and where it is, newest first', async () => {
  const data = '{"order": $substringAfter(stream, "-"), "sum": data.sum ? $number(data.sum) : $error("There is no sum")}';
  const { id } = await create({ streamPrefix: 'sale-', mapping: { type: { Sold: 'sale.made' }, data } });
  const write = (stream: string, more: { type?: string; data?: string; isJson?: boolean }) =>
    double.call('writeForeign', { stream, count: 1, ...more });
  await write('sale-1', { type: 'Sold at last' });
  await write('sale-1', { type: 'Sold', data: '{}' });
  await write('sale-1', { type: 'Sold', data: Buffer.from([1, 2, 3]).toString(), isJson: false });
  await write('sale-2', { type: 'Sold', data: '{"sum":"7"}' });
  await write('sale-2', { type: '$>', data: '0@sale-1' }); // a link is the server's own
  await counted(id, 1, 3);

  const query = `query ($id: ID!, $after: String) { skippedEvents(sourceId: $id, first: 2, after: $after) {
    nodes { stream revision type reason } pageInfo { hasNextPage endCursor } } }`;
  type Page = { nodes: object[]; pageInfo: { hasNextPage: boolean; endCursor: string } };
  const first = await client.query<Page>(query, { id });
  expect(first.nodes).toMatchObject([
    { stream: 'sale-1', revision: 2, type: 'Sold', reason: expect.stringMatching(/is not JSON/) },
    { stream: 'sale-1', revision: 1, type: 'Sold', reason: expect.stringMatching(/The template failed.*There is no sum/) },
  ]);
  const { nodes, pageInfo } = await client.query<Page>(query, { id, after: first.pageInfo.endCursor });
  expect(nodes).toMatchObject([{ stream: 'sale-1', revision: 0, type: 'Sold at last', reason: expect.stringMatching(/map it to one/) }]);
  expect(pageInfo.hasNextPage).toBe(false);
  const messages = await client.query<{ nodes: object[] }>('{ messages(eventType: "sale.made") { nodes { data } } }');
  expect(messages.nodes).toEqual([{ data: { order: '2', sum: 7 } }]);
  await client.act('deleteSource', id);
});

it('leaves events where they are while it is paused, takes a change from where it is on, and ends when it is deleted', async () => {
  const { id, status } = await create({ category: 'ticket' });
  expect(status).toBe('ENABLED');
  await client.act('pauseSource', id);
  const write = (count: number) => double.call('writeForeign', { stream: 'ticket-1', type: 'TicketOpened', count });
  const held = await write(3);
  const mapping = { type: { TicketOpened: 'ticket.opened' } };
  const update = 'mutation ($id: ID!, $input: SourcePatch!) { updateSource(id: $id, input: $input) { name status mapping { type data } } }';
  expect(await client.query(update, { id, input: { mapping } })).toMatchObject({ status: 'PAUSED', mapping: { ...mapping, data: null } });
  expect(await read(id)).toMatchObject({ status: 'PAUSED', published: 0 });
  await client.act('resumeSource', id);
  await counted(id, 3);
  expect(new Set(await accepted('ticket.opened'))).toEqual(new Set(held));

  await client.act('deleteSource', id);
  expect(await client.ask('query ($id: ID!) { source(id: $id) { id } }', { id })).toEqual({ data: { source: null } });
  expect((await client.refusal('mutation ($id: ID!) { resumeSource(id: $id) { id } }', { id })).extensions.code).toBe('NOT_FOUND');
  await write(2);
  const again = await create({ category: 'ticket', from: 'BEGINNING', mapping });
  await counted(again.id, 5); // three of them were published before, and are not again
  expect(await accepted('ticket.opened')).toHaveLength(5);
  await client.act('deleteSource', again.id);
}, 40_000);

it("goes as the README's example says", async () => {
  const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');
  const [, example = ''] = /^```sh source\n([^]*?)^```$/m.exec(readme) ?? [];
  const command = example.replace('http://127.0.0.1:3000', server.url).replace('choose-a-long-random-key', server.adminKey);
  const { stdout } = await promisify(execFile)('bash', ['-e', '-c', command]);
  const answer = JSON.parse(stdout) as { data: { createSource: Source } };
  expect(answer).toMatchObject({ data: { createSource: { name: 'Orders', status: 'ENABLED' } } });
  const { id } = answer.data.createSource;
  const [clientId] = await double.call('writeForeign', { stream: 'order-77', count: 1 });
  await counted(id, 1);
  const { nodes } = await client.query<{ nodes: { clientId: string }[] }>('{ messages(first: 1) { nodes { clientId eventType data } } }');
  expect(nodes).toEqual([{ clientId, eventType: 'order.placed', data: { order: '77', sum: 7 } }]);
  await client.act('deleteSource', id);
});

describe('is not created, and says why:', () => {
  it.each<[string, Record<string, unknown>, string, RegExp]>([
    ['of our own streams', { streamPrefix: 'acme_message-' }, 'input.streamPrefix', /include Hookledger's own \(acme_…\)/],
    ['of streams among which are ours', { streamPrefix: 'ac' }, 'input.streamPrefix', /Give the prefix of your services' streams/],
    ["of the server's own", { category: '$ce' }, 'input.category', /streams are the server's own/],
    ['of no streams', {}, 'input.streamPrefix', /Name the streams/],
    ['with a template that is none', { category: 'x', mapping: { data: '(' } }, 'input.mapping.data', /The template can't be read/],
  ])('%s', async (_, input, path, message) => {
    const { extensions } = await refused(input);
    expect(extensions).toMatchObject({ code: 'BAD_USER_INPUT', issues: [{ path, message: expect.stringMatching(message) }] });
  });

  it('under a name that is taken', async () => {
    const { id, name } = await create({ category: 'twin' });
    expect((await refused({ name, category: 'twin' })).message).toMatch(/There is a source "Orders .*" already/);
    await client.act('deleteSource', id);
  });
});

it('delivers numbers with the value that the event has, and skips what is no JSON that can be sent on', async () => {
  await client.createEndpoint({ url: receiver.url, eventTypes: ['exact.*'], format: 'FLAT' });
  const plain = await create({ category: 'exact', mapping: { type: { Paid: 'exact.paid' } } });
  const mapped = await create({
    category: 'mapped',
    mapping: {
      type: { Paid: 'exact.mapped', Summed: 'exact.summed' },
      data: '{"amount": data.amount, "twice": type = "Summed" ? data.amount * 2}',
    },
  });
  const data = '{"amount":9007199254740993,"rate":0.1000000000000000055511151231257827,"plain":1.0}';
  for (const category of ['exact', 'mapped']) await double.call('writeForeign', { stream: `${category}-1`, count: 1, type: 'Paid', data });
  await double.call('writeForeign', { stream: 'mapped-1', count: 1, type: 'Summed', data });
  await double.call('writeForeign', { stream: 'exact-1', count: 1, type: 'Paid', data: `{"amount":1${'0'.repeat(1000)}}` });
  await double.call('writeForeign', { stream: 'exact-1', count: 1, type: 'Paid', data: '{"amount":"\\ud800"}' });
  await counted(plain.id, 1, 2);
  await counted(mapped.id, 1, 1);
  const bodies = (await receiver.received(2)).map(({ body }) => body);
  expect(bodies.toSorted()).toEqual([data.replace('1.0}', '1}'), '{"amount":9007199254740993}'].toSorted());
  const { nodes } = await client.query<{ nodes: { reason: string }[] }>(
    'query ($id: ID!) { skippedEvents(sourceId: $id) { nodes { reason } } }',
    { id: mapped.id },
  );
  expect(nodes[0]?.reason).toContain('data.amount is 9007199254740993');
});

it('publishes for the organizations that events name, skips and counts those of unknown ones, or makes them', async () => {
  const make = (input: Record<string, unknown>) =>
    client.query('mutation ($input: OrganizationInput!) { createOrganization(input: $input) { id } }', { input });
  for (const id of ['acme', 'paused']) await make({ id, name: id });
  await client.query('mutation { suspendOrganization(id: "paused", reason: "unpaid") { id } }');
  const mapping = { type: { Billed: 'invoice.made' } };
  const byField = await create({ category: 'bill', mapping, organizationFrom: { field: 'customer.id' } });
  const write = (stream: string, id: string) =>
    double.call('writeForeign', { stream, type: 'Billed', count: 1, data: JSON.stringify({ customer: { id } }) });
  for (const id of ['acme', 'nobody', 'paused', 'default', 'not an id']) await write('bill-1', id);
  await counted(byField.id, 2, 3);
  const { nodes } = await client.query<{ nodes: { reason: string }[] }>(
    'query ($id: ID!) { skippedEvents(sourceId: $id) { nodes { reason } } }',
    { id: byField.id },
  );
  expect(nodes.map(({ reason }) => reason)).toEqual([
    expect.stringMatching(/can't be the id of an organization/),
    expect.stringMatching(/suspended: unpaid/),
    'There is no organization "nobody".',
  ]);

  const byStream = await create({ streamPrefix: 'tenant/', mapping, organizationFrom: { stream: true }, createOrganizations: true });
  for (const tenant of ['fresh', 'acme', 'fresh']) await write(`tenant/${tenant}`, 'ignored');
  await counted(byStream.id, 3);
  const messagesOf = async (organization: string): Promise<number> => {
    const response = await fetch(`${server.url}/graphql`, {
      method: 'POST',
      headers: { authorization: `Bearer ${server.adminKey}`, 'content-type': 'application/json', 'hookledger-organization': organization },
      body: JSON.stringify({ query: '{ messages(eventType: "invoice.made") { nodes { id } } organization { name } }' }),
    });
    return ((await response.json()) as { data: { messages: { nodes: unknown[] } } }).data.messages.nodes.length;
  };
  const all = ['acme', 'fresh', 'default', 'paused'];
  expect(
    await eventually(
      () => Promise.all(all.map(messagesOf)),
      (counts) => counts[1] === 2,
    ),
  ).toEqual([2, 2, 1, 0]);

  const { key } = await client.query<{ key: string }>('mutation { issueApiKey(name: "own", role: ADMIN) { key } }');
  const own = { input: { name: 'Own', category: 'own', organizationFrom: { stream: true } } };
  const response = await fetch(`${server.url}/graphql`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: JSON.stringify({ query: 'mutation ($input: SourceInput!) { createSource(input: $input) { id } }', variables: own }),
  });
  expect(await response.json()).toMatchObject({ errors: [{ extensions: { code: 'FORBIDDEN' } }] });
  for (const { id } of [byField, byStream]) await client.act('deleteSource', id);
});
