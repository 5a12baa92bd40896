// An exchange: one request on a connection, its timeout, and what came back.
// The receiver may close a connection at the moment it is reused. A request that finds it closed before the response began is sent once more on a
// new connection, within the same timeout. Most likely it was never read; and a receiver has to drop repeats by `webhook-id` anyway, as delivery
// is at least once. Without this, every keep-alive timeout of a receiver would count as a failure.
import type { Dispatcher } from 'undici';
import { maskResponseHeaders } from '../../domain/response-masking.ts';
import type { Connection, Connections } from './connections.ts';
import { errorCodeOf, failureOfError, failureOfStatus, timedOut, type Failure, type Phase } from './failure.ts';
import { retryAfterOf } from './retry-after.ts';
import type { SendOutcome, SendRequest } from './send-outcome.ts';

/** Kept of a response's body. */
const keptBytes = 4096;
/** Read of it: a longer body ends the connection instead of being read for nothing. */
const maxReadBytes = 64 * 1024;

type Headers = Record<string, string | string[] | undefined>;

export class Exchange implements Dispatcher.DispatchHandler {
  private readonly startedAt: string;
  private readonly start = performance.now();
  private timer: NodeJS.Timeout | undefined;
  private connection: Connection | undefined;
  private phase: Phase = 'connecting';
  private ended = false;
  private code = 0;
  private reason = '';
  private headers: Headers = {};
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

  onResponseStart(_: unknown, code: number, headers: Headers, reason = ''): void {
    if (code < 200) return;
    this.phase = 'responding';
    this.code = code;
    this.headers = headers;
    this.reason = reason;
  }

  onResponseData(_: unknown, chunk: Buffer): void {
    if (this.size < keptBytes) this.chunks.push(Buffer.from(chunk.subarray(0, keptBytes - this.size)));
    this.size += chunk.length;
    if (this.size > maxReadBytes) this.end(false);
  }

  onResponseEnd(): void {
    this.end(true);
  }

  onResponseError(_: unknown, error: Error): void {
    if (this.ended) return;
    const { connection, phase } = this;
    if (connection?.isReused && phase !== 'responding' && wasClosed(error)) {
      connection.discard();
      this.dispatch(this.connections.open(this.url.origin)); // a new one, so this happens once
      return;
    }
    this.end(false, failureOfError(error, this.url, phase));
  }

  private end(isReusable: boolean, failure?: Failure): void {
    if (this.ended) return;
    this.ended = true;
    clearTimeout(this.timer);
    if (this.connection) this.connections.giveBack(this.connection, isReusable);
    this.done(this.outcome(failure));
  }

  /** @param broken what went wrong on the way. A status that is a failure comes first, as it says more. */
  private outcome(broken: Failure | undefined): SendOutcome {
    const { startedAt, code, headers } = this;
    const durationMs = Math.round((performance.now() - this.start) * 100) / 100;
    if (code === 0) return { outcome: 'failed', startedAt, durationMs, ...(broken ?? failureOfError(undefined, this.url, this.phase)) };
    const response = { responseCode: code, responseHeaders: flatten(headers), responseBody: decode(this.chunks, this.size > keptBytes) };
    const failure = failureOfStatus(code, this.reason, firstOf(headers['location'])) ?? broken;
    if (!failure) return { outcome: 'succeeded', startedAt, durationMs, ...response };
    const asked = { retryAfter: firstOf(headers['retry-after']), date: firstOf(headers['date']) };
    const retryAfter = retryAfterOf(code, asked, this.clock());
    return { outcome: 'failed', startedAt, durationMs, ...failure, ...(retryAfter ? { retryAfter } : {}), ...response };
  }
}

const wasClosed = (error: Error): boolean => ['UND_ERR_SOCKET', 'ECONNRESET', 'EPIPE'].includes(errorCodeOf(error));

const firstOf = (value: string | string[] | undefined) => (Array.isArray(value) ? value[0] : value);

const flatten = (headers: Headers): Record<string, string> => {
  const flat: Record<string, string> = {};
  for (const name of Object.keys(headers)) {
    const value = headers[name];
    if (value !== undefined) flat[name] = Array.isArray(value) ? value.join(', ') : value;
  }
  return maskResponseHeaders(flat);
};

const decode = (chunks: readonly Buffer[], isCut: boolean): string => {
  if (chunks.length === 0) return '';
  const bytes = chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks);
  // In stream mode the decoder holds back an incomplete character at the end.
  const text = isCut ? new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes, { stream: true }) : bytes.toString('utf8');
  // PostgreSQL, among others, can't store U+0000 in a text.
  return text.includes('\0') ? text.replaceAll('\0', '\uFFFD') : text;
};
