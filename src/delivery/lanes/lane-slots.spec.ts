// A lane whose endpoint's requests are bounded for all replicas together.
import { describe, expect, it, vi } from 'vitest';
import type { EndpointId } from '../../domain/ids.ts';
import type { LaneSlots } from './lane-context.ts';
import { allSettled, attempt, givenDispatcher, many } from './given.ts';

describe('slots of a lane', () => {
  /** As many as are given. */
  const withSlots = (some: number) => {
    let used = 0;
    const slots = {
      attach: () => undefined,
      isLimited: () => true,
      request: vi.fn<LaneSlots['request']>(),
      obtainable: () => some,
      held: () => some,
      inUse: () => used,
      take: () => used < some && ++used > 0,
      release: () => void used--,
      returnUnused: () => Promise.resolve(),
      slotsFreed: () => undefined,
      yieldHalf: () => undefined,
    } satisfies LaneSlots;
    const built = givenDispatcher({}, slots);
    built.dispatcher.acceptOffers();
    return { ...built, slots, lose: () => (some = 0) };
  };

  it('bound what is sent at one time, and more are asked for', () => {
    const { dispatcher, ids, slots } = withSlots(2);
    for (const each of many(4)) dispatcher.offer(each);
    expect(ids()).toEqual(['e1-0', 'e1-1']);
    expect(slots.request).toHaveBeenLastCalledWith('e1', 2); // as many as the lane may have in flight
  });

  it('are held until the answer, and not until it is recorded', async () => {
    const { dispatcher, sent, ids } = withSlots(1);
    for (const each of many(3)) dispatcher.offer(each);
    sent[0]?.answered();
    expect(ids()).toEqual(['e1-0', 'e1-1']);
    sent[0]?.end();
    await allSettled();
    expect(ids()).toEqual(['e1-0', 'e1-1']); // it was given back once
    sent[1]?.fail(new Error('defect'));
    await allSettled();
    expect(ids()).toEqual(['e1-0', 'e1-1', 'e1-2']);
  });

  it('of which there are none leave what waits to others', async () => {
    const { dispatcher, sent, ids, due, slots, lose } = withSlots(1);
    const unclaim = vi.spyOn(due, 'unclaim');
    for (const each of many(3)) dispatcher.offer(each);
    lose();
    dispatcher.slotsExhausted('e1' as EndpointId);
    expect(unclaim.mock.calls).toEqual([[many(3).slice(1)]]);
    dispatcher.offer(attempt('x'));
    sent[0]?.end();
    await allSettled();
    expect(ids()).toEqual(['e1-0']);
    expect(slots.request).toHaveBeenLastCalledWith('e1', 3); // for all that the table may hold
  });
});
