import { describe, expect, it } from 'vitest';
import { RequestLimiter, type ReceiverState } from './request-limiter.ts';

const nobody = { receiverState: 'answering', pump: () => undefined } as const;

describe('the request limiter', () => {
  /** A lane with much to send, one request at a time. */
  const busyLane = (limiter: RequestLimiter, name: string, order: string[], receiverState: ReceiverState = 'answering') => {
    const lane = {
      receiverState,
      pump: () => {
        if (!limiter.hasRoom(receiverState)) return limiter.waitForRoom(lane);
        order.push(name);
        limiter.begin(receiverState);
      },
    };
    return lane;
  };

  it('is full at its maximum', () => {
    const limiter = new RequestLimiter(2);
    limiter.begin('answering');
    expect(limiter.hasRoom('answering')).toBe(true);
    limiter.begin('answering');
    expect([limiter.hasRoom('answering'), limiter.inFlight]).toEqual([false, 2]);
  });

  it('gives room to the lane that has waited longest, and then to the next', () => {
    const limiter = new RequestLimiter(1);
    const order: string[] = [];
    const lanes = ['a', 'b', 'c'].map((name) => busyLane(limiter, name, order));
    for (const lane of lanes) lane.pump();
    for (let i = 0; i < 5; i++) limiter.end(lanes['abc'.indexOf(order.at(-1) ?? '')] ?? nobody, 'answering');
    expect(order).toEqual(['a', 'b', 'c', 'a', 'b', 'c']);
  });

  describe('keeps places for lanes whose receivers answer', () => {
    const fill = (limiter: RequestLimiter, state: ReceiverState) => {
      let begun = 0;
      for (; limiter.hasRoom(state); begun++) limiter.begin(state);
      return begun;
    };

    it('half of them from those that do not answer, and a quarter from new ones', () => {
      const limiter = new RequestLimiter(16);
      expect([fill(limiter, 'silent'), fill(limiter, 'new'), fill(limiter, 'answering')]).toEqual([8, 4, 4]);
    });

    it('also when many wait: those that answer get their places meanwhile', () => {
      const limiter = new RequestLimiter(16);
      const order: string[] = [];
      const silent = Array.from({ length: 50 }, (_, i) => busyLane(limiter, `silent ${i}`, order, 'silent'));
      for (const lane of silent) lane.pump();
      expect(order).toHaveLength(8);
      fill(limiter, 'answering');
      const healthy = busyLane(limiter, 'healthy', order);
      healthy.pump(); // it waits behind 42 others
      limiter.end(nobody, 'answering');
      limiter.end(silent[0] ?? nobody, 'silent');
      limiter.end(healthy, 'answering');
      expect(order.slice(8)).toEqual(['healthy', 'silent 8', 'healthy']);
    });
  });

  it('is idle once the last request has ended', async () => {
    const limiter = new RequestLimiter(5);
    await limiter.idle();
    limiter.begin('answering');
    limiter.begin('answering');
    let isIdle = false;
    const idle = limiter.idle().then(() => (isIdle = true));
    limiter.end(nobody, 'answering');
    await Promise.resolve();
    expect(isIdle).toBe(false);
    limiter.end(nobody, 'answering');
    await idle;
  });
});

it('begins requests only for a while in one turn of the event loop, and goes on in the next', async () => {
  const limiter = new RequestLimiter(1_000, 2);
  let sent = 0;
  const lane = {
    receiverState: 'answering' as const,
    pump() {
      for (const until = performance.now() + 50; performance.now() < until && limiter.hasRoom('answering'); sent++)
        limiter.begin('answering');
      limiter.waitForRoom(lane);
    },
  };
  const began = performance.now();
  limiter.begin('answering');
  while (performance.now() - began < 2);
  lane.pump();
  expect(sent).toBe(0);
  await new Promise((resolve) => setImmediate(resolve));
  expect(sent).toBeGreaterThan(0);
});
