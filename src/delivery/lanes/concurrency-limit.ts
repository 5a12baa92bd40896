// The limit of concurrent requests to one endpoint. It grows while the receiver answers and halves while it does not.
import type { AttemptResult } from '../attempts/attempt-runner.ts';

/** A new lane begins with this many: the receiver has to answer before it gets more. */
const firstLimit = 8;

export class ConcurrencyLimit {
  private limit: number;

  constructor(private readonly max: number) {
    this.limit = Math.min(firstLimit, max);
  }

  get current(): number {
    return this.limit;
  }

  observe(receiver: AttemptResult['receiver']): void {
    if (receiver === 'answers') this.limit = Math.min(this.limit + 1, this.max);
    else if (receiver === 'struggles') this.limit = Math.max(1, Math.floor(this.limit / 2));
  }
}
