// How many WebSockets and subscriptions there may be: in all, per address, per key and per connection.
export const limits = {
  connections: 2_000,
  connectionsPerAddress: 500,
  connectionsPerKey: 200,
  operations: 5_000,
  operationsPerKey: 500,
  operationsPerConnection: 50,
} as const;

/** Counts by name, and forgets names that are at zero. */
export class Counts {
  private readonly counts = new Map<string, number>();
  private sum = 0;

  get total(): number {
    return this.sum;
  }

  of(name: string): number {
    return this.counts.get(name) ?? 0;
  }

  add(name: string, by: 1 | -1): void {
    this.sum += by;
    const count = this.of(name) + by;
    if (count === 0) this.counts.delete(name);
    else this.counts.set(name, count);
  }
}
