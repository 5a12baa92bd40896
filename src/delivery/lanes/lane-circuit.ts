// The circuit of a lane: whether only probes go out, and how fast a backlog drains once the receiver answers again. It follows the log, and this process's
// own attempts before the log's followers come to them. Times are milliseconds of one steady clock.
import { closedCircuit, evolveCircuit, type AttemptOutcome, type Circuit, type HealthState } from '../../domain/circuit.ts';

/** After an open circuit closed: requests a second at first. The rate doubles with each second of answers. */
const firstPerSecond = 5;
const doublesEveryMs = 1_000;
/** A faster rate needs no pacing. */
const fastestPerSecond = 1_000;
/** Another replica makes the probe, and its outcome is awaited. */
const awaitedMs = 5_000;
/** The log is followed so far. */
const followedMs = 5_000;

export class LaneCircuit {
  private circuit: Circuit = closedCircuit;
  private probeAt = Number.NEGATIVE_INFINITY;
  /** When the circuit closed; undefined: the backlog drains at full speed. */
  private closedAt: number | undefined;
  private nextAt = Number.NEGATIVE_INFINITY;
  /** Since when its attempts have failed, as far as this process can tell. */
  private failingAt: number | undefined;
  /** When an attempt of this process ended last. */
  private observedAt = Number.NEGATIVE_INFINITY;

  get state(): HealthState {
    return this.circuit.state;
  }

  get isOpen(): boolean {
    return this.circuit.state === 'OPEN';
  }

  /** For how long its attempts have failed, as a whole number. */
  failingMs(now: number): number {
    return this.failingAt === undefined ? 0 : Math.round(now - this.failingAt);
  }

  /** How long to wait before the next request; 0: it may go now, as a probe if the circuit is open. */
  waitMs(now: number): number {
    if (this.isOpen) return Math.max(0, this.probeAt - now);
    if (this.isLimiting(now)) return Math.max(0, this.nextAt - now);
    this.closedAt = undefined;
    return 0;
  }

  /** What waits in the lane waits for the circuit, or for the slow drain after it. */
  isLimiting(now: number): boolean {
    return this.isOpen || (this.closedAt !== undefined && this.rateAt(now, this.closedAt) < fastestPerSecond);
  }

  sent(now: number): void {
    if (this.closedAt !== undefined && !this.isOpen) this.nextAt = Math.max(now, this.nextAt) + 1_000 / this.rateAt(now, this.closedAt);
  }

  /** An attempt of this process has ended. */
  observe(outcome: AttemptOutcome, now: number): void {
    if (outcome.error === null && this.circuit.consecutiveFailures === 0) return;
    if (outcome.error !== null && this.closedAt !== undefined) this.closedAt = now; // it drains slowly again
    this.observedAt = now;
    const circuit = evolveCircuit(this.circuit, { type: 'attempt', outcome });
    this.become(circuit, (circuit.nextProbeAt ?? 0) - outcome.endedAt, now);
  }

  /** What the log says. @param probeInMs until the next probe of an open circuit */
  follow(circuit: Circuit, probeInMs: number, now: number): void {
    if (!this.isAheadOf(circuit, now)) this.become(circuit, probeInMs, now);
  }

  /** Another replica makes the probe. */
  awaitProbe(now: number): void {
    this.probeAt = now + awaitedMs;
  }

  private become(circuit: Circuit, probeInMs: number, now: number): void {
    const { circuit: before } = this;
    this.circuit = circuit;
    // Another process, or an earlier start of this one, may know of failures before. What passed between its last one and now does not count.
    if (circuit.consecutiveFailures === 0) this.failingAt = undefined;
    else this.failingAt = Math.min(this.failingAt ?? now, now - circuit.failingMs);
    if (circuit.state === 'OPEN') {
      this.closedAt = undefined;
      if (before.nextProbeAt !== circuit.nextProbeAt) this.probeAt = now + probeInMs;
    } else if (before.state === 'OPEN') {
      this.closedAt = now;
      this.nextAt = now;
    }
  }

  /** The log's followers have not come to this process's last attempt yet. They come soon: after a while, the times are of clocks that differ. */
  private isAheadOf({ lastAttemptAt }: Circuit, now: number): boolean {
    return now < this.observedAt + followedMs && (this.circuit.lastAttemptAt ?? 0) > (lastAttemptAt ?? 0);
  }

  private rateAt(now: number, closedAt: number): number {
    return firstPerSecond * 2 ** ((now - closedAt) / doublesEveryMs);
  }
}
