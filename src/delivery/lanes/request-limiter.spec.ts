import { describe, expect, it } from 'vitest';
import { RequestLimiter, type ReceiverState } from './request-limiter.ts';

const nobody = { organization: 'o', receiverState: 'answering', pump: () => undefined } as const;

const alone = () => false;

describe('the request limiter', () => {
  /** A lane with much to send, one request at a time. */
  const busyLane = (
    limiter: RequestLimiter,
    name: string,
    order: string[],
    { receiverState = 'answering', organization = 'o' }: { receiverState?: ReceiverState; organization?: string } = {},
  ) => {
    const lane = {
      organization,
      receiverState,
      pump: () => {
        if (!limiter.hasRoom(receiverState, organization)) return limiter.waitForRoom(lane);
        order.push(name);
        limiter.begin(receiverState, organization);
      },
    };
    return lane;
  };

  it('is full at its maximum', () => {
    const limiter = new RequestLimiter(2);
    limiter.begin('answering', 'o');
    expect(limiter.hasRoom('answering', 'o')).toBe(true);
    limiter.begin('answering', 'o');
    expect([limiter.hasRoom('answering', 'o'), limiter.inFlight]).toEqual([false, 2]);
  });

  it('gives room to the lane that has waited longest, and then to the next', () => {
    const limiter = new RequestLimiter(1);
    const order: string[] = [];
    const lanes = ['a', 'b', 'c'].map((name) => busyLane(limiter, name, order));
    for (const lane of lanes) lane.pump();
    for (let i = 0; i < 5; i++) limiter.end(lanes['abc'.indexOf(order.at(-1) ?? '')] ?? nobody, 'answering', 'o');
    expect(order).toEqual(['a', 'b', 'c', 'a', 'b', 'c']);
  });

  describe('keeps places for lanes whose receivers answer', () => {
    const fill = (limiter: RequestLimiter, state: ReceiverState) => {
      let begun = 0;
      for (; limiter.hasRoom(state, 'o'); begun++) limiter.begin(state, 'o');
      return begun;
    };

    it('half of them from those that do not answer, and a quarter from new ones', () => {
      const limiter = new RequestLimiter(16, Infinity, alone);
      expect([fill(limiter, 'silent'), fill(limiter, 'new'), fill(limiter, 'answering')]).toEqual([8, 4, 4]);
    });

    it('also when many wait: those that answer get their places meanwhile', () => {
      const limiter = new RequestLimiter(16, Infinity, alone);
      const order: string[] = [];
      const silent = Array.from({ length: 50 }, (_, i) => busyLane(limiter, `silent ${i}`, order, { receiverState: 'silent' }));
      for (const lane of silent) lane.pump();
      expect(order).toHaveLength(8);
      fill(limiter, 'answering');
      const healthy = busyLane(limiter, 'healthy', order);
      healthy.pump(); // it waits behind 42 others
      limiter.end(nobody, 'answering', 'o');
      limiter.end(silent[0] ?? nobody, 'silent', 'o');
      limiter.end(healthy, 'answering', 'o');
      expect(order.slice(8)).toEqual(['healthy', 'silent 8', 'healthy']);
    });
  });

  describe('shares the places by organization first', () => {
    it('in turns, however many lanes each has', () => {
      const limiter = new RequestLimiter(2);
      const order: string[] = [];
      const large = Array.from({ length: 10 }, (_, i) => busyLane(limiter, `large ${i}`, order, { organization: 'large' }));
      const small = Array.from({ length: 2 }, (_, i) => busyLane(limiter, `small ${i}`, order, { organization: 'small' }));
      for (const lane of [...large, ...small]) lane.pump();
      expect(order).toEqual(['large 0', 'large 1']);
      for (let i = 0; i < 4; i++) limiter.end(nobody, 'answering', i % 2 === 0 ? 'large' : 'small');
      expect(order.slice(2)).toEqual(['large 2', 'small 0', 'large 3', 'small 1']);
    });

    it('keeps some for organizations that have few requests in flight', () => {
      const limiter = new RequestLimiter(64);
      let begun = 0;
      for (; limiter.hasRoom('answering', 'large'); begun++) limiter.begin('answering', 'large');
      expect(begun).toBe(56);
      expect(limiter.hasRoom('answering', 'small')).toBe(true);
      limiter.begin('answering', 'small');
      limiter.begin('answering', 'small');
      expect([limiter.hasRoom('answering', 'small'), limiter.hasRoom('new', 'another')]).toEqual([false, true]);
    });

    it('and passes over those that may have no more', () => {
      const limiter = new RequestLimiter(16);
      const order: string[] = [];
      for (let i = 0; i < 14; i++) limiter.begin('answering', 'large');
      busyLane(limiter, 'large', order, { organization: 'large' }).pump();
      limiter.begin('answering', 'one');
      limiter.begin('answering', 'two');
      busyLane(limiter, 'three', order, { organization: 'three' }).pump();
      limiter.end(nobody, 'answering', 'one');
      expect(order).toEqual(['three']);
    });
  });

  it('forgets no lane whose organization is known only later', () => {
    const limiter = new RequestLimiter(1);
    const order: string[] = [];
    const lane = { ...nobody, organization: '', pump: () => order.push('pumped') };
    limiter.begin('answering', 'o');
    limiter.waitForRoom(lane);
    lane.organization = 'o';
    limiter.end(nobody, 'answering', 'o');
    expect(order).toEqual(['pumped']);
  });

  it('is idle once the last request has ended', async () => {
    const limiter = new RequestLimiter(5);
    await limiter.idle();
    limiter.begin('answering', 'o');
    limiter.begin('answering', 'o');
    let isIdle = false;
    const idle = limiter.idle().then(() => (isIdle = true));
    limiter.end(nobody, 'answering', 'o');
    await Promise.resolve();
    expect(isIdle).toBe(false);
    limiter.end(nobody, 'answering', 'o');
    await idle;
  });
});

it('begins requests only for a while in one turn of the event loop, and goes on in the next', async () => {
  const limiter = new RequestLimiter(1_000, 2, alone);
  let sent = 0;
  const lane = {
    organization: 'o',
    receiverState: 'answering' as const,
    pump() {
      for (const until = performance.now() + 50; performance.now() < until && limiter.hasRoom('answering', 'o'); sent++)
        limiter.begin('answering', 'o');
      limiter.waitForRoom(lane);
    },
  };
  const began = performance.now();
  limiter.begin('answering', 'o');
  while (performance.now() - began < 2);
  lane.pump();
  expect(sent).toBe(0);
  await new Promise((resolve) => setImmediate(resolve));
  expect(sent).toBeGreaterThan(0);
});
