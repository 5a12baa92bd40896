// The server as the rest of the adapter sees it: calls wait while it is unavailable, are repeated until they are answered, and end in bounded time.
import { setTimeout as sleep } from 'node:timers/promises';
import type { BaseLogger } from 'pino';
import { Backoff } from '../../backoff.ts';
import { LogUnavailable, LogUnusable } from '../event-store.ts';
import { Availability } from './availability.ts';
import { CallFailed } from './call-failed.ts';
import { ClientThread } from './client-thread.ts';
import type { AppendAnswer, EncodedWrite, Purpose, SubscriptionRequest } from './client/messages.ts';
import { InvalidConnectionString, nameOf, readCertificates, readConnection, type Connection } from './connection.ts';
import { classifyFailure, describeOutage, describeStartTimeout, describeUnusable, type FailureKind } from './failures.ts';
import { Semaphore } from './locks.ts';
import { markerStream } from './log-marker.ts';
import type { Subscription } from './subscription.ts';

export type LogServerOptions = {
  readonly log: Pick<BaseLogger, 'info' | 'warn'>;
  /** How long the start waits for an unavailable server. */
  readonly startTimeoutMs?: number;
  /** The time limit of an append or a read, all tries together. */
  readonly timeoutMs?: number;
  /** The time limit of one try, if no other call is answered meanwhile. It must be longer than the server itself takes to give up. */
  readonly tryTimeoutMs?: number;
  /** During an outage longer than this, new calls are refused without waiting. */
  readonly patienceMs?: number;
  /** false: the log is mainly read, which needs less memory. */
  readonly appends?: boolean;
};

/** Appends given to the client at one time. Others wait here, where their time limit does not run. */
const mostAppends = 512;
/** Reads at one time. A connection carries a hundred calls, and followers need some of them. */
const mostReads = 32;
/** The pause before an append is repeated that the server answered without its outcome. */
const timedOutPauseMs = 50;

export class LogServer {
  readonly name: string;
  readonly #options: Required<LogServerOptions>;
  readonly #thread: ClientThread;
  readonly #availability: Readonly<Record<Purpose, Availability>>;
  #outageSince: number | undefined;
  readonly #appends = new Semaphore(mostAppends);
  readonly #reads = new Semaphore(mostReads);

  /**
   * @param probedStream the stream that probes read
   * @throws InvalidConnectionString if a certificate can't be read
   */
  constructor(
    readonly connection: Connection,
    probedStream: string,
    { log, startTimeoutMs = 60_000, timeoutMs = 10_000, tryTimeoutMs = 4_000, patienceMs = 2_000, appends = true }: LogServerOptions,
  ) {
    this.name = nameOf(connection);
    this.#options = { log, startTimeoutMs, timeoutMs, tryTimeoutMs, patienceMs, appends };
    this.#thread = new ClientThread(
      { connection, certificates: readCertificates(connection), probedStream },
      {
        appends,
        onUnhandled: (count, { message }) =>
          log.warn(`The client of ${this.name} left ${count} failures unhandled, such as: ${message}. No events are lost by this.`),
      },
    );
    const availabilityFor = (purpose: Purpose) =>
      new Availability({
        probe: () => this.#thread.probe(purpose, tryTimeoutMs),
        explain: (error) => this.#classify(error).reason,
        onOutage: (reason) => this.#reportBegin(reason),
        onOver: () => this.#reportEnd(),
      });
    this.#availability = { appending: availabilityFor('appending'), reading: availabilityFor('reading') };
  }

  /** Makes the first calls, and waits for an unavailable server. @throws LogUnusable */
  async connect<T>(work: (thread: ClientThread, timeoutMs: number) => Promise<T>): Promise<T> {
    const { startTimeoutMs, tryTimeoutMs, log } = this.#options;
    const deadline = performance.now() + startTimeoutMs;
    const backoff = new Backoff({ firstMs: 100, longestMs: 2_000 });
    for (let isFirst = true; ; isFirst = false) {
      try {
        return await work(this.#thread, tryTimeoutMs);
      } catch (error) {
        const { kind, reason, failure } = this.#classify(error);
        const unusable = describeUnusable(this.name, failure);
        if (unusable !== undefined) throw new LogUnusable(unusable, { cause: error });
        if (performance.now() + backoff.longestNextMs > deadline)
          throw new LogUnusable(describeStartTimeout(reason, startTimeoutMs / 1000, this.connection.tls), { cause: error });
        if (isFirst) log.warn(`${reason} Waiting for it, up to ${startTimeoutMs / 1000} s.`);
        if (kind === 'client-broken') this.#thread.replace();
        await backoff.pause();
      }
    }
  }

  /**
   * Repeats exactly the same append until its outcome is known or its time is over.
   * @throws CallFailed if the server refused it, so nothing was written; LogUnavailable
   */
  async append(write: EncodedWrite): Promise<AppendAnswer> {
    const { timeoutMs, tryTimeoutMs } = this.#options;
    const deadline = performance.now() + timeoutMs;
    const availability = this.#availability.appending;
    for (let sent = false; ;) {
      try {
        await availability.untilAvailable(sent ? deadline : this.#patientUntil(availability, deadline));
        return await this.#appends.run(() => {
          if (performance.now() > deadline) throw availability.refusal();
          sent = true;
          return this.#thread.append(write, tryTimeoutMs);
        });
      } catch (error) {
        if (error instanceof LogUnavailable) throw sent ? withUnknownOutcome(error) : error;
        const { kind, reason } = this.#classify(error);
        if (isFinal(kind)) throw error;
        if (kind !== 'timed-out') this.#report('appending', error);
        else if (performance.now() < deadline) await sleep(timedOutPauseMs);
        else throw withUnknownOutcome(new LogUnavailable(reason));
      }
    }
  }

  /** Repeats a read until it is answered or its time is over. @throws CallFailed if the server refused it; LogUnavailable */
  async read<T>(work: (thread: ClientThread, timeoutMs: number) => Promise<T>): Promise<T> {
    const { timeoutMs, tryTimeoutMs } = this.#options;
    const deadline = performance.now() + timeoutMs;
    const availability = this.#availability.reading;
    for (;;) {
      try {
        await availability.untilAvailable(this.#patientUntil(availability, deadline));
        return await this.#reads.run(() => {
          if (performance.now() > deadline) throw availability.refusal();
          return work(this.#thread, tryTimeoutMs);
        });
      } catch (error) {
        if (error instanceof LogUnavailable || isFinal(this.#classify(error).kind)) throw error;
        this.reportFailure(error);
      }
    }
  }

  subscribe(request: Omit<SubscriptionRequest, 'window'>): Subscription {
    return this.#thread.subscribe(request);
  }

  /** Resolves as soon as the server can be read or the signal aborts. */
  untilAvailable(signal: AbortSignal): Promise<void> {
    return this.#availability.reading.untilAvailableOrAborted(signal);
  }

  /**
   * Call this after a failed subscription: nothing is read until the server answers a probe. Appending goes on: a leader that shuts down takes no new
   * connections, but for seconds still the appends of an open one. @throws the error, if it is not of a call
   */
  reportFailure(error: unknown): void {
    this.#report('reading', error);
  }

  async close(): Promise<void> {
    this.#availability.appending.close();
    this.#availability.reading.close();
    await this.#thread.close();
  }

  #report(purpose: Purpose, error: unknown): void {
    const { kind, reason } = this.#classify(error);
    if (kind === 'client-broken') this.#thread.replace();
    this.#availability[purpose].reportOutage(reason);
  }

  /** Says once that the server is unavailable, for whichever purpose that shows first. */
  #reportBegin(reason: string): void {
    if (this.#outageSince !== undefined) return;
    this.#outageSince = performance.now();
    this.#options.log.warn(`${reason} Retrying until it is back.`);
  }

  #reportEnd(): void {
    const { appending, reading } = this.#availability;
    if (this.#outageSince === undefined || appending.outage || reading.outage) return;
    const seconds = (performance.now() - this.#outageSince) / 1_000;
    this.#outageSince = undefined;
    this.#options.log.info(`The log server ${this.name} is back after ${seconds.toFixed(1)} s.`);
  }

  #patientUntil({ outage }: Availability, deadline: number): number {
    return outage ? Math.min(deadline, outage.since + this.#options.patienceMs) : deadline;
  }

  #classify(error: unknown) {
    if (!(error instanceof CallFailed)) throw error;
    const { failure } = error;
    return { failure, kind: classifyFailure(failure), reason: describeOutage(this.name, failure) };
  }
}

/** The server has decided; repeating the call would change nothing. */
const isFinal = (kind: FailureKind) => kind === 'conflict' || kind === 'deleted' || kind === 'too-large';

const withUnknownOutcome = ({ message, retryAfterSeconds }: LogUnavailable) =>
  new LogUnavailable(`${message} It is not known whether it was written; repeat the request.`, retryAfterSeconds);

/** Does not connect yet. @throws LogUnusable if the prefix or the connection string is wrong */
export const createLogServer = (options: LogServerOptions & { readonly url: string; readonly prefix?: string }): LogServer => {
  const { url, prefix = '' } = options;
  if (!/^\w*$/.test(prefix)) throw new LogUnusable(`The prefix "${prefix}" of the log may have letters, digits and _ only.`);
  try {
    return new LogServer(readConnection(url), markerStream(prefix), options);
  } catch (error) {
    if (error instanceof InvalidConnectionString) throw new LogUnusable(`The connection string of the log ${error.message}.`);
    throw error;
  }
};
