// `npm run bench:consoles`: how fast messages go out while consoles are open on `Deliveries` and `Overview`, next to none, in turns on one server; how
// long the pages' queries take meanwhile, and how far behind a console gets.
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { startPostgres } from '../test/support/postgres.ts';
import { createEndpoint, startServer, type Server } from '../test/support/server.ts';
import type { ConsoleWatchersPart } from './console-watchers.ts';
import type { LoadGeneratorPart } from './load-generator.ts';
import { cpuSeconds } from './machine.ts';
import { startPart } from './processes.ts';
import type { ReceiverPart } from './receiver.ts';
import { endpointCount, eventType, secret } from './workload.ts';

const usage = `npm run bench:consoles -- [options]
  --seconds 10     measured time of each turn, after a warm-up of 3 s
  --turns 2        how often each has its turn
  --consoles 20    open at one time
  --rate 1000      messages a second
  --data FOLDER    a copy of this log; left out: a new one
  --database embedded   keeps the views in a PostgreSQL that the bench starts
  --server FILE    measures another build than dist/main.js`;

const { values: options } = parseArgs({
  options: {
    seconds: { type: 'string', default: '10' },
    turns: { type: 'string', default: '2' },
    consoles: { type: 'string', default: '20' },
    rate: { type: 'string', default: '1000' },
    data: { type: 'string' },
    database: { type: 'string' },
    server: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});

const warmUpMs = 3_000;
const targets = { share: 0.95, queryMs: 100, secondsBehind: 2 };

const receiver = startPart<ReceiverPart>('./receiver.ts');
const generator = startPart<LoadGeneratorPart>('./load-generator.ts');
const watchers = startPart<ConsoleWatchersPart>('./console-watchers.ts');

type Turn = { readonly deliveriesPerSecond: number; readonly p99: number; readonly cores: number };

const verdict = (isMet: boolean) => (isMet ? 'met' : 'MISSED');
const mean = (turns: readonly Turn[]) => turns.reduce((sum, { deliveriesPerSecond }) => sum + deliveriesPerSecond, 0) / turns.length;

const turn = async (server: Server, consoles: number): Promise<Turn> => {
  await watchers.call('open', { url: server.url, key: server.adminKey, count: consoles });
  await delay(warmUpMs);
  await watchers.call('reset');
  await receiver.call('reset');
  const before = cpuSeconds(server.pid);
  await delay(Number(options.seconds) * 1_000);
  const { delivered, seconds, latencyMs } = await receiver.call('snapshot');
  const cores = (cpuSeconds(server.pid) - before) / seconds;
  const result = { deliveriesPerSecond: delivered / seconds, p99: latencyMs.p99, cores };
  console.log(
    `${String(consoles).padStart(2)} consoles   ${Math.round(result.deliveriesPerSecond)} deliveries/s  p99 ${result.p99.toFixed(1)} ms  ${cores.toFixed(2)} cores`,
  );
  if (consoles > 0) await showWatching();
  await watchers.call('close');
  return result;
};

const showWatching = async (): Promise<void> => {
  const { p95Ms, answers, farthestBehind, problems } = await watchers.call('measured');
  for (const [name, ms] of Object.entries(p95Ms))
    console.log(`   ${name.padEnd(12)} p95 ${ms.toFixed(1)} ms   target < ${targets.queryMs}: ${verdict(ms < targets.queryMs)}`);
  console.log(
    `   ${answers} answers; farthest behind ${farthestBehind.toFixed(1)} s   target ≤ ${targets.secondsBehind}: ${verdict(farthestBehind <= targets.secondsBehind)}`,
  );
  for (const problem of problems) console.log(`   ${problem}`);
};

const run = async (server: Server): Promise<void> => {
  const url = await receiver.call('listen');
  for (let i = 0; i < endpointCount; i++)
    await createEndpoint(server, { name: `endpoint ${i}`, url: `${url}/ok/${i}`, eventTypes: [eventType(i)], secret });
  await generator.call('start', { url: server.url, key: server.adminKey, connections: 96, batch: 1, rate: Number(options.rate) });
  const turns: { without: Turn[]; with: Turn[] } = { without: [], with: [] };
  for (let i = 0; i < Number(options.turns); i++) {
    turns.without.push(await turn(server, 0));
    turns.with.push(await turn(server, Number(options.consoles)));
  }
  const { refused, firstRefusal } = await generator.call('stop');
  if (refused > 0) console.log(`${refused} messages were refused; the first: ${firstRefusal}`);
  const share = mean(turns.with) / mean(turns.without);
  console.log(`with / without: ${share.toFixed(3)}   target ≥ ${targets.share}: ${verdict(share >= targets.share)}`);
};

if (options.help) console.log(usage);
else {
  const dataDir = mkdtempSync(join(tmpdir(), 'hookledger-consoles-'));
  if (options.data) cpSync(options.data, dataDir, { recursive: true });
  const postgres = options.database === 'embedded' ? await startPostgres() : undefined;
  const server = await startServer({
    dataDir,
    startTimeoutMs: 600_000,
    ...(options.server && { main: options.server }),
    ...(postgres && { env: { HOOKLEDGER_DATABASE_URL: postgres.url } }),
  });
  try {
    await run(server);
  } finally {
    await server.dispose();
    await postgres?.stop();
    rmSync(dataDir, { recursive: true, force: true });
  }
}
await Promise.all([receiver.stop(), generator.stop(), watchers.stop()]);
