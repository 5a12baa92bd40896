import { describe, expect, it } from 'vitest';
import { RequestLimiter } from './request-limiter.ts';

describe('the request limiter', () => {
  /** A lane with much to send, one request at a time. */
  const busyLane = (limiter: RequestLimiter, name: string, order: string[]) => {
    const lane = {
      pump: () => {
        if (limiter.isFull) return limiter.waitForRoom(lane);
        order.push(name);
        limiter.begin();
      },
    };
    return lane;
  };

  it('is full at its maximum', () => {
    const limiter = new RequestLimiter(2);
    limiter.begin();
    expect(limiter.isFull).toBe(false);
    limiter.begin();
    expect([limiter.isFull, limiter.inFlight]).toEqual([true, 2]);
  });

  it('gives room to the lane that has waited longest, and then to the next', () => {
    const limiter = new RequestLimiter(1);
    const order: string[] = [];
    const lanes = ['a', 'b', 'c'].map((name) => busyLane(limiter, name, order));
    for (const lane of lanes) lane.pump();
    for (let i = 0; i < 5; i++) limiter.end(lanes['abc'.indexOf(order.at(-1) ?? '')] ?? { pump: () => undefined });
    expect(order).toEqual(['a', 'b', 'c', 'a', 'b', 'c']);
  });

  it('is idle once the last request has ended', async () => {
    const limiter = new RequestLimiter(5);
    await limiter.idle();
    limiter.begin();
    limiter.begin();
    let isIdle = false;
    const idle = limiter.idle().then(() => (isIdle = true));
    limiter.end({ pump: () => undefined });
    await Promise.resolve();
    expect(isIdle).toBe(false);
    limiter.end({ pump: () => undefined });
    await idle;
  });
});
