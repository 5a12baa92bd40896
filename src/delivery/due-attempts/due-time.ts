// Due times: when something that the log says is due is due by the clock of the due attempts.
// Guarantee: nothing waits longer than the delay that was decided, counted from when this process learned of it. Limit: what this process learns of
// late, as after a restart, may come sooner, if the wall clock was set forward meanwhile.

/** When this process learned of an event. */
export type Learned = {
  /** By the clock of the due attempts. */
  readonly at: number;
  /** The same moment by the wall clock. Undefined: the event was recorded just before, so its delay begins now. */
  readonly wallClock?: number;
};

/** @param planned when it is due by the recorded times. Other machines' clocks made them, so they only shorten the wait. */
export const dueTimeOf = (planned: number, delayMs: number, { at, wallClock }: Learned): number =>
  wallClock === undefined ? at + delayMs : at + Math.min(delayMs, planned - wallClock);
