// The limit of concurrent requests to one endpoint. It doubles with each round of answers, and halves while the receiver does not answer.
import type { AttemptResult } from '../attempts/attempt-runner.ts';

/** A new lane begins with this many: the receiver has to answer before it gets more. */
const firstLimit = 2;

export class ConcurrencyLimit {
  private limit = firstLimit;

  /** @param max the most that the endpoint may have, called each time, as it may be changed */
  constructor(private readonly max: () => number) {}

  get current(): number {
    return Math.min(this.limit, this.max());
  }

  observe(receiver: AttemptResult['receiver']): void {
    if (receiver === 'answers') this.limit = Math.min(this.limit + 1, this.max());
    else if (receiver !== 'unknown') this.limit = Math.max(1, Math.floor(this.limit / 2));
  }

  /** Begins with one again. */
  restart(): void {
    this.limit = 1;
  }
}
