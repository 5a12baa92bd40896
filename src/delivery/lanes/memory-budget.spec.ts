import { describe, expect, it } from 'vitest';
import { accepted, organizationId, recorded } from '../../../test/support/samples.ts';
import { attempt } from './given.ts';
import { MemoryBudget } from './memory-budget.ts';

describe('the memory budget', () => {
  const withMessage = (id: string) => attempt(id).withMessages([recorded(accepted([]), { stream: `message-${id}` })]);

  it('is full at 10,000 attempts, and has room again when one leaves', () => {
    const budget = new MemoryBudget(() => false);
    for (let i = 0; i < 10_000; i++) budget.add(attempt(`${i}`));
    expect(budget.isFull('answering', organizationId)).toBe(true);
    budget.remove(attempt('0'));
    expect(budget.isFull('answering', organizationId)).toBe(false);
  });

  it('keeps 1,000 messages, and the attempts beyond that without theirs', () => {
    const budget = new MemoryBudget(() => false);
    const kept = Array.from({ length: 1_001 }, (_, i) => budget.add(withMessage(`${i}`)));
    expect(kept.filter(({ messages }) => messages)).toHaveLength(1_000);
    budget.remove(kept[0] ?? attempt('none'));
    expect(budget.add(withMessage('next')).messages).toHaveLength(1);
  });

  it('keeps an eighth for organizations that have little in it', () => {
    const budget = new MemoryBudget();
    for (let i = 0; i < 8_750; i++) budget.add(attempt(`${i}`));
    expect([budget.isFull('answering', organizationId), budget.isFull('answering', 'another')]).toEqual([true, false]);
    const shared = new MemoryBudget();
    const kept = Array.from({ length: 1_000 }, (_, i) => shared.add(withMessage(`${i}`)));
    expect(kept.filter(({ messages }) => messages)).toHaveLength(875);
  });
});
