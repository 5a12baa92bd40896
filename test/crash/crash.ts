// The crash trial: publish to the real server without a pause, kill -9 it at random moments, start it again on the same
// data, and count at the end.
// `npm run test:crash -- --rounds N [--seconds-per-round S] [--seed X] [--server main.js] [--database URL|embedded]`
import { parseArgs } from 'node:util';
import { dropSchemas, newPrefix, startPostgres } from '../support/postgres.ts';
import { compareViews, timeVerify } from '../support/rebuild.ts';
import { createEndpoint, Server } from '../support/server.ts';
import { SteppedClock } from '../support/stepped-clock.ts';
import { startReceiver, type Receiver } from './receiver.ts';
import { type CrashReport, settle, checkViews, checkLog, check, emptyReport, formatReport } from './checks.ts';
import { secret, retryPolicy, endpoints, seededRandom, pause, startPublishers } from './traffic.ts';

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
