// What must hold at the end of a crash trial, and the report of it.
import type { BuildResult } from '../../src/read-models/engine/build-tables.ts';
import type { Comparison } from '../../src/read-models/engine/compare-tables.ts';
import { timeVerify } from '../support/rebuild.ts';
import { conservation, Server, type Conservation } from '../support/server.ts';
import type { Receiver } from './receiver.ts';
import { queuesOf, pathsFor, type Acknowledged, pause } from './traffic.ts';

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
  /** Of the comparison of the views with rebuilt ones. */
  rebuiltEvents: number;
  differentTables: readonly string[];
  /** Sentences; empty when every promise was kept. */
  violations: string[];
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
