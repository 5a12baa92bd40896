// The pace of a lane: how many requests its endpoint may have in flight, and when the next one may go, by what its receiver answered.
// One timer, however much waits.
import type { AttemptResult } from '../attempts/attempt-runner.ts';
import type { Circuit, HealthState } from '../../domain/circuit.ts';
import type { PaceSettings } from '../../domain/endpoint-pace.ts';
import { BackPressure } from './back-pressure.ts';
import { ConcurrencyLimit } from './concurrency-limit.ts';
import { LaneCircuit } from './lane-circuit.ts';
import { RateLimit, type ReserveTimes } from './rate-limit.ts';
import { ReceiverSpeed } from './receiver-speed.ts';
import type { ReceiverState } from './request-limiter.ts';

export class Pace {
  private readonly limit: ConcurrencyLimit;
  private backPressure = new BackPressure();
  private readonly rateLimit: RateLimit;
  private speed = new ReceiverSpeed();
  readonly circuit = new LaneCircuit();
  private state: ReceiverState = 'new';
  /** The revision that changed the URL last. What was learned is about the receiver there. */
  urlRevision = 0;
  private timer: NodeJS.Timeout | undefined;

  constructor(
    /** What the endpoint has set; undefined: there is no such endpoint. Called each time, as it may be changed. */
    private readonly settings: () => PaceSettings | undefined,
    /** Requests at one time, where the endpoint has set nothing. */
    private readonly endpointConcurrency: number,
    /** The wait is over. */
    private readonly onReady: () => void,
    reserve: ReserveTimes | undefined,
  ) {
    this.limit = new ConcurrencyLimit(() => settings()?.maxConcurrency ?? endpointConcurrency);
    this.rateLimit = new RateLimit(reserve, onReady);
  }

  /** Requests at one time. */
  get concurrency(): number {
    if (this.isGone) return this.endpointConcurrency;
    return this.circuit.isOpen ? 1 : this.limit.current;
  }

  /** The circuit is open. */
  get allowsProbesOnly(): boolean {
    return !this.isGone && this.circuit.isOpen;
  }

  get circuitState(): HealthState {
    return this.isGone ? 'HEALTHY' : this.circuit.state;
  }

  /** The same for those that a person waits for: no probe and no other request keeps them waiting, but the endpoint's own limit does. */
  get urgentConcurrency(): number {
    return Math.min(Math.max(this.limit.current, 2), this.settings()?.maxConcurrency ?? Infinity);
  }

  get receiverState(): ReceiverState {
    return this.state;
  }

  /** Whether the receiver takes as much as this process can send. */
  get keepsUp(): boolean {
    const { rateLimit, maxConcurrency } = this.settings() ?? {};
    const now = performance.now();
    if (rateLimit || this.backPressure.isLimiting(now) || this.circuit.isLimiting(now)) return false;
    return this.speed.keepsUp(maxConcurrency ?? this.endpointConcurrency);
  }

  /** How long to wait before the next request; 0: it may go now. @param waiting how many there are to send */
  waitMs(waiting: number): number {
    if (this.isGone) return 0;
    const now = performance.now();
    const held = Math.max(this.backPressure.waitMs(now), this.circuit.waitMs(now));
    return held > 0 ? held : this.rateLimit.waitMs(now, this.settings()?.rateLimit ?? null, waiting);
  }

  /** Calls `onReady` after that time. */
  wakeWhenReady(waitMs: number): void {
    this.stop();
    this.timer = setTimeout(this.onReady, Math.ceil(waitMs));
  }

  /** The endpoint was deleted: what waits is cancelled, which its receiver has no part in. */
  private get isGone(): boolean {
    return this.settings() === undefined;
  }

  stop(): void {
    clearTimeout(this.timer);
  }

  /** Nothing limits the receiver, and it does what a new one is taken to do. */
  isForgettable(now: number): boolean {
    if (this.settings()?.rateLimit) return false;
    return (
      this.state !== 'silent' && !this.backPressure.isLimiting(now) && !this.circuit.isLimiting(now) && this.circuitState === 'HEALTHY'
    );
  }

  /** @param isOnly nothing else is in flight, or waits */
  sent(isOnly: boolean): void {
    const now = performance.now();
    this.backPressure.sent(now, isOnly);
    this.rateLimit.sent(now, isOnly);
    this.circuit.sent(now);
  }

  observe({ receiver, holdMs, durationMs, outcome }: Omit<AttemptResult, 'position'>): void {
    if (outcome && outcome.endpointRevision < this.urlRevision) return; // it was another receiver's
    const now = performance.now();
    this.speed.observe(receiver, durationMs);
    if (outcome) this.circuit.observe(outcome, now);
    if (receiver !== 'unknown') this.state = receiver === 'silent' ? 'silent' : 'answering';
    if (holdMs !== undefined) {
      if (this.backPressure.refused(now, now + holdMs)) this.limit.restart();
      return;
    }
    if (receiver === 'answers') this.backPressure.accepted(now);
    // What was in flight when the receiver refused says nothing about how many it takes.
    if (!this.backPressure.isHeld(now)) this.limit.observe(receiver);
  }

  /** The circuit as the log has it. @param probeInMs until the next probe of an open circuit */
  followCircuit(circuit: Circuit, probeInMs: number): void {
    this.circuit.follow(circuit, probeInMs, performance.now());
    if (this.circuit.isOpen && this.state === 'new') this.state = 'silent';
  }

  /** Forgets what was learned, if the URL was changed by that revision. The circuit follows the log by itself. */
  follow(urlRevision: number): void {
    if (urlRevision <= this.urlRevision) return;
    this.urlRevision = urlRevision;
    this.backPressure = new BackPressure();
    this.speed = new ReceiverSpeed();
    this.limit.restart();
    this.state = 'new';
  }

  /** The receiver refused another process, or this one before it started. */
  hold(ms: number): void {
    if (ms <= 0) return;
    const now = performance.now();
    if (!this.backPressure.isHeld(now)) this.limit.restart();
    this.backPressure.holdUntil(now + ms);
  }
}
