// An exchange: one request on a connection, its timeout, and what came back.
// One attempt is one request. Bytes that may have reached the receiver are never sent again: only when the kernel took none of them does the request go
// out on another connection. A receiver that closes a kept connection just as it is used again makes a failed attempt, with a sentence that says so.
import type { LocalFailure } from '../local-failure.ts';
import type { Connection, ConnectionUser } from './connection.ts';
import type { Connections } from './connections.ts';
import {
  brokenOff,
  failureOfError,
  failureOfProblem,
  failureOfStatus,
  timedOut,
  type Failure,
  type Phase,
  type Progress,
} from './failure.ts';
import { localFailureOf } from './local-trouble.ts';
import { recordedResponse } from './recorded-response.ts';
import { InvalidHeader, requestBytes } from './request-bytes.ts';
import { ResponseReader } from './response-reader.ts';
import { retryAfterOf } from './retry-after.ts';
import type { SendOutcome, SendRequest } from './send-outcome.ts';

export class Exchange implements ConnectionUser {
  private readonly startedAt: string;
  private readonly start = performance.now();
  private readonly reader = new ResponseReader();
  private timer: NodeJS.Timeout | undefined;
  private bytes: Buffer | undefined;
  private connection: Connection | undefined;
  private phase: Phase = 'connecting';
  private isOver = false;

  constructor(
    private readonly request: SendRequest,
    private readonly url: URL,
    private readonly connections: Connections,
    private readonly options: { readonly clock: () => Date; readonly sent?: (bytes: number) => void },
    /** A LocalFailure: nothing was sent. */
    private readonly done: (outcome: SendOutcome | LocalFailure) => void,
  ) {
    this.startedAt = options.clock().toISOString();
  }

  begin(): void {
    const bytes = requestBytes(this.request, this.url);
    if (bytes instanceof InvalidHeader) return this.end(failureOfError(bytes, this.url, this.progress));
    this.bytes = bytes;
    this.timer = setTimeout(() => this.timeout(), this.request.timeoutSeconds * 1000);
    this.takeConnection();
  }

  // ── The connection ──

  private takeConnection(): void {
    const connection = this.connections.take(this.url.origin);
    if (!connection) {
      this.phase = 'connecting';
      this.connection = this.connections.open(this.url, this);
    } else if (connection.isRested(performance.now())) {
      // What the receiver did meanwhile is read first.
      this.connection = connection;
      setImmediate(() => this.isOver || this.write(connection));
    } else this.write(connection);
  }

  private write(connection: Connection): void {
    this.connection = connection;
    connection.use(this);
    this.phase = 'waiting';
    if (this.bytes && this.send(connection, this.bytes)) return;
    connection.discard();
    this.takeConnection();
  }

  private send(connection: Connection, bytes: Buffer): boolean {
    const isWritten = connection.send(bytes);
    if (isWritten) this.options.sent?.(bytes.length);
    return isWritten;
  }

  accepted(): void {
    this.phase = 'securing';
  }

  opened(): void {
    const { connection, bytes } = this;
    if (!connection || !bytes) return;
    this.phase = 'waiting';
    this.connections.trouble.over();
    this.send(connection, bytes); // one that is closed already says so
  }

  received(bytes: Buffer): void {
    const { reader } = this;
    reader.push(bytes);
    if (reader.isOver) this.end(reader.problem && failureOfProblem(reader.problem, this.url, reader.wasSwitched));
  }

  ended(): void {
    this.end(this.reader.finish(true) ? undefined : brokenOff('closed', this.url, this.progress));
  }

  failed(error: Error): void {
    const local = this.phase === 'connecting' ? localFailureOf(error, this.url.port) : undefined;
    if (local) this.endUnsent(local);
    else this.end(failureOfError(error, this.url, this.progress));
  }

  private timeout(): void {
    const isComplete = this.reader.finish(false);
    this.end(isComplete ? undefined : timedOut(this.request.timeoutSeconds, this.url, this.progress), !isComplete);
  }

  // ── The outcome ──

  private get progress(): Progress {
    const { connection, phase, reader } = this;
    if (phase !== 'waiting') return { phase };
    if (reader.isBegun) return { phase: 'responding', missing: reader.missing, wasSwitched: reader.wasSwitched };
    return { phase: connection?.isFlushed === false ? 'sending' : 'waiting', isReused: connection?.isReused === true };
  }

  private end(failure?: Failure, isLate = false): void {
    if (this.isOver) return;
    this.release();
    this.done(this.outcome(failure, isLate));
  }

  private endUnsent(failure: LocalFailure): void {
    if (this.isOver) return;
    this.release();
    this.connections.noneOpened(failure);
    this.done(failure);
  }

  private release(): void {
    this.isOver = true;
    clearTimeout(this.timer);
    const { connection, connections, reader } = this;
    if (connection) connections.giveBack(connection, reader.isReusable, reader.head?.keepAliveSeconds);
  }

  /** @param broken what went wrong on the way. A status that is a failure comes first, as it says more. */
  private outcome(broken: Failure | undefined, isLate: boolean): SendOutcome {
    const { startedAt, reader } = this;
    const { head } = reader;
    const durationMs = Math.round((performance.now() - this.start) * 100) / 100;
    const late = isLate ? { isLate } : {};
    if (!head) return { outcome: 'failed', startedAt, durationMs, ...(broken ?? brokenOff('closed', this.url, this.progress)), ...late };
    const response = recordedResponse(head, reader.chunks, reader.isCut);
    const failure = failureOfStatus(head.status, head.reason, head.location) ?? broken;
    if (!failure) return { outcome: 'succeeded', startedAt, durationMs, ...response };
    const retryAfter = retryAfterOf(head.status, { retryAfter: head.retryAfter, date: head.date }, this.options.clock());
    return { outcome: 'failed', startedAt, durationMs, ...failure, ...(retryAfter && { retryAfter }), ...late, ...response };
  }
}
