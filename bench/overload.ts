// `npm run bench:overload`: what more than the server can take does to it, and to others.
//   bodies    200 bodies of 5 MB at once: the server's memory, and what the publishers are told
//   rate      three times the requests that it can take: how long those wait that it accepts
//   turns     four publishers of 1,000-message requests: what they do to the requests of another key
import { createConnection } from 'node:net';
import { parseArgs } from 'node:util';
import { createEndpoint, startServer, type Server } from '../test/support/server.ts';
import type { Load, LoadGeneratorPart } from './load-generator.ts';
import { megabytes } from './machine.ts';
import { startPart, type Part } from './processes.ts';
import type { ReceiverPart } from './receiver.ts';
import { eventType, secret } from './workload.ts';

const usage = `npm run bench:overload -- [options]
  --only bodies,rate,turns
  --seconds 5         measured time of each part
  --bodies 200        bodies at once, and
  --megabytes 5       what each has
  --server FILE       measures another build than dist/main.js
  --json              prints figures as JSON on standard output`;

const { values: options } = parseArgs({
  options: {
    only: { type: 'string', default: 'bodies,rate,turns' },
    seconds: { type: 'string', default: '5' },
    bodies: { type: 'string', default: '200' },
    megabytes: { type: 'string', default: '5' },
    server: { type: 'string' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

export type OverloadFigures = {
  bodies?: {
    readonly accepted: number;
    readonly refused: number;
    readonly broken: number;
    readonly peakMb: number;
    readonly seconds: number;
  };
  rate?: {
    readonly capacity: number;
    readonly offered: number;
    readonly accepted: number;
    readonly refused: number;
    readonly p50: number;
    readonly p99: number;
  };
  turns?: { readonly alone: { p50: number; p99: number }; readonly among: { p50: number; p99: number }; readonly othersPerSecond: number };
};
const figures: OverloadFigures = {};

const seconds = Number(options.seconds);
const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));
const say = (line: string) => (options.json ? console.error(line) : console.log(line));
const met = (isMet: boolean) => (isMet ? 'met' : 'MISSED');

const receiver = startPart<ReceiverPart>('./receiver.ts');
const receiverUrl = await receiver.call('listen');

const withServer = async (measure: (server: Server) => Promise<void>) => {
  const server = await startServer(options.server === undefined ? {} : { main: options.server });
  try {
    for (let i = 0; i < 4; i++)
      await createEndpoint(server, { name: `bench ${i}`, url: `${receiverUrl}/ok/${i}`, eventTypes: [eventType(i)], secret });
    await measure(server);
  } finally {
    await server.dispose();
  }
};

const withGenerators = async <T>(count: number, use: (generators: readonly Part<LoadGeneratorPart>[]) => Promise<T>): Promise<T> => {
  const generators = Array.from({ length: count }, () => startPart<LoadGeneratorPart>('./load-generator.ts'));
  try {
    return await use(generators);
  } finally {
    await Promise.all(generators.map((generator) => generator.stop()));
  }
};

const newKey = async (server: Server, name: string): Promise<string> => {
  const mutation = 'mutation ($name: String!) { issueApiKey(name: $name, role: PUBLISHER) { key } }';
  return (await server.graphql<{ issueApiKey: { key: string } }>(mutation, { name })).issueApiKey.key;
};

/** Of times in turns: when it was sent, and when it was answered with 202. In milliseconds. */
const latencyOf = (answered: readonly number[]) => {
  const waits: number[] = [];
  for (let i = 0; i < answered.length; i += 2) waits.push(((answered[i + 1] ?? 0) - (answered[i] ?? 0)) / 1_000);
  waits.sort((a, b) => a - b);
  const share = (part: number) => waits[Math.min(waits.length - 1, Math.floor(waits.length * part))] ?? Number.NaN;
  return { p50: share(0.5), p99: share(0.99) };
};

// ── Bodies ──

const bodyOf = (bytes: number): Buffer => {
  const one = { type: eventType(0), data: { text: 'x'.repeat(200_000) } };
  return Buffer.from(JSON.stringify(Array.from({ length: Math.ceil(bytes / 200_040) }, () => one)));
};

/** @returns the status of the answer; 0: the connection broke without one */
const send = (server: Server, body: Buffer): Promise<number> =>
  new Promise((resolve) => {
    const { hostname, port } = new URL(server.url);
    const socket = createConnection({ host: hostname, port: Number(port) });
    const head = `POST /v1/messages HTTP/1.1\r\nhost: ${hostname}\r\nauthorization: Bearer ${server.adminKey}\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n`;
    socket.write(head);
    socket.write(body);
    socket.once('data', (data: Buffer) => {
      resolve(Number(data.toString('latin1', 9, 12)));
      socket.destroy();
    });
    socket.on('error', () => resolve(0));
    socket.on('close', () => resolve(0));
  });

const bodies = (count: number, size: number) =>
  withServer(async (server) => {
    const body = bodyOf(size * 1e6);
    const began = performance.now();
    const statuses = await Promise.all(Array.from({ length: count }, () => send(server, body)));
    const tally = (status: number) => statuses.filter((each) => each === status).length;
    figures.bodies = {
      accepted: tally(202),
      refused: tally(503),
      broken: statuses.length - tally(202) - tally(503),
      peakMb: megabytes(server.pid, 'VmHWM'),
      seconds: (performance.now() - began) / 1_000,
    };
    const { accepted, refused, broken, peakMb } = figures.bodies;
    say(
      `bodies  ${count} × ${size} MB at once: ${accepted} accepted, ${refused} told to come back, ${broken} broke; peak memory ${peakMb.toFixed(0)} MB` +
        `  target < 600 MB: ${met(peakMb < 600)}`,
    );
  });

// ── Rate ──

const rate = () =>
  withServer((server) =>
    withGenerators(1, async ([generator]) => {
      if (!generator) return;
      const load: Load = { url: server.url, key: server.adminKey, connections: 96, batch: 1 };
      await generator.call('start', load);
      await pause(2_000);
      const before = (await generator.call('sent')).accepted;
      await pause(3_000);
      const capacity = ((await generator.call('sent')).accepted - before) / 3;
      await generator.call('stop');
      await generator.call('start', { ...load, connections: 4_096, rate: 3 * capacity, remember: true });
      await pause(seconds * 1_000);
      const { accepted, refused } = await generator.call('stop');
      const answered = await generator.call('answered');
      // The first ones wait for thousands of connections, too.
      const began = answered.reduce((least, at, i) => (i % 2 === 0 ? Math.min(least, at) : least), Infinity) + 1e6;
      const { p50, p99 } = latencyOf(answered.filter((_, i) => (answered[i - (i % 2)] ?? 0) >= began));
      figures.rate = {
        capacity,
        offered: (accepted + refused) / seconds,
        accepted: accepted / seconds,
        refused: refused / seconds,
        p50,
        p99,
      };
      say(
        `rate    3 × ${capacity.toFixed(0)}/s: ${figures.rate.accepted.toFixed(0)}/s accepted, p50 ${p50.toFixed(0)} p99 ${p99.toFixed(0)} ms; ` +
          `${figures.rate.refused.toFixed(0)}/s told to come back  target p99 < 2,000 ms: ${met(p99 < 2_000)}`,
      );
    }),
  );

// ── Turns ──

const turns = () =>
  withServer((server) =>
    withGenerators(5, async ([light, ...heavy]) => {
      if (!light) return;
      const load: Load = { url: server.url, key: await newKey(server, 'light'), connections: 64, batch: 1, rate: 40, remember: true };
      const measure = async () => {
        await light.call('start', load);
        await pause(seconds * 1_000);
        await light.call('stop');
        return latencyOf(await light.call('answered'));
      };
      const alone = await measure();
      for (const [i, generator] of heavy.entries())
        await generator.call('start', { url: server.url, key: await newKey(server, `heavy ${i}`), connections: 1, batch: 1_000 });
      await pause(1_000);
      const among = await measure();
      const sent = await Promise.all(heavy.map((generator) => generator.call('stop')));
      const othersPerSecond = sent.reduce((sum, { accepted }) => sum + accepted, 0) / (seconds + 1);
      figures.turns = { alone, among, othersPerSecond };
      say(
        `turns   another key's request: p50 ${alone.p50.toFixed(1)} p99 ${alone.p99.toFixed(1)} ms alone, p50 ${among.p50.toFixed(1)} p99 ${among.p99.toFixed(1)} ms ` +
          `among four publishers of 1,000-message requests (${othersPerSecond.toFixed(0)} messages/s)  target p50 ≤ 50 ms: ${met(among.p50 <= 50)}`,
      );
    }),
  );

if (options.help) console.log(usage);
else {
  const only = new Set(options.only.split(','));
  if (only.has('bodies')) await bodies(Number(options.bodies), Number(options.megabytes));
  if (only.has('rate')) await rate();
  if (only.has('turns')) await turns();
  if (options.json) console.log(JSON.stringify(figures, null, 2));
}
await receiver.stop();
