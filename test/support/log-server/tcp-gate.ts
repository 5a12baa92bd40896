// A gate in front of a server: what a network, or a process that was stopped or killed, does to its clients.
import { createServer, connect, type AddressInfo, type Socket } from 'node:net';

export class TcpGate {
  private readonly sockets = new Set<Socket>();
  private frozen = false;
  private port = 0;
  private server: ReturnType<typeof createServer> | undefined;
  private readonly behind: number;

  /** @param behind the port, on loopback, that it leads to */
  constructor(behind: number) {
    this.behind = behind;
  }

  /** Listens, on the port that it had before, unless it does. @returns the port */
  async open(): Promise<number> {
    if (this.server) return this.port;
    const server = createServer((outside) => this.join(outside));
    this.server = server;
    await new Promise<void>((resolve, reject) => server.once('error', reject).listen(this.port, '127.0.0.1', resolve));
    this.port = (server.address() as AddressInfo).port; // it listens on TCP
    return this.port;
  }

  /** As kill -9: every connection breaks, nobody listens. */
  async shut(): Promise<void> {
    const { server } = this;
    this.server = undefined;
    const closed = new Promise((resolve) => (server ? server.close(resolve) : resolve(undefined)));
    this.breakConnections();
    await closed;
  }

  /** Takes no more connections. */
  refuse(): void {
    this.server?.close();
    this.server = undefined;
  }

  breakConnections(): void {
    for (const socket of this.sockets) socket.resetAndDestroy();
    this.sockets.clear();
  }

  /** As SIGSTOP: connections stay and can be made, nothing is read or answered. */
  freeze(): void {
    this.frozen = true;
    for (const socket of this.sockets) socket.pause();
  }

  /** As SIGCONT. */
  thaw(): void {
    this.frozen = false;
    for (const socket of this.sockets) socket.resume();
  }

  private join(outside: Socket): void {
    const inside = connect(this.behind, '127.0.0.1');
    for (const [from, to] of [
      [outside, inside],
      [inside, outside],
    ] as const) {
      from.setNoDelay(true);
      this.sockets.add(from);
      from.on('data', (chunk) => {
        if (!to.write(chunk)) from.pause();
      });
      to.on('drain', () => {
        if (!this.frozen) from.resume();
      });
      from.on('end', () => to.end());
      from.on('error', () => to.destroy());
      from.on('close', () => {
        this.sockets.delete(from);
        to.destroy();
      });
      if (this.frozen) from.pause();
    }
  }
}
