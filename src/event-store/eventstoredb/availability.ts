// Whether the log server can be used now: the one place that knows, tries, and lets everybody go on when it can.
// While it is away nothing else calls it: appends wait or are refused, followers wait, one probe asks, with growing pauses and jitter.
import { setTimeout as sleep } from 'node:timers/promises';
import type { BaseLogger } from 'pino';
import { LogUnavailable } from '../event-store.ts';

export type AvailabilityOptions = {
  /** Resolves when the server answers; rejects when it doesn't. */
  readonly probe: () => Promise<unknown>;
  /** Why a probe was rejected, as a sentence. */
  readonly because: (error: unknown) => string;
  readonly log: Pick<BaseLogger, 'info' | 'warn'>;
  readonly name: string;
  readonly firstPauseMs?: number;
};

const longestPauseMs = 5_000;
/** A server that was lost again so soon was not really back: the pauses go on growing. */
const steadyMs = 10_000;

export class Availability {
  readonly #options: AvailabilityOptions;
  readonly #firstPauseMs: number;
  readonly #ending = new AbortController();
  #pauseMs: number;
  #away: { readonly since: number; reason: string; readonly over: PromiseWithResolvers<void> } | undefined;
  #backSince = 0;

  constructor(options: AvailabilityOptions) {
    this.#options = options;
    this.#firstPauseMs = options.firstPauseMs ?? 100;
    this.#pauseMs = this.#firstPauseMs;
  }

  /** Why the server can't be used now, and since when. */
  get outage(): { readonly since: number; readonly reason: string } | undefined {
    return this.#away;
  }

  /** A call failed because the server is away: from now on everybody waits until a probe succeeds. */
  reportOutage(reason: string): void {
    if (this.#ending.signal.aborted) return;
    if (this.#away) {
      this.#away.reason = reason;
      return;
    }
    this.#away = { since: Date.now(), reason, over: Promise.withResolvers() };
    this.#options.log.warn(`${reason} It is tried again until it is back.`);
    if (Date.now() - this.#backSince > steadyMs) this.#pauseMs = this.#firstPauseMs;
    void this.#untilBack();
  }

  /** Resolves as soon as the server can be used. @throws LogUnavailable when that takes until `deadline` (in ms since 1970), or it is over. */
  async untilAvailable(deadline: number): Promise<void> {
    while (this.#away) {
      const { over } = this.#away;
      const left = deadline - Date.now();
      const enough = new AbortController();
      if (left > 0) await Promise.race([over.promise, sleep(left, undefined, { signal: enough.signal })]);
      enough.abort();
      if (this.#ending.signal.aborted) throw new LogUnavailable('The log is closed.');
      if (this.#away && deadline <= Date.now()) throw this.refusal();
    }
  }

  /** Resolves as soon as the server can be used, or the signal aborts, or it is over. */
  async untilAvailableOrAborted(signal: AbortSignal): Promise<void> {
    while (this.#away && !signal.aborted) {
      const aborted = Promise.withResolvers<void>();
      const abort = () => aborted.resolve();
      signal.addEventListener('abort', abort);
      await Promise.race([this.#away.over.promise, aborted.promise]);
      signal.removeEventListener('abort', abort);
    }
  }

  refusal(): LogUnavailable {
    return new LogUnavailable(this.#away?.reason ?? "The log can't be reached.", Math.ceil(Math.max(1000, this.#pauseMs) / 1000));
  }

  /** Whoever waits goes on; nothing is tried any more. */
  close(): void {
    this.#ending.abort();
    this.#away?.over.resolve();
    this.#away = undefined;
  }

  async #untilBack(): Promise<void> {
    const { signal } = this.#ending;
    for (;;) {
      await sleep(this.#pauseMs * (0.5 + Math.random() / 2), undefined, { signal }).catch(() => {});
      if (signal.aborted || !this.#away) return;
      this.#pauseMs = Math.min(this.#pauseMs * 2, longestPauseMs);
      try {
        await this.#options.probe();
        break;
      } catch (error) {
        if (this.#away) this.#away.reason = this.#options.because(error);
      }
    }
    if (!this.#away) return;
    const { since, over } = this.#away;
    this.#away = undefined;
    this.#backSince = Date.now();
    this.#options.log.info(`The log server ${this.#options.name} is back after ${((Date.now() - since) / 1000).toFixed(1)} s.`);
    over.resolve();
  }
}
