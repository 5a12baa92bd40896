// Back-pressure: what a lane does about a receiver that asks for patience (429 or 503 with Retry-After). It sends nothing until then. It learns from how
// much went through before the refusal which rate the receiver takes, stays below that, and tries a little more every ten seconds.
// All times are milliseconds of one steady clock.

/** Of what went through before a refusal. */
const startingShare = 0.9;
/** Of the rate at which a receiver refused that had accepted that rate before. */
const shareAfterRefusal = 0.7;
const growth = 1.2;
const growEveryMs = 10_000;
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
    const rate = this.ratePerMs * growth;
    this.ratePerMs = rate > fastestPerMs ? undefined : rate;
  }

  /** The receiver wants no request before `until`. @returns whether that is news, and not said to requests that were in flight together */
  refused(now: number, until: number): boolean {
    const isNew = !this.isHeld(now);
    if (isNew) this.learn(now, Math.min(until - now, longestPeriodMs));
    this.heldUntil = Math.max(this.heldUntil, until);
    this.nextAt = this.heldUntil;
    this.grownAt = this.heldUntil;
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
