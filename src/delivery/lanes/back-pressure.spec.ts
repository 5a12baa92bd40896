import { describe, expect, it } from 'vitest';
import { BackPressure } from './back-pressure.ts';

const second = 1_000;

/** A receiver that takes some requests in any second, and a lane that sends as fast as it may, one after another. @returns per second, what it took and refused */
const sendFor = (seconds: number, perSecond: number, pressure = new BackPressure(), start = 0) => {
  const taken: number[] = []; // within the last second
  let isFirst = true;
  const result = Array.from({ length: seconds }, () => ({ taken: 0, refused: 0 }));
  for (let now = start; now < start + seconds * second;) {
    const wait = pressure.waitMs(now);
    if (wait > 0) {
      now += wait;
      continue;
    }
    pressure.sent(now, isFirst);
    isFirst = false;
    now += 2; // the answer
    const inSecond = result[Math.floor((now - start) / second)] ?? { taken: 0, refused: 0 };
    while ((taken[0] ?? now) <= now - second) taken.shift();
    if (taken.length < perSecond) {
      taken.push(now);
      inSecond.taken++;
      pressure.accepted(now);
    } else {
      inSecond.refused++;
      pressure.refused(now, now + second);
    }
  }
  return result;
};

const sum = (numbers: readonly number[]) => numbers.reduce((all, each) => all + each, 0);

describe('back-pressure', () => {
  it('waits for nothing while the receiver takes what it is sent', () => {
    const pressure = new BackPressure();
    for (let now = 0; now < 100; now++) {
      pressure.sent(now, false);
      pressure.accepted(now);
      expect(pressure.waitMs(now)).toBe(0);
    }
  });

  it('sends nothing until the receiver said, by the longest that it said', () => {
    const pressure = new BackPressure();
    pressure.sent(0, true);
    expect(pressure.refused(10, 5_010)).toBe(true);
    expect(pressure.refused(20, 3_020)).toBe(false); // in flight with the first
    expect(pressure.waitMs(1_010)).toBe(4_000);
    expect(pressure.waitMs(5_010)).toBe(0);
  });

  it('holds for what another process was told', () => {
    const pressure = new BackPressure();
    pressure.holdUntil(2_000);
    expect([pressure.waitMs(0), pressure.waitMs(2_000)]).toEqual([2_000, 0]);
  });

  it.each([1, 10, 100])('learns to send just below the %i a second that the receiver takes', (perSecond) => {
    const seconds = sendFor(60, perSecond);
    expect(sum(seconds.map(({ taken }) => taken))).toBeGreaterThan(0.7 * 60 * perSecond);
    expect(sum(seconds.map(({ refused }) => refused))).toBeLessThanOrEqual(8);
  });

  it.each([1, 10])('is back at full speed about a minute after a receiver that took %i a second takes all', (perSecond) => {
    const pressure = new BackPressure();
    sendFor(20, perSecond, pressure);
    const seconds = sendFor(80, 1_000, pressure, 20 * second);
    expect(seconds.findIndex(({ taken }) => taken > 400)).toBeLessThan(75); // it answers 500 a second, one after the other
    expect(pressure.isLimiting(100 * second)).toBe(false);
  });

  it('does not take a long hold for a slow receiver', () => {
    const pressure = new BackPressure();
    pressure.sent(0, true);
    for (let now = 1; now < 1_000; now++) {
      pressure.sent(now, false);
      pressure.accepted(now);
    }
    pressure.refused(1_000, 3_600_000);
    pressure.sent(3_600_000, true);
    expect(pressure.waitMs(3_600_000)).toBeLessThan(100);
  });
});
