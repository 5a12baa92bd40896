import { describe, expect, it } from 'vitest';
import { HeldSlots } from './held-slots.ts';

describe('held slots', () => {
  const holding = (count: number, used = 0) => {
    const slots = new HeldSlots();
    for (let number = 1; number <= count; number++) slots.add(number, 1_000 * number);
    for (let i = 0; i < used; i++) slots.take();
    return slots;
  };

  it('are taken until all are in use', () => {
    const slots = holding(2);
    expect([slots.take(), slots.take(), slots.take(), slots.inUse]).toEqual([true, true, false, 2]);
    slots.release();
    expect(slots.take()).toBe(true);
  });

  it('last until the first of their leases ends', () => {
    const slots = holding(3);
    expect(slots.until).toBe(1_000);
    slots.renewed(9_000);
    expect(slots.until).toBe(9_000);
  });

  it('are promised by half, but not the last one, and not twice', () => {
    expect(holding(1).promiseHalf()).toBe(false);
    const slots = holding(5, 5);
    expect([slots.promiseHalf(), slots.usable, slots.promiseHalf()]).toEqual([true, 3, false]);
  });

  it('that are promised leave once they are not in use, and are not taken meanwhile', () => {
    const slots = holding(4, 4);
    slots.promiseHalf();
    expect(slots.removePromised()).toEqual([]);
    slots.release();
    expect(slots.take()).toBe(false);
    expect(slots.removePromised()).toHaveLength(1);
    slots.release();
    expect(slots.removePromised()).toHaveLength(1);
    expect([slots.size, slots.hasPromised]).toEqual([2, false]);
  });

  it('that were not in use in a whole period leave at its end', () => {
    const slots = holding(4, 1);
    expect(slots.beginPeriod()).toEqual([]); // they were added in it
    slots.take();
    slots.release();
    expect(slots.beginPeriod()).toHaveLength(2);
    expect(slots.beginPeriod()).toHaveLength(1);
    expect([slots.size, slots.inUse]).toEqual([1, 1]);
  });

  it('are empty when none is held and no request runs', () => {
    const slots = holding(1, 1);
    slots.lose(1);
    expect(slots.isEmpty).toBe(false);
    slots.release();
    expect(slots.isEmpty).toBe(true);
  });
});
