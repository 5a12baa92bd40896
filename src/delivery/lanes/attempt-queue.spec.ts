import { describe, expect, it } from 'vitest';
import { AttemptQueue } from './attempt-queue.ts';
import { organizationId } from '../../../test/support/samples.ts';
import { attempt } from './given.ts';
import { MemoryBudget } from './memory-budget.ts';

describe('a queue of attempts', () => {
  const filled = (budget = new MemoryBudget(() => false)) => {
    const queue = new AttemptQueue(budget);
    for (const id of ['a', 'b', 'c', 'd']) queue.push(attempt(id));
    return queue;
  };
  const idsOf = (queue: AttemptQueue) => queue.peek(10).map(({ id }) => id);

  it('gives back the oldest first', () => {
    const queue = filled();
    expect(queue.first?.id).toBe('a');
    expect(queue.shift()?.id).toBe('a');
    expect([idsOf(queue), queue.length]).toEqual([['b', 'c', 'd'], 3]);
  });

  it('removes one attempt, and says whether it had it', () => {
    const queue = filled();
    expect([queue.remove(attempt('b').id), queue.remove(attempt('b').id)]).toEqual([true, false]);
    expect(idsOf(queue)).toEqual(['a', 'c', 'd']);
  });

  it('removes those that match, in order, and keeps the others', () => {
    const queue = filled();
    expect(queue.removeAll(({ id }) => id === 'd' || id === 'b').map(({ id }) => id)).toEqual(['b', 'd']);
    expect(idsOf(queue)).toEqual(['a', 'c']);
    expect(queue.removeAll()).toHaveLength(2);
    expect([queue.length, queue.first, queue.shift()]).toEqual([0, undefined, undefined]);
  });

  it('counts in the budget for as long as an attempt is in it', () => {
    const budget = new MemoryBudget(() => false);
    for (let i = 0; i < 9_996; i++) budget.add(attempt(`other-${i}`));
    const queue = filled(budget);
    expect(budget.isFull('answering', organizationId)).toBe(true);
    for (const leave of [() => queue.shift(), () => queue.remove(attempt('b').id), () => queue.removeAll(({ id }) => id === 'c')]) {
      leave();
      expect(budget.isFull('answering', organizationId)).toBe(false);
      budget.add(attempt('in its place'));
      expect(budget.isFull('answering', organizationId)).toBe(true);
    }
  });
});
