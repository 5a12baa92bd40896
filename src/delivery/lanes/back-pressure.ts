// Back-pressure: what a lane does about a receiver that asks for patience (429 or 503 with Retry-After). It sends nothing until then. It learns from how
// much went through before the refusal which rate the receiver takes, stays below that, and tries more every ten seconds: a little at first, and ever more
// the longer nothing is refused, so a receiver whose limit was lifted gets all it takes within about a minute.
// All times are milliseconds of one steady clock.

/** Of what went through before a refusal. */
const startingShare = 0.9;
/** Of the rate at which a receiver refused that had accepted that rate before. */
const shareAfterRefusal = 0.7;
const growEveryMs = 10_000;
/** 20 % more at first. Each step is half as large again as the one before it: six take one a second to more than a thousand. */
const growthAfter = (steps: number): number => 1.2 * 1.5 ** steps;
/** A faster rate needs no pacing. */
const fastestPerMs = 2;
/** A longer hold says when to come back, not which rate is right: a receiver that is closed for an hour takes more than one an hour. */
const longestPeriodMs = 60_000;

export class BackPressure {
  private heldUntil = Number.NEGATIVE_INFINITY;
  /** Learned; undefined: the receiver takes what it is sent. */
  private ratePerMs: number | undefined;
  private nextAt = Number.NEGATIVE_INFINITY;
  private grownAt = Number.NEGATIVE_INFINITY;
  /** How often the rate has grown since the last refusal. */
  private growths = 0;
  /** Requests that went through since `since`. */
  private passed = 0;
  private since = Number.NEGATIVE_INFINITY;

  /** How long to wait before the next request; 0: it may go now. */
  waitMs(now: number): number {
    return Math.max(0, this.heldUntil - now, this.ratePerMs === undefined ? 0 : this.nextAt - now);
  }

  /** The receiver takes no more than a rate, or nothing for now. */
  isLimiting(now: number): boolean {
    return this.ratePerMs !== undefined || this.isHeld(now);
  }

  isHeld(now: number): boolean {
    return now < this.heldUntil;
  }

  /** A request goes out now. @param isOnly nothing else is in flight or waits: what went through is counted from here */
  sent(now: number, isOnly: boolean): void {
    if (this.ratePerMs !== undefined) this.nextAt = Math.max(now, this.nextAt + 1 / this.ratePerMs);
    if (!isOnly && now - this.since < longestPeriodMs) return;
    this.since = now;
    this.passed = 0;
  }

  /** The receiver took a request. */
  accepted(now: number): void {
    this.passed++;
    if (this.ratePerMs === undefined || this.isHeld(now) || now - this.grownAt < growEveryMs) return;
    this.grownAt = now;
    const rate = this.ratePerMs * growthAfter(this.growths++);
    this.ratePerMs = rate > fastestPerMs ? undefined : rate;
  }

  /** The receiver wants no request before `until`. @returns whether that is news, and not said to requests that were in flight together */
  refused(now: number, until: number): boolean {
    const isNew = !this.isHeld(now);
    if (isNew) this.learn(now, Math.min(until - now, longestPeriodMs));
    this.heldUntil = Math.max(this.heldUntil, until);
    this.nextAt = this.heldUntil;
    this.grownAt = this.heldUntil;
    this.growths = 0;
    this.since = this.heldUntil;
    this.passed = 0;
    return isNew;
  }

  /** Another process was refused. */
  holdUntil(until: number): void {
    this.heldUntil = Math.max(this.heldUntil, until);
  }

  private learn(now: number, periodMs: number): void {
    const rate = this.ratePerMs;
    const observed = this.passed === 0 ? undefined : (startingShare * this.passed) / (now - this.since + periodMs);
    if (rate === undefined) this.ratePerMs = observed;
    else this.ratePerMs = Math.min(rate, Math.max(observed ?? 0, rate * shareAfterRefusal));
  }
}
