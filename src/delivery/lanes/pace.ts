// The pace of a lane: how many requests its endpoint may have in flight, and when the next one may go, by what its receiver answered.
// One timer, however much waits.
import type { AttemptResult } from '../attempts/attempt-runner.ts';
import { BackPressure } from './back-pressure.ts';
import { ConcurrencyLimit } from './concurrency-limit.ts';
import type { ReceiverState } from './request-limiter.ts';

export class Pace {
  private readonly limit: ConcurrencyLimit;
  private readonly backPressure = new BackPressure();
  private state: ReceiverState = 'new';

  private timer: NodeJS.Timeout | undefined;

  constructor(
    endpointConcurrency: number,
    /** The wait is over. */
    private readonly onReady: () => void,
  ) {
    this.limit = new ConcurrencyLimit(endpointConcurrency);
  }

  get concurrency(): number {
    return this.limit.current;
  }

  get receiverState(): ReceiverState {
    return this.state;
  }

  /** How long to wait before the next request; 0: it may go now. */
  waitMs(): number {
    return this.backPressure.waitMs(performance.now());
  }

  /** Calls `onReady` once the next request may go. */
  wakeWhenReady(): void {
    this.stop();
    this.timer = setTimeout(this.onReady, Math.ceil(this.waitMs()));
  }

  stop(): void {
    clearTimeout(this.timer);
  }

  /** @param isOnly nothing else is in flight, or waits */
  sent(isOnly: boolean): void {
    this.backPressure.sent(performance.now(), isOnly);
  }

  observe({ receiver, holdMs }: Pick<AttemptResult, 'receiver' | 'holdMs'>): void {
    const now = performance.now();
    if (receiver !== 'unknown') this.state = receiver === 'silent' ? 'silent' : 'answering';
    if (holdMs !== undefined) {
      if (this.backPressure.refused(now, now + holdMs)) this.limit.restart();
      return;
    }
    if (receiver === 'answers') this.backPressure.accepted(now);
    // What was in flight when the receiver refused says nothing about how many it takes.
    if (!this.backPressure.isHeld(now)) this.limit.observe(receiver);
  }

  /** The receiver refused another process, or this one before it started. */
  hold(ms: number): void {
    if (ms <= 0) return;
    const now = performance.now();
    if (!this.backPressure.isHeld(now)) this.limit.restart();
    this.backPressure.holdUntil(now + ms);
  }
}
