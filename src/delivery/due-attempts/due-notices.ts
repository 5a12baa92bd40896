// Due notices: gather what the running transaction leaves for any replica to claim, and put it in few notices.
import type { EndpointId } from '../../domain/ids.ts';
import type { DeliveryProgress } from '../saga/delivery-progress.ts';
import type { ScheduleAttempt } from '../saga/saga-commands.ts';
import { noticeParts, type ReplicaNotice } from './replica-notices.ts';

/** Per transaction. Instead of more, one that says to look everywhere. */
const maxDueNotices = 10;

export class DueNotices {
  private readonly endpoints = new Set<EndpointId>();
  private readonly urgent = new Set<EndpointId>();
  private nextDueAt: number | undefined;

  /** @param now by the shared clock */
  scheduled({ dueAt, subject, isUrgent }: ScheduleAttempt, now: number): void {
    if (dueAt <= now) (isUrgent ? this.urgent : this.endpoints).add(subject.endpointId);
    else this.nextDueAt = Math.min(this.nextDueAt ?? Infinity, dueAt);
  }

  released(id: EndpointId): void {
    this.endpoints.add(id);
  }

  /** @returns notices of all since the last call, and of what was cancelled */
  take(cancelled: readonly DeliveryProgress[]): readonly ReplicaNotice[] {
    const [due, urgent, next] = [[...this.endpoints], [...this.urgent], this.nextDueAt];
    this.endpoints.clear();
    this.urgent.clear();
    this.nextDueAt = undefined;
    const withNext = next === undefined ? {} : { next };
    let notices: ReplicaNotice[] = noticeParts(due).map((part) => ({ due: part, ...withNext }));
    if (notices.length === 0 && next !== undefined) notices = [{ due: [], next }];
    for (const part of noticeParts(urgent)) notices.push({ due: part, urgent: true });
    if (notices.length > maxDueNotices) notices = [{}];
    for (const { endpointId, ids } of cancelled) notices.push(...noticeParts(ids).map((withdrawn) => ({ from: endpointId, withdrawn })));
    return notices;
  }
}
