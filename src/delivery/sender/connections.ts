// The connections to receivers: opens them, keeps idle ones by origin, and hands out the last used first.
import { callbackify } from 'node:util';
import { connect as connectPlain, isIP, type LookupFunction, type Socket } from 'node:net';
import { connect as connectSecure, createSecureContext, getCACertificates, type SecureContext } from 'node:tls';
import type { LookupOptions } from 'node:dns';
import type { LocalFailure } from '../local-failure.ts';
import type { AllowedAddresses } from './allowed-addresses.ts';
import { Connection, type ConnectionUser } from './connection.ts';
import { LocalTrouble } from './local-trouble.ts';

export type ConnectionOptions = {
  /** Idle connections kept per origin, which several endpoints may share. Running requests are not limited here. */
  readonly maxConnectionsPerOrigin?: number;
  /** PEM certificates of authorities to trust in addition to the public ones. */
  readonly ca?: readonly string[];
};

const maxIdle = 1024;
/** TLS sessions kept, so that a handshake with a receiver that was connected to before is short. */
const maxSessions = 1024;
/** What plain connections read goes through this one buffer: it is filled and used up within one turn. */
const readBuffer = Buffer.alloc(64 * 1024);
const sweepEveryMs = 1_000;

export class Connections {
  /** What keeps this process from opening connections. */
  readonly trouble = new LocalTrouble();
  private readonly idleByOrigin = new Map<string, Connection[]>();
  /** The same connections over all origins, the longest idle first. */
  private readonly idleByAge = new Set<Connection>();
  private readonly sessions = new Map<string, Buffer>();
  private readonly lookup: LookupFunction;
  private readonly secureContext: SecureContext | undefined;
  private readonly maxIdlePerOrigin: number;
  private readonly sweeping: NodeJS.Timeout;
  private closed = false;

  constructor(
    private readonly addresses: AllowedAddresses,
    { ca, maxConnectionsPerOrigin = 512 }: ConnectionOptions,
  ) {
    this.maxIdlePerOrigin = maxConnectionsPerOrigin;
    this.lookup = callbackify((...[hostname]: [string, LookupOptions]) => addresses.of(hostname));
    this.secureContext = ca && createSecureContext({ ca: [...getCACertificates('default'), ...ca] });
    this.sweeping = setInterval(() => this.sweep(), sweepEveryMs).unref();
  }

  /** An idle connection, which the caller uses or discards. */
  take(origin: string): Connection | undefined {
    const now = performance.now();
    for (;;) {
      const connection = this.idleByOrigin.get(origin)?.at(-1);
      if (!connection) return undefined;
      this.remove(connection);
      if (connection.isFresh(now)) return connection;
      connection.discard();
    }
  }

  hasIdle(origin: string): boolean {
    return this.idleByOrigin.has(origin);
  }

  /** Connects only to allowed addresses: the socket asks `addresses` for those of a name, and uses no others. */
  open(url: URL, user: ConnectionUser): Connection | undefined {
    const host = url.hostname.replace(/^\[|\]$/g, '');
    // A socket does not look up a host that is an address.
    const blocked = isIP(host) === 0 ? undefined : this.addresses.blocked(host);
    if (blocked) {
      user.failed(blocked);
      return undefined;
    }
    const isSecure = url.protocol === 'https:';
    const onread = {
      buffer: readBuffer,
      callback: (length: number) => {
        connection.received(readBuffer.subarray(0, length));
        return true;
      },
    };
    const socket = isSecure ? this.secure(host, url) : connectPlain({ ...this.target(host, url, 80), onread });
    const connection: Connection = new Connection(url.origin, socket, isSecure, (gone) => this.remove(gone));
    connection.use(user);
    return connection;
  }

  /** For a reason of this machine. Where it lacks files, those of half of the idle connections help. */
  noneOpened({ reason }: LocalFailure): void {
    if (!this.trouble.pause && (reason === 'EMFILE' || reason === 'ENFILE'))
      for (const connection of [...this.idleByAge].slice(0, Math.ceil(this.idleByAge.size / 2))) connection.discard();
    this.trouble.met();
  }

  /** @param isReusable the response left no doubt where it ended */
  giveBack(connection: Connection, isReusable: boolean, keepAliveSeconds: number | undefined): void {
    const idle = this.idleByOrigin.get(connection.origin);
    const isKept =
      connection.release(performance.now(), keepAliveSeconds) && isReusable && !this.closed && (idle?.length ?? 0) < this.maxIdlePerOrigin;
    if (!isKept) return connection.discard();
    if (idle) idle.push(connection);
    else this.idleByOrigin.set(connection.origin, [connection]);
    this.idleByAge.add(connection);
    if (this.idleByAge.size > maxIdle) for (const [longestIdle] of this.idleByAge.entries().take(1)) longestIdle.discard();
  }

  close(): void {
    this.closed = true;
    clearInterval(this.sweeping);
    for (const connection of this.idleByAge) connection.discard();
  }

  private sweep(): void {
    const now = performance.now();
    for (const connection of this.idleByAge) if (!connection.isFresh(now)) connection.discard();
  }

  private secure(host: string, url: URL): Socket {
    const { origin } = url;
    const session = this.sessions.get(origin);
    const socket = connectSecure({
      ...this.target(host, url, 443),
      ...(isIP(host) === 0 && { servername: host.replace(/\.$/, '') }),
      ALPNProtocols: ['http/1.1'],
      ...(session && { session }),
      ...(this.secureContext && { secureContext: this.secureContext }),
    });
    socket.on('session', (newSession) => {
      this.sessions.delete(origin);
      this.sessions.set(origin, newSession);
      if (this.sessions.size > maxSessions) for (const oldest of this.sessions.keys().take(1)) this.sessions.delete(oldest);
    });
    return socket;
  }

  private target(host: string, { port }: URL, defaultPort: number) {
    return {
      host,
      port: port === '' ? defaultPort : Number(port),
      lookup: this.lookup,
      autoSelectFamily: true,
      // A connection to a distant receiver takes some 300 ms. Node's default of 250 ms would give up on each of its addresses but the last.
      autoSelectFamilyAttemptTimeout: 1_000,
    };
  }

  private remove(connection: Connection): void {
    if (!this.idleByAge.delete(connection)) return;
    const idle = this.idleByOrigin.get(connection.origin);
    if (!idle) return;
    const index = idle.lastIndexOf(connection);
    if (index !== -1) idle.splice(index, 1);
    if (idle.length === 0) this.idleByOrigin.delete(connection.origin);
  }
}
