// The rate limit of a lane: when the next request may go by the rate that the endpoint has set. Alone, a process counts for itself. Replicas reserve the
// times of their next requests in a table that they share, some at a time, so that together they keep the rate.
// Guarantee: as many requests as the rate allows over any 10 s, but for 5 %, if there are as many to send. Times are milliseconds of one steady clock.
import type { RateLimit as RateSettings } from '../../domain/endpoint-pace.ts';

/** A busy lane makes up for a timer or an answer that came late by no more than this. */
const longestLateMs = 250;
/** What replicas reserve at a time: requests of so many seconds, one at least. */
const reservedSeconds = 0.25;
/** A lane looks again after this time whether its times are reserved. */
const reservingMs = 50;
/** After a failure to reserve. */
const retryMs = 1_000;

/** Reserves the times of `count` requests. @returns how long to wait before the first, negative if it may have gone already */
export type ReserveTimes = (count: number, rate: RateSettings) => Promise<number>;

const intervalOf = ({ perSecond }: RateSettings): number => 1_000 / perSecond;
const burstMsOf = (rate: RateSettings): number => (rate.burst - 1) * intervalOf(rate);

export class RateLimit {
  private rate: RateSettings | null = null;
  /** When the bucket is full again; undefined until the first request. */
  private fullAt: number | undefined;
  /** Reserved, the next one first. */
  private times: number[] = [];
  private isReserving = false;

  constructor(
    /** Undefined: no other process sends to the endpoint. */
    private readonly reserve: ReserveTimes | undefined,
    private readonly onReserved: () => void,
  ) {}

  /** How long to wait before the next request; 0: it may go now. @param waiting how many there are to send */
  waitMs(now: number, rate: RateSettings | null, waiting: number): number {
    this.set(rate);
    if (!rate) return 0;
    if (!this.reserve) return Math.max(0, (this.fullAt ?? now) - burstMsOf(rate) - now);
    const tooOld = now - burstMsOf(rate) - longestLateMs;
    while (this.times[0] !== undefined && this.times[0] < tooOld) this.times.shift();
    const [next] = this.times;
    if (next !== undefined) return Math.max(0, next - now);
    if (waiting === 0) return 0;
    if (!this.isReserving) void this.reserveNext(this.reserve, rate, waiting);
    return reservingMs;
  }

  /** A request goes out now. @param isIdle the lane had nothing to send before it */
  sent(now: number, isIdle: boolean): void {
    if (!this.rate) return;
    if (this.reserve) this.times.shift();
    else {
      // After a start nobody knows what was sent before, so the bucket begins with the one request.
      const fullAt = this.fullAt ?? now + burstMsOf(this.rate);
      this.fullAt = Math.max(fullAt, isIdle ? now : now - longestLateMs) + intervalOf(this.rate);
    }
  }

  private set(rate: RateSettings | null): void {
    const { rate: before } = this;
    if (rate?.perSecond === before?.perSecond && rate?.burst === before?.burst) return;
    this.rate = rate;
    this.fullAt = undefined;
    this.times = [];
  }

  private async reserveNext(reserve: ReserveTimes, rate: RateSettings, waiting: number): Promise<void> {
    this.isReserving = true;
    const count = Math.max(1, Math.min(waiting, Math.floor(rate.perSecond * reservedSeconds)));
    try {
      const first = performance.now() + (await reserve(count, rate));
      if (this.rate === rate) this.times = Array.from({ length: count }, (_, i) => first + i * intervalOf(rate));
    } catch {
      await new Promise((resolve) => setTimeout(resolve, retryMs).unref()); // the database is away, and nothing can be claimed either
    }
    this.isReserving = false;
    this.onReserved();
  }
}
