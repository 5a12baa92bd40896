// The trial of replicas: three real servers on one log server (its double, or a real one) and one PostgreSQL; publish to all of them without a pause, kill -9 one at
// random again and again, start it again a moment later, and count at the end.
// `npm run test:replicas -- --rounds N [--seconds-per-round S] [--seed X] [--replicas N] [--connections N] [--organizations N] [--eventstore URL]`
import { randomBytes } from 'node:crypto';
import { parseArgs } from 'node:util';
import { Client } from '../support/client.ts';
import { LogServerDouble } from '../support/log-server/double.ts';
import { dropSchemas, newPrefix, startPostgres } from '../support/postgres.ts';
import { compareViews, timeVerify } from '../support/rebuild.ts';
import { createEndpoint, newAdminKey, Server, type MessageInput } from '../support/server.ts';
import { endpoints, pathsFor, pause, retryPolicy, secret, seededRandom, startPublishers } from './traffic.ts';
import { check, checkLog, checkViews, emptyReport, formatReport, settle, type CrashReport } from './checks.ts';
import { setAnyTime, shortestGraceMs } from './crash.ts';
import { SteppedClock } from '../support/stepped-clock.ts';
import { startReceiver } from './receiver.ts';
import { tenantPaths, Tenants, type TenantsReport } from './tenants.ts';

export type ReplicasOptions = {
  rounds: number;
  secondsPerRound: number;
  seed: number;
  /** The URL of a PostgreSQL. */
  database: string;
  /** The URL of a log server, where what it holds does no harm; left out: the double. */
  eventstore?: string | undefined;
  replicas?: number;
  connections?: number;
  /** Besides `default`. */
  organizations?: number;
  /** From making an organization to the arrival of its first message. */
  firstMessageWithinMs?: number;
  settleSeconds?: number;
  say?: (line: string) => void;
};

export type ReplicasReport = CrashReport & {
  tenants: TenantsReport;
  /** Attempts that were made and had been recorded already, as replicas counted them until they were killed. */
  countedRepeats: number;
  /** Attempts by replica, in the end. */
  attempts: readonly number[];
  /** From a kill until another replica ran what the killed one had run. */
  takeoversMs: readonly number[];
};

/** How long an endpoint may take to answer, which leases outlive. */
const timeoutSeconds = 5;

/** Seconds are promised; on a machine that is busy with other tests they are long. */
const takeoverWithinMs = 30_000;

const metric = async (server: Server, name: string): Promise<number> => {
  const text = await (await fetch(`${server.url}/metrics`, { headers: { authorization: `Bearer ${server.adminKey}` } })).text();
  let sum = 0;
  for (const [, value] of text.matchAll(new RegExp(`^${name}(?:\\{[^}]*\\})? (\\S+)$`, 'gm'))) sum += Number(value);
  return sum;
};

/** The consumers that it runs now, of those that one replica runs at a time. */
const consumersOf = async (server: Server): Promise<string[]> => {
  const { details } = (await (await new Client(server).get('/health/ready')).json()) as { details: Record<string, { state?: string }> };
  return ['views', 'delivery-saga'].filter((name) => ['live', 'catching-up'].includes(details[name]?.state ?? ''));
};

/** A server listens before it has opened everything, and on a busy machine that can take longer than a request waits for it. */
const untilReady = async (server: Server): Promise<void> => {
  for (const giveUp = Date.now() + 60_000; ; await pause(50)) {
    const { status } = await fetch(`${server.url}/health/ready`);
    if (status === 200) return;
    if (Date.now() > giveUp) throw new Error('A replica was not ready within 60 s.');
  }
};

/** A message that says when a replica routes to all endpoints, which were made at another. */
const routesAll = async (server: Server): Promise<void> => {
  const type = 'order.created';
  for (const giveUp = Date.now() + 10_000; ; await pause(20)) {
    const [answer] = await server.publish([{ type, data: { key: `probe-${randomBytes(4).toString('hex')}` } }]);
    if (answer?.destinations === pathsFor(type).length) return;
    if (Date.now() > giveUp) throw new Error('A replica did not come to know the endpoints within 10 s.');
  }
};

export const runReplicas = async (options: ReplicasOptions): Promise<ReplicasReport> => {
  const { rounds, secondsPerRound, seed, database, replicas = 3, connections = 6, settleSeconds = 60, say = () => {} } = options;
  const { organizations = 50, firstMessageWithinMs = 1_000 } = options;
  const random = seededRandom(seed);
  const receiver = await startReceiver(secret, {
    ...Object.fromEntries(endpoints.map(({ path, behaviour }) => [path, behaviour])),
    ...Object.fromEntries(tenantPaths(organizations).map((path) => [path, () => ({ status: 200, afterMs: 0 })])),
  });
  const double = options.eventstore === undefined ? await LogServerDouble.start() : undefined;
  const schemas = { kind: 'postgres', url: database, prefix: newPrefix() } as const;
  const log = { kind: 'eventstoredb', url: options.eventstore ?? double?.url() ?? '', prefix: `${newPrefix()}_` } as const;
  const adminKey = newAdminKey();
  const env = {
    HOOKLEDGER_EVENTSTORE_URL: log.url,
    HOOKLEDGER_EVENTSTORE_PREFIX: log.prefix,
    HOOKLEDGER_DATABASE_URL: schemas.url,
    HOOKLEDGER_DATABASE_PREFIX: schemas.prefix,
    HOOKLEDGER_MASTER_KEY: randomBytes(32).toString('base64'),
  };
  const clocks = Array.from({ length: replicas }, () => new SteppedClock());
  const servers = clocks.map(
    ({ options: { nodeArgs, env: onClock } }) => new Server({ adminKey, nodeArgs, env: { ...env, ...onClock }, startTimeoutMs: 120_000 }),
  );
  const alive = new Set<Server>();
  /** On a busy machine the log server may not answer a start in time; then it is started again, as whoever runs it would. */
  const start = async (server: Server) => {
    for (let tries = 1; ; tries++) {
      try {
        await server.start();
        break;
      } catch (error) {
        if (tries === 5 || !/is unavailable|can't be reached|was lost/.test(String(error))) throw error;
      }
    }
    alive.add(server);
  };
  let turn = 0;
  /** Each request at the next one, as a load balancer would have it. */
  const balanced = {
    publish: (messages: MessageInput | readonly MessageInput[]) => {
      const all = [...alive];
      const server = all[turn++ % all.length];
      if (!server) throw new Error('No replica is left.');
      return server.publish(messages);
    },
  };
  const report: ReplicasReport = {
    ...emptyReport(seed),
    countedRepeats: 0,
    attempts: [],
    takeoversMs: [],
    tenants: { organizations: 0, firstMessagesMs: [], acknowledged: 0 },
  };
  const takeoversMs: number[] = [];
  const starting = new Set<Promise<void>>();
  const tenants = new Tenants({ servers, alive, adminKey, receiver, secret, random, violations: report.violations });
  try {
    // 1. All at once on an empty log; then the endpoints.
    await Promise.all(servers.map(start));
    await Promise.all(servers.map(untilReady));
    const [first] = servers;
    if (!first) throw new Error('There must be a replica.');
    for (const { path, eventTypes, ordering = 'NONE' as const } of endpoints) {
      const settings = {
        name: path,
        url: `${receiver.url}${path}`,
        eventTypes: [...eventTypes],
        secret,
        retryPolicy,
        timeoutSeconds,
        ordering,
      };
      await createEndpoint(first, settings);
    }
    await Promise.all(servers.map(routesAll));
    say(`${replicas} replicas are up`);
    await tenants.make(organizations, firstMessageWithinMs);
    say(`${organizations} organizations are made`);

    // 2. Publishing and killing.
    tenants.start();
    const publishers = startPublishers(balanced, connections, random, report.violations);
    for (let round = 1; round <= rounds; round++) {
      for (const clock of clocks) await setAnyTime(clock, random);
      await pause(secondsPerRound * 1_000 * (0.4 + 0.6 * random()));
      while (alive.size < 2) await Promise.race(starting);
      // In half of the rounds, one that runs a consumer.
      const candidates = [...alive];
      const running = await Promise.all(candidates.map(consumersOf));
      const busy = candidates.filter((_, i) => running[i]?.length);
      const among = random() < 0.5 && busy.length > 0 ? busy : candidates;
      const victim = among[Math.floor(random() * among.length)] ?? first;
      const ran = running[candidates.indexOf(victim)] ?? [];
      report.countedRepeats += await metric(victim, 'hookledger_attempts_repeated_total');
      const graceMs = Math.round(shortestGraceMs + publishers.slowestMs());
      alive.delete(victim);
      const at = performance.now();
      await victim.kill9();
      const { unanswered, answeredLately } = await receiver.killed(at, graceMs, 'others');
      report.kills++;
      report.unanswered += unanswered;
      report.answeredLately += answeredLately;
      const back = pause(random() * 1_500).then(() => start(victim));
      starting.add(back);
      void back.finally(() => starting.delete(back)).catch(() => undefined); // whoever waits for all of them is told
      // What it ran must be run elsewhere within seconds.
      for (const giveUp = at + takeoverWithinMs; ran.length > 0; await pause(20)) {
        const running = new Set((await Promise.all([...alive].map(consumersOf))).flat());
        if (ran.every((name) => running.has(name))) break;
        if (performance.now() > giveUp) {
          report.violations.push(`${ran.join(' and ')} was not taken over within ${takeoverWithinMs / 1000} s.`);
          break;
        }
      }
      if (ran.length > 0) takeoversMs.push(Math.round(performance.now() - at));
      const took = ran.length > 0 ? `; ${ran.join(' and ')} taken over after ${takeoversMs.at(-1)} ms` : '';
      say(
        `round ${round}: killed replica ${servers.indexOf(victim) + 1} with ${unanswered} requests unanswered and ${answeredLately} answered in the last ${graceMs} ms${took}; ${publishers.acknowledged.size} messages acknowledged so far`,
      );
    }
    await Promise.all([publishers.stop(), tenants.stop()]);
    say('nothing more is published');

    // 3. Nothing new comes in: everything that is under way must end.
    await Promise.all(starting);
    await Promise.all(servers.map(untilReady));
    const began = performance.now();
    const own = await settle(first, publishers.lastPosition(), settleSeconds);
    report.conservation = await tenants.settle(first, settleSeconds, own);
    report.settledMs = Math.round(performance.now() - began);
    for (const server of servers) report.countedRepeats += await metric(server, 'hookledger_attempts_repeated_total');
    report.attempts = await Promise.all(servers.map((server) => metric(server, 'hookledger_attempts_total')));
    const codes = await Promise.all(servers.map((server) => server.stop()));
    if (codes.some((code) => code !== 0)) report.violations.push(`SIGTERM ended the replicas with exit codes ${codes.join(', ')}.`);

    // 4. The log by itself, and the views against it.
    await checkLog(timeVerify(first.dataDir, { log }), report);
    checkViews(await compareViews(first.dataDir, { log, database: schemas }), report);

    // 5. The count.
    Object.assign(report, publishers.figures, { acknowledged: publishers.acknowledged.size, requests: receiver.requests, takeoversMs });
    check(receiver, publishers.acknowledged, report, publishers.lastPosition());
    report.tenants = tenants.check();
    return report;
  } catch (error) {
    for (const server of servers) say(server.logs.slice(-20).join('\n'));
    throw error;
  } finally {
    for (const server of servers) await server.dispose();
    for (const clock of clocks) clock.dispose();
    await receiver.close();
    await double?.stop();
    await dropSchemas(schemas.url, schemas.prefix);
  }
};

export const formatReplicas = (report: ReplicasReport): string => {
  const { takeoversMs, attempts, countedRepeats, tenants } = report;
  const rows: [string, string | number][] = [
    ['other organizations / their acknowledged messages', `${tenants.organizations} / ${tenants.acknowledged}`],
    ['their slowest first message at each replica, after they were made', `${tenants.firstMessagesMs.join(', ')} ms`],
    ['takeovers / the slowest', `${takeoversMs.length} / ${Math.max(0, ...takeoversMs)} ms`],
    ['attempts that each replica has made since it started last', attempts.join(' + ')],
    ['attempts made though recorded, as the replicas counted', countedRepeats],
  ];
  return [...rows.map(([name, value]) => `${name}: ${value}`), formatReport(report)].join('\n');
};

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      rounds: { type: 'string', default: '10' },
      'seconds-per-round': { type: 'string', default: '4' },
      replicas: { type: 'string', default: '3' },
      connections: { type: 'string', default: '6' },
      organizations: { type: 'string', default: '50' },
      eventstore: { type: 'string' },
      seed: { type: 'string', default: String(Math.floor(Math.random() * 1e9)) },
    },
  });
  console.log(`seed ${values.seed}`);
  const postgres = await startPostgres();
  const report = await runReplicas({
    rounds: Number(values.rounds),
    secondsPerRound: Number(values['seconds-per-round']),
    seed: Number(values.seed),
    replicas: Number(values.replicas),
    connections: Number(values.connections),
    organizations: Number(values.organizations),
    database: postgres.url,
    eventstore: values.eventstore,
    say: (line) => console.log(line),
  });
  await postgres.stop();
  console.log(`\n${formatReplicas(report)}`);
  process.exitCode = report.violations.length === 0 ? 0 : 1;
}
