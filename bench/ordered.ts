// `npm run bench:ordered`: how fast messages go out in the order of their keys, next to messages without order on the same server, in turns; and how
// fast one key goes, whose messages wait for each other.
import { parseArgs } from 'node:util';
import { createEndpoint, startServer, type Server } from '../test/support/server.ts';
import type { Load, LoadGeneratorPart } from './load-generator.ts';
import { cpuSeconds, megabytes } from './machine.ts';
import { startPart, type Part } from './processes.ts';
import type { ReceiverPart } from './receiver.ts';
import { endpointCount, eventType, secret } from './workload.ts';

const usage = `npm run bench:ordered -- [options]
  --seconds 4      measured time of each turn, after a warm-up of 1.5 s
  --turns 2        how often each load has its turn
  --keys 10000     ordering keys, chosen at random
  --batch 1,100    for each of these: so many messages in a request
  --server FILE    measures another build than dist/main.js
  --json           prints figures as JSON on standard output`;

const { values: options } = parseArgs({
  options: {
    seconds: { type: 'string', default: '4' },
    turns: { type: 'string', default: '2' },
    keys: { type: 'string', default: '10000' },
    batch: { type: 'string', default: '1,100' },
    server: { type: 'string' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

const leastShare = 0.7;
const warmUpMs = 1_500;

type Turn = {
  readonly name: string;
  readonly batch: number;
  readonly deliveriesPerSecond: number;
  readonly p50: number;
  readonly cores: number;
};

const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

const kinds = [
  { name: 'no order', prefix: '', ordering: 'NONE' },
  { name: 'per key', prefix: 'ordered.', ordering: 'PER_KEY' },
] as const;

class OrderedBench {
  private readonly receiver: Part<ReceiverPart> = startPart<ReceiverPart>('./receiver.ts');
  private readonly generator: Part<LoadGeneratorPart> = startPart<LoadGeneratorPart>('./load-generator.ts');

  private readonly server: Server;

  constructor(server: Server) {
    this.server = server;
  }

  async createEndpoints(): Promise<void> {
    const url = await this.receiver.call('listen');
    for (const { name, prefix, ordering } of kinds)
      for (let i = 0; i < endpointCount; i++)
        await createEndpoint(this.server, {
          name: `${name} ${i}`,
          url: `${url}/ok/${i}`,
          eventTypes: [`${prefix}${eventType(i)}`],
          secret,
          ordering,
        });
    await createEndpoint(this.server, { name: 'strict', url: `${url}/ok/0`, eventTypes: ['bench.strict'], secret, ordering: 'STRICT' });
  }

  async turn(name: string, batch: number, more: Partial<Load>): Promise<Turn> {
    const { server, receiver, generator } = this;
    const connections = batch === 1 ? 96 : 8;
    const before = (await receiver.call('count')).delivered;
    await generator.call('start', { url: server.url, key: server.adminKey, connections, batch, ...more });
    await pause(warmUpMs);
    const cpuBefore = cpuSeconds(server.pid);
    await receiver.call('reset');
    await pause(Number(options.seconds) * 1_000);
    const { delivered, seconds, latencyMs } = await receiver.call('snapshot');
    const cores = (cpuSeconds(server.pid) - cpuBefore) / seconds;
    const { accepted } = await generator.call('stop');
    for (const until = Date.now() + 60_000; Date.now() < until; await pause(50))
      if ((await receiver.call('count')).delivered - before >= accepted) break;
    const lost = accepted - ((await receiver.call('count')).delivered - before);
    if (lost > 0) throw new Error(`${lost} messages had not arrived a minute later.`);
    return { name, batch, deliveriesPerSecond: delivered / seconds, p50: latencyMs.p50, cores };
  }

  /** Messages that all wait for each other, until the last has arrived. */
  async oneKey(): Promise<number> {
    const { server, receiver, generator } = this;
    const before = (await receiver.call('count')).delivered;
    const began = performance.now();
    await generator.call('start', {
      url: server.url,
      key: server.adminKey,
      connections: 4,
      batch: 100,
      type: 'bench.strict',
      requests: 30,
    });
    const { accepted } = await generator.call('finish');
    for (const until = Date.now() + 60_000; Date.now() < until; await pause(5))
      if ((await receiver.call('count')).delivered - before >= accepted) break;
    return (accepted * 1_000) / (performance.now() - began);
  }

  async close(): Promise<void> {
    await this.server.dispose();
    await Promise.all([this.receiver.stop(), this.generator.stop()]);
  }
}

const show = ({ name, batch, deliveriesPerSecond, p50, cores }: Turn) =>
  `${name.padEnd(10)} requests of ${String(batch).padStart(3)}  ${Math.round(deliveriesPerSecond)} deliveries/s  p50 ${p50.toFixed(1)} ms  ${cores.toFixed(2)} cores`;

const mean = (turns: readonly Turn[]) => turns.reduce((sum, { deliveriesPerSecond }) => sum + deliveriesPerSecond, 0) / turns.length;

const run = async () => {
  const server = await startServer(options.server === undefined ? {} : { main: options.server });
  const bench = new OrderedBench(server);
  const say = (line: string) => (options.json ? console.error(line) : console.log(line));
  const turns: Turn[] = [];
  const taken = (turn: Turn) => {
    turns.push(turn);
    say(show(turn));
  };
  try {
    await bench.createEndpoints();
    for (const batch of options.batch.split(',').map(Number)) {
      for (let i = 0; i < Number(options.turns); i++)
        for (const { name, prefix } of kinds) taken(await bench.turn(name, batch, { prefix, keys: Number(options.keys) }));
      const [without, ordered] = kinds.map(({ name }) => mean(turns.filter((turn) => turn.name === name && turn.batch === batch)));
      const share = (ordered ?? 0) / (without ?? 1);
      say(`           ordered / without: ${share.toFixed(2)}   target ≥ ${leastShare}: ${share >= leastShare ? 'met' : 'MISSED'}`);
    }
    say(`one key    ${Math.round(await bench.oneKey())} deliveries/s, each sent when the one before it is recorded`);
    say(`           peak memory of the server ${Math.round(megabytes(server.pid, 'VmHWM'))} MB`);
    if (options.json) console.log(JSON.stringify(turns, null, 2));
  } finally {
    await bench.close();
  }
};

if (options.help) console.log(usage);
else await run();
