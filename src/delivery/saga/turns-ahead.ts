// The turns of ordered deliveries, ahead of the table: follows events as they are received, and reads from the table what it has no knowledge of.
// What it reads is as old as the commit, so the events that were received since are taken once more. It reads nothing while there are others of which it
// knows no more than that they came.
import type { Position } from '../../domain/ids.ts';
import type { Transaction } from '../../read-models/engine/database/database.ts';
import type { OrderedDeliveryRow } from '../../read-models/ordering/ordered-deliveries.ts';
import type { DueAttemptsSchema } from '../due-attempts/due-attempts-table.ts';
import { DropAttempt, ScheduleAttempt, type DeliveryOrBatchId, type SagaCommand } from './saga-commands.ts';
import { TurnCache, turnCacheLimits } from './turn-cache.ts';

type Decision = { readonly position: Position; readonly commands: readonly SagaCommand[] };
/** What a transaction read. Without `names`: all rows. */
type Read = { readonly names?: readonly string[]; readonly rows: readonly OrderedDeliveryRow[] };

const columns = ['id', 'unit', 'queue', 'place', 'endpoint_id', 'detail'] as const;
/** How often to see whether the whole table has room in memory. */
const countEveryMs = 2_000;

export class TurnsAhead {
  private readonly cache: TurnCache;
  /** Live, received and not committed yet. */
  private ahead: Decision[] = [];
  private lastReceived: Position | undefined;
  /** All events up to here that are not committed, and are not `ahead`, come before this one or are it. */
  private unseenUpTo: Position | undefined;
  private fresh: Read | undefined;
  private countAt = 0;

  constructor(private readonly limits = turnCacheLimits) {
    this.cache = new TurnCache(limits);
  }

  take(command: SagaCommand): readonly ScheduleAttempt[] {
    return this.cache.take(command);
  }

  /** @param live false for events of the past, which were not taken one by one */
  received(decision: Decision, live: boolean): void {
    if (live) this.ahead.push(decision);
    else this.unseenUpTo = later(this.unseenUpTo, decision.position);
    this.lastReceived = later(this.lastReceived, decision.position);
  }

  /** Other tables come next, or events that were received come again. */
  clear(): void {
    this.unseenUpTo = later(this.unseenUpTo, this.lastReceived);
    this.cache.clear();
    this.ahead = [];
    this.fresh = undefined;
    this.countAt = 0;
  }

  /**
   * Reads what may be needed soon, at the end of a transaction.
   * @param queues those whose turn went on in it. @param upTo its last event
   */
  async read(queues: ReadonlySet<string>, upTo: Position | undefined, tx: Transaction<DueAttemptsSchema>): Promise<void> {
    this.fresh = undefined;
    if (upTo === undefined || (this.unseenUpTo !== undefined && upTo < this.unseenUpTo)) return;
    if (!this.cache.isComplete && performance.now() >= this.countAt) {
      this.countAt = performance.now() + countEveryMs;
      const most = this.cache.mostToRead;
      const rows = await tx.kysely
        .selectFrom('ordered_deliveries')
        .select('id')
        .limit(most + 1)
        .execute();
      if (rows.length <= most) {
        this.fresh = { rows: await tx.kysely.selectFrom('ordered_deliveries').selectAll().execute() };
        return;
      }
    }
    const names = this.cache.wanted([...queues]);
    if (names.length > 0)
      this.fresh = { names, rows: await tx.findFirst('ordered_deliveries', 'queue', names, 'place', this.limits.read, columns) };
  }

  /** @param upTo the last event that is committed now. @returns attempts that have the turn, as far as was not known before */
  committed(upTo: Position | undefined): readonly ScheduleAttempt[] {
    if (upTo !== undefined) this.ahead = this.ahead.slice(countUpTo(this.ahead, upTo));
    const read = this.fresh;
    this.fresh = undefined;
    if (!read) return [];
    if (read.names) this.cache.replace(read.names, read.rows);
    else this.cache.replaceAll(read.rows);
    const names = read.names && new Set(read.names);
    const begun = new Map<DeliveryOrBatchId, ScheduleAttempt>();
    for (const { commands } of this.ahead)
      for (const command of commands) {
        // It went on since, or went into a batch.
        if (command instanceof ScheduleAttempt || command instanceof DropAttempt) begun.delete(command.id);
        for (const attempt of this.cache.take(command, names)) begun.set(attempt.id, attempt);
      }
    return [...begun.values()];
  }
}

const later = (a: Position | undefined, b: Position | undefined): Position | undefined => (a === undefined || (b ?? '') > a ? b : a);

const countUpTo = (decisions: readonly Decision[], upTo: Position): number => {
  const next = decisions.findIndex(({ position }) => position > upTo);
  return next === -1 ? decisions.length : next;
};
