// Dead endpoints of every kind beside healthy ones: how long messages to the healthy ones take, without the dead and among them, in one run.
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { createServer as createHttpServer } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { startDnsServer } from './dns-server.ts';
import { createEndpoint, startServer, type Server, type ServerOptions } from './server.ts';

export type Dead = {
  /** Endpoints that accept and never answer. */
  readonly hanging: number;
  /** Endpoints whose names no DNS server resolves. */
  readonly unresolved: number;
  /** Endpoints that answer 200 and then send a byte a second. */
  readonly dripping: number;
};

export type Plan = Dead & {
  readonly seconds: number;
  /** Messages a second, to the healthy endpoints and to the dead ones. */
  readonly healthyRate: number;
  readonly deadRate: number;
  readonly server?: ServerOptions;
};

type Latency = { readonly p50: number; readonly p99: number; readonly max: number; readonly messages: number };

export type Result = {
  readonly alone: Latency;
  readonly among: Latency;
  /** Requests that dead receivers hold open at the end. */
  readonly held: number;
};

const healthyEndpoints = 10;
const preload = fileURLToPath(new URL('./hung-dns.preload.ts', import.meta.url));

/** A server that reads nothing but accepts, and says `head` and then `drip` every second, or nothing. */
const startDead = async (head?: string, drip = '') => {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    let timer: NodeJS.Timeout | undefined;
    socket
      .on('error', () => undefined)
      .on('close', () => {
        clearInterval(timer);
        sockets.delete(socket);
      })
      .once('data', () => {
        if (head === undefined) return;
        socket.write(head);
        timer = setInterval(() => socket.write(drip), 1_000);
      });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    sockets,
    close: () => {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
};

/** Receives, and knows when each message was sent. */
class Healthy {
  private readonly sentAt = new Map<number, number>();
  private latencies: number[] = [];
  private count = 0;
  readonly server = createHttpServer((incoming, response) => {
    let body = '';
    incoming.on('data', (chunk: Buffer) => (body += chunk.toString()));
    incoming.on('end', () => {
      const sent = this.sentAt.get(Number(/"n":(\d+)/.exec(body)?.[1]));
      if (sent !== undefined) this.latencies.push(performance.now() - sent);
      response.end('ok');
    });
  });

  /** @returns the number of a message that is sent now */
  sending(): number {
    this.sentAt.set(++this.count, performance.now());
    return this.count;
  }

  /** Waits until every message has arrived. */
  async take(timeoutMs: number): Promise<Latency> {
    for (const end = performance.now() + timeoutMs; this.latencies.length < this.sentAt.size && performance.now() < end;) await pause(20);
    const sorted = this.latencies.toSorted((a, b) => a - b);
    const lost = this.sentAt.size - sorted.length;
    if (lost > 0) throw new Error(`${lost} of ${this.sentAt.size} messages to healthy endpoints did not arrive within ${timeoutMs} ms.`);
    this.latencies = [];
    this.sentAt.clear();
    const at = (share: number) => Math.round((sorted[Math.ceil(sorted.length * share) - 1] ?? 0) * 10) / 10;
    return { p50: at(0.5), p99: at(0.99), max: at(1), messages: sorted.length };
  }
}

/** Calls `work` so many times a second, evenly. */
const atRate = async (perSecond: number, seconds: number, work: (n: number) => void): Promise<void> => {
  const start = performance.now();
  for (let n = 0; n < perSecond * seconds; n++) {
    const wait = start + (n * 1_000) / perSecond - performance.now();
    if (wait > 0) await pause(wait);
    work(n);
  }
};

const createAll = async (server: Server, urls: readonly string[], type: (n: number) => string, timeoutSeconds = 30): Promise<void> => {
  await Promise.all(urls.map((url, n) => createEndpoint(server, { name: type(n), url, eventTypes: [type(n)], timeoutSeconds })));
};

export const measureAmongDead = async (plan: Plan): Promise<Result> => {
  await using dns = await startDnsServer();
  const [hanging, dripping] = [await startDead(), await startDead('HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n', '.')];
  const healthy = new Healthy();
  healthy.server.keepAliveTimeout = 60_000;
  await new Promise<void>((resolve) => healthy.server.listen(0, '127.0.0.1', resolve));
  const { port } = healthy.server.address() as AddressInfo;
  const server = await startServer({
    ...plan.server,
    nodeArgs: ['--disable-warning=ExperimentalWarning', '--import', preload],
    env: { ...plan.server?.env, HUNG_DNS: dns.address },
  });
  try {
    const urls = (count: number, of: (n: number) => string) => Array.from({ length: count }, (_, n) => of(n));
    const dead = [
      ...urls(plan.hanging, (n) => `http://127.0.0.1:${hanging.port}/${n}`),
      ...urls(plan.unresolved, (n) => `http://hung-${n}.example/`),
      ...urls(plan.dripping, (n) => `http://127.0.0.1:${dripping.port}/${n}`),
    ];
    await createAll(
      server,
      urls(healthyEndpoints, (n) => `http://${n % 2 === 0 ? 'localhost' : '127.0.0.1'}:${port}/${n}`),
      (n) => `healthy.n${n}`,
    );
    await createAll(server, dead, (n) => `dead.n${n}`);
    const failed: unknown[] = [];
    const publish = (type: string, data: Record<string, unknown>) =>
      void server.publish({ type, data }).catch((error: unknown) => failed.push(error));
    const healthyTraffic = () =>
      atRate(plan.healthyRate, plan.seconds, (n) => publish(`healthy.n${n % healthyEndpoints}`, { n: healthy.sending() }));
    await atRate(plan.healthyRate, 2, (n) => publish(`healthy.n${n % healthyEndpoints}`, { n: healthy.sending() }));
    await healthy.take(30_000); // warmed up
    await healthyTraffic();
    const alone = await healthy.take(30_000);
    await Promise.all([healthyTraffic(), atRate(plan.deadRate, plan.seconds, (n) => publish(`dead.n${n % dead.length}`, {}))]);
    const held = hanging.sockets.size + dripping.sockets.size;
    const among = await healthy.take(60_000);
    if (failed.length > 0) throw new Error(`${failed.length} messages could not be published. The first: ${String(failed[0])}`);
    return { alone, among, held };
  } finally {
    await server.dispose();
    hanging.close();
    dripping.close();
    healthy.server.close();
    healthy.server.closeAllConnections();
  }
};
