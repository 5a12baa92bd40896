// The turnstile: how many messages are on their way into the log at one time. What exceeds it waits its turn, in order.
// Why: all that arrives in one turn of the event loop would otherwise go in before one outcome is handled, so that under load messages pile up
// faster than they are delivered. A group commit of this size loses no throughput.

export class Turnstile {
  private inside = 0;
  private readonly queue: { readonly weight: number; readonly enter: () => void }[] = [];

  constructor(private readonly capacity: number) {}

  /** Carries out `work` when there is room for its weight; one that weighs more than the capacity goes alone. */
  async pass<T>(weight: number, work: () => Promise<T>): Promise<T> {
    if (this.queue.length > 0 || !this.hasRoom(weight)) await new Promise<void>((enter) => this.queue.push({ weight, enter }));
    else this.inside += weight;
    try {
      return await work();
    } finally {
      this.inside -= weight;
      this.admit();
    }
  }

  private hasRoom(weight: number): boolean {
    return this.inside === 0 || this.inside + weight <= this.capacity;
  }

  private admit(): void {
    for (let next = this.queue[0]; next && this.hasRoom(next.weight); next = this.queue[0]) {
      this.queue.shift();
      this.inside += next.weight;
      next.enter();
    }
  }
}
