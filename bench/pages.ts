// Measures the API's pages with a million attempts stored: `npm run bench:pages [-- --attempts 1000000 --json --database URL|embedded]`.
// It queries each page with the API's filters, at the beginning and far down. The time covers the query with all its rows.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { DeliveryEvent } from '../src/domain/delivery.ts';
import type { EndpointId, MessageId, OrganizationId, Position } from '../src/domain/ids.ts';
import type { EventStore, RecordedEvent } from '../src/event-store/event-store.ts';
import { deliveryIdOf } from '../src/event-store/id-generation.ts';
import { ConsumerRunner } from '../src/read-models/engine/consumer-runner.ts';
import { openDatabase, type DatabaseLocation } from '../src/read-models/engine/database/open.ts';
import type { HistoryFilter } from '../src/read-models/history/history-filter.ts';
import { HistoryQueries } from '../src/read-models/history/history-queries.ts';
import { failureGroupings } from '../src/read-models/queries/failure-stats.ts';
import { viewQueries } from '../src/read-models/queries/view-queries.ts';
import { Views } from '../src/read-models/views/views.ts';
import { deliveryFilters, messageFilters } from './page-filters.ts';
import { dropSchemas, newPrefix, startPostgres, withPostgres } from '../test/support/postgres.ts';

const { values: options } = parseArgs({
  options: {
    attempts: { type: 'string', default: '1000000' },
    json: { type: 'boolean', default: false },
    database: { type: 'string' },
  },
});
const attempts = Number(options.attempts);
const say = (line: string) => (options.json ? console.error(line) : console.log(line));
const targetMs = 20;

// ── A made-up log ── One message every 200 ms, to one of 20 endpoints. One in 20 fails at first, one in 400 for good.

const organizationId = 'default' as OrganizationId;
const endpoints = Array.from({ length: 20 }, (_, i) => `00000000-0000-4000-8000-${String(i).padStart(12, '0')}` as EndpointId);
const types = ['meeting.started', 'meeting.ended', 'alert.created', 'recording.ready', 'user.joined', 'rare.type'];
const began = Date.parse('2026-01-01T00:00:00.000Z');
const everyMs = 200;

const messageIdAt = (n: number) => {
  const time = (began + n * everyMs).toString(16).padStart(12, '0');
  return `${time.slice(0, 8)}-${time.slice(8)}-7000-8000-${((n * 2_654_435_761) % 2 ** 40).toString(16).padStart(12, '0')}` as MessageId;
};

let position = 0;
const recorded = (stream: string, revision: number, at: number, type: string, data: object) => {
  const place = { stream, revision, position: String(++position).padStart(16, '0') as Position, recordedAt: new Date(at).toISOString() };
  return { id: `e${position}`, type, data, metadata: { actor: 'apikey:bench' }, ...place } as unknown as RecordedEvent; // made to measure
};
const attempt = (number: number, at: number, responseCode: number, more: object = {}) => ({
  attempt: number,
  startedAt: new Date(at).toISOString(),
  durationMs: 12.5,
  url: 'https://receiver.example/hooks',
  endpointRevision: 0,
  bodySha256: 'a'.repeat(64),
  requestHeaders: { 'user-agent': 'Hookledger', 'content-type': 'application/json', 'webhook-attempt': String(number) },
  responseCode,
  responseHeaders: { date: 'Thu, 01 Jan 2026 00:00:00 GMT' },
  responseBody: 'ok',
  ...more,
});
const settings = {
  name: 'An endpoint',
  url: { shown: 'https://receiver.example/hooks', encrypted: null },
  description: null,
  eventTypes: ['*'],
  filter: null,
};
const registered = (id: EndpointId) =>
  recorded(`endpoint-${id}`, 0, began, 'endpoint.registered', {
    organizationId,
    ...settings,
    format: 'ENVELOPE',
    formatOptions: null,
    signature: 'NONE',
    useOrganizationKey: false,
    headers: [],
    retryPolicy: { delaysSeconds: [0, 60], jitter: 0 },
    timeoutSeconds: 30,
    batch: null,
    secret: null,
    disabled: false,
  });

const eventsOf = (n: number): RecordedEvent[] => {
  const at = began + n * everyMs;
  const messageId = messageIdAt(n);
  const endpointId = endpoints[n % endpoints.length] as EndpointId;
  const type = n % 5_000 === 0 ? 'rare.type' : (types[n % 5] as string);
  const isUnrouted = n % 997 === 5;
  const accepted = {
    organizationId,
    type,
    ...(n % 50 === 2 && { orderingKey: `customer-${Math.floor(n / 50) % 500}` }),
    ...(n % 991 === 3 && { test: true as const }),
    timestamp: new Date(at).toISOString(),
    data: {},
    destinations: isUnrouted ? [] : [{ endpointId }],
    skipped: [],
    routedAt: '',
  };
  const subject = { organizationId, messageId, endpointId };
  const stream = `delivery-${deliveryIdOf(messageId, endpointId)}`;
  const step = (revision: number, name: DeliveryEvent['type'], data: object) =>
    recorded(stream, revision, at + 10 + revision, name, { ...subject, ...data });
  const events = [recorded(`message-${messageId}`, 0, at, 'message.accepted', accepted)];
  if (isUnrouted) return events;
  if (n % 20 !== 0) return [...events, step(0, 'delivery.attempt-succeeded', attempt(1, at, n % 3_000 === 1 ? 202 : 200))];
  const failure = { failure: 'HTTP_STATUS', error: 'The receiver answered 503 Service Unavailable.' };
  const again = new Date(at + 60_000).toISOString();
  events.push(step(0, 'delivery.attempt-failed', attempt(1, at, 503, { ...failure, failuresInSeries: 1, retryAt: again })));
  if (n % 400 !== 0) return [...events, step(1, 'delivery.attempt-succeeded', attempt(2, at, 200))];
  events.push(step(1, 'delivery.attempt-failed', attempt(2, at, 503, { ...failure, failuresInSeries: 2 })));
  return [...events, step(2, 'delivery.exhausted', { attempts: 2, at: new Date(at + 20).toISOString() })];
};

let made = 0;
let messages = 0;
const log: Pick<EventStore, 'tip' | 'follow'> = {
  tip: async () => String(Number.MAX_SAFE_INTEGER).padStart(16, '0') as Position,
  async *follow() {
    yield endpoints.map(registered);
    for (;;) {
      const batch: RecordedEvent[] = [];
      while (batch.length < 2_000) {
        const events = eventsOf(messages++);
        made += events.filter(({ type }) => type.includes('.attempt-')).length;
        batch.push(...events);
        if (made >= attempts) break;
      }
      yield batch;
      if (made >= attempts) return;
    }
  },
};

// ── The measurement ──

const folder = mkdtempSync(join(tmpdir(), 'hookledger-pages-'));
const postgres = options.database === 'embedded' ? await startPostgres() : undefined;
const url = postgres?.url ?? options.database;
const location: DatabaseLocation = url === undefined ? { kind: 'sqlite', folder } : { kind: 'postgres', url, prefix: newPrefix() };
const silent = { info: () => {}, warn: console.error, error: console.error };
const views = new ConsumerRunner(new Views(), log, openDatabase(location, silent), silent);
const building = performance.now();
await views.start();
const isBuilt = () => made >= attempts && views.status().position === String(position).padStart(16, '0');
while (!isBuilt()) await new Promise((resolve) => setTimeout(resolve, 50));
const seconds = (performance.now() - building) / 1_000;
say(
  `${made.toLocaleString('en')} attempts, ${position.toLocaleString('en')} events applied in ${seconds.toFixed(1)} s, ${Math.round(position / seconds).toLocaleString('en')} events/s`,
);

const at = (share: number) => new Date(began + messages * everyMs * share);
const queries = viewQueries(
  () => views.tables.read,
  () => at(1),
);
const last = messageIdAt(Math.floor(messages * 0.7));
const filters = deliveryFilters(endpoints, at, last);
const rows: { page: string; ms: number; cpuMs: number; count: number }[] = [];
/** Of this thread, which SQLite runs in, and of PostgreSQL's processes where it runs here. What else the machine does is not in it. */
const cpuMs = () => {
  const { user, system } = process.threadCpuUsage();
  return (
    (user + system) / 1_000 +
    backends.reduce((sum, pid) => sum + Number(readFileSync(`/proc/${pid}/schedstat`, 'latin1').split(' ')[0]) / 1e6, 0)
  );
};
const backendsOf = async (where: string): Promise<readonly number[]> =>
  withPostgres(where, async (client) => {
    const { rows: found } = await client.query<{ pid: number }>(
      "SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()",
    );
    return found.map(({ pid }) => pid);
  });
let backends: readonly number[] = [];
const time = async (page: string, ask: () => Promise<number>) => {
  const [times, cpuTimes]: [number[], number[]] = [[], []];
  let count = 0;
  for (let i = 0; i < 5; i++) {
    if (postgres) backends = await backendsOf(postgres.url);
    const [from, cpuFrom] = [performance.now(), cpuMs()];
    count = await ask();
    times.push(performance.now() - from);
    cpuTimes.push(cpuMs() - cpuFrom);
  }
  rows.push({ page, ms: Math.max(...times.slice(1)), cpuMs: cpuTimes.slice(1).toSorted((a, b) => a - b)[1] ?? Number.NaN, count }); // the first run prepares the statements
};
const first = 50;
for (const [name, filter] of Object.entries(filters)) {
  await time(`deliveries ${name}`, async () => (await queries.deliveries.page(organizationId, { first }, filter)).edges.length);
  let after: string | null = null;
  for (let page = 0; page < 20; page++)
    after = (await queries.deliveries.page(organizationId, { first: 200, after }, filter)).endCursor ?? after;
  await time(
    `  the 21st page of 200`,
    async () => (await queries.deliveries.page(organizationId, { first: 200, after }, filter)).edges.length,
  );
}
await time('50 deliveries with their attempts, messages and endpoint', async () => {
  const { edges } = await queries.deliveries.page(organizationId, { first }, { status: ['FAILED'] });
  const nodes = edges.map(({ node }) => node);
  const [tried] = await Promise.all([
    queries.deliveries.attemptsOf(
      organizationId,
      nodes.map(({ id }) => id),
    ),
    queries.messages.byIds(
      organizationId,
      nodes.map(({ messageId }) => messageId),
    ),
    queries.endpoints.byIds(organizationId, [...new Set(nodes.map(({ endpointId }) => endpointId))]),
  ]);
  return tried.length;
});
for (const [name, filter] of Object.entries(messageFilters))
  await time(`messages ${name}`, async () => (await queries.messages.page(organizationId, { first }, filter)).edges.length);
for (const [name, filter] of Object.entries({
  'all deliveries': {},
  FAILED: filters['FAILED'] ?? {},
  'with a failure': filters['with a failure'] ?? {},
}))
  await time(`count, up to 10,000, of ${name}`, async () => (await queries.deliveries.count(organizationId, filter, 10_000)).value);
await time('count, up to 100,000, of all messages', async () => (await queries.messages.count(organizationId, {}, 100_000)).value);
for (const order of ['NAME', 'FAILING_FIRST'] as const)
  await time(`endpoints, ${order}`, async () => (await queries.endpoints.page(organizationId, { first }, {}, order)).edges.length);
await time(
  'endpoints by part of the URL',
  async () => (await queries.endpoints.page(organizationId, { first }, { search: 'receiver' })).edges.length,
);
const scope = { organization: organizationId, others: undefined, apiKeys: true };
for (const [name, text] of Object.entries({
  'an id': last,
  'the beginning of an id': last.slice(0, 13),
  "a publisher's id": 'order-4711',
  'part of a name': 'endp',
}))
  await time(`search by ${name}`, async () => (await queries.search.search(text, 20, scope)).length);
for (const days of [1 / 24, 1, 2])
  await time(`figures of the last ${days < 1 ? 'hour' : `${days} days`}, 60 buckets`, async () => {
    const span = { since: new Date(+at(1) - days * 86_400_000), until: at(1), buckets: 60 };
    return (await queries.stats.stats(organizationId, {}, span)).length;
  });
for (const by of failureGroupings)
  for (const [name, filter] of Object.entries({ '': {}, ' at an endpoint': { endpointIds: endpoints.slice(0, 1) } }))
    await time(`failures${name} by ${by}`, async () => {
      const span = { since: new Date(began), until: at(1) };
      return (await queries.stats.failures(organizationId, filter, span, by, 10)).length;
    });
await time(
  'messages of a type',
  async () => (await queries.messages.page(organizationId, { first }, { eventType: 'user.joined' })).edges.length,
);
for (const window of ['LAST_HOUR', 'LAST_WEEK', 'LAST_MONTH', 'ALL'] as const)
  await time(
    `success rates of 20 endpoints, ${window}`,
    async () => (await queries.endpoints.successRates(organizationId, endpoints, window)).size,
  );

// ── The history ── A page's events are made up again, as if read from the log; `npm run bench:timeline` reads a real log.

const events = new HistoryQueries(() => views.tables.read, queries, {
  readStream: async (stream, { from = 0, upTo = from } = {}) =>
    Array.from({ length: upTo - from + 1 }, (_, i) => recorded(stream, from + i, began, 'message.accepted', {})),
});
const histories: Record<string, HistoryFilter> = {
  'the whole log': {},
  'of an endpoint': { endpointId: endpoints[3] },
  'of a frequent type': { types: ['delivery.attempt-succeeded'] },
  'of a rare type': { types: ['delivery.exhausted'] },
  'of types, one only at the beginning': { types: ['endpoint.registered', 'delivery.exhausted'] },
  'of an actor': { actor: 'apikey:bench' },
  'of an endpoint, a type and an actor, in a day': {
    endpointId: endpoints[0],
    types: ['delivery.attempt-failed'],
    actor: 'apikey:bench',
    since: at(0.4),
    until: new Date(+at(0.4) + 86_400_000),
  },
  'in an hour': { since: at(0.5), until: new Date(+at(0.5) + 3_600_000) },
};
for (const [name, filter] of Object.entries(histories))
  for (const newestFirst of [false, true]) {
    const ask = async () => (await events.history(organizationId, { first }, filter, newestFirst)).edges.length;
    await time(`history ${name}${newestFirst ? ', newest first' : ''}`, ask);
  }

await time('conservation', async () => (await queries.deliveries.conservation(organizationId)).routed);

for (const { page, ms, cpuMs: cpu, count } of rows)
  say(
    `${page.padEnd(60)} ${ms.toFixed(1).padStart(8)} ms, ${cpu.toFixed(1).padStart(6)} ms of CPU  ${String(count).padStart(6)} rows${ms < targetMs ? '' : '   MISSED'}`,
  );
const slowest = rows.reduce((worst, row) => (row.ms > worst.ms ? row : worst));
say(
  `the slowest: ${slowest.page.trim()}, ${slowest.ms.toFixed(1)} ms; target < ${targetMs} ms ${slowest.ms < targetMs ? 'met' : 'MISSED'}`,
);
if (options.json)
  console.log(JSON.stringify({ attempts: made, events: position, eventsPerSecond: position / seconds, rows, met: slowest.ms < targetMs }));
await views.stop();
rmSync(folder, { recursive: true });
if (location.kind === 'postgres') await dropSchemas(location.url, location.prefix);
await postgres?.stop();
