// The tables of the views: what they hold, and which index serves which question.
import type { Kysely } from 'kysely';
import type { ApiKeyRole } from '../../domain/api-key.ts';
import type { FailureReason } from '../../domain/attempts.ts';
import type { EndpointStatus } from '../../domain/endpoint.ts';
import type { ApiKeyId, BatchId, DeliveryId, EndpointId, MessageId, OrganizationId, Position, ReplayId } from '../../domain/ids.ts';
import type { CheckpointSchema, Int64Type } from '../engine/database/database.ts';
import { createHistoryTables, historyKeys, type HistorySchema } from '../history/history-schema.ts';
import { createSourceTables, sourceKeys, type SourcesSchema } from '../sources/source-schema.ts';

/** HELD is not stored: it is an open delivery whose endpoint is paused or disabled, and so changes without an event of the delivery. */
export type StoredStatus = 'PENDING' | 'RETRYING' | 'SUCCEEDED' | 'FAILED' | 'CANCELLED';

export type ReplayStatus = 'RUNNING' | 'FINISHED' | 'CANCELLED';

type Flag = 0 | 1;
/** Milliseconds since 1970. */
type Moment = number;

/** What stands beside the tables of the views. */
type Beside = CheckpointSchema & HistorySchema & SourcesSchema;

export type ViewsSchema = Beside & {
  organizations: { id: OrganizationId; name: string; created_at: Moment };
  event_types: {
    organization_id: OrganizationId;
    name: string;
    group_name: string;
    description: string | null;
    /** JSON, null where there is none. */
    sample: string | null;
    retired: Flag;
  };
  api_keys: {
    id: ApiKeyId;
    organization_id: OrganizationId;
    name: string;
    role: ApiKeyRole;
    issued_at: Moment;
    revoked_at: Moment | null;
  };
  endpoints: {
    id: EndpointId;
    organization_id: OrganizationId;
    name: string;
    status: EndpointStatus;
    /** JSON of the domain's EndpointConfiguration, secrets and header values encrypted. */
    configuration: string;
    created_at: Moment;
    updated_at: Moment;
    /** The row stays: deliveries go on naming it. */
    deleted_at: Moment | null;
    created_position: Position;
    /** Of the endpoint's stream. */
    revision: number;
  };
  messages: {
    /** Rises with the log. A message takes one number for each of its deliveries, and one at least. Microseconds since 1970, roughly. */
    sequence: number;
    id: MessageId;
    id_key: number;
    organization_id: OrganizationId;
    client_id: string | null;
    event_type: string;
    /** As the publisher wrote it. */
    timestamp: string;
    accepted_at: Moment;
    position: Position;
    destinations: number;
    /** JSON array of endpoint ids. */
    skipped: string;
    test: Flag;
  };
  deliveries: {
    /** Its message's sequence and the index of the destination: the deliveries of a message stand together, without an index of their own. */
    sequence: number;
    id: DeliveryId;
    id_key: number;
    organization_id: OrganizationId;
    message_id: MessageId;
    endpoint_id: EndpointId;
    event_type: string;
    /** Of the batch that it goes in; null: it goes alone, or in one that is not closed yet. */
    batch_sequence: number | null;
    /** The replay that sent it last; null: none has. */
    replay_id: ReplayId | null;
    status: StoredStatus;
    test: Flag;
    attempt_count: number;
    next_attempt_at: Moment | null;
    last_response_code: number | null;
    created_at: Moment;
    ended_at: Moment | null;
  };
  batches: {
    /** In the same order as those of messages, and none has that of one. */
    sequence: number;
    id: BatchId;
    id_key: number;
    organization_id: OrganizationId;
    endpoint_id: EndpointId;
    size: number;
  };
  attempts: {
    /** Of its delivery or batch, so that attempts stand in the order of the log, and not that of random ids. */
    sequence: number;
    number: number;
    position: Position;
    response_code: number | null;
    failure: FailureReason | null;
    /** JSON of what the event recorded, without whose delivery it is. */
    detail: string;
  };
  replays: {
    id: ReplayId;
    organization_id: OrganizationId;
    endpoint_id: EndpointId;
    /** JSON of the domain's ReplayFilter. */
    filter: string;
    /** Messages in a second, a decimal number. */
    rate: string;
    requested_by: string;
    requested_at: Moment;
    requested_position: Position;
    status: ReplayStatus;
    /** The message that was looked at last, and when it was accepted. */
    after_message: MessageId | null;
    came_to: Moment | null;
    looked: number;
    sent: number;
    ended_at: Moment | null;
    /** Why it was cancelled. */
    reason: string | null;
  };
  /** Deliveries that ended, tests and cancelled ones left out, by the hour in which they did (hours since 1970). */
  success_buckets: { endpoint_id: EndpointId; hour: number; succeeded: number; failed: number };
  /** Since the beginning. `rated_…` are the sums of the buckets; the others count tests, too. */
  endpoint_totals: {
    organization_id: OrganizationId;
    endpoint_id: EndpointId;
    routed: number;
    succeeded: number;
    failed: number;
    rated_succeeded: number;
    rated_failed: number;
  };
};

/**
 * 52 bits of a UUID: 32 of its time, 20 of its end; of anything else, a number that no UUID has. Rows are found by it and checked by their id:
 * this index is a third as large as one of the ids, and what is of one time stands together in it.
 */
export const idKey = (id: string): number => {
  const key = Number.parseInt(id.slice(4, 8) + id.slice(9, 13) + id.slice(-5), 16);
  return Number.isNaN(key) ? -1 : key;
};

const sequencesPerMillisecond = 1000;
/** Of a moment: no message or delivery that was accepted at it, or later, has a lower sequence. */
export const sequenceAt = (milliseconds: number) => milliseconds * sequencesPerMillisecond;

export const primaryKeys = {
  ...historyKeys,
  organizations: ['id'],
  event_types: ['organization_id', 'name'],
  api_keys: ['id'],
  endpoints: ['id'],
  messages: ['sequence'],
  deliveries: ['sequence'],
  batches: ['sequence'],
  attempts: ['sequence', 'number'],
  replays: ['id'],
  success_buckets: ['endpoint_id', 'hour'],
  endpoint_totals: ['organization_id', 'endpoint_id'],
  ...sourceKeys,
} as const;

/**
 * The indexes of `deliveries`, but that of ids, all end with status and sequence: a page is then the newest of up to five runs, one per status, whatever the
 * filter is.
 */
const indexes = {
  endpoints: [['organization_id', 'created_position']],
  messages: [['id_key'], ['organization_id', 'sequence'], ['organization_id', 'event_type', 'sequence']],
  deliveries: [
    ['id_key'],
    ['organization_id', 'status', 'sequence'],
    ['endpoint_id', 'status', 'sequence'],
    ['endpoint_id', 'event_type', 'status', 'sequence'],
    ['organization_id', 'event_type', 'status', 'sequence'],
    ['organization_id', 'last_response_code', 'status', 'sequence'],
  ],
  batches: [['id_key']],
  replays: [['organization_id', 'requested_position'], ['status']],
} as const;

/** The n-th index of a table, counted from 1. */
const indexName = (table: string, n: number) => `${table}_index_${n}`;

/**
 * Ids that publishers give are hashed, so that they come in no order. All other indexes that no row is found by for a change grow at a few places only, and cost little as
 * they go.
 */
export const queryIndexes: readonly string[] = [indexName('messages', 1)];

export const createTables = async (db: Kysely<ViewsSchema>, int64: Int64Type): Promise<void> => {
  const { schema } = db;
  await schema
    .createTable('organizations')
    .addColumn('id', 'text', (column) => column.primaryKey())
    .addColumn('name', 'text', (column) => column.notNull())
    .addColumn('created_at', int64, (column) => column.notNull())
    .execute();
  await schema
    .createTable('event_types')
    .addColumn('organization_id', 'text', (column) => column.notNull())
    .addColumn('name', 'text', (column) => column.notNull())
    .addColumn('group_name', 'text', (column) => column.notNull())
    .addColumn('description', 'text')
    .addColumn('sample', 'text')
    .addColumn('retired', 'integer', (column) => column.notNull())
    .addPrimaryKeyConstraint('event_types_key', ['organization_id', 'name'])
    .execute();
  await schema
    .createTable('api_keys')
    .addColumn('id', 'text', (column) => column.primaryKey())
    .addColumn('organization_id', 'text', (column) => column.notNull())
    .addColumn('name', 'text', (column) => column.notNull())
    .addColumn('role', 'text', (column) => column.notNull())
    .addColumn('issued_at', int64, (column) => column.notNull())
    .addColumn('revoked_at', int64)
    .execute();
  await schema
    .createTable('endpoints')
    .addColumn('id', 'text', (column) => column.primaryKey())
    .addColumn('organization_id', 'text', (column) => column.notNull())
    .addColumn('name', 'text', (column) => column.notNull())
    .addColumn('status', 'text', (column) => column.notNull())
    .addColumn('configuration', 'text', (column) => column.notNull())
    .addColumn('created_at', int64, (column) => column.notNull())
    .addColumn('updated_at', int64, (column) => column.notNull())
    .addColumn('deleted_at', int64)
    .addColumn('created_position', 'text', (column) => column.notNull())
    .addColumn('revision', 'integer', (column) => column.notNull())
    .execute();
  await schema
    .createTable('messages')
    .addColumn('sequence', int64, (column) => column.primaryKey())
    .addColumn('id', 'text', (column) => column.notNull())
    .addColumn('id_key', int64, (column) => column.notNull())
    .addColumn('organization_id', 'text', (column) => column.notNull())
    .addColumn('client_id', 'text')
    .addColumn('event_type', 'text', (column) => column.notNull())
    .addColumn('timestamp', 'text', (column) => column.notNull())
    .addColumn('accepted_at', int64, (column) => column.notNull())
    .addColumn('position', 'text', (column) => column.notNull())
    .addColumn('destinations', 'integer', (column) => column.notNull())
    .addColumn('skipped', 'text', (column) => column.notNull())
    .addColumn('test', 'integer', (column) => column.notNull())
    .execute();
  await schema
    .createTable('deliveries')
    .addColumn('sequence', int64, (column) => column.primaryKey())
    .addColumn('id', 'text', (column) => column.notNull())
    .addColumn('id_key', int64, (column) => column.notNull())
    .addColumn('organization_id', 'text', (column) => column.notNull())
    .addColumn('message_id', 'text', (column) => column.notNull())
    .addColumn('endpoint_id', 'text', (column) => column.notNull())
    .addColumn('event_type', 'text', (column) => column.notNull())
    .addColumn('batch_sequence', int64)
    .addColumn('replay_id', 'text')
    .addColumn('status', 'text', (column) => column.notNull())
    .addColumn('test', 'integer', (column) => column.notNull())
    .addColumn('attempt_count', 'integer', (column) => column.notNull())
    .addColumn('next_attempt_at', int64)
    .addColumn('last_response_code', 'integer')
    .addColumn('created_at', int64, (column) => column.notNull())
    .addColumn('ended_at', int64)
    .execute();
  await schema
    .createTable('batches')
    .addColumn('sequence', int64, (column) => column.primaryKey())
    .addColumn('id', 'text', (column) => column.notNull())
    .addColumn('id_key', int64, (column) => column.notNull())
    .addColumn('organization_id', 'text', (column) => column.notNull())
    .addColumn('endpoint_id', 'text', (column) => column.notNull())
    .addColumn('size', 'integer', (column) => column.notNull())
    .execute();
  await schema
    .createTable('attempts')
    .addColumn('sequence', int64, (column) => column.notNull())
    .addColumn('number', 'integer', (column) => column.notNull())
    .addColumn('position', 'text', (column) => column.notNull())
    .addColumn('response_code', 'integer')
    .addColumn('failure', 'text')
    .addColumn('detail', 'text', (column) => column.notNull())
    .addPrimaryKeyConstraint('attempts_key', ['sequence', 'number'])
    .execute();
  await schema
    .createTable('replays')
    .addColumn('id', 'text', (column) => column.primaryKey())
    .addColumn('organization_id', 'text', (column) => column.notNull())
    .addColumn('endpoint_id', 'text', (column) => column.notNull())
    .addColumn('filter', 'text', (column) => column.notNull())
    .addColumn('rate', 'text', (column) => column.notNull())
    .addColumn('requested_by', 'text', (column) => column.notNull())
    .addColumn('requested_at', int64, (column) => column.notNull())
    .addColumn('requested_position', 'text', (column) => column.notNull())
    .addColumn('status', 'text', (column) => column.notNull())
    .addColumn('after_message', 'text')
    .addColumn('came_to', int64)
    .addColumn('looked', int64, (column) => column.notNull())
    .addColumn('sent', int64, (column) => column.notNull())
    .addColumn('ended_at', int64)
    .addColumn('reason', 'text')
    .execute();
  await schema
    .createTable('success_buckets')
    .addColumn('endpoint_id', 'text', (column) => column.notNull())
    .addColumn('hour', 'integer', (column) => column.notNull())
    .addColumn('succeeded', int64, (column) => column.notNull())
    .addColumn('failed', int64, (column) => column.notNull())
    .addPrimaryKeyConstraint('success_buckets_key', ['endpoint_id', 'hour'])
    .execute();
  await schema
    .createTable('endpoint_totals')
    .addColumn('organization_id', 'text', (column) => column.notNull())
    .addColumn('endpoint_id', 'text', (column) => column.notNull())
    .addColumn('routed', int64, (column) => column.notNull())
    .addColumn('succeeded', int64, (column) => column.notNull())
    .addColumn('failed', int64, (column) => column.notNull())
    .addColumn('rated_succeeded', int64, (column) => column.notNull())
    .addColumn('rated_failed', int64, (column) => column.notNull())
    .addPrimaryKeyConstraint('endpoint_totals_key', ['organization_id', 'endpoint_id'])
    .execute();
  for (const [table, lists] of Object.entries(indexes))
    for (const [i, columns] of lists.entries())
      await schema
        .createIndex(indexName(table, i + 1))
        .on(table)
        .columns([...columns])
        .execute();
  // Those that go alone are not in it, and cost nothing.
  await schema
    .createIndex('deliveries_of_batch')
    .on('deliveries')
    .column('batch_sequence')
    .where('batch_sequence', 'is not', null)
    .execute();
  // What replays have sent: their deliveries, and those of a message that they made.
  await schema
    .createIndex('deliveries_of_replay')
    .on('deliveries')
    .columns(['replay_id', 'sequence'])
    .where('replay_id', 'is not', null)
    .execute();
  await schema
    .createIndex('deliveries_replayed')
    .on('deliveries')
    .columns(['message_id', 'replay_id'])
    .where('replay_id', 'is not', null)
    .execute();
  await createHistoryTables(db, int64);
  await createSourceTables(db, int64);
};
