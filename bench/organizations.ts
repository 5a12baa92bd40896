// Measures an installation of many organizations:
// `npm run bench:organizations [-- --organizations 10000 --messages 1000000 --folder DIR --publish 20000 --json]`. It makes a log of 5 endpoints and 3 event
// types for each, and of so many messages, in a folder that is used again, has the server build its views, and starts it again to measure.
import { writeFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Server, startServer } from '../test/support/server.ts';
import { megabytes } from './machine.ts';
import { makeOrganizationsLog, organizationAt, receiverPort, typeAt } from './organizations-log.ts';
import { ask, closeConnections } from './probes.ts';
import { startPart } from './processes.ts';
import type { ReceiverPart } from './receiver.ts';

const { values: options } = parseArgs({
  options: {
    organizations: { type: 'string', default: '10000' },
    messages: { type: 'string', default: '1000000' },
    folder: { type: 'string', default: join(tmpdir(), 'hookledger-organizations') },
    /** In each turn of publishing. */
    publish: { type: 'string', default: '20000' },
    json: { type: 'boolean', default: false },
  },
});
const organizations = Number(options.organizations);
const published = Number(options.publish);
const say = (line: string) => console.error(line);
const targets = { listensMs: 15_000, readyMs: 15_000, rssMb: 700, share: 0.85, pageMs: 20, firstMs: 1_000 };

const adminKey = 'bench-admin-key-of-many-organizations';
const server: { dataDir: string; adminKey: string; startTimeoutMs: number; env: Record<string, string> } = {
  dataDir: options.folder,
  adminKey,
  startTimeoutMs: 600_000,
  env: { HOOKLEDGER_RATE_LIMIT: '1000000' },
};

const isReady = async (running: Server): Promise<boolean> => {
  const { status, body } = await ask(running, 'GET', '/health/ready');
  return status === 200 && !body.includes('catching-up');
};

const untilReady = async (running: Server): Promise<void> => {
  while (!(await isReady(running))) await delay(20);
};

/** So a measured start is one like any other: the views are there, of this version. */
const buildViews = async () => {
  const began = performance.now();
  const building = await startServer(server);
  await untilReady(building);
  await building.stop();
  say(`The views were brought up to date in ${seconds(began)} s.`);
};
const seconds = (since: number) => ((performance.now() - since) / 1_000).toFixed(1);

const measureStart = async () => {
  const began = performance.now();
  const running = await startServer(server);
  const listensMs = performance.now() - began;
  await untilReady(running);
  return { running, listensMs, readyMs: performance.now() - began };
};

// ── Publishing ──

const requestsAtOnce = 8;
const messagesOfRequest = 100;

/** Comes back when it is told to. */
const publishOnce = async (running: Server, batch: string): Promise<void> => {
  for (;;) {
    const { status, body } = await ask(running, 'POST', '/v1/messages', batch);
    if (status === 202) return;
    if (status !== 503) throw new Error(`A publish was answered with ${status}: ${body.slice(0, 500)}`);
    await delay(1_000);
  }
};

/** So many messages, a hundred in a request. @returns messages a second */
const publish = async (running: Server, organizationOf: (n: number) => number): Promise<number> => {
  let next = 0;
  const began = performance.now();
  const publisher = async () => {
    while (next < published) {
      const from = next;
      next += messagesOfRequest;
      const batch = Array.from({ length: messagesOfRequest }, (_, i) => {
        const n = from + i;
        const data = { alert_id: n, severity: 'critical', message: 'CPU usage exceeded 90% for five minutes' };
        return { type: typeAt(n), organization: organizationAt(organizationOf(n)), data };
      });
      await publishOnce(running, JSON.stringify(batch));
    }
  };
  await Promise.all(Array.from({ length: requestsAtOnce }, publisher));
  return (published / (performance.now() - began)) * 1_000;
};

/** From here on `VmHWM` is the peak of what follows. */
const forgetPeak = (pid: number): void => {
  try {
    writeFileSync(`/proc/${pid}/clear_refs`, '5');
  } catch {
    // Elsewhere the peak of the start counts as well.
  }
};

const untilDelivered = async (receiver: ReturnType<typeof startPart<ReceiverPart>>, count: number) => {
  while ((await receiver.call('count')).delivered < count) await delay(20);
};

const median = (values: readonly number[]) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;

/** In turns, so that what else the machine does falls on both. */
const comparePublishing = async (running: Server, receiver: ReturnType<typeof startPart<ReceiverPart>>) => {
  const of: { one: number[]; many: number[] } = { one: [], many: [] };
  for (let turn = 0; turn < 6; turn++) {
    const before = (await receiver.call('count')).delivered;
    const kind = turn % 2 === 0 ? 'one' : 'many';
    const rate = await publish(running, kind === 'one' ? () => 4_711 % organizations : (n) => (n * 7_919) % organizations);
    await untilDelivered(receiver, before + published);
    if (turn >= 2) of[kind].push(rate); // the first turns warm up
  }
  const [one, many] = [median(of.one), median(of.many)];
  return { one, many, share: many / one };
};

// ── Pages, and a new organization ──

const timed = async (work: () => Promise<unknown>) => {
  const times: number[] = [];
  for (let i = 0; i < 35; i++) {
    const began = performance.now();
    await work();
    times.push(performance.now() - began);
  }
  return median(times.slice(5)); // the first ones prepare
};

const pages = {
  'first page': '{}',
  'by part of the name': '{ search: "customer 99" }',
  'by part of the id': '{ search: "er-0123" }',
  'that no organization matches': '{ search: "nobody" }',
  suspended: '{ status: SUSPENDED }',
};

const measurePages = async (running: Server) => {
  const rows: Record<string, number> = {};
  for (const [name, filter] of Object.entries(pages))
    rows[name] = await timed(() =>
      running.graphql(`{ organizations(first: 20, filter: ${filter}) { edges { node { id name status } } pageInfo { hasNextPage } } }`),
    );
  return rows;
};

const createOne = async (running: Server, receiver: ReturnType<typeof startPart<ReceiverPart>>, n: number) => {
  const id = `new-${Date.now()}-${n}`;
  await running.graphql('mutation ($input: OrganizationInput!) { createOrganization(input: $input) { id } }', { input: { id, name: id } });
  const began = performance.now();
  const { delivered } = await receiver.call('count');
  const post = (path: string, body: object) =>
    fetch(`${running.url}${path}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${adminKey}`, 'content-type': 'application/json', 'hookledger-organization': id },
      body: JSON.stringify(body),
    });
  const input = { name: 'First', url: `http://127.0.0.1:${receiverPort}/ok/new` };
  const made = await post('/graphql', {
    query: 'mutation ($input: EndpointInput!) { createEndpoint(input: $input) { id } }',
    variables: { input },
  });
  if (!(await made.text()).includes('"id"')) throw new Error('No endpoint was made.');
  await post('/v1/messages', { type: 'bench.first', data: {} });
  await untilDelivered(receiver, delivered + 1);
  return performance.now() - began;
};

// ── The measurement ──

const began = performance.now();
const size = { organizations, messages: Number(options.messages) };
if (await makeOrganizationsLog(options.folder, size, say)) say(`The log was made in ${seconds(began)} s.`);
await buildViews();
const receiver = startPart<ReceiverPart>('receiver.ts');
await receiver.call('listen', receiverPort);
const { running, listensMs, readyMs } = await measureStart();
try {
  const row = (name: string, value: string, met: boolean) => say(`${name.padEnd(64)} ${value.padStart(12)}  ${met ? 'met' : 'MISSED'}`);
  const startRss = megabytes(running.pid, 'VmRSS');
  row('start until it listens, < 15 s', `${(listensMs / 1_000).toFixed(1)} s`, listensMs < targets.listensMs);
  row('start until it is ready, < 15 s', `${(readyMs / 1_000).toFixed(1)} s`, readyMs < targets.readyMs);
  row('rss after the start, < 700 MB', `${startRss.toFixed(0)} MB`, startRss < targets.rssMb);
  say(`  at most ${megabytes(running.pid, 'VmHWM').toFixed(0)} MB in the start`);
  forgetPeak(running.pid);
  const organizationPages = await measurePages(running);
  for (const [name, ms] of Object.entries(organizationPages))
    row(`organizations, ${name}, median, < 20 ms`, `${ms.toFixed(1)} ms`, ms < targets.pageMs);
  const firsts: number[] = [];
  for (let n = 0; n < 10; n++) firsts.push(await createOne(running, receiver, n));
  const firstMs = median(firsts);
  say(`  the ten: ${firsts.map((ms) => ms.toFixed(0)).join(', ')} ms`);
  row("a new organization's first message delivered, median, < 1 s", `${firstMs.toFixed(0)} ms`, firstMs < targets.firstMs);
  const publishing = await comparePublishing(running, receiver);
  row('publishing to many ÷ to one organization, ≥ 0.85', publishing.share.toFixed(2), publishing.share >= targets.share);
  say(`  ${publishing.one.toFixed(0)} messages/s to one, ${publishing.many.toFixed(0)} to many`);
  const rssMb = megabytes(running.pid, 'VmHWM');
  row('rss at most after the start, < 700 MB', `${rssMb.toFixed(0)} MB`, rssMb < targets.rssMb);
  const figures = { listensMs, readyMs, startRss, rssMb, organizationPages, firstMs, publishing };
  if (options.json) console.log(JSON.stringify(figures));
} finally {
  closeConnections();
  await running.stop();
  await receiver.stop();
}
