// Turns at streams, within one process. An append of several streams is carried out in steps, check and append; what else is on its way to one
// of its streams must be over before, or wait until after. Appends of one stream never wait for each other.

type Waiting = { readonly streams: ReadonlySet<string>; readonly alone: boolean; readonly begin: () => void };
type Holders = { count: number; readonly alone: boolean };

export class StreamLocks {
  readonly #held = new Map<string, Holders>();
  /** In order of arrival; of those that wait for one stream, the first goes first. */
  #waiting: Waiting[] = [];

  /** Carries out `work` when nobody is at any of the streams alone; `alone`: when nobody is there at all, and then nobody else is. */
  async run<T>(names: readonly string[], { alone }: { readonly alone: boolean }, work: () => Promise<T>): Promise<T> {
    const streams = new Set(names);
    if (this.#mustWait(streams, alone, this.#waiting)) {
      await new Promise<void>((begin) => this.#waiting.push({ streams, alone, begin }));
    } else this.#hold(streams, alone);
    try {
      return await work();
    } finally {
      this.#leave(streams);
    }
  }

  #mustWait(streams: ReadonlySet<string>, alone: boolean, before: readonly Waiting[]): boolean {
    if (before.length === 0 && this.#held.size === 0) return false;
    for (const stream of streams) {
      const holders = this.#held.get(stream);
      if (holders && (alone || holders.alone)) return true;
    }
    return before.some((other) => (alone || other.alone) && !streams.isDisjointFrom(other.streams));
  }

  #hold(streams: ReadonlySet<string>, alone: boolean): void {
    for (const stream of streams) {
      const holders = this.#held.get(stream);
      if (holders) holders.count += 1;
      else this.#held.set(stream, { count: 1, alone });
    }
  }

  #leave(streams: ReadonlySet<string>): void {
    for (const stream of streams) {
      const holders = this.#held.get(stream);
      if (!holders) continue;
      holders.count -= 1;
      if (holders.count === 0) this.#held.delete(stream);
    }
    if (this.#waiting.length > 0) this.#admit();
  }

  #admit(): void {
    const still: Waiting[] = [];
    for (const next of this.#waiting) {
      if (this.#mustWait(next.streams, next.alone, still)) {
        still.push(next);
        continue;
      }
      this.#hold(next.streams, next.alone);
      next.begin();
    }
    this.#waiting = still;
  }
}
