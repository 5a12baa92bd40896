// The server as the rest of the adapter sees it: calls that wait while it is away, are repeated until they are answered, and end in bounded time.
import { setTimeout as sleep } from 'node:timers/promises';
import type { BaseLogger } from 'pino';
import { LogUnavailable, LogUnusable } from '../event-store.ts';
import { Availability } from './availability.ts';
import { CallFailed, ClientThread, type Subscription } from './client-thread.ts';
import type { AppendAnswer, EncodedWrite, SubscriptionRequest } from './client.worker.ts';
import { InvalidConnectionString, nameOf, readCertificates, readConnection, type Connection } from './connection.ts';
import { describeOutage, classifyFailure, describeUnusable, describeStartTimeout, type FailureKind } from './failures.ts';
import { markerStream } from './log-marker.ts';
import { Semaphore } from './semaphore.ts';

export type LogServerOptions = {
  readonly log: Pick<BaseLogger, 'info' | 'warn'>;
  /** How long a server that is away is waited for at the start. */
  readonly startTimeoutMs?: number;
  /** How long an append, or a read, may take in all. */
  readonly timeoutMs?: number;
  /** … and each try of it, if nothing else is answered meanwhile: longer than the server itself takes to give up. */
  readonly tryTimeoutMs?: number;
  /** How long the server may be away before what comes is refused without waiting. */
  readonly patienceMs?: number;
  /** false: it is read only, and appended to seldom, which needs less memory. */
  readonly appends?: boolean;
};

/** Appends handed to the client at one time; what exceeds it waits its turn, so that a time limit is about the server, not about the queue. */
const mostAppends = 512;
/** Reads at one time: a connection carries a hundred calls, and followers need some. */
const mostReads = 32;
/** Before an append is repeated that the server answers, though not with what came of it. */
const unfinishedPauseMs = 50;

export class LogServer {
  readonly name: string;
  readonly #options: Required<LogServerOptions>;
  readonly #thread: ClientThread;
  readonly #availability: Availability;
  readonly #appends = new Semaphore(mostAppends);
  readonly #reads = new Semaphore(mostReads);

  /**
   * @param probed a stream that is read to see whether the server is back
   * @throws ConnectionUnreadable when a certificate can't be read
   */
  constructor(
    readonly connection: Connection,
    probed: string,
    { log, startTimeoutMs = 60_000, timeoutMs = 10_000, tryTimeoutMs = 4_000, patienceMs = 2_000, appends = true }: LogServerOptions,
  ) {
    this.name = nameOf(connection);
    this.#options = { log, startTimeoutMs, timeoutMs, tryTimeoutMs, patienceMs, appends };
    this.#thread = new ClientThread(
      { connection, certificates: readCertificates(connection) },
      {
        appends,
        onUnhandled: (count, { message }) =>
          log.warn(`The client of ${this.name} left ${count} failures to nobody, such as: ${message}. Nothing is lost by that.`),
      },
    );
    this.#availability = new Availability({
      name: this.name,
      log,
      probe: () => this.#thread.read({ stream: probed, from: 0, count: 1 }, tryTimeoutMs),
      because: (error) => this.#understand(error).reason,
    });
  }

  /** Carries out the first calls; a server that is away is waited for. @throws LogUnusable */
  async connect<T>(work: (thread: ClientThread, timeoutMs: number) => Promise<T>): Promise<T> {
    const { startTimeoutMs, tryTimeoutMs, log } = this.#options;
    const deadline = Date.now() + startTimeoutMs;
    for (let pauseMs = 100, said = false; ; pauseMs = Math.min(2 * pauseMs, 2_000)) {
      try {
        return await work(this.#thread, tryTimeoutMs);
      } catch (error) {
        const { meaning, reason, failure } = this.#understand(error);
        const unusable = describeUnusable(this.name, failure);
        if (unusable !== undefined) throw new LogUnusable(unusable, { cause: error });
        if (Date.now() + pauseMs > deadline)
          throw new LogUnusable(describeStartTimeout(reason, startTimeoutMs / 1000, this.connection.tls), { cause: error });
        if (!said) log.warn(`${reason} It is waited for, up to ${startTimeoutMs / 1000} s.`);
        said = true;
        if (meaning === 'broken') this.#thread.replace();
        await sleep(pauseMs * (0.5 + Math.random() / 2));
      }
    }
  }

  /**
   * Repeats the append, to the letter, until it is known what came of it or its time is over.
   * @throws CallFailed when the server refused it, so that nothing was written; LogUnavailable
   */
  async append(write: EncodedWrite): Promise<AppendAnswer> {
    const { timeoutMs, tryTimeoutMs } = this.#options;
    const deadline = Date.now() + timeoutMs;
    for (let sent = false; ;) {
      try {
        await this.#availability.untilAvailable(sent ? deadline : this.#patientUntil(deadline));
        return await this.#appends.run(() => {
          if (Date.now() > deadline) throw this.#availability.refusal();
          sent = true;
          return this.#thread.append(write, tryTimeoutMs);
        });
      } catch (error) {
        if (error instanceof LogUnavailable) throw sent ? outcomeUnknown(error) : error;
        const { meaning, reason } = this.#understand(error);
        if (isVerdict(meaning)) throw error;
        if (meaning !== 'unfinished') this.reportFailure(error);
        else if (Date.now() < deadline) await sleep(unfinishedPauseMs);
        else throw outcomeUnknown(new LogUnavailable(reason));
      }
    }
  }

  /** The same for what only reads. @throws CallFailed when the server refused it; LogUnavailable */
  async read<T>(work: (thread: ClientThread, timeoutMs: number) => Promise<T>): Promise<T> {
    const { timeoutMs, tryTimeoutMs } = this.#options;
    const deadline = Date.now() + timeoutMs;
    for (;;) {
      try {
        await this.#availability.untilAvailable(this.#patientUntil(deadline));
        return await this.#reads.run(() => {
          if (Date.now() > deadline) throw this.#availability.refusal();
          return work(this.#thread, tryTimeoutMs);
        });
      } catch (error) {
        if (error instanceof LogUnavailable || isVerdict(this.#understand(error).meaning)) throw error;
        this.reportFailure(error);
      }
    }
  }

  subscribe(follow: Omit<SubscriptionRequest, 'window'>): Subscription {
    return this.#thread.subscribe(follow);
  }

  /** Resolves as soon as the server can be used, or the signal aborts. */
  untilAvailable(signal: AbortSignal): Promise<void> {
    return this.#availability.untilAvailableOrAborted(signal);
  }

  /** A call failed: from now on the server is taken as away until it answers a probe. @throws the error, where it is none of the server's */
  reportFailure(error: unknown): void {
    const { meaning, reason } = this.#understand(error);
    if (meaning === 'broken') this.#thread.replace();
    this.#availability.reportOutage(reason);
  }

  async close(): Promise<void> {
    this.#availability.close();
    await this.#thread.close();
  }

  #patientUntil(deadline: number): number {
    const { outage } = this.#availability;
    return outage ? Math.min(deadline, outage.since + this.#options.patienceMs) : deadline;
  }

  #understand(error: unknown) {
    if (!(error instanceof CallFailed)) throw error;
    const { failure } = error;
    return { failure, meaning: classifyFailure(failure), reason: describeOutage(this.name, failure) };
  }
}

/** The server has decided: to ask again would change nothing. */
const isVerdict = (meaning: FailureKind) => meaning === 'conflict' || meaning === 'deleted' || meaning === 'too-large';

const outcomeUnknown = ({ message, retryAfterSeconds }: LogUnavailable) =>
  new LogUnavailable(`${message} It is not known whether it was written; repeat the request.`, retryAfterSeconds);

/** @throws LogUnusable when it can't be so */
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
