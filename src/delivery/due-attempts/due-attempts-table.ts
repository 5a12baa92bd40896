// The table of due attempts: its columns, and the way from a row to a ScheduleAttempt and back.
import { sql, type ExpressionBuilder, type Kysely } from 'kysely';
import type { DeliveryId, EndpointId, MessageId, OrganizationId, Position } from '../../domain/ids.ts';
import type { CheckpointSchema, Transaction } from '../../read-models/engine/database/database.ts';
import type { OrderedDeliveryRow } from '../../read-models/ordering/ordered-deliveries.ts';
import { longestProbeMs } from '../../domain/circuit.ts';
import { isBatch, isTest, ScheduleAttempt, type DeliveryOrBatchId, type ReleaseEndpoint } from '../saga/saga-commands.ts';
import { createEndpointTables, type EndpointTables } from './endpoint-tables.ts';

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
  /** By the clock of the due attempts. */
  readonly due_at: number;
  /** The delay that was decided. */
  readonly delay_ms: number;
  /** A person asked for it. */
  readonly requested: 0 | 1 | 2;
  /** The event that made it due, and the request behind that event. */
  readonly causation_id: string;
  readonly correlation_id: string | null;
  /** When it may be claimed: `due_at`, or the end of its lease if a replica has claimed it. */
  readonly ready_at: number;
  /** The replica that claimed it last; null: none. */
  readonly leased_by: string | null;
  /** When the running series of attempts began (ISO 8601). Null: with the delivery or batch. */
  readonly series_since: string | null;
};

/** Deliveries of a deleted endpoint that are made due at a time. */
const waitingAtOnce = 2_000;

/** The number of each endpoint's newest batch. */
type NewestBatchRow = { readonly endpoint_id: EndpointId; readonly number: number };

/** Whether replicas may claim attempts. Not while the saga's leader catches up with the log: the attempts may be sent and recorded already. */
type TakingRow = { readonly id: number; readonly open: 0 | 1 };

export type DueAttemptsSchema = CheckpointSchema &
  EndpointTables & {
    /** `detail`: JSON of the row that it will have in `due_attempts`. */
    readonly ordered_deliveries: OrderedDeliveryRow;
    readonly due_attempts: DueAttemptRow;
    readonly newest_batches: NewestBatchRow;
    readonly taking: TakingRow;
  };

/** Which rows a lane may take that can't take all. Without parameters, as in the indexes of these rows: SQLite uses an index for no other condition. */
export const rowsOnly = {
  tests: sql<boolean>`test = 1`,
  /** Those that a person waits for: tests, and retries of one delivery. */
  urgent: sql<boolean>`(test = 1 OR requested = 1)`,
} as const;

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
    .addColumn('delay_ms', 'bigint', (column) => column.notNull())
    .addColumn('requested', 'integer', (column) => column.notNull())
    .addColumn('causation_id', 'text', (column) => column.notNull())
    .addColumn('correlation_id', 'text')
    .addColumn('ready_at', 'bigint', (column) => column.notNull())
    .addColumn('leased_by', 'text')
    .addColumn('series_since', 'text')
    .execute();
  await db.schema
    .createTable('ordered_deliveries')
    .addColumn('id', 'text', (column) => column.primaryKey())
    .addColumn('unit', 'text', (column) => column.notNull())
    .addColumn('queue', 'text', (column) => column.notNull())
    .addColumn('place', 'text', (column) => column.notNull())
    .addColumn('endpoint_id', 'text', (column) => column.notNull())
    .addColumn('detail', 'text')
    .execute();
  await db.schema.createIndex('ordered_deliveries_by_queue').on('ordered_deliveries').columns(['queue', 'place']).execute();
  await db.schema.createIndex('ordered_deliveries_by_unit').on('ordered_deliveries').column('unit').execute();
  await db.schema.createIndex('ordered_deliveries_by_endpoint').on('ordered_deliveries').columns(['endpoint_id', 'place']).execute();
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
  // For replicas: who may hold leases (replica-presence.ts). These rows don't follow from the log.
  await db.schema
    .createTable('replicas')
    .addColumn('name', 'text', (column) => column.primaryKey())
    .execute();
  await createEndpointTables(db);
  await db.schema.createIndex('due_attempts_by_endpoint').on('due_attempts').columns(['endpoint_id', 'ready_at']).execute();
  // A paused endpoint is asked for its tests again and again, and may have a million others.
  await db.schema.createIndex('due_tests').on('due_attempts').columns(['endpoint_id', 'ready_at']).where(rowsOnly.tests).execute();
  // Nor do a million others keep a person waiting.
  await db.schema.createIndex('due_urgently').on('due_attempts').columns(['endpoint_id', 'ready_at']).where(rowsOnly.urgent).execute();
  await db.schema
    .createIndex('due_urgently_by_time')
    .on('due_attempts')
    .columns(['ready_at', 'endpoint_id'])
    .where(rowsOnly.urgent)
    .execute();
  await db.schema.createIndex('due_attempts_by_time').on('due_attempts').columns(['ready_at', 'endpoint_id']).execute();
};

export const rowOf = ({
  id,
  subject,
  attempt,
  failuresInSeries,
  revision,
  dueAt,
  delayMs,
  requestedBy,
  cause,
  seriesSince,
}: ScheduleAttempt): DueAttemptRow => ({
  id,
  organization_id: subject.organizationId,
  message_id: isBatch(subject) ? null : subject.messageId,
  size: isBatch(subject) ? subject.size : null,
  endpoint_id: subject.endpointId,
  test: isTest(subject) ? 1 : 0,
  attempt,
  failures_in_series: failuresInSeries,
  revision: revision === 'no-stream' ? -1 : revision,
  due_at: dueAt,
  delay_ms: delayMs,
  requested: requestedBy === 'person' ? 1 : requestedBy === 'bulk-retry' ? 2 : 0,
  causation_id: cause.causationId,
  correlation_id: cause.correlationId ?? null,
  ready_at: dueAt,
  leased_by: null,
  series_since: seriesSince ?? null,
});

const subjectIn = ({ organization_id: organizationId, message_id: messageId, size, endpoint_id: endpointId, test }: DueAttemptRow) =>
  messageId === null
    ? { organizationId, endpointId, size: size ?? 1 }
    : { organizationId, messageId, endpointId, ...(test ? { test: true as const } : {}) };

export const attemptOf = (row: DueAttemptRow): ScheduleAttempt =>
  new ScheduleAttempt(
    row.id,
    subjectIn(row),
    row.attempt,
    row.failures_in_series,
    row.revision === -1 ? 'no-stream' : row.revision,
    row.due_at,
    { causationId: row.causation_id, ...(row.correlation_id === null ? {} : { correlationId: row.correlation_id }) },
    undefined,
    row.delay_ms,
    row.requested === 1 ? 'person' : row.requested === 2 ? 'bulk-retry' : undefined,
    row.series_since ?? undefined,
  );

/** The endpoints with attempts that became due after `since` and until `now`. */
export const endpointsDue = async (db: Kysely<DueAttemptsSchema>, since: number, now: number) => {
  const all = db.selectFrom('due_attempts').select('endpoint_id').distinct().where('ready_at', '>', since).where('ready_at', '<=', now);
  const [endpoints, urgent] = await Promise.all([all.execute(), all.where(rowsOnly.urgent).execute()]);
  return { endpoints: endpoints.map((row) => row.endpoint_id), urgent: urgent.map((row) => row.endpoint_id) };
};

/** 0: the endpoint has no batch. */
export const newestBatchIn = async (db: Kysely<DueAttemptsSchema>, id: EndpointId): Promise<number> => {
  const query = db.selectFrom('newest_batches').select('number').where('endpoint_id', '=', id);
  return (await query.executeTakeFirst())?.number ?? 0;
};

/** Makes what waits longer than its delay from now on wait for its delay: the clock may have been set back since, or be another machine's. */
export const limitWaits = async (now: number, { kysely }: Transaction<DueAttemptsSchema>): Promise<void> => {
  const latest = sql<number>`${now} + delay_ms`;
  const tooLate = kysely.updateTable('due_attempts').set({ due_at: latest, ready_at: latest }).where('leased_by', 'is', null);
  await tooLate.where('ready_at', '>', now).where('ready_at', '>', latest).execute();
  const latestHold = sql<number>`${now} + hold_ms`;
  await kysely.updateTable('held_endpoints').set({ held_until: latestHold }).where('held_until', '>', latestHold).execute();
  const latestProbe = now + longestProbeMs;
  await kysely.updateTable('circuits').set({ probe_at: latestProbe }).where('probe_at', '>', latestProbe).execute();
};

/** Makes all attempts of the endpoint due that are not yet. */
export const releaseQuery = ({ endpointId, dueAt, cause }: ReleaseEndpoint, { kysely }: Transaction<DueAttemptsSchema>) =>
  kysely
    .updateTable('due_attempts')
    .set({ due_at: dueAt, delay_ms: 0, ready_at: dueAt, causation_id: cause.causationId, correlation_id: cause.correlationId ?? null })
    .where('endpoint_id', '=', endpointId)
    .where('ready_at', '>', dueAt);

/** Queues that are looked at for one batch. */
const mostQueues = 50;

/** What the table knows of deliveries that are to go in a batch. */
export type TurnsOf = {
  /** These are in a batch already: somebody put them there while they waited for their turn. */
  readonly batched: ReadonlySet<DeliveryOrBatchId>;
  /** Those that wait behind the others: of each key the next ones without a gap, so that a batch can take them in order. */
  readonly followers: readonly ScheduleAttempt[];
};

export const turnsIn = async (db: Kysely<DueAttemptsSchema>, of: readonly DeliveryOrBatchId[], most: number): Promise<TurnsOf> => {
  const ids = of as readonly DeliveryId[]; // a batch has no row
  const rows = await db.selectFrom('ordered_deliveries').select(['id', 'unit', 'queue', 'place']).where('id', 'in', ids).execute();
  const first = rows.filter(({ id, unit }) => id === unit).slice(0, most > 0 ? mostQueues : 0);
  const batched = new Set(rows.flatMap(({ id, unit }) => (id === unit ? [] : [id])));
  const runs = await Promise.all(
    first.map(({ queue, place }) =>
      db
        .selectFrom('ordered_deliveries')
        .select(['place', 'detail', 'id', 'unit'])
        .where('queue', '=', queue)
        .where('place', '>', place)
        .orderBy('place')
        .limit(most)
        .execute(),
    ),
  );
  const followers = runs.flatMap((rows) => {
    const attempts = rows.map(({ place, detail, id, unit }) => ({
      place,
      attempt: detail === null || unit !== id ? undefined : attemptOf(JSON.parse(detail) as DueAttemptRow), // as the saga host wrote it
    }));
    const end = attempts.findIndex(({ attempt }) => attempt?.isFirst !== true);
    return end === -1 ? attempts : attempts.slice(0, end);
  });
  const oldest = followers.toSorted((a, b) => (a.place < b.place ? -1 : 1)).slice(0, most);
  return { batched, followers: oldest.flatMap(({ attempt }) => attempt ?? []) };
};

/** The deliveries of a deleted endpoint that wait for their turn, some at a time: nobody waits there any more. */
export async function* takeWaiting(id: EndpointId, tx: Transaction<DueAttemptsSchema>): AsyncGenerator<ScheduleAttempt[], void, undefined> {
  const { kysely } = tx;
  const hasOneBefore = (is: ExpressionBuilder<DueAttemptsSchema, 'ordered_deliveries'>) =>
    is.exists(
      is
        .selectFrom('ordered_deliveries as earlier')
        .select('earlier.id')
        .whereRef('earlier.queue', '=', 'ordered_deliveries.queue')
        .whereRef('earlier.place', '<', 'ordered_deliveries.place'),
    );
  const waiting = kysely.selectFrom('ordered_deliveries').select(['place', 'detail']).where('endpoint_id', '=', id).where(hasOneBefore);
  for (let after = ''; ;) {
    const rows = await waiting
      .whereRef('unit', '=', 'id')
      .where('place', '>', after as Position)
      .orderBy('place')
      .limit(waitingAtOnce)
      .execute();
    const last = rows.at(-1);
    if (!last) break;
    after = last.place;
    yield rows.flatMap(({ detail }) => (detail === null ? [] : [attemptOf(JSON.parse(detail) as DueAttemptRow)])); // as the saga host wrote it
  }
  await kysely.deleteFrom('ordered_deliveries').where('endpoint_id', '=', id).execute();
}
