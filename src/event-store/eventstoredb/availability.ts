// Tracks whether the log server can be used for one purpose, appending or reading. During an outage nothing else calls the server for it: appends wait
// or are refused, followers wait, and one probe at a time asks for the server, with growing pauses.
import { setTimeout as sleep } from 'node:timers/promises';
import { Backoff } from '../../backoff.ts';
import { LogUnavailable } from '../event-store.ts';

type AvailabilityOptions = {
  /** Resolves if the server answers; rejects if it doesn't. */
  readonly probe: () => Promise<unknown>;
  /** Says in a sentence why a probe was rejected. */
  readonly explain: (error: unknown) => string;
  readonly onOutage: (reason: string) => void;
  readonly onOver: () => void;
};

/** After a shorter time without outage the pauses continue to grow: the server was not really back. */
const steadyMs = 10_000;
/** A cluster elects a leader in a few seconds. Until then the pauses stay short, because publishers wait for them. */
const electionMs = 12_000;
const longestPauseMs = { amidElection: 250, later: 5_000 };

export class Availability {
  readonly #options: AvailabilityOptions;
  readonly #early = new Backoff({ firstMs: 100, longestMs: longestPauseMs.amidElection });
  readonly #late = new Backoff({ firstMs: 500, longestMs: longestPauseMs.later });
  readonly #closing = new AbortController();
  #outage: { readonly since: number; reason: string; readonly over: PromiseWithResolvers<void> } | undefined;
  #availableSince = -Infinity;
  /** When the outage began, or the first of several with short times in between. */
  #unsteadySince = 0;

  constructor(options: AvailabilityOptions) {
    this.#options = options;
  }

  get outage(): { readonly since: number; readonly reason: string } | undefined {
    return this.#outage;
  }

  /** Call this when a call has failed because the server is unavailable. Everybody then waits until a probe succeeds. */
  reportOutage(reason: string): void {
    if (this.#closing.signal.aborted) return;
    if (this.#outage) {
      this.#outage.reason = reason;
      return;
    }
    this.#outage = { since: performance.now(), reason, over: Promise.withResolvers() };
    this.#options.onOutage(reason);
    if (performance.now() - this.#availableSince > steadyMs) {
      this.#unsteadySince = performance.now();
      this.#early.reset();
      this.#late.reset();
    }
    void this.#probeUntilBack();
  }

  /** Resolves as soon as the server can be used. @throws LogUnavailable at `deadline` (in `performance.now()` time), or if the log is closed */
  async untilAvailable(deadline: number): Promise<void> {
    while (this.#outage) {
      const { over } = this.#outage;
      const left = deadline - performance.now();
      const enough = new AbortController();
      if (left > 0) await Promise.race([over.promise, sleep(left, undefined, { signal: enough.signal })]);
      enough.abort();
      if (this.#closing.signal.aborted) throw new LogUnavailable('The log is closed.');
      if (this.#outage && deadline <= performance.now()) throw this.refusal();
    }
  }

  /** Resolves as soon as the server can be used, `signal` aborts, or the log is closed. */
  async untilAvailableOrAborted(signal: AbortSignal): Promise<void> {
    while (this.#outage && !signal.aborted) {
      const aborted = Promise.withResolvers<void>();
      const abort = () => aborted.resolve();
      signal.addEventListener('abort', abort);
      await Promise.race([this.#outage.over.promise, aborted.promise]);
      signal.removeEventListener('abort', abort);
    }
  }

  refusal(): LogUnavailable {
    const reason = this.#outage?.reason ?? "The log can't be reached.";
    return new LogUnavailable(reason, Math.ceil(Math.max(1000, this.#backoff.longestNextMs) / 1000));
  }

  /** Stops probing, and releases everybody who waits. */
  close(): void {
    this.#closing.abort();
    this.#outage?.over.resolve();
    this.#outage = undefined;
  }

  get #backoff(): Backoff {
    return performance.now() - this.#unsteadySince < electionMs ? this.#early : this.#late;
  }

  async #probeUntilBack(): Promise<void> {
    const { signal } = this.#closing;
    for (;;) {
      await this.#backoff.pause(signal);
      if (signal.aborted || !this.#outage) return;
      try {
        await this.#options.probe();
        break;
      } catch (error) {
        if (this.#outage) this.#outage.reason = this.#options.explain(error);
      }
    }
    if (!this.#outage) return;
    const { over } = this.#outage;
    this.#outage = undefined;
    this.#availableSince = performance.now();
    this.#options.onOver();
    over.resolve();
  }
}
