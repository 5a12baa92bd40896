// Measures how long each kind of query, and each command that reads beside the server, keeps it from others: `npm run bench:stalls [-- --data FOLDER --main FILE --only NAME --skip NAME --json]`.
// While a query runs, messages are published and `/health/live` is asked, each every few milliseconds: what they wait for is the main thread, and whatever
// else runs on the machine. `busy` is the longest that the main thread computed without a turn of its event loop, in CPU time. `--data` names the folder
// of a log to copy.
import { spawn } from 'node:child_process';
import { on, once } from 'node:events';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { WebSocket } from 'ws';
import { builtServer, startServer } from '../test/support/server.ts';
import { ask, closeConnections, p99, probe, stallsEnvironment, takeBusy } from './probes.ts';

const { values: options } = parseArgs({
  options: {
    data: { type: 'string' },
    main: { type: 'string' },
    only: { type: 'string' },
    skip: { type: 'string' },
    json: { type: 'boolean', default: false },
  },
});
/** The longest time that the main thread may be busy, and intake's p99, in milliseconds. */
const target = 100;

// ── The queries ──

const repeated = (count: number, field: (n: number) => string) =>
  `{ ${Array.from({ length: count }, (_, n) => `a${n}: ${field(n)}`).join(' ')} }`;
const doubling = () => {
  const fragments = Array.from({ length: 30 }, (_, n) => `fragment F${n} on EndpointConnection { ...F${n + 1} ...F${n + 1} }`);
  return `{ endpoints { ...F0 } } ${fragments.join(' ')} fragment F30 on EndpointConnection { __typename }`;
};
const event = 'id position stream revision type recordedAt actor correlationId causationId data';
const delivery = 'id status createdAt attempts { number startedAt url responseCode responseBody requestHeaders requestBody }';

const queries: Record<string, string> = {
  'nothing else': '{ __typename }',
  'fragments that double': doubling(),
  'one field 1,200 times': `{ ${'eventTypes { name } '.repeat(1_200)} }`,
  introspection:
    '{ __schema { types { name fields { name type { name ofType { name ofType { name } } } args { name type { name } } } } } }',
  'a page of history': `{ history(first: 200) { nodes { ${event} } } }`,
  'history 40 times': repeated(40, (n) => `history(first: 200, newestFirst: ${n % 2 === 0}) { nodes { type data } }`),
  'history 120 times': repeated(120, () => 'history(first: 200) { nodes { data } }'),
  'history by a type 80 times': repeated(80, () => 'history(first: 200, filter: { types: ["endpoint.registered"] }) { nodes { id } }'),
  whatIf: '{ whatIf(endpoint: { name: "n", url: "https://a.example/", eventTypes: ["*"] }, limit: 1000) { looked messages { body } } }',
  'whatIf 9 times': repeated(
    9,
    () => 'whatIf(endpoint: { name: "n", url: "https://a.example/" }, limit: 1000) { looked messages { body } }',
  ),
  'whatIf 40 times': repeated(40, () => 'whatIf(endpoint: { name: "n", url: "https://a.example/" }, limit: 1000) { looked complete }'),
  timelines: '{ messages(first: 200) { nodes { timeline { at text event { id data } } } } }',
  'timelines 20 times': repeated(20, () => 'messages(first: 100) { nodes { timeline { at text event { data } } } }'),
  'deliveries with attempts': `{ deliveries(first: 200) { nodes { ${delivery} message { id data } endpoint { name } } } }`,
  'nested lists': '{ endpoints(first: 100) { nodes { deliveries(first: 60) { nodes { id attempts { number } } } } } }',
  'data of messages': repeated(20, () => 'messages(first: 200) { nodes { id data } }'),
  'rare deliveries 100 times': repeated(100, () => 'deliveries(first: 200, filter: { responseCode: 599 }) { nodes { id } }'),
  'conservation 500 times': repeated(500, () => 'conservation { routed open balanced }'),
  'success rates': repeated(20, () => 'endpoints { nodes { successRate(window: LAST_MONTH) { label } } }'),
};

const webSocketQueries: Record<string, string> = {
  'data over a WebSocket': queries['data of messages'] ?? '',
  'timelines over a WebSocket': queries['timelines 20 times'] ?? '',
};

// ── Measuring ──

const longest = 60_000;
/** What a query or command did in how many milliseconds. */
type Done = { readonly ms: number; readonly kib: number; readonly answered: string };

const query = (text: string) => async (): Promise<Done> => {
  const answer = await ask(server, 'POST', '/graphql', JSON.stringify({ query: text }));
  const body = JSON.parse(answer.body) as { errors?: { message: string }[] };
  return { ms: answer.ms, kib: answer.body.length / 1024, answered: body.errors?.[0]?.message ?? 'answered' };
};

const overWebSocket = (text: string) => async (): Promise<Done> => {
  const from = performance.now();
  const authorization = `Bearer ${server.adminKey}`;
  const socket = new WebSocket(`${server.url.replace('http', 'ws')}/graphql`, 'graphql-transport-ws', { headers: { authorization } });
  try {
    await once(socket, 'open');
    socket.send(JSON.stringify({ type: 'connection_init' }));
    for await (const [data] of on(socket, 'message') as AsyncIterable<[Buffer]>) {
      const message = JSON.parse(String(data)) as { type: string; payload?: { errors?: { message: string }[] } | { message: string }[] };
      if (message.type === 'connection_ack') {
        socket.send(JSON.stringify({ id: '1', type: 'subscribe', payload: { query: text } }));
        continue;
      }
      const errors = Array.isArray(message.payload) ? message.payload : message.payload?.errors;
      return { ms: performance.now() - from, kib: data.length / 1024, answered: errors?.[0]?.message ?? 'answered' };
    }
    throw new Error('The WebSocket ended without an answer.');
  } finally {
    socket.terminate();
  }
};

const command =
  (...args: readonly string[]) =>
  async (): Promise<Done> => {
    const from = performance.now();
    const environment = { PATH: process.env['PATH'], HOOKLEDGER_DATA_DIR: dataDir };
    const child = spawn(process.execPath, [options.main ?? builtServer, ...args], {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: environment,
    });
    let bytes = 0;
    child.stdout.on('data', (part: Buffer) => (bytes += part.length));
    const [code] = (await once(child, 'close')) as [number | null];
    return { ms: performance.now() - from, kib: bytes / 1024, answered: `ended with ${code}` };
  };

/** What reads the whole log, or pages of it, in a process of its own. */
const commands: Record<string, () => Promise<Done>> = {
  'hookledger export': command('export', join(tmpdir(), `hookledger-stalls-${process.pid}.ndjson.gz`)),
  'hookledger history': command('history', '--first', '10000', '--json'),
};

const measure = async (work: () => Promise<Done>) => {
  await takeBusy(server, stallsFile);
  const live = probe(5, () => ask(server, 'GET', '/health/live'));
  const intake = probe(10, () => ask(server, 'POST', '/v1/messages', '{"type":"bench.stalls","data":{"n":1}}'));
  await delay(200);
  const done = await Promise.race([work(), delay(longest, { ms: longest, kib: 0, answered: 'no answer' }, { ref: false })]);
  await delay(done.ms < 500 ? 500 : 50);
  const [alive, taken] = [await live(), await intake()];
  return { ...done, busyMs: await takeBusy(server, stallsFile), stallMs: Math.max(...alive), intakeP99: p99(taken) };
};

const dataDir = mkdtempSync(join(tmpdir(), 'hookledger-stalls-'));
if (options.data) cpSync(options.data, dataDir, { recursive: true });
const stallsFile = join(dataDir, 'stalls');
const server = await startServer({
  dataDir,
  ...(options.main && { main: options.main }),
  startTimeoutMs: 120_000,
  env: stallsEnvironment(stallsFile),
});
try {
  // The views may have to be built first.
  const [published] = await server.publish({ type: 'bench.stalls', data: {} });
  const look = () => server.graphql<{ conservation: { position: string } }>('{ conservation { position } }');
  for (;;) {
    const { conservation } = await look().catch(() => ({ conservation: { position: '' } }));
    if (conservation.position >= (published?.position ?? '')) break;
    await delay(200);
  }
  // What is compiled at the first query is not this query's cost.
  for (let i = 0; i < 20; i++) await server.graphql('{ conservation { routed } history(first: 50) { nodes { data } } }');
  const rows = [];
  const kinds = {
    ...Object.fromEntries(Object.entries(queries).map(([name, text]) => [name, query(text)])),
    ...Object.fromEntries(Object.entries(webSocketQueries).map(([name, text]) => [name, overWebSocket(text)])),
    ...commands,
  };
  for (const [name, work] of Object.entries(kinds)) {
    if ((options.only && !name.includes(options.only)) || (options.skip && name.includes(options.skip))) continue;
    const row = { name, ...(await measure(work)) };
    rows.push(row);
    const met = row.busyMs <= target && row.intakeP99 <= target;
    if (!options.json)
      console.log(
        `${name.padEnd(28)} done in ${row.ms.toFixed(0).padStart(6)} ms ${row.kib.toFixed(0).padStart(6)} KiB  busy ${row.busyMs.toFixed(0).padStart(5)} ms  stall ${row.stallMs.toFixed(0).padStart(6)} ms  intake p99 ${row.intakeP99.toFixed(0).padStart(6)} ms  ${met ? 'met   ' : 'MISSED'}  ${row.answered.slice(0, 110)}`,
      );
  }
  if (options.json) console.log(JSON.stringify({ target, rows }));
} finally {
  await server.dispose();
  closeConnections();
  rmSync(join(tmpdir(), `hookledger-stalls-${process.pid}.ndjson.gz`), { force: true });
  rmSync(dataDir, { recursive: true, force: true });
}
