// Data arrives as it was sent: numbers that a double can't hold, and keys and texts that parsers trip over, on every way in and out.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { Client, eventually } from '../support/client.ts';
import { logKinds, type LogUnderTest } from '../support/logs.ts';
import { runToEnd } from '../support/process.ts';
import { startReceiver, type ReceivedRequest, type Receiver } from '../support/receiver.ts';
import { startServer, type Server } from '../support/server.ts';

const raw = (text: string) => JSON.rawJSON(text);
const big = '9007199254740993';
const fraction = '0.1000000000000000055511151231257827';
const given = `{"amount":${big},"list":[-9223372036854775808,${fraction},1e400,1e-400],"plain":1.0,"constructor":{"prototype":${big}},"toString":"${big}","text":"half: ${big}, \\ud83d\\ude00"}`;
/** As JSON.stringify writes it, but for the numbers that a double can't hold. */
const sent = given.replace('1.0', '1').replace('\\ud83d\\ude00', '😀');
/** The same as a literal of GraphQL. */
const literal = given.replaceAll(/"(\w+)":/g, '$1: ').replace('\\ud83d\\ude00', '😀');

describe.each(logKinds)('on $name, data', ({ make }) => {
  let log: LogUnderTest;
  let server: Server;
  let client: Client;
  let receiver: Receiver;
  const endpoints = new Map<string, string>();

  beforeAll(async () => {
    [log, receiver] = await Promise.all([make(), startReceiver()]);
    server = await startServer({ env: log.env });
    client = new Client(server);
    const create = async (name: string, format: string, more: Record<string, unknown> = {}) =>
      endpoints.set(
        name,
        await client.createEndpoint({ url: `${receiver.url}/${name}`, format, eventTypes: [`to.${name}`, 'to.all'], ...more }),
      );
    await create('ENVELOPE', 'ENVELOPE', { formatOptions: { constants: { instance: raw(big), rate: raw(fraction) } } });
    for (const format of ['FLAT', 'ARRAY', 'SLACK', 'DISCORD', 'TEAMS']) await create(format, format);
    await create('PAGERDUTY', 'PAGERDUTY', { formatOptions: { routingKey: '0123456789abcdef0123456789abcdef' } });
    await create('TEMPLATE', 'TEMPLATE', { formatOptions: { template: '{"all": data, "text": "is " & data.amount}' } });
    await create('COMPUTED', 'TEMPLATE', { formatOptions: { template: '{"sum": data.amount + 1}' } });
    await create('BATCH', 'FLAT', { batch: { maxSize: 10, maxWaitMs: 200 } });
    await create('FILTERED', 'FLAT', {
      filter: { amount: [{ numeric: ['>', raw('9007199254740992')] }], list: [raw('-9223372036854775808')] },
    });
  });
  afterAll(async () => {
    await server.dispose();
    await receiver.close();
    await log.discard();
  });

  const at = (name: string): ReceivedRequest[] => receiver.requests.filter(({ path }) => path === `/${name}`);
  const arrived = async (name: string, messageId: string): Promise<ReceivedRequest> => {
    const [first] = await eventually(
      () => at(name).filter(({ headers }) => headers['webhook-id'] === messageId),
      (found) => found.length > 0,
    );
    if (!first) throw new Error('Nothing arrived.');
    return first;
  };
  const idIn = async (response: Response): Promise<string> => {
    const text = await response.text();
    const id = /"id":"([^"]+)"/.exec(text)?.[1];
    if (id === undefined) throw new Error(text);
    return id;
  };
  const publish = async (name: string, data = given, more = '') =>
    idIn(await client.post('/v1/messages', `{"type":"to.${name}","timestamp":"2026-01-15T10:30:00Z","data":${data}${more}}`));
  const graphql = async (body: string) => (await client.post('/graphql', body)).text();
  const mutation = 'mutation ($messages: [MessageInput!]!) { publishMessages(messages: $messages) { id } }';

  // ── In ──

  it('arrives from REST, alone and in an array', async () => {
    expect((await arrived('FLAT', await publish('FLAT'))).body).toBe(sent);
    const response = await client.post('/v1/messages', `[{"type":"to.FLAT","data":${given}},{"type":"to.FLAT","data":${given}}]`);
    expect((await arrived('FLAT', await idIn(response))).body).toBe(sent);
  });

  it('arrives from the variables of GraphQL', async () => {
    const variables = `{"messages":[{"type":"to.FLAT","data":${given}}]}`;
    const response = await client.post('/graphql', `{"query":${JSON.stringify(mutation)},"variables":${variables}}`);
    expect((await arrived('FLAT', await idIn(response))).body).toBe(sent);
  });

  it('arrives from literals of GraphQL, and from variables in them', async () => {
    const whole = `mutation { publishMessages(messages: [{type: "to.FLAT", data: ${literal}}]) { id } }`;
    expect((await arrived('FLAT', await idIn(await client.post('/graphql', { query: whole })))).body).toBe(sent);
    const part =
      'mutation ($part: JSON, $none: JSON) { publishMessages(messages: [{type: "to.FLAT", data: {a: [$part], b: $none}}]) { id } }';
    const response = await client.post('/graphql', `{"query":${JSON.stringify(part)},"variables":{"part":${given}}}`);
    expect((await arrived('FLAT', await idIn(response))).body).toBe(`{"a":[${sent}]}`);
  });

  it('arrives from a mutation over a WebSocket, where the rules for bodies hold, too', async () => {
    const socket = new WebSocket(`${server.url.replace('http', 'ws')}/graphql`, 'graphql-transport-ws', {
      headers: { authorization: `Bearer ${server.adminKey}` },
    });
    const messages: string[] = [];
    socket.on('message', (data: Buffer) => messages.push(data.toString()));
    const answer = async (to: string) =>
      (await eventually(
        () => messages.find((message) => message.includes(to)),
        (found) => found !== undefined,
      )) ?? '';
    await new Promise((resolve) => socket.once('open', resolve));
    socket.send('{"type":"connection_init"}');
    await answer('connection_ack');
    const subscribe = (id: string, data: string) =>
      socket.send(
        `{"id":"${id}","type":"subscribe","payload":{"query":${JSON.stringify(mutation)},"variables":{"messages":[{"type":"to.FLAT","data":${data}}]}}}`,
      );
    subscribe('one', given);
    const id = /"publishMessages":\[\{"id":"([^"]+)"/.exec(await answer('publishMessages'))?.[1] ?? '';
    expect((await arrived('FLAT', id)).body).toBe(sent);
    subscribe('two', '{"a":1,"a":2}');
    const refused = JSON.parse(await answer('"two"')) as {
      type: string;
      payload: { message: string; extensions: { issues: { path: string }[] } }[];
    };
    expect(refused.type).toBe('error');
    expect(refused.payload[0]?.message).toMatch(/"a" is in one object twice/);
    expect(refused.payload[0]?.extensions.issues[0]?.path).toBe('payload.variables.messages.0.data.a');
    socket.close();
  });

  it('arrives from the sample of an event type, which is answered as it was given', async () => {
    const define = 'mutation ($input: EventTypeInput!) { defineEventType(input: $input) { name } }';
    await graphql(`{"query":${JSON.stringify(define)},"variables":{"input":{"name":"a.sample","sample":${given}}}}`);
    expect(await graphql('{"query":"{ eventTypes { name sample } }"}')).toContain(`"sample":${sent}`);
    const test = 'mutation ($id: ID!) { testEndpoint(id: $id, eventType: "a.sample") { message { id } } }';
    const body = JSON.stringify({ query: test, variables: { id: endpoints.get('FLAT') } });
    expect((await arrived('FLAT', await idIn(await client.post('/graphql', body)))).body).toBe(sent);
  });

  it('arrives from a catalog that the command line loads', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'hookledger-'));
    writeFileSync(join(folder, 'catalog.json'), `{"eventTypes":[{"name":"a.loaded","sample":${given}}]}`);
    const { code } = await runToEnd(['load', join(folder, 'catalog.json'), '--url', server.url, '--key', server.adminKey]);
    rmSync(folder, { recursive: true });
    expect(code).toBe(0);
    expect(await graphql('{"query":"{ eventTypes { name sample } }"}')).toContain(`"name":"a.loaded","sample":${sent}`);
  });

  // ── Out ──

  it('is written in each format', async () => {
    const id = await publish('all');
    const bodyOf = async (name: string) => (await arrived(name, id)).body;
    const timestamp = '2026-01-15T10:30:00Z';
    const event = `{"event":"to.all","timestamp":"${timestamp}"`;
    expect(await bodyOf('ENVELOPE')).toBe(`${event},"instance":${big},"rate":${fraction},"data":${sent}}`);
    expect(await bodyOf('ARRAY')).toBe(`[${event},"data":${sent}}]`);
    expect(await bodyOf('FILTERED')).toBe(sent);
    expect(await bodyOf('PAGERDUTY')).toContain(`"custom_details":${sent}`);
    expect(await bodyOf('TEMPLATE')).toBe(`{"all":${sent},"text":"is ${big}"}`);
    for (const format of ['SLACK', 'DISCORD', 'TEAMS']) {
      const body = await bodyOf(format);
      expect(body).toContain(big);
      expect(body).toContain(`-9223372036854775808, ${fraction}, 1e400, 1e-400`);
      expect(body).not.toContain('rawJSON');
    }
    const failed = await client.delivery(id, 'RETRYING', endpoints.get('COMPUTED'));
    expect(failed.attempts[0]).toMatchObject({ failure: 'FORMAT', error: expect.stringContaining(`data.amount is ${big}`) as string });
  });

  it('is not taken by a filter that asks for another number', async () => {
    const before = at('FILTERED').length;
    const [low, high] = [await publish('FILTERED', given.replaceAll(big, '9007199254740992')), await publish('FILTERED')];
    await arrived('FILTERED', high);
    await client.delivery(high, 'SUCCEEDED', endpoints.get('FILTERED'));
    expect(at('FILTERED')).toHaveLength(before + 1);
    expect(await client.deliveries({ messageId: low })).toEqual([]);
  });

  it('is the same in a batch, on a retry and in a replay', async () => {
    await Promise.all([publish('BATCH'), publish('BATCH')]);
    const [batch] = await eventually(
      () => at('BATCH'),
      (found) => found.length > 0,
    );
    expect([`[${sent},${sent}]`, `[${sent}]`]).toContain(batch?.body);

    const endpointId = endpoints.get('FLAT') ?? '';
    await client.updateEndpoint(endpointId, { retryPolicy: { delaysSeconds: [0, 1] } });
    receiver.answerNext({ status: 500 });
    const id = await publish('FLAT');
    await client.delivery(id, 'SUCCEEDED', endpointId);
    expect(
      at('FLAT')
        .filter(({ headers }) => headers['webhook-id'] === id)
        .map(({ body }) => body),
    ).toEqual([sent, sent]);

    const late = await client.createEndpoint({ url: `${receiver.url}/LATE`, format: 'FLAT', eventTypes: ['to.FLAT'] });
    await client.query(
      'mutation ($id: ID!) { replayMessages(endpointId: $id, filter: {eventType: "to.FLAT"}, ratePerSecond: 100) { id } }',
      {
        id: late,
      },
    );
    expect((await arrived('LATE', id)).body).toBe(sent);
  });

  it('is shown as it is in answers, also to those for whom secrets are masked', async () => {
    const id = await publish('FLAT');
    const { attempts } = await client.delivery(id, 'SUCCEEDED');
    expect(attempts[0]?.requestBody).toBe(sent);
    const query = JSON.stringify({
      query:
        'query ($id: ID!) { deliveries(filter: {messageId: $id}) { nodes { message { data } attempts { requestBody } } } message(id: $id) { data } }',
      variables: { id },
    });
    const viewer = (await client.issueKey('VIEWER')).client;
    for (const each of [client, viewer]) {
      const text = await (await each.post('/graphql', query)).text();
      expect(text.split(`"data":${sent}`).length).toBeGreaterThan(2);
      expect(text).toContain(JSON.stringify(sent).slice(1, -1));
    }
    const history = JSON.stringify({ query: '{ history(newestFirst: true, first: 20) { nodes { type data } } }' });
    expect(await (await client.post('/graphql', history)).text()).toContain(`"data":${sent}`);
  });

  it('is a duplicate if the numbers are equal, and a conflict if they are not', async () => {
    const of = (amount: string) => client.post('/v1/messages', `{"id":"the-same","type":"to.nobody","data":{"amount":${amount}}}`);
    expect(await (await of(big)).json()).toMatchObject({ messages: [{ duplicate: false }] });
    expect(await (await of(big)).json()).toMatchObject({ messages: [{ duplicate: true }] });
    expect(await (await of(`${big}.0`)).json()).toMatchObject({ messages: [{ duplicate: true }] });
    expect((await of('9007199254740992')).status).toBe(409);
    expect((await of('9007199254740995')).status).toBe(409);
  });

  // ── Refused, or as it was ──

  it.each([
    ['half a surrogate pair', '{"x":"\\ud800"}', 'surrogate'],
    ['a key __proto__', '{"__proto__":{"a":1}}', '__proto__'],
    ['a key twice', '{"x":1,"x":2}', 'twice'],
    ['100 levels', `${'{"a":'.repeat(100)}1${'}'.repeat(100)}`, '64 levels'],
    ['a number of 1001 characters', `{"x":${'1'.repeat(1001)}}`, 'as a string'],
  ])('is refused with a sentence if it holds %s', async (_, data, word) => {
    const rest = await client.post('/v1/messages', `{"type":"to.FLAT","data":${data}}`);
    expect([rest.status, await rest.text()]).toEqual([400, expect.stringContaining(word)]);
    const variables = `{"messages":[{"type":"to.FLAT","data":${data}}]}`;
    expect(await graphql(`{"query":${JSON.stringify(mutation)},"variables":${variables}}`)).toMatch(new RegExp(`BAD_USER_INPUT|${word}`));
  });

  it('is refused in the variables of a GET, if a number would be changed', async () => {
    const ask = (id: string) =>
      fetch(`${server.url}/graphql?query=${encodeURIComponent('query ($id: ID!) { message(id: $id) { id } }')}&variables={"id":${id}}`, {
        headers: { authorization: `Bearer ${server.adminKey}`, 'apollo-require-preflight': 'true' },
      });
    const refused = await ask(big);
    expect([refused.status, await refused.text()]).toEqual([400, expect.stringContaining('send the query by POST')]);
    expect((await ask('"1"')).status).toBe(200);
  });

  it('takes a Float and an ID that no double holds', async () => {
    const query = 'query ($id: ID!) { message(id: $id) { id } }';
    expect(await graphql(`{"query":"${query}","variables":{"id":${big}}}`)).toBe('{"data":{"message":null}}\n');
    const update = 'mutation ($id: ID!, $t: Float!) { updateEndpoint(id: $id, input: {timeoutSeconds: $t}) { timeoutSeconds } }';
    const variables = `{"id":"${endpoints.get('BATCH')}","t":10.000000000000000001}`;
    expect(await graphql(`{"query":${JSON.stringify(update)},"variables":${variables}}`)).toContain('"timeoutSeconds":10');
  });

  it('is the same after a restart, and the log verifies, also from an export', async () => {
    const id = await publish('FLAT');
    await client.delivery(id, 'SUCCEEDED');
    await server.restart();
    client = new Client(server);
    const text = await graphql(JSON.stringify({ query: 'query ($id: ID!) { message(id: $id) { data } }', variables: { id } }));
    expect(text).toContain(`"data":${sent}`);
    await server.stop();
    const env = { ...log.env, HOOKLEDGER_DATA_DIR: server.dataDir };
    const file = join(server.dataDir, 'export.jsonl');
    const verified = await runToEnd(['verify'], env);
    expect([verified.code, verified.output]).toEqual([0, expect.any(String)]);
    const exported = await runToEnd(['export', file], env);
    expect([exported.code, exported.output]).toEqual([0, expect.any(String)]);
    expect(gunzipSync(readFileSync(file)).includes(sent)).toBe(true);
    const key = /whpk_[A-Za-z0-9+/=]+/.exec(exported.output)?.[0] ?? '';
    const checked = await runToEnd(['verify', '--file', file, '--key', key], env);
    expect([checked.code, checked.output]).toEqual([0, expect.any(String)]);
  });
});
