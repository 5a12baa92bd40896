import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { RateLimit, type ReserveTimes } from './rate-limit.ts';

type Rate = { perSecond: number; burst: number };
const reserveOf = (rate: Rate) => {
  let fullAt = 0;
  const reserve: ReserveTimes = async (count, { perSecond, burst }) => {
    const first = Math.max(fullAt, performance.now());
    fullAt = first + (count * 1_000) / perSecond;
    return first - ((burst - 1) * 1_000) / rate.perSecond - performance.now();
  };
  return vi.fn<ReserveTimes>(reserve);
};

/** Lanes with endless backlogs, whose timers come late by up to `lateMs`. @returns when requests went out, until `ms` have passed */
const sendFor = async (
  ms: number,
  rate: Rate,
  { lanes = 1, lateMs = 0, reserve }: { lanes?: number; lateMs?: number; reserve?: ReserveTimes } = {},
) => {
  const sent: number[] = [];
  const start = performance.now();
  for (let i = 0; i < lanes; i++) {
    let timer: NodeJS.Timeout | undefined;
    const pump = () => {
      for (;;) {
        const now = performance.now();
        const wait = limit.waitMs(now, rate, 1_000);
        if (wait > 0) {
          clearTimeout(timer);
          timer = setTimeout(pump, Math.ceil(wait) + Math.round(Math.random() * lateMs));
          return;
        }
        limit.sent(now, false);
        sent.push(now - start);
      }
    };
    const limit: RateLimit = new RateLimit(reserve, pump);
    pump();
  }
  await vi.advanceTimersByTimeAsync(ms);
  return sent;
};

const within = (sent: readonly number[], from: number, ms: number) => sent.filter((at) => at >= from && at < from + ms).length;

describe('the rate limit', () => {
  beforeEach(() => vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] }));
  afterEach(() => vi.useRealTimers());

  it.each([0.5, 1, 7, 100, 2_500])('is exact within 5 %% over any 10 s: %d a second, with late timers', async (perSecond) => {
    const sent = await sendFor(30_000, { perSecond, burst: 1 }, { lateMs: 5 });
    for (let from = 0; from <= 20_000; from += 1_000) {
      expect(within(sent, from, 10_000)).toBeGreaterThanOrEqual(Math.floor(10 * perSecond * 0.95));
      expect(within(sent, from, 10_000)).toBeLessThanOrEqual(Math.ceil(10 * perSecond * 1.05));
    }
  });

  it.each([1, 40, 1_000])('is so for three replicas together: %d a second', async (perSecond) => {
    const reserve = reserveOf({ perSecond, burst: 1 });
    const sent = await sendFor(30_000, { perSecond, burst: 1 }, { lanes: 3, lateMs: 5, reserve });
    for (let from = 0; from <= 20_000; from += 1_000) {
      expect(within(sent, from, 10_000)).toBeGreaterThanOrEqual(Math.floor(10 * perSecond * 0.95));
      expect(within(sent, from, 10_000)).toBeLessThanOrEqual(Math.ceil(10 * perSecond * 1.05));
    }
    expect(reserve.mock.calls.length).toBeLessThan(30 * Math.min(perSecond, 5) + 10); // several at a time
  });

  it('lets a burst out after a pause, and none at the start, when nobody knows what was sent before', async () => {
    const rate = { perSecond: 10, burst: 5 };
    const limit = new RateLimit(undefined, () => undefined);
    const sendAll = () => {
      let count = 0;
      for (const now = performance.now(); limit.waitMs(now, rate, 100) === 0; count++) limit.sent(now, count === 0);
      return count;
    };
    expect(sendAll()).toBe(1);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(sendAll()).toBe(5);
    await vi.advanceTimersByTimeAsync(200);
    expect(sendAll()).toBe(2);
  });

  it('does not save up while the lane has nothing to send', async () => {
    const rate = { perSecond: 10, burst: 1 };
    const limit = new RateLimit(undefined, () => undefined);
    for (let i = 0; i < 3; i++) {
      expect(limit.waitMs(performance.now(), rate, 1)).toBe(0);
      limit.sent(performance.now(), true);
      expect(limit.waitMs(performance.now(), rate, 1)).toBe(100);
      await vi.advanceTimersByTimeAsync(150);
    }
  });

  it('is the new one as soon as it is changed, also after a slow one', () => {
    const limit = new RateLimit(undefined, () => undefined);
    const [slow, fast] = [
      { perSecond: 0.001, burst: 1 },
      { perSecond: 100, burst: 1 },
    ];
    limit.waitMs(0, slow, 1);
    limit.sent(0, true);
    expect(limit.waitMs(0, slow, 1)).toBe(1_000_000);
    expect(limit.waitMs(0, fast, 1)).toBe(0);
    expect(limit.waitMs(0, null, 1)).toBe(0);
  });

  it('reserves nothing while there is nothing to send, and tries again after a failure', async () => {
    const reserve = vi.fn<ReserveTimes>().mockRejectedValueOnce(new Error('away')).mockResolvedValue(0);
    const onReserved = vi.fn<() => void>();
    const limit = new RateLimit(reserve, onReserved);
    const rate = { perSecond: 10, burst: 1 };
    expect(limit.waitMs(0, rate, 0)).toBe(0);
    expect(reserve).not.toHaveBeenCalled();
    limit.waitMs(0, rate, 1);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(onReserved).toHaveBeenCalledOnce();
    limit.waitMs(performance.now(), rate, 1);
    await vi.advanceTimersByTimeAsync(0);
    expect(limit.waitMs(performance.now(), rate, 1)).toBe(0);
  });
});
