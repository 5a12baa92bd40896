// The slots of one endpoint that this replica holds, and how many of them its requests use.

export class HeldSlots {
  private readonly numbers = new Set<number>();
  private used = 0;
  /** The most that were in use at one time since `beginPeriod`. */
  private peak = 0;
  /** Promised to other replicas, as soon as they are not in use. */
  private promised = 0;
  /** When the first of their leases ends, by this process's steady clock. */
  private firstEnd = 0;

  get size(): number {
    return this.numbers.size;
  }

  get inUse(): number {
    return this.used;
  }

  /** In use or available to this replica's requests: all but the promised ones. */
  get usable(): number {
    return this.numbers.size - this.promised;
  }

  get hasPromised(): boolean {
    return this.promised > 0;
  }

  get isEmpty(): boolean {
    return this.numbers.size === 0 && this.used === 0;
  }

  get until(): number {
    return this.firstEnd;
  }

  all(): readonly number[] {
    return [...this.numbers];
  }

  /** @returns whether one was available */
  take(): boolean {
    if (this.used >= this.usable) return false;
    this.used++;
    this.peak = Math.max(this.peak, this.used);
    return true;
  }

  release(): void {
    this.used--;
  }

  add(number: number, until: number): void {
    this.firstEnd = this.numbers.size === 0 ? until : Math.min(this.firstEnd, until);
    this.numbers.add(number);
    this.peak = this.numbers.size; // what was just requested is about to be used
  }

  /** Another replica has it now. */
  lose(number: number): void {
    this.numbers.delete(number);
  }

  renewed(until: number): void {
    this.firstEnd = until;
  }

  /** Promises half of them, but not the last one, to a replica that has none. @returns whether it promised any */
  promiseHalf(): boolean {
    if (this.numbers.size < 2 || this.promised > 0) return false;
    this.promised = Math.floor(this.numbers.size / 2);
    return true;
  }

  /** Removes those that were not needed at the peak of the period, and begins a new one. */
  beginPeriod(): readonly number[] {
    const removed = this.removeBeyond(this.peak);
    this.peak = this.used;
    this.promised = Math.min(this.promised, Math.max(0, this.numbers.size - 1)); // some may have been lost
    return removed;
  }

  removeUnused(): readonly number[] {
    return this.removeBeyond(this.used);
  }

  /** Removes the promised ones that are not in use. */
  removePromised(): readonly number[] {
    return this.removeBeyond(Math.max(this.used, this.usable));
  }

  /** Removes those that the endpoint has no more, since its limit was lowered. Requests that use them end as they are. */
  removeBeyondNumber(limit: number): readonly number[] {
    const removed = this.all().filter((number) => number > limit);
    for (const number of removed) this.numbers.delete(number);
    this.promised = Math.max(0, this.promised - removed.length);
    return removed;
  }

  private removeBeyond(count: number): readonly number[] {
    const removed = this.all().slice(count);
    for (const number of removed) this.numbers.delete(number);
    this.promised = Math.max(0, this.promised - removed.length);
    return removed;
  }
}
