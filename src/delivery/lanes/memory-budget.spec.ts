import { describe, expect, it } from 'vitest';
import { accepted, recorded } from '../../../test/support/samples.ts';
import { attempt } from './given.ts';
import { MemoryBudget } from './memory-budget.ts';

describe('the memory budget', () => {
  const withMessage = (id: string) => attempt(id).withMessages([recorded(accepted([]), { stream: `message-${id}` })]);

  it('is full at 10,000 attempts, and has room again when one leaves', () => {
    const budget = new MemoryBudget();
    for (let i = 0; i < 10_000; i++) budget.add(attempt(`${i}`));
    expect(budget.isFull('answering')).toBe(true);
    budget.remove(attempt('0'));
    expect(budget.isFull('answering')).toBe(false);
  });

  it('keeps 1,000 messages, and the attempts beyond that without theirs', () => {
    const budget = new MemoryBudget();
    const kept = Array.from({ length: 1_001 }, (_, i) => budget.add(withMessage(`${i}`)));
    expect(kept.filter(({ messages }) => messages)).toHaveLength(1_000);
    budget.remove(kept[0] ?? attempt('none'));
    expect(budget.add(withMessage('next')).messages).toHaveLength(1);
  });
});
