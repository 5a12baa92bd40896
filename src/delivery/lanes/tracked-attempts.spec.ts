import { describe, expect, it } from 'vitest';
import { at, attempt } from './given.ts';
import { TrackedAttempts } from './tracked-attempts.ts';

describe('the tracked attempts', () => {
  const [first, second] = [attempt('a'), attempt('a', 'e1', { number: 2 })];
  const tracking = (...positions: (number | undefined)[]) => {
    const tracked = new TrackedAttempts();
    tracked.track(first);
    for (const position of positions) tracked.track(first, position === undefined ? undefined : at(position));
    return tracked;
  };

  it('know a delivery, and which attempt of it', () => {
    const tracked = tracking();
    expect([tracked.has(first.id), tracked.hasAttempt(first), tracked.hasAttempt(second), tracked.size]).toEqual([true, true, false, 1]);
  });

  it('keep an attempt until the table shows its outcome', () => {
    const tracked = tracking(9);
    expect(tracked.untrackIfApplied(first.id, at(8))).toBe(false);
    expect(tracked.has(first.id)).toBe(true);
    expect(tracked.untrackIfApplied(first.id, at(9))).toBe(true);
    expect(tracked.has(first.id)).toBe(false);
  });

  it('keep an attempt whose outcome is not recorded, whatever the table shows', () => {
    const tracked = tracking();
    expect(tracked.untrackIfApplied(first.id, at(99))).toBe(false);
    tracked.untrackAllRecorded();
    expect(tracked.has(first.id)).toBe(true);
  });

  it('forget all recorded ones at once', () => {
    const tracked = tracking(9);
    tracked.untrackAllRecorded();
    expect(tracked.size).toBe(0);
  });

  it('say which were untracked while the table was read', () => {
    const tracked = tracking();
    const read = tracked.beginRead();
    expect(tracked.isBeingRead).toBe(true);
    tracked.untrack(first.id);
    expect([...read.untrackedMeanwhile]).toEqual(['a']);
    read.end();
    expect(tracked.isBeingRead).toBe(false);
    tracked.untrack(attempt('b').id);
    expect([...read.untrackedMeanwhile]).toEqual(['a']);
  });
});
