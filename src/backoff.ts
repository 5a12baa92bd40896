// Backoff: the growing, jittered pauses between tries of something that failed. Every retry loop in the service uses this one.
import { setTimeout as sleep } from 'node:timers/promises';

type BackoffOptions = {
  /** The first pause, in milliseconds. Each further one may take twice as long, up to `longestMs`. */
  readonly firstMs: number;
  readonly longestMs: number;
};

export class Backoff {
  private ms: number;

  constructor(
    private readonly options: BackoffOptions,
    /** In [0, 1) */
    private readonly random: () => number = Math.random,
  ) {
    this.ms = options.firstMs;
  }

  /** The longest that the next pause can take. */
  get longestNextMs(): number {
    return this.ms;
  }

  /** The length of the next pause. Between half of it and all of it, so that replicas that failed together do not try again together. */
  next(): number {
    const ms = this.ms * (0.5 + this.random() / 2);
    this.ms = Math.min(2 * this.ms, this.options.longestMs);
    return ms;
  }

  /** Waits for the next pause to end, or for `signal` to abort. Never rejects. */
  async pause(signal?: AbortSignal): Promise<void> {
    await sleep(this.next(), undefined, signal && { signal }).catch(() => undefined);
  }

  /** After a success: begins with the first pause again. */
  reset(): void {
    this.ms = this.options.firstMs;
  }
}

/**
 * Calls `work` until it succeeds. It may run more than once, and may have succeeded although its answer was lost, so it has to be idempotent.
 * @throws what `work` throws, if `isRetryable` says no or `signal` has aborted
 */
export const retry = async <T>(
  work: () => Promise<T>,
  isRetryable: (error: unknown) => boolean,
  { signal, ...options }: BackoffOptions & { readonly signal?: AbortSignal },
): Promise<T> => {
  for (const backoff = new Backoff(options); ; await backoff.pause(signal)) {
    try {
      return await work();
    } catch (error) {
      if (!isRetryable(error) || signal?.aborted) throw error;
    }
  }
};
