// What some events change in the turns of ordered deliveries, and which attempts are due because of it.
import type { DeliveryId } from '../../domain/ids.ts';
import type { Transaction } from '../../read-models/engine/database/database.ts';
import { OrderChanges, type MayHaveRows } from '../../read-models/ordering/ordered-deliveries.ts';
import { attemptOf, rowOf, type DueAttemptRow, type DueAttemptsSchema } from '../due-attempts/due-attempts-table.ts';
import type { AwaitTurn, DeliveryOrBatchId, DropAttempt, JoinBatch, ScheduleAttempt } from './saga-commands.ts';

/** What is due after some events. `isNew`: it has no row in the table yet, and needs none if it ends within the same events. */
export type DueAfter = Map<DeliveryOrBatchId, { readonly isNew: boolean; readonly attempt: ScheduleAttempt | undefined }>;

/** Its due time may be by the clock of another process, or of one that has ended: it waits no longer than its delay. */
export const limitWait = (attempt: ScheduleAttempt, now: number): ScheduleAttempt =>
  attempt.dueAt <= now + attempt.delayMs ? attempt : attempt.withDueAt(now + attempt.delayMs);

const detailOf = (attempt: ScheduleAttempt): string => JSON.stringify(rowOf(attempt));

export class TurnChanges {
  private readonly changes = new OrderChanges();
  private readonly accepted = new Map<DeliveryId, ScheduleAttempt>();
  private readonly batches = new Set<DeliveryOrBatchId>();

  await({ attempt, queue, place, id }: AwaitTurn): void {
    this.accepted.set(id, attempt);
    this.changes.accept({ id, unit: id, queue, place, endpoint_id: attempt.subject.endpointId, detail: null });
  }

  request(attempt: ScheduleAttempt): void {
    this.changes.ask(attempt.id as DeliveryId, detailOf(attempt)); // a batch is never found
  }

  join({ batchId, deliveries }: JoinBatch): void {
    this.batches.add(batchId);
    this.changes.join(batchId, deliveries);
  }

  /** @param isNew it began among these events, so it is known whether it takes turns */
  drop({ id, endsTurn }: DropAttempt, isNew: boolean): void {
    if (endsTurn && (!isNew || this.hasAccepted(id) || this.batches.has(id))) this.changes.end(id);
  }

  hasAccepted(id: DeliveryOrBatchId): boolean {
    return this.accepted.has(id as DeliveryId);
  }

  /** Writes the turns, and changes what is due by them. @returns the queues that went on */
  async write(due: DueAfter, tx: Transaction<DueAttemptsSchema>, mayHaveRows: MayHaveRows, now: number): Promise<readonly string[]> {
    const turns = await this.changes.write(tx, mayHaveRows, (id) => {
      const attempt = this.accepted.get(id);
      return attempt ? detailOf(attempt) : null;
    });
    for (const id of turns.waiting) {
      const its = due.get(id);
      if (its) due.set(id, { ...its, attempt: undefined });
    }
    for (const { id, detail } of turns.begun) {
      if (due.has(id)) continue; // what followed its first attempt is known already
      const accepted = this.accepted.get(id);
      const attempt = accepted ?? (detail === null ? undefined : attemptOf(JSON.parse(detail) as DueAttemptRow)); // as `detailOf` wrote it
      if (attempt) due.set(id, { isNew: true, attempt: limitWait(attempt, now) });
    }
    return turns.begun.map(({ queue }) => queue);
  }
}
