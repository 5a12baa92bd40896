// Measures what large publishes do to others: `npm run bench:publishing [-- --seconds 30 --only NAME --main FILE --json]`. While one publish is accepted and
// sent, another publisher, with a key of its own, sends one message at a time. `busy` is the longest that the main thread computed without a turn of its event loop, in CPU time;
// `stall` the longest that `/health/live` took, and `rss` what memory grew by at most.
import { rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { createEndpoint, startServer, type Server } from '../test/support/server.ts';
import { megabytes } from './machine.ts';
import { ask, closeConnections, p99, probe, stallsEnvironment, takeBusy } from './probes.ts';
import { startPart } from './processes.ts';
import type { ReceiverPart } from './receiver.ts';

const { values: options } = parseArgs({
  options: {
    seconds: { type: 'string', default: '30' },
    only: { type: 'string' },
    main: { type: 'string' },
    json: { type: 'boolean', default: false },
  },
});
const targets = { busyMs: 250, p99Ms: 200, rssMb: 150 };
const seconds = Number(options.seconds);

type Endpoint = { readonly name: string; readonly url: string; readonly eventTypes: string[]; readonly filter?: unknown };
type Kind = {
  readonly endpoints: (url: string) => readonly Endpoint[];
  readonly messages: () => readonly { readonly type: string; readonly data: Record<string, unknown> }[];
};

const messages = 1_000;
/** As many tests of values as a filter may have, 64, none of which holds for any entry of a long list. */
const costlyFilter = {
  $or: Array.from({ length: 32 }, (_, n) => ({ 'lists.words': { $contains: `no such word ${n}` } })),
};
const words = (count: number) => Array.from({ length: count }, (_, n) => `word ${n}`);

const kinds: Record<string, Kind> = {
  'largest publish': {
    endpoints: (url) => [{ name: 'All', url, eventTypes: ['bench.large'] }],
    messages: () => Array.from({ length: messages }, (_, n) => ({ type: 'bench.large', data: { n, text: 'x'.repeat(16_600) } })),
  },
  'largest publish of many fields': {
    endpoints: (url) => [{ name: 'All', url, eventTypes: ['bench.fields'] }],
    messages: () =>
      Array.from({ length: messages }, (_, n) => ({
        type: 'bench.fields',
        data: { n, ...Object.fromEntries(words(1_000).map((word) => [word, 1])) },
      })),
  },
  'costliest filters': {
    endpoints: (url) =>
      Array.from({ length: 10 }, (_, n) => ({ name: `Costly ${n}`, url, eventTypes: ['bench.costly'], filter: costlyFilter })),
    messages: () =>
      Array.from({ length: messages }, (_, n) => ({
        type: 'bench.costly',
        data: { n, lists: words(140).map(() => ({ words: words(7) })) },
      })),
  },
  'fan-out to 500 endpoints': {
    endpoints: (url) => Array.from({ length: 500 }, (_, n) => ({ name: `Fan ${n}`, url, eventTypes: ['bench.fan'] })),
    messages: () => Array.from({ length: messages }, (_, n) => ({ type: 'bench.fan', data: { n, text: 'x'.repeat(100) } })),
  },
};

const peakOf = (pid: number) => {
  let peak = 0;
  const timer = setInterval(() => (peak = Math.max(peak, megabytes(pid, 'VmRSS'))), 50);
  return () => (clearInterval(timer), peak);
};

const stallsFile = join(tmpdir(), `hookledger-stalls-${process.pid}`);
const measure = async (server: Server, { endpoints, messages: make }: Kind, url: string) => {
  const all = endpoints(url);
  for (let at = 0; at < all.length; at += 50) await Promise.all(all.slice(at, at + 50).map((each) => createEndpoint(server, each)));
  const issue = 'mutation { issueApiKey(name: "other", role: PUBLISHER) { key } }';
  const { issueApiKey } = await server.graphql<{ issueApiKey: { key: string } }>(issue);
  const one = () => ask(server, 'POST', '/v1/messages', '{"type":"bench.other","data":{"n":1}}', issueApiKey.key);
  for (let i = 0; i < 500; i++) await one();
  const body = JSON.stringify(make());
  await delay(1_000);
  const before = megabytes(server.pid, 'VmRSS');
  await takeBusy(server, stallsFile);
  const peak = peakOf(server.pid);
  const live = probe(5, () => ask(server, 'GET', '/health/live'));
  const other = probe(20, one);
  await delay(200);
  const answer = await ask(server, 'POST', '/v1/messages', body);
  await delay(seconds * 1_000);
  const [alive, taken] = [await live(), await other()];
  return {
    kib: body.length / 1_024,
    status: answer.status,
    publishMs: answer.ms,
    busyMs: await takeBusy(server, stallsFile),
    stallMs: Math.max(...alive),
    p99Ms: p99(taken),
    rssMb: peak() - before,
  };
};

const receiver = startPart<ReceiverPart>('receiver.ts');
try {
  const url = `${await receiver.call('listen')}/ok`;
  const rows = [];
  for (const [name, kind] of Object.entries(kinds)) {
    if (options.only && !name.includes(options.only)) continue;
    const server = await startServer({ ...(options.main && { main: options.main }), env: stallsEnvironment(stallsFile) });
    try {
      const from = await receiver.call('count');
      const row = { name, ...(await measure(server, kind, url)), delivered: (await receiver.call('count')).delivered - from.delivered };
      rows.push(row);
      const met = row.busyMs <= targets.busyMs && row.p99Ms <= targets.p99Ms && row.rssMb <= targets.rssMb;
      if (!options.json)
        console.log(
          `${name.padEnd(31)} ${row.kib.toFixed(0).padStart(6)} KiB  ${row.status} in ${row.publishMs.toFixed(0).padStart(6)} ms  busy ${row.busyMs.toFixed(0).padStart(5)} ms  stall ${row.stallMs.toFixed(0).padStart(5)} ms  others' p99 ${row.p99Ms.toFixed(0).padStart(5)} ms  rss +${row.rssMb.toFixed(0).padStart(4)} MB  ${row.delivered} delivered  ${met ? 'met' : 'MISSED'}`,
        );
    } finally {
      await server.dispose();
    }
  }
  if (options.json) console.log(JSON.stringify({ targets, rows }));
} finally {
  closeConnections();
  await receiver.stop();
  rmSync(stallsFile, { force: true });
}
