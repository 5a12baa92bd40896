// The request limiter: how many requests this process has in flight over all lanes, and which lane is next when one ends.
// Lanes that found no room wait in line, each for one turn, so a lane with a long queue does not hold up the others. Lanes whose receivers don't answer
// get at most half of the places and new ones three quarters: dead endpoints, however many, leave room for those that answer.

/** What a lane knows of its receiver, by the last attempt that said something. */
export type ReceiverState = 'new' | 'answering' | 'silent';

/** A lane that waits for room: `pump` sends what it can. */
export type WaitingLane = { readonly receiverState: ReceiverState; readonly pump: () => void };

const states = ['answering', 'new', 'silent'] as const;
const share: Readonly<Record<ReceiverState, number>> = { answering: 1, new: 0.75, silent: 0.5 };

export class RequestLimiter {
  /** With the numbers of their turns, the longest waiting first. */
  private readonly waiting: Readonly<Record<ReceiverState, Map<WaitingLane, number>>> = {
    answering: new Map(),
    new: new Map(),
    silent: new Map(),
  };
  private turns = 0;
  private readonly count: Record<ReceiverState, number> = { answering: 0, new: 0, silent: 0 };
  private whenIdle: (() => void) | undefined;

  /** When the first request of this turn of the event loop began. */
  private turnBegan: number | undefined;

  constructor(
    private readonly max: number,
    /** How long to begin requests in one turn of the event loop: publishers and queries have their turns in between. */
    private readonly turnMs = Infinity,
  ) {}

  get inFlight(): number {
    return this.count.answering + this.count.new + this.count.silent;
  }

  hasRoom(state: ReceiverState): boolean {
    if (this.inFlight >= this.max || this.isTurnOver) return false;
    const inClass = state === 'answering' ? 0 : state === 'new' ? this.count.new + this.count.silent : this.count.silent;
    return inClass < Math.ceil(this.max * share[state]);
  }

  /** Resolves once nothing is in flight. */
  async idle(): Promise<void> {
    if (this.inFlight > 0) await new Promise<void>((resolve) => (this.whenIdle = resolve));
  }

  begin(state: ReceiverState): void {
    this.count[state]++;
    if (this.turnBegan !== undefined || this.turnMs === Infinity) return;
    this.turnBegan = performance.now();
    setImmediate(() => {
      this.turnBegan = undefined;
      this.fill();
    });
  }

  /** @param begunAs the state that it began with. The lane goes to the end of the line. */
  end(lane: WaitingLane, begunAs: ReceiverState): void {
    this.count[begunAs]--;
    if (this.inFlight === 0) this.whenIdle?.();
    this.leave(lane);
    this.waitForRoom(lane);
    this.fill();
  }

  private fill(): void {
    for (let next = this.next(); next; next = this.next()) {
      this.leave(next);
      next.pump();
    }
  }

  private get isTurnOver(): boolean {
    return this.turnBegan !== undefined && performance.now() - this.turnBegan >= this.turnMs;
  }

  waitForRoom(lane: WaitingLane): void {
    if (this.waiting[lane.receiverState].has(lane)) return;
    this.leave(lane); // its state has changed
    this.waiting[lane.receiverState].set(lane, this.turns++);
  }

  private leave(lane: WaitingLane): void {
    for (const state of states) this.waiting[state].delete(lane);
  }

  /** The lane that has waited longest, of those for which there is room. */
  private next(): WaitingLane | undefined {
    let longest: { readonly lane: WaitingLane; readonly turn: number } | undefined;
    for (const state of states) {
      if (this.waiting[state].size === 0 || !this.hasRoom(state)) continue;
      const [[lane, turn] = []] = this.waiting[state];
      if (lane && turn !== undefined && (!longest || turn < longest.turn)) longest = { lane, turn };
    }
    return longest?.lane;
  }
}
