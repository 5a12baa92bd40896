// Locks within one process, written here because the kept packages have half of it: async-mutex and p-limit bound how many run at once, but none
// locks several keys in one step, shared or exclusive, without deadlocks. The semaphore beside it is not worth a package.

type WaitingHolder = { readonly streams: ReadonlySet<string>; readonly exclusive: boolean; readonly begin: () => void };
type Hold = { count: number; readonly exclusive: boolean };

/**
 * Locks streams, several at once. An append to one stream shares it with other appends. An append to several streams checks and then writes, so it
 * holds them exclusively.
 */
export class StreamLocks {
  readonly #held = new Map<string, Hold>();
  /** In order of arrival: of those that wait for the same stream, the first goes first. */
  #waiting: WaitingHolder[] = [];

  /** Runs `work` while holding the streams. */
  async run<T>(names: readonly string[], { exclusive }: { readonly exclusive: boolean }, work: () => Promise<T>): Promise<T> {
    const streams = new Set(names);
    if (this.#mustWait(streams, exclusive, this.#waiting))
      await new Promise<void>((begin) => this.#waiting.push({ streams, exclusive, begin }));
    else this.#hold(streams, exclusive);
    try {
      return await work();
    } finally {
      this.#release(streams);
    }
  }

  #mustWait(streams: ReadonlySet<string>, exclusive: boolean, ahead: readonly WaitingHolder[]): boolean {
    if (ahead.length === 0 && this.#held.size === 0) return false;
    for (const stream of streams) {
      const hold = this.#held.get(stream);
      if (hold && (exclusive || hold.exclusive)) return true;
    }
    return ahead.some((other) => (exclusive || other.exclusive) && !streams.isDisjointFrom(other.streams));
  }

  #hold(streams: ReadonlySet<string>, exclusive: boolean): void {
    for (const stream of streams) {
      const hold = this.#held.get(stream);
      if (hold) hold.count += 1;
      else this.#held.set(stream, { count: 1, exclusive });
    }
  }

  #release(streams: ReadonlySet<string>): void {
    for (const stream of streams) {
      const hold = this.#held.get(stream);
      if (!hold) continue;
      hold.count -= 1;
      if (hold.count === 0) this.#held.delete(stream);
    }
    if (this.#waiting.length > 0) this.#admitWaiting();
  }

  #admitWaiting(): void {
    const stillWaiting: WaitingHolder[] = [];
    for (const next of this.#waiting) {
      if (this.#mustWait(next.streams, next.exclusive, stillWaiting)) {
        stillWaiting.push(next);
        continue;
      }
      this.#hold(next.streams, next.exclusive);
      next.begin();
    }
    this.#waiting = stillWaiting;
  }
}

/** Lets up to `permits` run at once; the others wait in order. */
export class Semaphore {
  #free: number;
  readonly #waiting: (() => void)[] = [];

  constructor(permits: number) {
    this.#free = permits;
  }

  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free -= 1;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      if (next) next();
      else this.#free += 1;
    }
  }
}
