// Due attempts: what must be sent, and when. The table is the truth for all that is not at hand, for later, and for the next start;
// a million of them cost rows, not memory.
import type { Kysely } from 'kysely';
import type { EndpointId, MessageId, OrganizationId } from '../../domain/ids.ts';
import type { CheckpointSchema, Transaction } from '../../read-models/engine/database/database.ts';
import type { DeliveryProgress } from '../saga/delivery-progress.ts';
import { isBatch, ScheduleAttempt, type ReleaseEndpoint, type DeliveryOrBatchId } from '../saga/saga-commands.ts';

export type DueAttemptRow = {
  readonly id: DeliveryOrBatchId;
  readonly organization_id: OrganizationId;
  /** Null for a batch. */
  readonly message_id: MessageId | null;
  /** The messages in a batch; null for a delivery. */
  readonly size: number | null;
  readonly endpoint_id: EndpointId;
  readonly test: 0 | 1;
  readonly attempt: number;
  readonly failures_in_series: number;
  /** -1 while it has no stream. */
  readonly revision: number;
  /** Milliseconds since 1970. */
  readonly due_at: number;
  /** The event that made it due, and the request that this goes back to. */
  readonly causation_id: string;
  readonly correlation_id: string | null;
  /** When it may be taken: `due_at`, or where a replica has taken it, the end of its lease. */
  readonly ready_at: number;
  /** The replica that took it last; null: none. */
  readonly leased_by: string | null;
};

/** The number of each endpoint's newest batch. */
type NewestBatchRow = { readonly endpoint_id: EndpointId; readonly number: number };

/** Whether replicas may take what is due: not while the one that follows the log catches up, as it may be sent and recorded already. */
type TakingRow = { readonly id: number; readonly open: 0 | 1 };

export type DueAttemptsSchema = CheckpointSchema & {
  readonly due_attempts: DueAttemptRow;
  readonly newest_batches: NewestBatchRow;
  readonly taking: TakingRow;
};

export const createDueAttempts = async (db: Kysely<DueAttemptsSchema>): Promise<void> => {
  await db.schema
    .createTable('due_attempts')
    .addColumn('id', 'text', (column) => column.primaryKey())
    .addColumn('organization_id', 'text', (column) => column.notNull())
    .addColumn('message_id', 'text')
    .addColumn('size', 'integer')
    .addColumn('endpoint_id', 'text', (column) => column.notNull())
    .addColumn('test', 'integer', (column) => column.notNull())
    .addColumn('attempt', 'integer', (column) => column.notNull())
    .addColumn('failures_in_series', 'integer', (column) => column.notNull())
    .addColumn('revision', 'integer', (column) => column.notNull())
    .addColumn('due_at', 'bigint', (column) => column.notNull())
    .addColumn('causation_id', 'text', (column) => column.notNull())
    .addColumn('correlation_id', 'text')
    .addColumn('ready_at', 'bigint', (column) => column.notNull())
    .addColumn('leased_by', 'text')
    .execute();
  await db.schema
    .createTable('newest_batches')
    .addColumn('endpoint_id', 'text', (column) => column.primaryKey())
    .addColumn('number', 'integer', (column) => column.notNull())
    .execute();
  await db.schema
    .createTable('taking')
    .addColumn('id', 'integer', (column) => column.primaryKey())
    .addColumn('open', 'integer', (column) => column.notNull())
    .execute();
  // Of replicas with a bound of requests that they share (shared-slots.ts). It does not follow from the log.
  await db.schema
    .createTable('slots')
    .addColumn('endpoint_id', 'text', (column) => column.notNull())
    .addColumn('number', 'integer', (column) => column.notNull())
    .addColumn('replica', 'text', (column) => column.notNull())
    .addColumn('held_until', 'bigint', (column) => column.notNull())
    .addPrimaryKeyConstraint('slots_by_endpoint', ['endpoint_id', 'number'])
    .execute();
  await db.schema.createIndex('due_attempts_by_endpoint').on('due_attempts').columns(['endpoint_id', 'ready_at']).execute();
  await db.schema.createIndex('due_attempts_by_time').on('due_attempts').columns(['ready_at', 'endpoint_id']).execute();
};

export const rowOf = ({ id, subject, attempt, failuresInSeries, revision, dueAt, cause }: ScheduleAttempt): DueAttemptRow => ({
  id,
  organization_id: subject.organizationId,
  message_id: isBatch(subject) ? null : subject.messageId,
  size: isBatch(subject) ? subject.size : null,
  endpoint_id: subject.endpointId,
  test: !isBatch(subject) && subject.test ? 1 : 0,
  attempt,
  failures_in_series: failuresInSeries,
  revision: revision === 'no-stream' ? -1 : revision,
  due_at: dueAt,
  causation_id: cause.causationId,
  correlation_id: cause.correlationId ?? null,
  ready_at: dueAt,
  leased_by: null,
});

const subjectOf = ({ organization_id: organizationId, message_id: messageId, size, endpoint_id: endpointId, test }: DueAttemptRow) =>
  messageId === null
    ? { organizationId, endpointId, size: size ?? 1 }
    : { organizationId, messageId, endpointId, ...(test ? { test: true as const } : {}) };

export const attemptOf = (row: DueAttemptRow): ScheduleAttempt =>
  new ScheduleAttempt(
    row.id,
    subjectOf(row),
    row.attempt,
    row.failures_in_series,
    row.revision === -1 ? 'no-stream' : row.revision,
    row.due_at,
    { causationId: row.causation_id, ...(row.correlation_id === null ? {} : { correlationId: row.correlation_id }) },
  );

/** What the dispatcher is to the table. */
export type DueAttemptsListener = {
  /** Whether this very attempt is under way here: waiting, in flight, or recorded where the table does not show it yet. */
  readonly isTracked: (attempt: Pick<ScheduleAttempt, 'id' | 'attempt' | 'subject'>) => boolean;
  /** Something may be due to these endpoints; and a time at which something will be. */
  readonly attemptsDue: (endpoints: readonly EndpointId[], nextAt: number | undefined) => void;
  /** Anything may be due. */
  readonly checkAllLanes: () => void;
  /** A person cancelled them. */
  readonly attemptsCancelled: (endpointId: EndpointId, ids: readonly DeliveryOrBatchId[]) => void;
  /** Slots of these endpoints were given back; or another replica has none, and something to send. */
  readonly slotsFreed: (endpoints: readonly EndpointId[]) => void;
  readonly slotsWanted: (endpoints: readonly EndpointId[]) => void;
};

export type ClaimRequest = {
  readonly limit: number;
  /** All that a paused or disabled endpoint gets. */
  readonly testsOnly: boolean;
  /** What is at hand already. */
  readonly tracked: { readonly size: number };
};

/** `more`: there may be more than these. */
export type ClaimResult = { readonly attempts: readonly ScheduleAttempt[]; readonly more: boolean };

/** The endpoints that something became due to; up to when that was looked for, as a mark for the next time; when the next becomes due. */
export type DueEndpoints = { readonly endpoints: readonly EndpointId[]; readonly until: number; readonly nextAt: number | undefined };

/** The port: the saga's host writes what is due, and the dispatcher takes it. */
export interface DueAttempts {
  /** Other replicas take from it, too: no more is to be taken than can go soon. */
  readonly isShared: boolean;
  attach(taker: DueAttemptsListener): void;

  // ── Within the transactions of the saga's host ──
  /** Whether replicas may take what is due. */
  allowClaims(open: boolean, tx: Transaction<DueAttemptsSchema>): Promise<void>;
  schedule(attempts: readonly ScheduleAttempt[], tx: Transaction<DueAttemptsSchema>): Promise<void>;
  /** All of an endpoint's are due now, if not before. */
  releaseEndpoint(command: ReleaseEndpoint, tx: Transaction<DueAttemptsSchema>): Promise<void>;
  /** At the end: tells other replicas of it, and what was cancelled. */
  announce(cancelled: readonly DeliveryProgress[], tx: Transaction<DueAttemptsSchema>): Promise<void>;
  /** What was scheduled is committed. */
  committed(attempts: readonly ScheduleAttempt[]): void;

  // ── For the dispatcher ──
  /** The oldest that are due to an endpoint. */
  claim(id: EndpointId, wanted: ClaimRequest): Promise<ClaimResult>;
  /** Right before an attempt is sent: whether it may be, for as long as it may take. */
  mayBeSent(attempt: ScheduleAttempt): true | Promise<boolean>;
  /** Its outcome is recorded. @returns whether nobody takes its row until that shows what follows */
  outcomeRecorded(attempt: ScheduleAttempt): boolean;
  /** Whether it was claimed, and not only heard of. */
  isClaimed(attempt: ScheduleAttempt): boolean;
  /** They were not sent; whoever has room may have them. */
  unclaim(attempts: readonly ScheduleAttempt[]): Promise<void>;
  /** @param after the mark of the last time; 0: all that is due */
  dueSince(after: number): Promise<DueEndpoints>;
  /** The number of an endpoint's newest batch; 0: it has none. */
  newestBatch(id: EndpointId): Promise<number>;
}

export const newestBatchIn = async (database: Kysely<DueAttemptsSchema>, id: EndpointId): Promise<number> => {
  const query = database.selectFrom('newest_batches').select('number').where('endpoint_id', '=', id);
  return (await query.executeTakeFirst())?.number ?? 0;
};

export const releaseQuery = ({ endpointId, dueAt, cause }: ReleaseEndpoint, { kysely }: Transaction<DueAttemptsSchema>) =>
  kysely
    .updateTable('due_attempts')
    .set({ due_at: dueAt, ready_at: dueAt, causation_id: cause.causationId, correlation_id: cause.correlationId ?? null })
    .where('endpoint_id', '=', endpointId)
    .where('ready_at', '>', dueAt);

/** Of a process that has the table to itself: what is under way it knows. */
export class OwnDueAttempts implements DueAttempts {
  readonly isShared = false;

  /** @param database the table's connection for reading, taken anew for each query */
  constructor(private readonly database: () => Kysely<DueAttemptsSchema>) {}

  attach(): void {}
  async allowClaims(): Promise<void> {}

  schedule(attempts: readonly ScheduleAttempt[], tx: Transaction<DueAttemptsSchema>): Promise<void> {
    return tx.upsert('due_attempts', ['id'], attempts.map(rowOf));
  }

  async releaseEndpoint(command: ReleaseEndpoint, tx: Transaction<DueAttemptsSchema>): Promise<void> {
    await releaseQuery(command, tx).execute();
  }

  async announce(): Promise<void> {}
  committed(): void {}

  async claim(id: EndpointId, { limit, testsOnly, tracked }: ClaimRequest): Promise<ClaimResult> {
    const most = limit + tracked.size; // those are among them
    let query = this.database().selectFrom('due_attempts').selectAll().where('endpoint_id', '=', id).where('ready_at', '<=', Date.now());
    if (testsOnly) query = query.where('test', '=', 1);
    const rows = await query.orderBy('ready_at').limit(most).execute();
    return { attempts: rows.map(attemptOf), more: rows.length === most };
  }

  mayBeSent(): true {
    return true;
  }
  outcomeRecorded(): boolean {
    return false;
  }
  isClaimed(): boolean {
    return true;
  }
  async unclaim(): Promise<void> {}

  async dueSince(after: number): Promise<DueEndpoints> {
    const until = Date.now();
    const endpoints = this.database().selectFrom('due_attempts').select('endpoint_id').distinct();
    const rows = await endpoints.where('ready_at', '>', after).where('ready_at', '<=', until).execute();
    const next = this.database().selectFrom('due_attempts').select('ready_at').where('ready_at', '>', until);
    const first = await next.orderBy('ready_at').limit(1).executeTakeFirst();
    return { endpoints: rows.map((row) => row.endpoint_id), until, nextAt: first?.ready_at };
  }

  newestBatch(id: EndpointId): Promise<number> {
    return newestBatchIn(this.database(), id);
  }
}
