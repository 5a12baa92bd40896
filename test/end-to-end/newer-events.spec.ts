// Events that a newer version wrote: they make unusable what they belong to, and nothing else.
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Client } from '../support/client.ts';
import { startServer, type Server } from '../support/server.ts';

let server: Server;
let client: Client;
let ofNewer: { endpoint: string; key: string; client: Client };
let others: { endpoint: string; client: Client };

/** Appends an event that this version doesn't have to a stream of the stopped server's log. */
const writeNewerEvent = (stream: string, type: string) => {
  const db = new DatabaseSync(join(server.dataDir, 'log.db'));
  db.prepare(
    `INSERT INTO events (sequence, stream, revision, id, type, recorded_at, data, metadata)
     SELECT max(sequence) + 1, $stream, (SELECT max(revision) + 1 FROM events WHERE stream = $stream), $stream || ' newer', $type,
            max(recorded_at), '{}', '{"v":1,"actor":"system:newer"}' FROM events`,
  ).run({ $stream: stream, $type: type });
  db.close();
};

beforeAll(async () => {
  server = await startServer();
  client = new Client(server);
  const url = 'http://127.0.0.1:1/';
  const [first, second] = [await client.issueKey('PUBLISHER'), await client.issueKey('PUBLISHER')];
  ofNewer = { endpoint: await client.createEndpoint({ url, eventTypes: ['newer.*'] }), key: first.id, client: first.client };
  others = { endpoint: await client.createEndpoint({ url, eventTypes: ['other.*'] }), client: second.client };
  await server.stop();
  writeNewerEvent(`endpoint-${ofNewer.endpoint}`, 'endpoint.circuit-opened');
  writeNewerEvent(`apikey-${ofNewer.key}`, 'apikey.renamed');
  await server.start();
});
afterAll(() => server.dispose());

it('readiness and the metrics say what is unusable', async () => {
  const { details } = (await (await client.get('/health/ready')).json()) as { details: Record<string, { state: string; error?: string }> };
  expect(details['endpoint-directory']).toMatchObject({ state: 'live' });
  expect(details['endpoint-directory']?.error).toContain(`The endpoint ${ofNewer.endpoint} can't be used here: The event at position`);
  expect(details['endpoint-directory']?.error).toContain(`The API key ${ofNewer.key} can't be used here`);
  const metrics = await (await client.get('/metrics')).text();
  expect(metrics).toMatch(/^hookledger_directory_unusable 2$/m);
  expect(metrics).toMatch(/^hookledger_consumer_stopped\{consumer="endpoint-directory"\} 0$/m);
  expect(server.logs.join('\n')).toMatch(/endpoint-directory: The endpoint \S+ can't be used here: .*endpoint\.circuit-opened/);
});

it('the key is refused with 503 and the reason; other keys go on', async () => {
  const refused = await ofNewer.client.post('/v1/messages', { type: 'other.a', data: {} });
  expect(refused.status).toBe(503);
  expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
  expect(await refused.json()).toMatchObject({ detail: expect.stringMatching(/apikey\.renamed.*Run the version/) as string });
  expect((await others.client.post('/v1/messages', { type: 'other.a', data: {} })).status).toBe(202);
  expect((await new Client(server, 'no-such-key').get('/metrics')).status).toBe(401);
});

it('commands on the endpoint are refused with the reason; its messages are accepted, as are those of others', async () => {
  const pause = 'mutation ($id: ID!) { pauseEndpoint(id: $id) { id } }';
  expect(await client.refusal(pause, { id: ofNewer.endpoint })).toMatchObject({
    message: expect.stringContaining('endpoint.circuit-opened') as string,
    extensions: { code: 'UNAVAILABLE' },
  });
  const published = await server.publish([
    { type: 'newer.a', data: {} },
    { type: 'other.a', data: {} },
  ]);
  expect(published.map(({ destinations }) => destinations)).toEqual([1, 1]);
});
