// The sender: one HTTP request to one endpoint, and what came of it. Guarantees:
// · it never throws, and takes at most the timeout, from the look-up of the name to the last byte of the response;
// · it connects only to addresses that the guard let pass: a name is resolved once, and what was checked is what is connected to;
// · it holds at most 64 KiB of a response in transit and keeps 4 KiB, and it keeps a bounded number of idle connections;
// · nothing waits: a request takes an idle connection to its origin or opens one, so a receiver that hangs delays no other endpoint
//   of the same origin. How many run at a time is the caller's to bound.
// A connection may have been closed by the receiver in the moment of its reuse. A request that finds it so, before the head of a
// response, is sent once more on a fresh connection within the same timeout: it was most likely never read, and a receiver has
// to drop repeats by `webhook-id` anyway (delivery is at least once). Without that, every keep-alive time-out would count as a failure.
import type { LookupOptions } from 'node:dns';
import { lookup as dnsLookup } from 'node:dns/promises';
import { isIP, Socket } from 'node:net';
import { createSecureContext, getCACertificates } from 'node:tls';
import { callbackify } from 'node:util';
import { buildConnector, Client, type Dispatcher } from 'undici';
import type { FailureReason } from '../domain/attempts.ts';
import { mask } from '../domain/sensitive.ts';
import type { AddressGuard } from './address-guard.ts';
import { BlockedAddress, failureOfError, failureOfStatus, retryAfterOf, timedOut, type Failure, type Phase } from './failure.ts';

export type SendRequest = {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** From the look-up of the name to the last byte read. */
  readonly timeoutSeconds: number;
};

export type ReceivedResponse = {
  readonly responseCode: number;
  /** Names in lower case; several of one name are joined by ", "; cookies are masked. */
  readonly responseHeaders: Record<string, string>;
  /** The first 4 KiB as UTF-8, without a character that was cut off; U+FFFD stands for what is no text. */
  readonly responseBody: string;
};

export type SendOutcome = {
  /** ISO 8601 */
  readonly startedAt: string;
  readonly durationMs: number;
} & (
  | ({ readonly outcome: 'succeeded' } & ReceivedResponse)
  | ({
      readonly outcome: 'failed';
      readonly failure: FailureReason;
      /** One sentence that a person understands. */
      readonly error: string;
      /** The receiver asked for no attempt before this moment, which is at most 24 h away. */
      readonly retryAfter?: Date;
    } & Partial<ReceivedResponse>)
);

export type ResolvedAddress = { readonly address: string; readonly family: number };

export type SenderOptions = {
  readonly guard: AddressGuard;
  readonly clock: () => Date;
  /** Idle connections that are kept for one origin, which several endpoints may share; running requests have no bound here. */
  readonly maxConnectionsPerOrigin?: number;
  /** PEM certificates of authorities that are trusted beside the public ones. */
  readonly ca?: readonly string[];
  /** All addresses of a name; the operating system's resolver where none is given. */
  readonly resolve?: (hostname: string) => Promise<readonly ResolvedAddress[]>;
};

const mostIdle = 1024;
const keptBytes = 4096;
const readBytes = 64 * 1024;
const largestHead = 16 * 1024;

export class Sender {
  private readonly connections: Connections;
  private running = 0;
  private drained: (() => void) | undefined;

  constructor(private readonly options: SenderOptions) {
    this.connections = new Connections(options);
  }

  send(request: SendRequest): Promise<SendOutcome> {
    return new Promise((resolve) => {
      const url = URL.parse(request.url);
      if (!url) return resolve(unreadable(request.url, this.options.clock()));
      this.running += 1;
      new Exchange(request, url, this.connections, this.options.clock, (outcome) => {
        this.running -= 1;
        if (this.running === 0) this.drained?.();
        resolve(outcome);
      }).begin();
    });
  }

  /** Ends idle connections, and resolves when running requests have ended, which they do within their timeouts. */
  async close(): Promise<void> {
    this.connections.close();
    if (this.running > 0) await new Promise<void>((resolve) => (this.drained = resolve));
  }
}

// ── One request ──

class Exchange implements Dispatcher.DispatchHandler {
  private readonly startedAt: string;
  private readonly start = performance.now();
  private timer: NodeJS.Timeout | undefined;
  private connection: Connection | undefined;
  private phase: Phase = 'connecting';
  private ended = false;
  private code = 0;
  private reason = '';
  private headers: Record<string, string | string[] | undefined> = {};
  private readonly chunks: Buffer[] = [];
  private size = 0;

  constructor(
    private readonly request: SendRequest,
    private readonly url: URL,
    private readonly connections: Connections,
    private readonly clock: () => Date,
    private readonly done: (outcome: SendOutcome) => void,
  ) {
    this.startedAt = clock().toISOString();
  }

  begin(): void {
    const { timeoutSeconds } = this.request;
    this.timer = setTimeout(() => this.end(false, timedOut(timeoutSeconds, this.url, this.phase)), timeoutSeconds * 1000);
    this.dispatch(this.connections.take(this.url.origin));
  }

  private dispatch(connection: Connection): void {
    const { url, request } = this;
    this.connection = connection;
    this.phase = 'connecting';
    connection.client.dispatch({ path: url.pathname + url.search, method: 'POST', headers: request.headers, body: request.body }, this);
  }

  onRequestStart(): void {
    this.phase = 'waiting';
  }

  onResponseStart(_: unknown, code: number, headers: Record<string, string | string[] | undefined>, reason = ''): void {
    if (code < 200) return;
    this.phase = 'responding';
    this.code = code;
    this.headers = headers;
    this.reason = reason;
  }

  onResponseData(_: unknown, chunk: Buffer): void {
    if (this.size < keptBytes) this.chunks.push(Buffer.from(chunk.subarray(0, keptBytes - this.size)));
    this.size += chunk.length;
    if (this.size > readBytes) this.end(false);
  }

  onResponseEnd(): void {
    this.end(true);
  }

  onResponseError(_: unknown, error: Error): void {
    if (this.ended) return;
    const { connection, phase } = this;
    if (connection && phase !== 'responding' && connection.reused && wasClosed(error)) {
      connection.discard();
      // Fresh, so not `reused`: this happens once.
      this.dispatch(this.connections.open(this.url.origin));
      return;
    }
    this.end(false, failureOfError(error, this.url, phase));
  }

  /** @param failure what went wrong on the way, if anything did: a status that is a failure in itself says more, and comes first. */
  private end(reusable: boolean, failure?: Failure): void {
    if (this.ended) return;
    this.ended = true;
    clearTimeout(this.timer);
    if (this.connection) this.connections.giveBack(this.connection, reusable);
    this.done(this.outcome(failure));
  }

  private outcome(broken: Failure | undefined): SendOutcome {
    const { startedAt, code, headers } = this;
    const durationMs = Math.round((performance.now() - this.start) * 100) / 100;
    if (code === 0) return { outcome: 'failed', startedAt, durationMs, ...(broken ?? failureOfError(undefined, this.url, this.phase)) };
    const response = { responseCode: code, responseHeaders: flatten(headers), responseBody: decode(this.chunks, this.size > keptBytes) };
    const failure = failureOfStatus(code, this.reason, first(headers['location'])) ?? broken;
    if (!failure) return { outcome: 'succeeded', startedAt, durationMs, ...response };
    const retryAfter = retryAfterOf(code, first(headers['retry-after']), this.clock());
    return { outcome: 'failed', startedAt, durationMs, ...failure, ...(retryAfter ? { retryAfter } : {}), ...response };
  }
}

const unreadable = (url: string, now: Date): SendOutcome => ({
  outcome: 'failed',
  startedAt: now.toISOString(),
  durationMs: 0,
  failure: 'FORMAT',
  error: `The endpoint's URL ${JSON.stringify(url)} can't be read; correct it.`,
});

const wasClosed = (error: Error): boolean => {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'UND_ERR_SOCKET' || code === 'ECONNRESET' || code === 'EPIPE';
};

const first = (value: string | string[] | undefined) => (Array.isArray(value) ? value[0] : value);

const flatten = (headers: Record<string, string | string[] | undefined>): Record<string, string> => {
  const flat: Record<string, string> = {};
  for (const name of Object.keys(headers)) {
    const value = headers[name];
    if (value !== undefined) flat[name] = name === 'set-cookie' ? mask : Array.isArray(value) ? value.join(', ') : value;
  }
  return flat;
};

const decode = (chunks: readonly Buffer[], cut: boolean): string => {
  if (chunks.length === 0) return '';
  const bytes = chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks);
  // A decoder that expects more keeps back the beginning of a character.
  const text = cut ? new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes, { stream: true }) : bytes.toString('utf8');
  // Many stores can't hold U+0000 in a text.
  return text.includes('\0') ? text.replaceAll('\0', '\uFFFD') : text;
};

// ── Connections ── An undici client each, which is one connection at a time. Idle ones wait by origin, the last used on top.

class Connection {
  readonly client: Client;
  idle = false;
  /** The socket carried a request before: its receiver may be closing it just now. */
  reused = false;
  private socket: Socket | undefined;

  constructor(
    readonly origin: string,
    connect: buildConnector.connector,
    private readonly closed: (connection: Connection) => void,
  ) {
    this.client = new Client(origin, {
      connect: (options, callback) => {
        this.reused = false;
        // Typed as returning nothing, it returns the socket that it opens; known, a connection that hangs can be given up.
        const opened: unknown = connect(options, callback);
        if (opened instanceof Socket) this.socket = opened;
      },
      pipelining: 1,
      maxHeaderSize: largestHead,
      keepAliveTimeout: 4_000,
      keepAliveMaxTimeout: 60_000,
      // The exchange's own timer covers all.
      headersTimeout: 0,
      bodyTimeout: 0,
    });
    this.client.on('disconnect', () => this.closed(this));
  }

  discard(): void {
    this.client.destroy().catch(() => undefined); // it is gone either way
    this.socket?.destroy();
  }
}

class Connections {
  private readonly idle = new Map<string, Connection[]>();
  /** The same, of all origins, the one that idles longest first. */
  private readonly inOrder = new Set<Connection>();
  private readonly resolving = new Map<string, Promise<readonly ResolvedAddress[]>>();
  private readonly connect: buildConnector.connector;
  private readonly mostPerOrigin: number;
  private closed = false;

  constructor(private readonly options: SenderOptions) {
    this.mostPerOrigin = options.maxConnectionsPerOrigin ?? 512;
    const { ca } = options;
    const connect = buildConnector({
      timeout: 0,
      // What a socket asks for the addresses of its host. It connects to what it gets here, and looks no further.
      lookup: callbackify((...[hostname]: [string, LookupOptions]) => this.allowed(hostname)),
      autoSelectFamily: true,
      // A receiver far away takes some 300 ms to connect to; Node's 250 ms would give up each of its addresses but the last.
      autoSelectFamilyAttemptTimeout: 1_000,
      ...(ca ? { secureContext: createSecureContext({ ca: [...getCACertificates('default'), ...ca] }) } : {}),
    });
    this.connect = (options, callback) => {
      const refused = isIP(options.hostname) === 0 ? undefined : this.options.guard.check(options.hostname);
      if (refused === undefined) return connect(options, callback);
      queueMicrotask(() => callback(new BlockedAddress(refused), null));
    };
  }

  take(origin: string): Connection {
    const connection = this.idle.get(origin)?.at(-1);
    if (!connection) return this.open(origin);
    this.remove(connection);
    return connection;
  }

  open(origin: string): Connection {
    return new Connection(origin, this.connect, (closed) => closed.idle && this.drop(closed));
  }

  giveBack(connection: Connection, reusable: boolean): void {
    const waiting = this.idle.get(connection.origin);
    if (!reusable || this.closed || (waiting?.length ?? 0) >= this.mostPerOrigin) return connection.discard();
    connection.idle = true;
    connection.reused = true;
    if (waiting) waiting.push(connection);
    else this.idle.set(connection.origin, [connection]);
    this.inOrder.add(connection);
    if (this.inOrder.size > mostIdle) for (const [longest] of this.inOrder.entries().take(1)) this.drop(longest);
  }

  close(): void {
    this.closed = true;
    for (const connection of this.inOrder) this.drop(connection);
  }

  private drop(connection: Connection): void {
    this.remove(connection);
    connection.discard();
  }

  private remove(connection: Connection): void {
    connection.idle = false;
    this.inOrder.delete(connection);
    const waiting = this.idle.get(connection.origin);
    if (!waiting) return;
    const index = waiting.lastIndexOf(connection);
    if (index !== -1) waiting.splice(index, 1);
    if (waiting.length === 0) this.idle.delete(connection.origin);
  }

  /** The addresses of a name that the guard lets pass. */
  private async allowed(hostname: string): Promise<ResolvedAddress[]> {
    const addresses = await this.resolve(hostname);
    const reasons = addresses.map(({ address }) => this.options.guard.check(address));
    const allowed = addresses.filter((_, index) => reasons[index] === undefined);
    const [why = 'It has no address.'] = reasons;
    if (allowed.length === 0) throw new BlockedAddress(`${why.replace(/\.$/, '')} (the name ${hostname} resolves to it).`);
    return allowed;
  }

  /** One look-up of a name at a time, so that a name whose DNS server hangs holds one of the few threads for look-ups, not all. */
  private resolve(hostname: string): Promise<readonly ResolvedAddress[]> {
    let resolving = this.resolving.get(hostname);
    if (!resolving) {
      const resolve = this.options.resolve ?? ((name: string) => dnsLookup(name, { all: true }));
      resolving = resolve(hostname).finally(() => this.resolving.delete(hostname));
      this.resolving.set(hostname, resolving);
    }
    return resolving;
  }
}
