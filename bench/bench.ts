// The bench: `npm run bench [-- --seconds 20 --only A,B,C,D,rebuild,verify --json]`. It runs the built server, a load generator and a
// receiver as processes on this machine, measures both limits in the same run, and prints the figures next to their targets.
//   A  single-message requests, closed loop          limit: pass-through (accepts, signs, POSTs; stores nothing)
//   B  requests of 100 messages, closed loop         limit: bare loop (only signs and POSTs)
//   C  single-message requests at half of A's rate, open loop
//   D  memory while many deliveries wait for a retry
//   rebuild  rebuilds the views from the log that A to C left, like `hookledger rebuild`; without A to C, from a log written by B's load
//   verify   checks every event of the same log, with two threads
//   log  appends to a log server (--store=eventstoredb)  limit: a bare loop on its client, in turns
// The receiver counts the deliveries. Latency runs from *sending* the request (in C: from the time it was due) to the arrival of the
// delivery, on the machine's monotonic clock. That is stricter than from the 202.
import { randomBytes } from 'node:crypto';
import { cpus, loadavg } from 'node:os';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { LogServerDouble } from '../test/support/log-server/double.ts';
import { dropSchemas, startPostgres } from '../test/support/postgres.ts';
import { timeRebuild, timeVerify } from '../test/support/rebuild.ts';
import { builtServer, conservation, createEndpoint, startServer, type Server } from '../test/support/server.ts';
import type { AppendsPart } from './appends.ts';
import type { BareLoopPart } from './bare-loop.ts';
import { targetsFor, type Figures, type Throughput } from './figures.ts';
import type { Load, LoadGeneratorPart } from './load-generator.ts';
import { cpuSeconds, fdatasyncPerSecond, megabytes, settledMegabytes } from './machine.ts';
import type { PassThroughPart } from './pass-through.ts';
import { runSources, startPart, type Part } from './processes.ts';
import type { ReceiverPart } from './receiver.ts';
import { endpointCount, eventType, secret } from './workload.ts';

const usage = `npm run bench -- [options]
  --seconds 20        measured time of each phase
  --warm-up 5         seconds of warm-up before each phase
  --only A,B,C,D,rebuild,verify,log
  --connections 96    the load generator's keep-alive connections
  --rate N            messages/s in phase C; default: half of A's deliveries/s
  --waiting 100000    deliveries waiting for a retry in phase D
  --store sqlite      the log to measure: sqlite or eventstoredb
  --eventstore URL    the log server; default: the tests' double, whose speed means nothing
  --in-flight 256     appends in flight while measuring the log
  --database URL      keeps views and due attempts in that PostgreSQL; \`embedded\`: in one that the bench starts
  --server FILE       measures another build than dist/main.js
  --json              prints figures as JSON on standard output, progress on standard error`;

const { values: options } = parseArgs({
  options: {
    seconds: { type: 'string', default: '20' },
    'warm-up': { type: 'string', default: '5' },
    only: { type: 'string', default: 'A,B,C,D,rebuild,verify,log' },
    connections: { type: 'string', default: '96' },
    rate: { type: 'string' },
    waiting: { type: 'string', default: '100000' },
    store: { type: 'string', default: 'sqlite' },
    eventstore: { type: 'string' },
    'in-flight': { type: 'string', default: '256' },
    database: { type: 'string' },
    server: { type: 'string' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
if (options.help) {
  console.log(usage);
  process.exit(0);
}
if (!['sqlite', 'eventstoredb'].includes(options.store) || (options.eventstore !== undefined && options.store === 'sqlite')) {
  console.error('--store must be sqlite or eventstoredb; use --eventstore only with --store eventstoredb.');
  process.exit(2);
}
const seconds = Number(options.seconds);
const warmUp = Math.min(Number(options['warm-up']), seconds);
const only = new Set(options.only.split(','));
const connections = Number(options.connections);
const waitingDeliveries = Number(options.waiting);

const pause = (s: number) => new Promise<void>((resolve) => setTimeout(resolve, s * 1_000));
const say = (line: string) => (options.json ? console.error(line) : console.log(line));
/** Each server gets its own log. */
const newPrefix = () => `bench_${randomBytes(4).toString('hex')}_`;
const prefixes = new WeakMap<Server, string>();
const rounded = (value: number) => Math.round(value).toLocaleString('en');
const until = async (condition: () => Promise<boolean>, timeoutSeconds: number): Promise<boolean> => {
  for (const giveUp = Date.now() + timeoutSeconds * 1_000; Date.now() < giveUp; await pause(0.1)) if (await condition()) return true;
  return condition();
};

// ── The database ──

const startedPostgres = options.database === 'embedded' ? await startPostgres() : undefined;
const databaseUrl = startedPostgres?.url ?? options.database;
const schemas = databaseUrl === undefined ? undefined : ({ kind: 'postgres', url: databaseUrl, prefix: `bench${process.pid}` } as const);

const dispose = async (server: Server) => {
  await server.dispose();
  if (schemas) await dropSchemas(schemas.url, schemas.prefix);
};

// ── Phases ──

type Parts = { receiver: Part<ReceiverPart>; generator: Part<LoadGeneratorPart>; receiverUrl: string };

/** Puts one load on one server: warms up, measures, then waits until everything accepted has arrived. */
const measure = async ({ receiver, generator }: Parts, load: Load, pid: number): Promise<Throughput> => {
  const before = (await receiver.call('count')).delivered;
  await generator.call('start', load);
  await pause(warmUp);
  const acceptedBefore = (await generator.call('sent')).accepted;
  const cpuBefore = cpuSeconds(pid);
  await receiver.call('reset');
  await pause(seconds);
  const window = await receiver.call('snapshot');
  const cpu = cpuSeconds(pid) - cpuBefore;
  const acceptedAfter = (await generator.call('sent')).accepted;
  const delivered = (await receiver.call('count')).delivered - before;
  const sent = await generator.call('stop');
  const began = performance.now();
  await until(async () => (await receiver.call('count')).delivered - before >= sent.accepted, 60);
  const arrived = (await receiver.call('count')).delivered - before;
  if (sent.firstRefusal !== undefined) figures.problems.push(`${sent.refused} messages were refused; the first: ${sent.firstRefusal}`);
  return {
    deliveriesPerSecond: window.delivered / window.seconds,
    acceptedPerSecond: (acceptedAfter - acceptedBefore) / window.seconds,
    backlog: Math.max(0, acceptedAfter - delivered),
    drainSeconds: (performance.now() - began) / 1_000,
    lost: Math.max(0, sent.accepted - arrived),
    refused: sent.refused,
    latencyMs: window.latencyMs,
    signatures: window.signatures,
    cores: cpu / window.seconds,
  };
};

const report = (name: string, { deliveriesPerSecond, acceptedPerSecond, backlog, drainSeconds, latencyMs, cores }: Throughput) =>
  say(
    `${name.padEnd(46)} ${rounded(deliveriesPerSecond).padStart(7)} deliveries/s  ${rounded(acceptedPerSecond).padStart(7)} accepted/s` +
      `  p50 ${latencyMs.p50.toFixed(1)}  p95 ${latencyMs.p95.toFixed(1)}  p99 ${latencyMs.p99.toFixed(1)} ms  ${cores.toFixed(2)} cores` +
      (backlog > 1_000 ? `  (backlog ${rounded(backlog)}, gone after ${drainSeconds.toFixed(1)} s)` : ''),
  );

const start = async (parts: Parts): Promise<Server> => {
  const env: Record<string, string> = {
    ...(logServer !== undefined && { HOOKLEDGER_EVENTSTORE_URL: logServer, HOOKLEDGER_EVENTSTORE_PREFIX: newPrefix() }),
    ...(schemas && { HOOKLEDGER_DATABASE_URL: schemas.url, HOOKLEDGER_DATABASE_PREFIX: schemas.prefix }),
  };
  const server = await startServer({ env, ...(options.server === undefined ? {} : { main: options.server }) });
  prefixes.set(server, env['HOOKLEDGER_EVENTSTORE_PREFIX'] ?? '');
  for (let i = 0; i < endpointCount; i++)
    await createEndpoint(server, { name: `bench ${i}`, url: `${parts.receiverUrl}/ok/${i}`, eventTypes: [eventType(i)], secret });
  return server;
};

const loadOn = (server: Server, more: Partial<Load> = {}): Load => ({
  url: server.url,
  key: server.adminKey,
  connections,
  batch: 1,
  ...more,
});

const throughput = async (parts: Parts) => {
  const server = await start(parts);
  try {
    if (only.has('A')) {
      figures.A = await measure(parts, loadOn(server), server.pid);
      report('A  single-message requests', figures.A);
      const passThrough = startPart<PassThroughPart>('./pass-through.ts');
      const url = await passThrough.call('listen', parts.receiverUrl);
      figures.passThrough = await measure(parts, { ...loadOn(server), url }, passThrough.pid);
      report('   limit: pass-through', figures.passThrough);
      await passThrough.stop();
    }
    if (only.has('B')) {
      figures.B = await measure(parts, loadOn(server, { batch: 100, connections: Math.min(connections, 16) }), server.pid);
      report('B  requests of 100 messages', figures.B);
      const bareLoop = startPart<BareLoopPart>('./bare-loop.ts');
      figures.bareLoop = await bareLoop.call('run', { receiver: parts.receiverUrl, seconds, tuneSeconds: Math.min(1.5, seconds / 5) });
      say(
        `   limit: bare loop, ${figures.bareLoop.concurrency} connections`.padEnd(46) +
          ` ${rounded(figures.bareLoop.perSecond).padStart(7)} deliveries/s`,
      );
      await bareLoop.stop();
    }
    if (only.has('C')) {
      const rate = options.rate === undefined ? (figures.A?.deliveriesPerSecond ?? Number.NaN) / 2 : Number(options.rate);
      if (!(rate > 0)) throw new Error("Phase C runs at half of A's rate: also run A, or give --rate.");
      figures.C = { rate, ...(await measure(parts, loadOn(server, { rate, connections: 256 }), server.pid)) };
      report(`C  single-message requests at ${rounded(rate)}/s`, figures.C);
    }
    if (!['A', 'B', 'C'].some((phase) => only.has(phase)))
      await measure(parts, loadOn(server, { batch: 100, connections: Math.min(connections, 16) }), server.pid);
    figures.peakMemoryMb = megabytes(server.pid, 'VmHWM');
    say(`   peak memory of the server ${rounded(figures.peakMemoryMb)} MB`);
    await server.stop();
    const log =
      logServer === undefined ? undefined : ({ kind: 'eventstoredb', url: logServer, prefix: prefixes.get(server) ?? '' } as const);
    if (only.has('rebuild')) {
      const { events, seconds } = await timeRebuild(server.dataDir, { main: options.server, log, database: schemas });
      figures.rebuild = { events, seconds, eventsPerSecond: events / seconds };
      say(`   the views rebuilt: ${rounded(events)} events in ${seconds.toFixed(1)} s, ${rounded(events / seconds)} events/s`);
    }
    if (only.has('verify')) {
      const { events, seconds } = await timeVerify(server.dataDir, { main: options.server, log });
      figures.verify = { events, seconds, eventsPerSecond: events / seconds };
      say(`   the log verified: ${rounded(events)} events in ${seconds.toFixed(1)} s, ${rounded(events / seconds)} events/s`);
    }
  } catch (error) {
    say(server.logs.slice(-20).join('\n'));
    throw error;
  } finally {
    await dispose(server);
  }
};

/** Compares memory before and after, on a server that has already worked: the memory it needs to work at all does not count. */
const waiting = async (parts: Parts) => {
  const server = await start(parts);
  try {
    const type = 'bench.waiting';
    const url = `${parts.receiverUrl}/fail`;
    await createEndpoint(server, { name: 'waiting', url, eventTypes: [type], secret, retryPolicy: { delaysSeconds: [0, 3_600] } });
    await measure(parts, loadOn(server), server.pid);
    const beforeMb = await settledMegabytes(server.pid, seconds);

    const failedBefore = (await parts.receiver.call('count')).failed;
    const batch = Math.min(100, waitingDeliveries);
    await parts.generator.call('start', loadOn(server, { batch, connections: 8, type, requests: Math.ceil(waitingDeliveries / batch) }));
    const sent = await parts.generator.call('finish');
    const arrived = async () => (await parts.receiver.call('count')).failed - failedBefore >= sent.accepted;
    if (!(await until(arrived, 60))) figures.problems.push('Some first attempts of the waiting deliveries were not made within a minute.');
    const shown = async () => (await conservation(server)).open >= sent.accepted;
    if (!(await until(shown, 60))) figures.problems.push(`After a minute, the views do not show ${sent.accepted} open deliveries.`);
    const afterMb = await settledMegabytes(server.pid, seconds);
    const { open } = await conservation(server);
    figures.D = { deliveries: open, beforeMb, afterMb, growthMb: afterMb - beforeMb, peakMb: megabytes(server.pid, 'VmHWM') };
    say(
      `D  ${rounded(open)} deliveries wait for a retry: memory ${rounded(beforeMb)} → ${rounded(afterMb)} MB, peak ${rounded(figures.D.peakMb)} MB`,
    );
  } catch (error) {
    say(server.logs.slice(-20).join('\n'));
    throw error;
  } finally {
    await dispose(server);
  }
};

/** Appends single events of a kilobyte to new streams. */
const appends = async (url: string) => {
  const part = startPart<AppendsPart>('./appends.ts', runSources);
  const inFlight = Number(options['in-flight']);
  const src = join(dirname(options.server ?? builtServer), '../src'); // the build has no file for the adapter alone
  figures.log = { inFlight, ...(await part.call('run', { src, url, prefix: newPrefix(), inFlight, seconds })) };
  const { adapter, bare } = figures.log;
  say(`   ${inFlight} appends in flight: ${rounded(adapter)}/s; limit: bare loop on the client ${rounded(bare)}/s`);
  await part.stop();
};

const figures: Figures = {
  machine: {
    cpus: cpus().length,
    model: cpus()[0]?.model ?? 'unknown',
    node: process.version,
    fdatasyncPerSecond: fdatasyncPerSecond(),
    loadBefore: loadavg()[0] ?? 0,
  },
  secondsPerPhase: seconds,
  store: options.store,
  database: options.database === undefined ? 'sqlite' : 'postgres',
  targets: [],
  problems: [],
};
const { machine } = figures;
if (machine.loadBefore > 0.5)
  say(`The load average is ${machine.loadBefore.toFixed(1)}: other work on this machine makes the figures worse.`);
say(`${machine.cpus} × ${machine.model}, Node ${machine.node}, ${rounded(machine.fdatasyncPerSecond)} fdatasync/s, ${seconds} s per phase`);
const double = options.store === 'eventstoredb' && options.eventstore === undefined ? await LogServerDouble.start() : undefined;
const logServer = options.eventstore ?? double?.url();
const receiver = startPart<ReceiverPart>('./receiver.ts');
const generator = startPart<LoadGeneratorPart>('./load-generator.ts');
const parts: Parts = { receiver, generator, receiverUrl: await receiver.call('listen') };
if (['A', 'B', 'C', 'rebuild', 'verify'].some((phase) => only.has(phase))) await throughput(parts);
if (only.has('D')) await waiting(parts);
if (only.has('log') && logServer !== undefined) await appends(logServer);
await Promise.all([receiver.stop(), generator.stop(), double?.stop(), startedPostgres?.stop()]);

for (const [name, phase] of Object.entries({ A: figures.A, 'pass-through': figures.passThrough, B: figures.B, C: figures.C })) {
  if (phase && phase.lost > 0) figures.problems.push(`${name}: ${phase.lost} accepted messages had not arrived a minute later.`);
  if (phase && phase.signatures.wrong > 0)
    figures.problems.push(`${name}: ${phase.signatures.wrong} of ${phase.signatures.checked} signatures were wrong.`);
}
figures.targets = targetsFor(figures);
say('');
for (const { what, value, target, met } of figures.targets)
  say(`${what.padEnd(36)} ${value.toFixed(value < 10 ? 2 : 0).padStart(8)}   target ${target.padEnd(9)} ${met ? 'met' : 'MISSED'}`);
for (const problem of figures.problems) say(`✗ ${problem}`);
if (options.json) console.log(JSON.stringify(figures, null, 2));
process.exitCode = figures.problems.length === 0 ? 0 : 1;
