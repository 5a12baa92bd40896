// A queue of attempts in memory, oldest first. It keeps the memory budget right: what is in a queue counts, what has left it does not.
import { publisherOf } from '../../commands/caller.ts';
import type { LaneBacklog } from '../../commands/delivery-backlog.ts';
import type { DeliveryOrBatchId, ScheduleAttempt } from '../saga/saga-commands.ts';
import type { MemoryBudget } from './memory-budget.ts';

export class AttemptQueue {
  private attempts: ScheduleAttempt[] = [];

  constructor(
    private readonly budget: MemoryBudget,
    /** Where intake sees what waits in this queue. */
    private readonly backlog?: LaneBacklog,
  ) {}

  get length(): number {
    return this.attempts.length;
  }

  get first(): ScheduleAttempt | undefined {
    return this.attempts[0];
  }

  push(attempt: ScheduleAttempt): void {
    this.attempts.push(this.budget.add(attempt));
    const [accepted] = attempt.messages ?? []; // in memory right after it was accepted
    if (accepted) this.backlog?.add(attempt.id, publisherOf(accepted.metadata, attempt.subject.organizationId));
  }

  /** It goes before all others. */
  unshift(attempt: ScheduleAttempt): void {
    this.attempts.unshift(this.budget.add(attempt));
  }

  shift(): ScheduleAttempt | undefined {
    const attempt = this.attempts.shift();
    if (attempt) this.leave(attempt);
    return attempt;
  }

  /** The oldest `count`, which stay in the queue. */
  peek(count: number): readonly ScheduleAttempt[] {
    return this.attempts.slice(0, count);
  }

  /** @returns whether it was in the queue */
  remove(id: DeliveryOrBatchId): boolean {
    const index = this.attempts.findIndex((attempt) => attempt.id === id);
    const [removed] = index === -1 ? [] : this.attempts.splice(index, 1);
    if (removed) this.leave(removed);
    return removed !== undefined;
  }

  /** @returns those removed */
  removeAll(matches: (attempt: ScheduleAttempt) => boolean = () => true): readonly ScheduleAttempt[] {
    const { removed = [], left = [] } = Object.groupBy(this.attempts, (attempt) => (matches(attempt) ? 'removed' : 'left'));
    for (const attempt of removed) this.leave(attempt);
    this.attempts = left;
    return removed;
  }

  private leave(attempt: ScheduleAttempt): void {
    this.budget.remove(attempt);
    this.backlog?.remove(attempt.id);
  }
}
