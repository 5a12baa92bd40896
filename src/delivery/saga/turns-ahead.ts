// The turns of ordered deliveries, ahead of the table: follows events as they are received, and reads from the table what it has no knowledge of.
// What it reads is as old as the commit, so the events that were received since are taken once more.
import type { Transaction } from '../../read-models/engine/database/database.ts';
import type { OrderedDeliveryRow } from '../../read-models/ordering/ordered-deliveries.ts';
import type { DueAttemptsSchema } from '../due-attempts/due-attempts-table.ts';
import { DropAttempt, ScheduleAttempt, type DeliveryOrBatchId, type SagaCommand } from './saga-commands.ts';
import { TurnCache, turnCacheLimits } from './turn-cache.ts';

type Decision = { readonly commands: readonly SagaCommand[] };
/** What a transaction read. Without `names`: all rows. */
type Read = { readonly names?: readonly string[]; readonly rows: readonly OrderedDeliveryRow[] };

const columns = ['id', 'unit', 'queue', 'place', 'endpoint_id', 'detail'] as const;
/** How often to see whether the whole table has room in memory. */
const countEveryMs = 2_000;

export class TurnsAhead {
  /** Attempts are offered as soon as they have the turn. */
  isLive = false;
  private readonly cache: TurnCache;
  /** Received and not committed yet. */
  private ahead: Decision[] = [];
  private fresh: Read | undefined;
  private countAt = 0;

  constructor(private readonly limits = turnCacheLimits) {
    this.cache = new TurnCache(limits);
  }

  take(command: SagaCommand): readonly ScheduleAttempt[] {
    return this.cache.take(command);
  }

  received(decision: Decision): void {
    this.ahead.push(decision);
  }

  /** Events that were received and not committed come again. */
  clear(): void {
    this.isLive = false;
    this.cache.clear();
    this.ahead = [];
    this.fresh = undefined;
    this.countAt = 0;
  }

  /** Reads what may be needed soon, at the end of a transaction. @param queues those whose turn went on in it */
  async read(queues: ReadonlySet<string>, tx: Transaction<DueAttemptsSchema>): Promise<void> {
    this.fresh = undefined;
    if (!this.isLive) return;
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

  /** @param count of the decisions that are committed now. @returns attempts that have the turn, as far as was not known before */
  committed(count: number): readonly ScheduleAttempt[] {
    this.ahead = this.ahead.slice(count);
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
