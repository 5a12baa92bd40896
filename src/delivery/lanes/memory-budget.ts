// The memory budget: how many attempts, and messages of theirs, all lanes together keep in memory. The rest waits in the table and in the log.
import type { ScheduleAttempt } from '../saga/saga-commands.ts';
import { OrganizationShare } from './organization-share.ts';
import type { ReceiverState } from './request-limiter.ts';

const maxAttempts = 10_000;
const maxMessages = 1_000;
/** Of attempts whose receivers answer. Endpoints that don't answer fill only the rest. */
const reserved = 0.5;

export class MemoryBudget {
  private readonly attempts: OrganizationShare;
  private readonly messages: OrganizationShare;

  /** @param isShared whether there are several organizations */
  constructor(isShared?: () => boolean) {
    this.attempts = new OrganizationShare(maxAttempts, isShared);
    this.messages = new OrganizationShare(maxMessages, isShared);
  }

  /** A full budget still accepts attempts: it is the lanes that take fewer, so that each gets some. */
  isFull(state: ReceiverState, organization: string): boolean {
    const limit = this.attempts.limitFor(organization);
    return this.attempts.count >= (state === 'silent' ? Math.min(limit, maxAttempts * (1 - reserved)) : limit);
  }

  /** @returns the attempt to keep: without its messages if there is no room for them, so that they are read from the log again */
  add(attempt: ScheduleAttempt): ScheduleAttempt {
    const { organizationId } = attempt.subject;
    this.attempts.add(organizationId, 1);
    if (!attempt.messages) return attempt;
    if (this.messages.count >= this.messages.limitFor(organizationId)) return attempt.withMessages(undefined);
    this.messages.add(organizationId, attempt.messages.length);
    return attempt;
  }

  remove({ messages, subject }: ScheduleAttempt): void {
    this.attempts.add(subject.organizationId, -1);
    if (messages) this.messages.add(subject.organizationId, -messages.length);
  }
}
