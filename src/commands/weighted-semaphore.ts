// A weighted semaphore: limits the weight of the work that runs at one time. The rest waits, in order of arrival.
// Ours, because p-queue counts tasks, not weights, and in async-mutex a task that outweighs the capacity waits for ever.

export class WeightedSemaphore {
  private running = 0;
  private readonly queue: { readonly weight: number; readonly start: () => void }[] = [];

  constructor(private readonly capacity: number) {}

  /** Runs `work` once there is room for its weight. Work that weighs more than the capacity runs alone. */
  async run<T>(weight: number, work: () => Promise<T>): Promise<T> {
    if (this.queue.length > 0 || !this.hasRoom(weight)) await new Promise<void>((start) => this.queue.push({ weight, start }));
    else this.running += weight;
    try {
      return await work();
    } finally {
      this.running -= weight;
      this.startNext();
    }
  }

  private hasRoom(weight: number): boolean {
    return this.running === 0 || this.running + weight <= this.capacity;
  }

  private startNext(): void {
    for (let next = this.queue[0]; next && this.hasRoom(next.weight); next = this.queue[0]) {
      this.queue.shift();
      this.running += next.weight;
      next.start();
    }
  }
}
