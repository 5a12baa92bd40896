// Due attempts: what must be sent, and when. The table is the truth for all that is not at hand, for later, and for the next start;
// a million of them cost rows, not memory.
import type { Kysely } from 'kysely';
import type { EndpointId, MessageId, OrganizationId } from '../domain/ids.ts';
import type { Bookkeeping } from '../read-models/database/database.ts';
import { isBatch, ScheduleAttempt, type SendingId } from './delivery.saga.ts';

type DueAttemptRow = {
  readonly id: SendingId;
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
};

/** The number of each endpoint's newest batch. */
type NewestBatchRow = { readonly endpoint_id: EndpointId; readonly number: number };

export type DueAttemptsSchema = Bookkeeping & { readonly due_attempts: DueAttemptRow; readonly newest_batches: NewestBatchRow };

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
    .execute();
  await db.schema
    .createTable('newest_batches')
    .addColumn('endpoint_id', 'text', (column) => column.primaryKey())
    .addColumn('number', 'integer', (column) => column.notNull())
    .execute();
  await db.schema.createIndex('due_attempts_by_endpoint').on('due_attempts').columns(['endpoint_id', 'due_at']).execute();
  await db.schema.createIndex('due_attempts_by_time').on('due_attempts').columns(['due_at', 'endpoint_id']).execute();
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
});

const subjectOf = ({ organization_id: organizationId, message_id: messageId, size, endpoint_id: endpointId, test }: DueAttemptRow) =>
  messageId === null
    ? { organizationId, endpointId, size: size ?? 1 }
    : { organizationId, messageId, endpointId, ...(test ? { test: true as const } : {}) };

const attemptOf = (row: DueAttemptRow): ScheduleAttempt =>
  new ScheduleAttempt(
    row.id,
    subjectOf(row),
    row.attempt,
    row.failures_in_series,
    row.revision === -1 ? 'no-stream' : row.revision,
    row.due_at,
    { causationId: row.causation_id, ...(row.correlation_id === null ? {} : { correlationId: row.correlation_id }) },
  );

export class DueAttempts {
  /** @param database the table's connection for reading, taken anew for each query */
  constructor(private readonly database: () => Kysely<DueAttemptsSchema>) {}

  /** The oldest that are due to one endpoint by `until`. `testsOnly`: all that a paused or disabled endpoint gets. */
  async ofEndpoint(id: EndpointId, until: number, limit: number, testsOnly: boolean): Promise<ScheduleAttempt[]> {
    let query = this.database().selectFrom('due_attempts').selectAll().where('endpoint_id', '=', id).where('due_at', '<=', until);
    if (testsOnly) query = query.where('test', '=', 1);
    return (await query.orderBy('due_at').limit(limit).execute()).map(attemptOf);
  }

  /** The endpoints that something became due to, later than `after` and by `until`. */
  async endpointsDue(after: number, until: number): Promise<EndpointId[]> {
    const query = this.database().selectFrom('due_attempts').select('endpoint_id').distinct();
    const rows = await query.where('due_at', '>', after).where('due_at', '<=', until).execute();
    return rows.map((row) => row.endpoint_id);
  }

  /** The number of an endpoint's newest batch; 0: it has none. */
  async newestBatch(id: EndpointId): Promise<number> {
    const query = this.database().selectFrom('newest_batches').select('number').where('endpoint_id', '=', id);
    return (await query.executeTakeFirst())?.number ?? 0;
  }

  /** When the next becomes due after `time`, if any does. */
  async nextAfter(time: number): Promise<number | undefined> {
    const query = this.database().selectFrom('due_attempts').select('due_at').where('due_at', '>', time);
    const row = await query.orderBy('due_at').limit(1).executeTakeFirst();
    return row?.due_at;
  }
}
