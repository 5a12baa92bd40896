// The nodes of a real cluster of log servers, on loopback, from a program that is installed here.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

const size = 3;

type Node = { readonly port: number; readonly replicationPort: number; readonly folder: string; child: ChildProcess | undefined };
type Member = { readonly state: string; readonly isAlive: boolean; readonly httpEndPointPort: number };

const freePorts = async (count: number): Promise<number[]> => {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer().listen(0, '127.0.0.1');
      await once(server, 'listening');
      return server;
    }),
  );
  const ports = servers.map((server) => (server.address() as AddressInfo).port); // they listen on TCP
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
};

export class ClusterNodes {
  private readonly nodes: readonly Node[];
  private readonly program: string;

  private constructor(program: string, nodes: readonly Node[]) {
    this.program = program;
    this.nodes = nodes;
  }

  /** @param program `EventStore.ClusterNode` or `KurrentDB`, version 23.10 or newer */
  static async start(program: string): Promise<ClusterNodes> {
    const ports = await freePorts(2 * size);
    const nodes = Array.from({ length: size }, (_, i) => ({
      port: ports[2 * i] ?? 0,
      replicationPort: ports[2 * i + 1] ?? 0,
      folder: mkdtempSync(join(tmpdir(), 'cluster-node-')),
      child: undefined,
    }));
    const cluster = new ClusterNodes(program, nodes);
    for (const node of nodes) cluster.run(node);
    return cluster;
  }

  get hosts(): readonly { readonly address: string; readonly port: number }[] {
    return this.nodes.map(({ port }) => ({ address: '127.0.0.1', port }));
  }

  get url(): string {
    return `esdb://${this.hosts.map(({ address, port }) => `${address}:${port}`).join(',')}?tls=false`;
  }

  /** Resolves when one node leads and all others follow. */
  async whole(withinMs = 120_000): Promise<void> {
    for (const giveUp = Date.now() + withinMs; ; await new Promise((resolve) => setTimeout(resolve, 250))) {
      const members = await this.members();
      const states = members.filter(({ isAlive }) => isAlive).map(({ state }) => state);
      if (states.filter((state) => state === 'Leader').length === 1 && states.filter((state) => state === 'Follower').length === size - 1)
        return;
      if (Date.now() > giveUp) throw new Error(`The cluster is not whole: ${states.join(', ') || 'no node answers'}.`);
    }
  }

  /** Sends a signal to the node that leads, or to one that follows. @returns a function that starts it again once it has ended */
  async end(role: 'leader' | 'follower', signal: 'SIGKILL' | 'SIGTERM'): Promise<() => Promise<void>> {
    const members = await this.members();
    const { httpEndPointPort } = members.find(({ state }) => (role === 'leader') === (state === 'Leader')) ?? {};
    const node = this.nodes.find(({ port }) => port === httpEndPointPort);
    const child = node?.child;
    if (!node || !child) throw new Error(`There is no ${role}.`);
    const ended = once(child, 'exit');
    child.kill(signal);
    return async () => {
      await ended;
      this.run(node);
    };
  }

  stop(): void {
    for (const { child, folder } of this.nodes) {
      child?.kill('SIGKILL');
      rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
    }
  }

  private run(node: Node): void {
    const others = this.nodes.filter((each) => each !== node).map(({ port }) => `127.0.0.1:${port}`);
    const options = {
      'cluster-size': size,
      'discover-via-dns': false,
      'gossip-seed': others.join(','),
      'node-port': node.port,
      'replication-port': node.replicationPort,
      'node-ip': '127.0.0.1',
      'replication-ip': '127.0.0.1',
      db: join(node.folder, 'db'),
      log: join(node.folder, 'log'),
    };
    const args = Object.entries(options).flatMap(([name, value]) => [`--${name}`, `${value}`]);
    node.child = spawn(this.program, ['--insecure', ...args], { cwd: dirname(this.program), stdio: 'ignore' });
  }

  /** As the first node says that answers and counts all. */
  private async members(): Promise<readonly Member[]> {
    for (const { port } of this.nodes)
      try {
        const response = await fetch(`http://127.0.0.1:${port}/gossip`, { signal: AbortSignal.timeout(2_000) });
        const { members } = (await response.json()) as { members: readonly Member[] }; // the node's own format
        return members;
      } catch {
        // another one may answer
      }
    return [];
  }
}
