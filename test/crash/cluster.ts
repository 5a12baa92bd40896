// The trial of a cluster: one real server on three real nodes of a log server; nodes end one after the other, by a kill and by a stop, followers and
// leaders, while publishers go on. Measures how long a publisher is without a 202, beside a bare client of the log server in the same run, and counts
// at the end.
// `npm run test:cluster -- --program PATH [--seconds S] [--publishers N] [--only leader-SIGTERM,…]`, PATH being EventStore.ClusterNode or KurrentDB
import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { parseArgs } from 'node:util';
import { EventStoreDBClient, jsonEvent, NO_STREAM } from '@eventstore/db-client';
import { newPrefix } from '../support/postgres.ts';
import { timeVerify } from '../support/rebuild.ts';
import { createEndpoint, startServer, type Server } from '../support/server.ts';
import { ClusterNodes } from './cluster-nodes.ts';
import { pause } from './traffic.ts';

const ends = [
  ['follower', 'SIGKILL'],
  ['follower', 'SIGTERM'],
  ['leader', 'SIGKILL'],
  ['leader', 'SIGTERM'],
] as const;
type End = (typeof ends)[number];

/** How much longer than a bare client a publisher may be without an answer of the log. */
const longerThanBareMs = { follower: 1_000, leader: 2_500 };

type ClusterOptions = {
  readonly program: string;
  readonly seconds?: number;
  readonly publishers?: number;
  readonly only?: readonly string[];
  readonly say?: (line: string) => void;
};

/** `publisherMs`, `bareMs`: the longest time without a success. */
type EndReport = { readonly name: string; readonly publisherMs: number; readonly bareMs: number; readonly refused: number };
export type ClusterReport = {
  readonly ends: readonly EndReport[];
  readonly acknowledged: number;
  readonly lost: number;
  readonly violations: string[];
};

/** Repeats `work` and keeps the longest time between two successes since the mark. */
const keepTrying = (work: () => Promise<boolean>, pauseMs: number) => {
  const stopping = new AbortController();
  let last = performance.now();
  let longest = 0;
  const note = () => {
    const now = performance.now();
    longest = Math.max(longest, now - last);
    last = now;
  };
  const running = (async () => {
    while (!stopping.signal.aborted) {
      if (await work()) note();
      await pause(pauseMs);
    }
  })();
  return {
    mark: () => {
      longest = 0;
    },
    /** One that still waits counts. */
    longestMs: () => Math.max(longest, performance.now() - last),
    stop: async () => {
      stopping.abort();
      await running;
    },
  };
};

/** The package alone, with the nodes as it finds them. An append that never ends is given up. */
const appendBarely = (nodes: ClusterNodes) => {
  const client = new EventStoreDBClient({ endpoints: [...nodes.hosts] }, { insecure: true });
  const append = async () => {
    const event = jsonEvent({ type: 'bare', data: { a: 1 } });
    const appending = client.appendToStream(`bare-${randomUUID()}`, event, { expectedRevision: NO_STREAM, requiresLeader: true });
    return Promise.race([appending.then(() => true), pause(5_000).then(() => false)]).catch(() => false);
  };
  return keepTrying(append, 10);
};

export const runCluster = async ({
  program,
  seconds = 12,
  publishers = 8,
  only,
  say = () => {},
}: ClusterOptions): Promise<ClusterReport> => {
  process.on('unhandledRejection', (reason) => say(`The bare client left a rejection: ${String(reason).slice(0, 100)}`));
  const arrived = new Set<string>();
  const receiver = createServer((request, response) => {
    arrived.add(String(request.headers['webhook-id']));
    request.resume();
    response.end();
  }).listen(0, '127.0.0.1');
  const nodes = await ClusterNodes.start(program);
  const violations: string[] = [];
  const reports: EndReport[] = [];
  const acknowledged = new Set<string>();
  const prefix = `${newPrefix()}_`;
  let server: Server | undefined;
  try {
    await nodes.whole();
    server = await startServer({ env: { HOOKLEDGER_EVENTSTORE_URL: nodes.url, HOOKLEDGER_EVENTSTORE_PREFIX: prefix } });
    const { port } = receiver.address() as AddressInfo; // it listens on TCP
    await createEndpoint(server, { name: 'all', url: `http://127.0.0.1:${port}/`, eventTypes: ['*'] });
    const running = server;
    let refused = 0;
    const publish = async () => {
      try {
        const [answer] = await running.publish({ id: randomUUID(), type: 'order.created', data: {} });
        if (answer) acknowledged.add(answer.id);
        return answer !== undefined;
      } catch {
        refused += 1;
        return false;
      }
    };
    /** What needs a read of the log, as changes of endpoints do, must not hold up those who only publish. */
    const change = () =>
      createEndpoint(running, { name: 'other', url: `http://127.0.0.1:${port}/`, eventTypes: ['none.such'] }).then(
        () => true,
        () => false,
      );
    const bare = appendBarely(nodes);
    const publishing = Array.from({ length: publishers }, () => keepTrying(publish, 5));
    const changing = keepTrying(change, 300);

    for (const [role, signal] of ends.filter((end) => only?.includes(nameOf(end)) ?? true)) {
      await nodes.whole();
      await pause(3_000);
      refused = 0;
      for (const each of [bare, ...publishing]) each.mark();
      const startAgain = await nodes.end(role, signal);
      await pause(seconds * 1_000);
      const publisherMs = Math.max(...publishing.map((each) => each.longestMs()));
      const report = { name: nameOf([role, signal] as End), publisherMs, bareMs: bare.longestMs(), refused };
      reports.push(report);
      say(formatEnd(report));
      if (publisherMs > report.bareMs + longerThanBareMs[role])
        violations.push(
          `After ${report.name} a publisher waited for ${Math.round(publisherMs)} ms, a bare client for ${Math.round(report.bareMs)} ms.`,
        );
      await startAgain();
    }

    await nodes.whole();
    await Promise.all([bare, changing, ...publishing].map((each) => each.stop()));
    const isComplete = () => [...acknowledged].every((id) => arrived.has(id));
    for (const giveUp = Date.now() + 60_000; !isComplete() && Date.now() < giveUp;) await pause(100);
    await server.stop();
    await timeVerify(server.dataDir, { log: { kind: 'eventstoredb', url: nodes.url, prefix } });
  } finally {
    await server?.dispose();
    receiver.close();
    nodes.stop();
  }
  const lost = [...acknowledged].filter((id) => !arrived.has(id)).length;
  if (lost > 0) violations.push(`${lost} acknowledged messages never arrived.`);
  return { ends: reports, acknowledged: acknowledged.size, lost, violations };
};

const nameOf = ([role, signal]: End) => `${role}-${signal}`;

const formatEnd = ({ name, publisherMs, bareMs, refused }: EndReport) =>
  `${name.padEnd(18)} longest without a 202 ${(publisherMs / 1_000).toFixed(1)} s; a bare client ${(bareMs / 1_000).toFixed(1)} s; ${refused} requests refused`;

if (import.meta.main) {
  const { values } = parseArgs({
    options: { program: { type: 'string' }, seconds: { type: 'string' }, publishers: { type: 'string' }, only: { type: 'string' } },
  });
  if (values.program === undefined) {
    console.error('--program must name EventStore.ClusterNode or KurrentDB.');
    process.exit(2);
  }
  const { acknowledged, lost, violations } = await runCluster({
    program: values.program,
    ...(values.seconds !== undefined && { seconds: Number(values.seconds) }),
    ...(values.publishers !== undefined && { publishers: Number(values.publishers) }),
    ...(values.only !== undefined && { only: values.only.split(',') }),
    say: console.log,
  });
  console.log(`${acknowledged} messages acknowledged, ${lost} lost; the log is verified.`);
  for (const each of violations) console.error(each);
  process.exit(violations.length > 0 ? 1 : 0);
}
