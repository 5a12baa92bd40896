// The crash trial: publish to the real server without a pause, kill -9 it at random moments, start it again on the same
// data, and count at the end.
// `npm run test:crash -- --rounds N [--seconds-per-round S] [--seed X] [--server main.js] [--database URL|embedded]`
import { parseArgs } from 'node:util';
import type { BuildResult } from '../../src/read-models/engine/build-tables.ts';
import type { Comparison } from '../../src/read-models/engine/compare-tables.ts';
import { dropSchemas, newPrefix, startPostgres } from '../support/postgres.ts';
import { compareViews, timeVerify } from '../support/rebuild.ts';
import {
  conservation,
  createEndpoint,
  Refused,
  Server,
  type Conservation,
  type MessageInput,
  type PublishedMessage,
} from '../support/server.ts';
import { SteppedClock } from '../support/stepped-clock.ts';
import { startReceiver, type Behaviour, type Receiver } from './receiver.ts';

/**
 * What counts as a repeat, and how many there may be.
 *
 * A *repeat* is a request for an attempt of a delivery that the receiver had got already, or any request for a delivery that
 * it had answered with 200 before. Repeats are allowed (at least once), but only where the server could not know better:
 * where the request before it was *at risk* at a kill. At risk is what the receiver had got from the killed process
 * (everything it wrote to its sockets, read to the end) and had not answered at the moment of the kill (*unanswered*), or
 * had answered within the last moments (*answered lately*): the answer may still have been on its way into the log. These
 * moments are as long as the slowest publishing of the last seconds took to become durable, or has taken so far if it was not
 * answered before the kill, and `shortestGraceMs` more. So repeats ≤ unanswered + answered lately, and every single repeat must follow a request that was at risk.
 */
export const shortestGraceMs = 250;
const slowestOfMs = 5_000;

export const secret = 'crash-trial-secret';
export const retryPolicy = { delaysSeconds: [0, 0.2, 0.5, 1, 2] };

/** A stable number from a message id, so that a repeated attempt is treated as the first one was. */
const roll = (messageId: string, sides: number) => Number.parseInt(messageId.replaceAll('-', '').slice(-6), 16) % sides;

export const endpoints: readonly { path: string; eventTypes: readonly string[]; ordering?: 'PER_KEY' | 'STRICT'; behaviour: Behaviour }[] =
  [
    { path: '/steady', eventTypes: ['*'], behaviour: () => ({ status: 200, afterMs: 0 }) },
    {
      // Fails at first: of four messages one at once succeeds, the others after one, two or three failures.
      path: '/flaky',
      eventTypes: ['order.created', 'invoice.paid'],
      behaviour: (id, attempt) => ({ status: attempt > roll(id, 4) ? 200 : 500, afterMs: 0 }),
    },
    { path: '/invoices', eventTypes: ['invoice.*'], behaviour: (id) => ({ status: 200, afterMs: roll(id, 10) }) },
    // One of six fails at first, and holds up its ordering key.
    {
      path: '/ordered',
      eventTypes: ['invoice.paid', 'user.joined'],
      ordering: 'PER_KEY',
      behaviour: (id, attempt) => ({ status: attempt > 1 || roll(id, 6) > 0 ? 200 : 500, afterMs: roll(id, 5) }),
    },
    { path: '/strict', eventTypes: ['audit.written'], ordering: 'STRICT', behaviour: (id) => ({ status: 200, afterMs: roll(id, 3) }) },
    { path: '/hanging', eventTypes: ['order.held'], behaviour: (id) => ({ status: 200, afterMs: 100 + roll(id, 600) }) },
  ];

const eventTypes = ['order.created', 'invoice.paid', 'user.joined'];
/** Few, so that what hangs is under way at the kills and does not become a queue of its own. */
const shareOfHanging = 0.03;
/** Few, too, as they go out one after the other. */
const shareOfStrict = 0.05;
const orderingKeys = 100;

const matches = (pattern: string, type: string) =>
  pattern === '*' || pattern === type || (pattern.endsWith('.*') && type.startsWith(pattern.slice(0, -1)));

/** Where it takes turns, and with which messages. */
const queuesOf = (type: string, orderingKey: string) =>
  endpoints.flatMap(({ path, eventTypes: patterns, ordering }) =>
    ordering !== undefined && patterns.some((pattern) => matches(pattern, type))
      ? [{ path, queue: ordering === 'STRICT' ? path : `${path} ${orderingKey}` }]
      : [],
  );

export const pathsFor = (type: string) =>
  endpoints.filter((endpoint) => endpoint.eventTypes.some((pattern) => matches(pattern, type))).map(({ path }) => path);

/** mulberry32: the same seed gives the same kill moments and messages, as far as scheduling allows. */
export const seededRandom = (seed: number) => () => {
  seed = (seed + 0x6d2b79f5) | 0;
  let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
  return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
};

export type CrashOptions = {
  rounds: number;
  secondsPerRound: number;
  seed: number;
  /** Another build than dist/main.js. */
  main?: string;
  /** The URL of the views' PostgreSQL; left out, they are beside the log. */
  database?: string;
  connections?: number;
  /** How long the server may take at the end without any delivery ending. */
  settleSeconds?: number;
  say?: (line: string) => void;
};

export type CrashReport = {
  seed: number;
  kills: number;
  killsDuringStart: number;
  acknowledged: number;
  /** Published again after an unknown outcome: it had been stored / it had not. */
  unknownThenDuplicate: number;
  unknownThenNew: number;
  /** Acknowledged messages published again; each must be a duplicate. */
  publishedAgain: number;
  /** Messages without a client id whose outcome nobody knows; they may arrive or not. */
  neverKnown: number;
  expectedDeliveries: number;
  /** Deliveries of ordering keys whose first success was compared with the one before. */
  inOrder: number;
  requests: number;
  repeats: number;
  /** Of the repeats, those whose request before had been answered, and how long before the kill the earliest of these answers was. */
  repeatsOfAnswered: number;
  earliestRepeatedAnswerMs: number;
  unanswered: number;
  answeredLately: number;
  conservation: Conservation;
  settledMs: number;
  /** Of the comparison of the views with ones built anew. */
  rebuiltEvents: number;
  differentTables: readonly string[];
  /** Sentences; empty when every promise was kept. */
  violations: string[];
};

type Batch = { messages: MessageInput[]; withIds: boolean };
type Acknowledged = { type: string; key: string; orderingKey: string; position: string };

export const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** Publishes on several connections until told to stop, through kills and restarts, and remembers what was acknowledged. */
export const startPublishers = (server: Pick<Server, 'publish'>, connections: number, random: () => number, violations: string[]) => {
  const acknowledged = new Map<string, Acknowledged>();
  const unknown: Batch[] = [];
  const settled: { batch: Batch; answers: PublishedMessage[] }[] = [];
  const figures = { unknownThenDuplicate: 0, unknownThenNew: 0, publishedAgain: 0, neverKnown: 0 };
  const durations: { at: number; ms: number }[] = [];
  /** When those that were not answered yet were sent. */
  const underWay = new Set<number>();
  let lastPosition = '';
  let serial = 0;
  const stopping = new AbortController();

  const fresh = (): Batch => {
    const withIds = random() < 0.7;
    const size = random() < 0.6 ? 1 : 1 + Math.floor(random() * 20);
    const messages = Array.from({ length: size }, (): MessageInput => {
      const key = `key-${++serial}`;
      const common = eventTypes[Math.floor(random() * eventTypes.length)] ?? 'user.joined';
      const rare = random();
      const type = rare < shareOfHanging ? 'order.held' : rare < shareOfHanging + shareOfStrict ? 'audit.written' : common;
      const orderingKey = `k${Math.floor(random() * orderingKeys)}`;
      return { ...(withIds ? { id: key } : {}), type, orderingKey, data: { key, note: 'published while the server is killed' } };
    });
    return { messages, withIds };
  };

  const acknowledge = (batch: Batch, answers: readonly PublishedMessage[]) => {
    if (answers.length !== batch.messages.length) violations.push(`A 202 named ${answers.length} messages for ${batch.messages.length}.`);
    answers.forEach((answer, i) => {
      const message = batch.messages[i];
      if (!message) return;
      const expected = pathsFor(message.type).length;
      if (answer.destinations !== expected)
        violations.push(`${message.type} was acknowledged with ${answer.destinations} destinations instead of ${expected}.`);
      const { position } = answer;
      acknowledged.set(answer.id, {
        type: message.type,
        key: String(message.data['key']),
        orderingKey: message.orderingKey ?? '',
        position,
      });
      if (answer.position > lastPosition) lastPosition = answer.position;
    });
  };

  const publishAgain = async (was: { batch: Batch; answers: PublishedMessage[] }) => {
    const answers = await server.publish(was.batch.messages);
    figures.publishedAgain += answers.length;
    answers.forEach((answer, i) => {
      if (!answer.duplicate || answer.id !== was.answers[i]?.id)
        violations.push(
          `Message ${was.answers[i]?.id} had been acknowledged; published again it became ${answer.id}, duplicate: ${answer.duplicate}.`,
        );
    });
  };

  const publishUnknown = async (batch: Batch) => {
    const answers = await server.publish(batch.messages);
    for (const { duplicate } of answers) figures[duplicate ? 'unknownThenDuplicate' : 'unknownThenNew']++;
    acknowledge(batch, answers);
  };

  /** @returns false when the outcome stayed unknown or was "later". */
  const one = async (batch: Batch, send: (batch: Batch) => Promise<void>): Promise<boolean> => {
    try {
      await send(batch);
      return true;
    } catch (error) {
      const refusedForNow = error instanceof Refused && (error.status === 503 || error.status === 429);
      if (error instanceof Refused && !refusedForNow) violations.push(error.message);
      else if (batch.withIds) unknown.push(batch);
      else if (!refusedForNow) figures.neverKnown += batch.messages.length;
      return false;
    }
  };

  const publishFresh = async (batch: Batch) => {
    const began = performance.now();
    underWay.add(began);
    const answers = await server.publish(batch.messages).finally(() => underWay.delete(began));
    durations.push({ at: performance.now(), ms: performance.now() - began });
    while ((durations[0]?.at ?? Infinity) < performance.now() - slowestOfMs) durations.shift();
    acknowledge(batch, answers);
    if (batch.withIds && settled.push({ batch, answers }) > 500) settled.shift();
  };

  const publisher = async () => {
    while (!stopping.signal.aborted) {
      const retry = unknown.pop();
      const again = random() < 0.03 ? settled[Math.floor(random() * settled.length)] : undefined;
      let done: boolean;
      if (retry) done = await one(retry, publishUnknown);
      else if (again) done = await one(again.batch, () => publishAgain(again));
      else done = await one(fresh(), publishFresh);
      await pause(done ? random() * 20 : 20);
    }
  };

  const running = Promise.all(Array.from({ length: connections }, publisher));
  return {
    acknowledged,
    figures,
    lastPosition: () => lastPosition,
    slowestMs: () => Math.max(0, ...durations.map(({ ms }) => ms), ...Array.from(underWay, (began) => performance.now() - began)),
    /** Ends once every message with a client id has a known outcome. */
    async stop() {
      stopping.abort();
      await running;
      const giveUp = Date.now() + 20_000;
      for (let batch = unknown.pop(); batch; batch = unknown.pop())
        if (!(await one(batch, publishUnknown))) {
          if (Date.now() > giveUp) return violations.push('Messages of unknown outcome could not be published again within 20 s.');
          await pause(50);
        }
      return undefined;
    },
  };
};

/** Kills the server and starts it again; sometimes it is killed once more while it starts. */
const killAndRestart = async (server: Server, receiver: Receiver, random: () => number, slowestMs: () => number, totals: CrashReport) => {
  const kill = async () => {
    const graceMs = Math.round(shortestGraceMs + slowestMs());
    const at = performance.now();
    await server.kill9();
    const atRisk = await receiver.killed(at, graceMs);
    totals.kills++;
    totals.unanswered += atRisk.unanswered;
    totals.answeredLately += atRisk.answeredLately;
    return { ...atRisk, graceMs };
  };
  const atRisk = await kill();
  if (random() < 0.3) {
    const start = server.start().catch((error: Error) => {
      // Killed before it listened is what was wanted; that it ended by itself is not.
      if (!error.message.includes('SIGKILL')) totals.violations.push(error.message);
    });
    await pause(random() * 1_000);
    await kill();
    await start;
    totals.killsDuringStart++;
  }
  const began = performance.now();
  await server.start();
  return { ...atRisk, startMs: performance.now() - began };
};

/** Waits until the views have seen everything acknowledged and nothing is open. */
export const settle = async (server: Server, upTo: string, seconds: number): Promise<Conservation> => {
  let giveUp = Date.now() + seconds * 1_000;
  for (let fewestOpen = Infinity; ;) {
    const now = await conservation(server);
    // A busy machine may take long; only one that makes no progress is stuck.
    if (now.open < fewestOpen) {
      fewestOpen = now.open;
      giveUp = Date.now() + seconds * 1_000;
    }
    if ((now.open === 0 && now.balanced && now.position >= upTo) || Date.now() > giveUp) return now;
    await pause(100);
  }
};

export const checkViews = ({ events, different, live, rebuilt }: Comparison & BuildResult, report: CrashReport) => {
  Object.assign(report, { rebuiltEvents: events, differentTables: different });
  for (const table of different)
    report.violations.push(
      `The table ${table} is not what the log says: ${live.tables[table]?.rows} rows live, ${rebuilt.tables[table]?.rows} rows rebuilt.`,
    );
};

/** Every event is one that could be recorded after what was before it. */
export const checkLog = (verified: ReturnType<typeof timeVerify>, report: CrashReport): Promise<unknown> =>
  verified.catch((error: Error) => report.violations.push(error.message));

/** The first successes of each ordering key are in the order of the log. */
const checkOrder = (receiver: Receiver, acknowledged: ReadonlyMap<string, Acknowledged>, report: CrashReport) => {
  const byPosition = Array.from(acknowledged, ([id, rest]) => ({ id, ...rest })).sort((a, b) => (a.position < b.position ? -1 : 1));
  const last = new Map<string, { at: number; id: string }>();
  for (const { id, type, orderingKey } of byPosition)
    for (const { path, queue } of queuesOf(type, orderingKey)) {
      const first = receiver.deliveries.get(`${path} ${id}`)?.find(({ status }) => status === 200);
      if (first?.answeredAt === undefined) continue; // missing, and reported as such
      const before = last.get(queue);
      if (before && first.answeredAt < before.at)
        report.violations.push(`${path}: ${id} of ${queue} succeeded before ${before.id}, which comes first in the log.`);
      last.set(queue, { at: Math.max(first.answeredAt, before?.at ?? 0), id });
      report.inOrder++;
    }
};

/** Everything that must hold at the end, as sentences where it does not. */
export const check = (receiver: Receiver, acknowledged: ReadonlyMap<string, Acknowledged>, report: CrashReport, upTo: string) => {
  const { violations } = report;
  const missing: string[] = [];
  for (const [id, { type, key }] of acknowledged) {
    for (const path of pathsFor(type)) {
      report.expectedDeliveries++;
      if (!receiver.deliveries.get(`${path} ${id}`)?.some(({ status }) => status === 200)) missing.push(`${path} ${id}`);
    }
    const arrived = receiver.keys.get(id);
    if (arrived !== undefined && arrived !== key) violations.push(`Message ${id} was acknowledged for ${key} and arrived as ${arrived}.`);
  }
  if (missing.length > 0) violations.push(`${missing.length} acknowledged deliveries never arrived: ${missing.slice(0, 10).join(', ')}`);

  checkOrder(receiver, acknowledged, report);

  const unexplained: string[] = [];
  let succeeded = 0;
  for (const [key, receipts] of receiver.deliveries) {
    if (receipts.some(({ status }) => status === 200)) succeeded++;
    receipts.forEach((receipt, i) => {
      const before = receipts.slice(0, i).filter(({ attempt, status }) => attempt === receipt.attempt || status === 200);
      if (before.length === 0) return;
      report.repeats++;
      const age = Math.max(...before.map(({ answeredBeforeKillMs }) => answeredBeforeKillMs ?? 0));
      if (age > 0) report.repeatsOfAnswered++;
      report.earliestRepeatedAnswerMs = Math.max(report.earliestRepeatedAnswerMs, Math.round(age));
      if (!before.every(({ atRisk }) => atRisk)) unexplained.push(`${key} attempt ${receipt.attempt}`);
    });
  }
  if (unexplained.length > 0)
    violations.push(`${unexplained.length} repeats of requests that no kill had put at risk: ${unexplained.slice(0, 10).join(', ')}`);
  if (report.repeats > report.unanswered + report.answeredLately)
    violations.push(`${report.repeats} repeats are more than the ${report.unanswered + report.answeredLately} requests at risk.`);
  if (receiver.wrongSignatures > 0) violations.push(`${receiver.wrongSignatures} requests carried a wrong signature.`);

  const { conservation } = report;
  if (conservation.position < upTo)
    violations.push(`The views stand at ${conservation.position}, before the last acknowledged message at ${upTo}.`);
  if (conservation.open > 0) violations.push(`${conservation.open} deliveries are still open.`);
  if (!conservation.balanced) violations.push(`The counts do not balance: ${JSON.stringify(conservation)}.`);
  if (conservation.failed + conservation.cancelled > 0)
    violations.push(
      `${conservation.failed} deliveries failed and ${conservation.cancelled} were cancelled, though every endpoint answers 200 in time.`,
    );
  if (conservation.succeeded !== succeeded)
    violations.push(`The views count ${conservation.succeeded} succeeded deliveries, the receiver ${succeeded}.`);
};

export const emptyReport = (seed: number): CrashReport => ({
  seed,
  kills: 0,
  killsDuringStart: 0,
  acknowledged: 0,
  unknownThenDuplicate: 0,
  unknownThenNew: 0,
  publishedAgain: 0,
  neverKnown: 0,
  expectedDeliveries: 0,
  inOrder: 0,
  requests: 0,
  repeats: 0,
  repeatsOfAnswered: 0,
  earliestRepeatedAnswerMs: 0,
  unanswered: 0,
  answeredLately: 0,
  conservation: { position: '', routed: 0, succeeded: 0, failed: 0, cancelled: 0, open: 0, balanced: false },
  settledMs: 0,
  rebuiltEvents: 0,
  differentTables: [],
  violations: [],
});

/** The machine's clock is set, as by an operator or by NTP: back, forward, or right again. */
export const setAnyTime = (clock: SteppedClock, random: () => number): Promise<void> => {
  const steps = [0, -600, -40, 40, 3_600];
  return clock.set(steps[Math.floor(random() * steps.length)] ?? 0);
};

export const runCrash = async (options: CrashOptions): Promise<CrashReport> => {
  const { rounds, secondsPerRound, seed, main, database, connections = 6, settleSeconds = 60, say = () => {} } = options;
  const random = seededRandom(seed);
  const receiver = await startReceiver(secret, Object.fromEntries(endpoints.map(({ path, behaviour }) => [path, behaviour])));
  const schemas = database === undefined ? undefined : ({ kind: 'postgres', url: database, prefix: newPrefix() } as const);
  const clock = new SteppedClock();
  const server = new Server({
    ...(main === undefined ? {} : { main }),
    nodeArgs: clock.options.nodeArgs,
    env: {
      ...clock.options.env,
      ...(schemas && { HOOKLEDGER_DATABASE_URL: schemas.url, HOOKLEDGER_DATABASE_PREFIX: schemas.prefix }),
    },
  });
  const report = emptyReport(seed);
  try {
    // 1. The endpoints, before anything is published, so that what a type is routed to never changes.
    await server.start();
    for (const { path, eventTypes, ordering = 'NONE' } of endpoints)
      await createEndpoint(server, {
        name: path,
        url: `${receiver.url}${path}`,
        eventTypes: [...eventTypes],
        secret,
        retryPolicy,
        ordering,
      });

    // 2. Publishing and killing.
    const publishers = startPublishers(server, connections, random, report.violations);
    for (let round = 1; round <= rounds; round++) {
      await pause(secondsPerRound * 500 * (0.2 + 0.8 * random()));
      await setAnyTime(clock, random);
      await pause(secondsPerRound * 500 * (0.2 + 0.8 * random()));
      const kill = await killAndRestart(server, receiver, random, publishers.slowestMs, report);
      const { unanswered, answeredLately, graceMs, startMs } = kill;
      say(
        `round ${round}: killed with ${unanswered} requests unanswered and ${answeredLately} answered in the last ${graceMs} ms; back in ${Math.round(startMs)} ms; ${publishers.acknowledged.size} messages acknowledged so far`,
      );
    }
    await publishers.stop();

    // 3. Nothing new comes in: everything that is under way must end.
    const began = performance.now();
    report.conservation = await settle(server, publishers.lastPosition(), settleSeconds);
    report.settledMs = Math.round(performance.now() - began);
    const code = await server.stop();
    if (code !== 0) report.violations.push(`SIGTERM ended the server with exit code ${code} instead of 0.`);

    // 4. The log by itself, and the views against it.
    await checkLog(timeVerify(server.dataDir, { main }), report);
    checkViews(await compareViews(server.dataDir, { main, database: schemas }), report);

    // 5. The count.
    Object.assign(report, publishers.figures, { acknowledged: publishers.acknowledged.size, requests: receiver.requests });
    check(receiver, publishers.acknowledged, report, publishers.lastPosition());
    return report;
  } catch (error) {
    say(server.logs.slice(-20).join('\n'));
    throw error;
  } finally {
    await server.dispose();
    clock.dispose();
    await receiver.close();
    if (schemas) await dropSchemas(schemas.url, schemas.prefix);
  }
};

export const formatReport = (report: CrashReport): string => {
  const { conservation } = report;
  const rows: [string, string | number][] = [
    ['seed', report.seed],
    ['kills (of them during a start)', `${report.kills} (${report.killsDuringStart})`],
    ['messages acknowledged', report.acknowledged],
    ['… published again after an unknown outcome: had been stored / were new', `${report.unknownThenDuplicate} / ${report.unknownThenNew}`],
    ['… acknowledged ones published again, all duplicates', report.publishedAgain],
    ['messages without a client id, outcome unknown', report.neverKnown],
    ['deliveries that acknowledged messages called for', report.expectedDeliveries],
    ['deliveries in all: routed / succeeded / open', `${conservation.routed} / ${conservation.succeeded} / ${conservation.open}`],
    ['deliveries of ordering keys whose order was compared', report.inOrder],
    ['requests at the receiver', report.requests],
    ['repeats', report.repeats],
    [
      '… of requests that had been answered, at most this long before the kill',
      `${report.repeatsOfAnswered}, ${report.earliestRepeatedAnswerMs} ms`,
    ],
    ['allowed: unanswered at the kills + answered shortly before', `${report.unanswered} + ${report.answeredLately}`],
    ['views against a fresh rebuild: events / tables that differ', `${report.rebuiltEvents} / ${report.differentTables.length}`],
    ['settled after', `${report.settledMs} ms`],
    ['violations', report.violations.length],
  ];
  const width = Math.max(...rows.map(([name]) => name.length));
  return [...rows.map(([name, value]) => `${name.padEnd(width)}  ${value}`), ...report.violations.map((sentence) => `✗ ${sentence}`)].join(
    '\n',
  );
};

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      rounds: { type: 'string', default: '10' },
      'seconds-per-round': { type: 'string', default: '4' },
      seed: { type: 'string', default: String(Math.floor(Math.random() * 1e9)) },
      server: { type: 'string' },
      database: { type: 'string' },
    },
  });
  console.log(`seed ${values.seed}`);
  const postgres = values.database === 'embedded' ? await startPostgres() : undefined;
  const database = postgres?.url ?? values.database;
  const report = await runCrash({
    rounds: Number(values.rounds),
    secondsPerRound: Number(values['seconds-per-round']),
    seed: Number(values.seed),
    ...(values.server === undefined ? {} : { main: values.server }),
    ...(database === undefined ? {} : { database }),
    say: (line) => console.log(line),
  });
  await postgres?.stop();
  console.log(`\n${formatReport(report)}`);
  process.exitCode = report.violations.length === 0 ? 0 : 1;
}
