// The memory budget: how many attempts, and messages of theirs, all lanes together keep in memory. The rest waits in the table and in the log.
import type { ScheduleAttempt } from '../saga/saga-commands.ts';
import type { ReceiverState } from './request-limiter.ts';

const maxAttempts = 10_000;
const maxMessages = 1_000;
/** Of attempts whose receivers answer. Endpoints that don't answer fill only the rest. */
const reserved = 0.5;

export class MemoryBudget {
  private attempts = 0;
  private messages = 0;

  /** A full budget still accepts attempts: it is the lanes that take fewer, so that each gets some. */
  isFull(state: ReceiverState): boolean {
    return this.attempts >= (state === 'silent' ? maxAttempts * (1 - reserved) : maxAttempts);
  }

  /** @returns the attempt to keep: without its messages if there is no room for them, so that they are read from the log again */
  add(attempt: ScheduleAttempt): ScheduleAttempt {
    this.attempts++;
    if (this.messages >= maxMessages) return attempt.messages ? attempt.withMessages(undefined) : attempt;
    this.messages += attempt.messages?.length ?? 0;
    return attempt;
  }

  remove({ messages }: ScheduleAttempt): void {
    this.attempts--;
    this.messages -= messages?.length ?? 0;
  }
}
