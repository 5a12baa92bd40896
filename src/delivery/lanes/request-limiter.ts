// The request limiter: how many requests this process has in flight over all lanes, and which lane is next when one ends.
// Lanes that found no room wait in line, each for one turn, so a lane with a long queue does not hold up the others.

/** A lane that waits for room: `pump` sends what it can. */
type WaitingLane = { readonly pump: () => void };

export class RequestLimiter {
  private readonly waiting = new Set<WaitingLane>();
  private count = 0;
  private whenIdle: (() => void) | undefined;

  constructor(private readonly max: number) {}

  get inFlight(): number {
    return this.count;
  }

  get isFull(): boolean {
    return this.count >= this.max;
  }

  /** Resolves once nothing is in flight. */
  async idle(): Promise<void> {
    if (this.count > 0) await new Promise<void>((resolve) => (this.whenIdle = resolve));
  }

  begin(): void {
    this.count++;
  }

  /** The lane whose request has ended goes to the end of the line. */
  end(lane: WaitingLane): void {
    if (--this.count === 0) this.whenIdle?.();
    this.waiting.add(lane);
    for (const next of this.waiting) {
      if (this.isFull) break;
      this.waiting.delete(next);
      next.pump();
    }
  }

  waitForRoom(lane: WaitingLane): void {
    this.waiting.add(lane);
  }
}
