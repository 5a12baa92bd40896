// `npm run bench:arrivals`: how long a message waits between its 202 and its arrival while publishers push as fast as they are answered. Both times are
// read by other processes than the server's, on the machine's monotonic clock.
import { parseArgs } from 'node:util';
import { createEndpoint, startServer } from '../test/support/server.ts';
import type { Load, LoadGeneratorPart } from './load-generator.ts';
import { cpuSeconds } from './machine.ts';
import { startPart } from './processes.ts';
import type { ReceiverPart } from './receiver.ts';
import { eventType, secret } from './workload.ts';

const usage = `npm run bench:arrivals -- [options]
  --seconds 6         measured time, after a warm-up of 2 s
  --publishers 64     keep-alive connections that send their next message when the last one is answered
  --endpoints 1,10    for each of these: so many endpoints, with an event type each
  --server FILE       measures another build than dist/main.js
  --json              prints figures as JSON on standard output`;

const { values: options } = parseArgs({
  options: {
    seconds: { type: 'string', default: '6' },
    publishers: { type: 'string', default: '64' },
    endpoints: { type: 'string', default: '1,10' },
    server: { type: 'string' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

const longestMs = 60;
const warmUpMs = 2_000;

export type Arrivals = {
  readonly endpoints: number;
  readonly deliveriesPerSecond: number;
  readonly acceptedPerSecond: number;
  /** From the 202 to the arrival, in milliseconds. Negative: it arrived first. */
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
  /** Accepted and not arrived, on average. */
  readonly between: number;
  readonly lost: number;
  readonly cores: number;
};

const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** Of times in turns: what happened, by when it was sent. */
const bySendingTime = (times: readonly number[]): Map<number, number> => {
  const map = new Map<number, number>();
  for (let i = 0; i < times.length; i += 2) {
    const [sentAt = 0, at = 0] = [times[i], times[i + 1]];
    if (!map.has(sentAt)) map.set(sentAt, at); // the first arrival counts
  }
  return map;
};

const measure = async (endpoints: number, publishers: number, seconds: number): Promise<Arrivals> => {
  const receiver = startPart<ReceiverPart>('./receiver.ts');
  const generator = startPart<LoadGeneratorPart>('./load-generator.ts');
  const server = await startServer(options.server === undefined ? {} : { main: options.server });
  try {
    const url = await receiver.call('listen');
    for (let i = 0; i < endpoints; i++)
      await createEndpoint(server, { name: `bench ${i}`, url: `${url}/ok/${i}`, eventTypes: [eventType(i, endpoints)], secret });
    const load: Load = { url: server.url, key: server.adminKey, connections: publishers, batch: 1, kinds: endpoints, remember: true };
    await receiver.call('remember');
    await generator.call('start', load);
    await pause(warmUpMs);
    const [from, cpuBefore] = [await receiver.call('now'), cpuSeconds(server.pid)];
    await pause(seconds * 1_000);
    const [until, cpuAfter] = [await receiver.call('now'), cpuSeconds(server.pid)];
    await generator.call('stop');
    await pause(2_000);
    const answered = bySendingTime(await generator.call('answered'));
    const arrived = bySendingTime(await receiver.call('arrived'));
    const within = (at: number) => at >= from && at < until;
    const accepted = [...answered].filter(([, at]) => within(at));
    const waits = accepted
      .flatMap(([sentAt, at]) => (arrived.has(sentAt) ? [((arrived.get(sentAt) ?? 0) - at) / 1_000] : []))
      .sort((a, b) => a - b);
    const share = (part: number) => waits[Math.min(waits.length - 1, Math.floor(waits.length * part))] ?? Number.NaN;
    const elapsed = (until - from) / 1e6;
    return {
      endpoints,
      deliveriesPerSecond: [...arrived.values()].filter(within).length / elapsed,
      acceptedPerSecond: accepted.length / elapsed,
      p50: share(0.5),
      p99: share(0.99),
      max: share(1),
      between: waits.reduce((sum, ms) => sum + ms, 0) / 1_000 / elapsed,
      lost: [...answered.keys()].filter((sentAt) => !arrived.has(sentAt)).length,
      cores: (cpuAfter - cpuBefore) / elapsed,
    };
  } finally {
    await server.dispose();
    await Promise.all([receiver, generator].map((part) => part.stop()));
  }
};

if (options.help) console.log(usage);
else {
  const figures: Arrivals[] = [];
  for (const endpoints of options.endpoints.split(',').map(Number)) {
    const found = await measure(endpoints, Number(options.publishers), Number(options.seconds));
    figures.push(found);
    if (!options.json)
      console.log(
        `${String(endpoints).padStart(4)} endpoints  ${Math.round(found.deliveriesPerSecond)} deliveries/s  ${Math.round(found.acceptedPerSecond)} accepted/s` +
          `  from 202 to arrival: p50 ${found.p50.toFixed(1)}  p99 ${found.p99.toFixed(1)}  max ${found.max.toFixed(1)} ms` +
          `  ${Math.round(found.between)} between on average  ${found.cores.toFixed(2)} cores${found.lost > 0 ? `  ✗ ${found.lost} lost` : ''}` +
          `  target p99 ≤ ${longestMs} ms: ${found.p99 <= longestMs ? 'met' : 'MISSED'}`,
      );
  }
  if (options.json) console.log(JSON.stringify(figures, null, 2));
  if (figures.some(({ lost }) => lost > 0)) process.exitCode = 1;
}
