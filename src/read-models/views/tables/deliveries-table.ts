// The table of deliveries: its columns and indexes. What writes it is in deliveries.ts.
import type { FailureReason } from '../../../domain/attempts.ts';
import type { DeliveryId, EndpointId, MessageId, OrganizationId, ReplayId } from '../../../domain/ids.ts';
import type { Flag, Milliseconds, Table } from './table.ts';

/**
 * HELD is not stored: it is an open delivery whose endpoint is paused or disabled, and so changes without an event of the delivery; or one that is
 * WAITING for others of its ordering key.
 */
export type StoredStatus = 'PENDING' | 'WAITING' | 'RETRYING' | 'SUCCEEDED' | 'FAILED' | 'CANCELLED';

export type DeliveryRow = {
  /** Its message's sequence plus the index of the destination. So the deliveries of a message stand together, without an index of their own. */
  sequence: number;
  id: DeliveryId;
  id_key: number;
  organization_id: OrganizationId;
  message_id: MessageId;
  endpoint_id: EndpointId;
  event_type: string;
  /** Of the batch that it goes in. Null: it goes alone, or its batch is still open. */
  batch_sequence: number | null;
  /** The latest replay that sent it. */
  replay_id: ReplayId | null;
  status: StoredStatus;
  test: Flag;
  attempt_count: number;
  next_attempt_at: Milliseconds | null;
  last_response_code: number | null;
  /** Of the last attempt. Null: it succeeded, or none was made. */
  last_failure: FailureReason | null;
  created_at: Milliseconds;
  ended_at: Milliseconds | null;
};

export const deliveries: Table<DeliveryRow> = {
  columns: {
    sequence: 'int64',
    id: 'text',
    id_key: 'int64',
    organization_id: 'text',
    message_id: 'text',
    endpoint_id: 'text',
    event_type: 'text',
    batch_sequence: 'int64?',
    replay_id: 'text?',
    status: 'text',
    test: 'integer',
    attempt_count: 'integer',
    next_attempt_at: 'int64?',
    last_response_code: 'integer?',
    last_failure: 'text?',
    created_at: 'int64',
    ended_at: 'int64?',
  },
  primaryKey: ['sequence'],
  // All but the first end with status and sequence. A page is then the newest of up to five runs, one per status, whatever the filter is.
  indexes: [
    { columns: ['id_key'] },
    { columns: ['organization_id', 'status', 'sequence'] },
    { columns: ['endpoint_id', 'status', 'sequence'] },
    { columns: ['endpoint_id', 'event_type', 'status', 'sequence'] },
    { columns: ['organization_id', 'event_type', 'status', 'sequence'] },
    { columns: ['organization_id', 'last_response_code', 'status', 'sequence'] },
    // Few rows: most deliveries succeed, and few are tests.
    { name: 'deliveries_failed', columns: ['organization_id', 'last_failure', 'status', 'sequence'], whereNotNull: 'last_failure' },
    { name: 'deliveries_tests', columns: ['organization_id', 'status', 'sequence'], whereIs: ['test', 1] },
    { name: 'deliveries_of_batch', columns: ['batch_sequence'], whereNotNull: 'batch_sequence' },
    // What a replay sent, and which deliveries replays added to a message.
    { name: 'deliveries_of_replay', columns: ['replay_id', 'sequence'], whereNotNull: 'replay_id' },
    { name: 'deliveries_replayed', columns: ['message_id', 'replay_id'], whereNotNull: 'replay_id' },
  ],
};
