// A delivery and an attempt as queries show them, and how they are made from rows. Times are ISO 8601 in UTC with milliseconds.
import type { AttemptRecord, FailureReason } from '../../domain/attempts.ts';
import type { DeliverySubject } from '../../domain/delivery.ts';
import type { BatchId, DeliveryId, EndpointId, MessageId, OrganizationId, Position, ReplayId } from '../../domain/ids.ts';
import type { HealthState } from '../../domain/circuit.ts';
import type { ViewsSchema } from '../views/schema.ts';
import type { StoredStatus } from '../views/tables/deliveries-table.ts';
import { iso, isoOrNull } from './columns.ts';

/** `HELD`: open, and its endpoint is paused or disabled, its organization is suspended, or it waits for others of its ordering key. */
export type DeliveryStatus = Exclude<StoredStatus, 'WAITING'> | 'HELD';

/** Several messages that go out in one request. */
type BatchView = { readonly id: BatchId; readonly size: number };

export type DeliveryView = {
  readonly id: DeliveryId;
  readonly organizationId: OrganizationId;
  readonly messageId: MessageId;
  readonly endpointId: EndpointId;
  readonly eventType: string;
  /** Null: the delivery goes alone, or its batch is still open. */
  readonly batch: BatchView | null;
  /** The latest replay that sent it. */
  readonly replayId: ReplayId | null;
  readonly status: DeliveryStatus;
  /** Held for this delivery: it comes first of its ordering key. Null: it has its turn, or takes none. */
  readonly waitsFor: DeliveryId | null;
  readonly test: boolean;
  readonly attemptCount: number;
  readonly nextAttemptAt: string | null;
  /** Of the last attempt. */
  readonly lastResponseCode: number | null;
  readonly lastFailure: FailureReason | null;
  readonly createdAt: string;
  readonly endedAt: string | null;
};

export type AttemptView = AttemptRecord & {
  /** Of the event that recorded it. */
  readonly position: Position;
  readonly failure: FailureReason | null;
  readonly error: string | null;
  /** Failed attempts of its series that count by the retry policy. Undefined: it succeeded. */
  readonly failuresInSeries?: number;
};

/** What commands need: whom the delivery belongs to, and the batch that is retried or cancelled with it. */
export type DeliverySubjectView = {
  readonly id: DeliveryId;
  readonly subject: DeliverySubject;
  readonly batch: BatchView | null;
  /** Its next attempt waits: by the retry policy, because the receiver put it off, or behind an open circuit. */
  readonly isDelayed: boolean;
};

/** Open, and not held but by its endpoint. */
export const ownStatuses = ['PENDING', 'RETRYING'] as const satisfies readonly StoredStatus[];
export const openStatuses: readonly StoredStatus[] = [...ownStatuses, 'WAITING'];

// ── From rows ──

type BatchColumns = { readonly batch_id: BatchId | null; readonly batch_size: number | null };
export type DeliveryRow = ViewsSchema['deliveries'] &
  BatchColumns & {
    readonly endpoint_holds: 0 | 1;
    readonly endpoint_deleted_at: number | null;
    readonly waits_for: DeliveryId | null;
  };
type SubjectRow = BatchColumns &
  Pick<
    ViewsSchema['deliveries'],
    'id' | 'organization_id' | 'message_id' | 'endpoint_id' | 'test' | 'status' | 'next_attempt_at' | 'created_at'
  > & { readonly health: HealthState | null };

const batchView = ({ batch_id, batch_size }: BatchColumns): BatchView | null =>
  batch_id === null ? null : { id: batch_id, size: batch_size ?? 0 };

export const subjectView = (row: SubjectRow): DeliverySubjectView => ({
  id: row.id,
  subject: {
    organizationId: row.organization_id,
    messageId: row.message_id,
    endpointId: row.endpoint_id,
    ...(row.test === 1 ? { test: true as const } : {}),
  },
  batch: batchView(row),
  isDelayed: row.status === 'RETRYING' || row.health === 'OPEN' || (row.status === 'PENDING' && row.next_attempt_at !== row.created_at),
});

export const deliveryView = (row: DeliveryRow): DeliveryView => {
  const isHeld = row.endpoint_deleted_at === null && row.endpoint_holds === 1;
  return {
    id: row.id,
    organizationId: row.organization_id,
    messageId: row.message_id,
    endpointId: row.endpoint_id,
    eventType: row.event_type,
    batch: batchView(row),
    replayId: row.replay_id,
    status: row.status === 'WAITING' || (isHeld && openStatuses.includes(row.status)) ? 'HELD' : row.status,
    waitsFor: row.waits_for,
    test: row.test === 1,
    attemptCount: row.attempt_count,
    nextAttemptAt: row.status === 'WAITING' ? null : isoOrNull(row.next_attempt_at),
    lastResponseCode: row.last_response_code,
    lastFailure: row.last_failure,
    createdAt: iso(row.created_at),
    endedAt: isoOrNull(row.ended_at),
  };
};

export const attemptView = ({
  position,
  failure,
  detail,
}: Pick<ViewsSchema['attempts'], 'position' | 'failure' | 'detail'>): AttemptView => {
  const record = JSON.parse(detail) as AttemptRecord & { readonly error?: string };
  return { ...record, position, failure, error: record.error ?? null };
};
