// The connections to receivers. Each is an undici Client, which is one connection; idle ones are kept by origin and reused, the last used first.
import { callbackify } from 'node:util';
import { isIP, Socket } from 'node:net';
import { createSecureContext, getCACertificates } from 'node:tls';
import type { LookupOptions } from 'node:dns';
import { buildConnector, Client } from 'undici';
import type { AllowedAddresses } from './allowed-addresses.ts';

export type ConnectionOptions = {
  /** Idle connections kept per origin, which several endpoints may share. Running requests are not limited here. */
  readonly maxConnectionsPerOrigin?: number;
  /** PEM certificates of authorities to trust in addition to the public ones. */
  readonly ca?: readonly string[];
};

const maxIdle = 1024;
const maxResponseHeadBytes = 16 * 1024;

export class Connection {
  readonly client: Client;
  isIdle = false;
  /** The socket has carried a request before: the receiver may be closing it. */
  isReused = false;
  private socket: Socket | undefined;

  constructor(
    readonly origin: string,
    connect: buildConnector.connector,
    private readonly onClosed: (connection: Connection) => void,
  ) {
    this.client = new Client(origin, {
      connect: (options, callback) => {
        this.isReused = false;
        // undici's type says it returns nothing, but it returns the socket. With it, a connection attempt that hangs can be ended.
        const opened: unknown = connect(options, callback);
        if (opened instanceof Socket) this.socket = opened;
      },
      pipelining: 1,
      maxHeaderSize: maxResponseHeadBytes,
      keepAliveTimeout: 4_000,
      keepAliveMaxTimeout: 60_000,
      // The exchange's own timer covers the whole request.
      headersTimeout: 0,
      bodyTimeout: 0,
    });
    this.client.on('disconnect', () => this.onClosed(this));
  }

  discard(): void {
    this.client.destroy().catch(() => undefined); // it is gone either way
    this.socket?.destroy();
  }
}

export class Connections {
  private readonly idleByOrigin = new Map<string, Connection[]>();
  /** The same connections over all origins, the longest idle first. */
  private readonly idleByAge = new Set<Connection>();
  private readonly connect: buildConnector.connector;
  private readonly maxIdlePerOrigin: number;
  private closed = false;

  constructor(addresses: AllowedAddresses, { ca, maxConnectionsPerOrigin = 512 }: ConnectionOptions) {
    this.maxIdlePerOrigin = maxConnectionsPerOrigin;
    this.connect = guardedConnector(addresses, ca);
  }

  take(origin: string): Connection {
    const connection = this.idleByOrigin.get(origin)?.at(-1);
    if (!connection) return this.open(origin);
    this.remove(connection);
    return connection;
  }

  open(origin: string): Connection {
    return new Connection(origin, this.connect, (closed) => closed.isIdle && this.drop(closed));
  }

  giveBack(connection: Connection, isReusable: boolean): void {
    const idle = this.idleByOrigin.get(connection.origin);
    if (!isReusable || this.closed || (idle?.length ?? 0) >= this.maxIdlePerOrigin) return connection.discard();
    connection.isIdle = true;
    connection.isReused = true;
    if (idle) idle.push(connection);
    else this.idleByOrigin.set(connection.origin, [connection]);
    this.idleByAge.add(connection);
    if (this.idleByAge.size > maxIdle) for (const [longestIdle] of this.idleByAge.entries().take(1)) this.drop(longestIdle);
  }

  close(): void {
    this.closed = true;
    for (const connection of this.idleByAge) this.drop(connection);
  }

  private drop(connection: Connection): void {
    this.remove(connection);
    connection.discard();
  }

  private remove(connection: Connection): void {
    connection.isIdle = false;
    this.idleByAge.delete(connection);
    const idle = this.idleByOrigin.get(connection.origin);
    if (!idle) return;
    const index = idle.lastIndexOf(connection);
    if (index !== -1) idle.splice(index, 1);
    if (idle.length === 0) this.idleByOrigin.delete(connection.origin);
  }
}

/** Connects only to allowed addresses: the socket asks `addresses` for those of its host, and uses no others. */
const guardedConnector = (addresses: AllowedAddresses, ca: readonly string[] | undefined): buildConnector.connector => {
  const connect = buildConnector({
    timeout: 0,
    lookup: callbackify((...[hostname]: [string, LookupOptions]) => addresses.of(hostname)),
    autoSelectFamily: true,
    // A connection to a distant receiver takes some 300 ms. Node's default of 250 ms would give up on each of its addresses but the last.
    autoSelectFamilyAttemptTimeout: 1_000,
    ...(ca ? { secureContext: createSecureContext({ ca: [...getCACertificates('default'), ...ca] }) } : {}),
  });
  return (options, callback) => {
    // A socket does not look up a host that is an address.
    const blocked = isIP(options.hostname) === 0 ? undefined : addresses.blocked(options.hostname);
    if (blocked === undefined) return connect(options, callback);
    queueMicrotask(() => callback(blocked, null));
  };
};
