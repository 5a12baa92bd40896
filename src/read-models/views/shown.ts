// What is seen of the views, and how it is made of their rows. Moments are ISO 8601 in UTC with milliseconds.
import type { ApiKeyRole } from '../../domain/api-key.ts';
import type { AttemptRecord, FailureReason } from '../../domain/attempts.ts';
import type { DeliverySubject } from '../../domain/delivery.ts';
import type { EndpointConfiguration, EndpointStatus } from '../../domain/endpoint.ts';
import type { ApiKeyId, BatchId, DeliveryId, EndpointId, MessageId, OrganizationId, Position, ReplayId } from '../../domain/ids.ts';
import type { Json } from '../../domain/json.ts';
import type { StoredStatus, ViewsSchema } from './schema.ts';

/** `HELD`: open, and its endpoint is paused or disabled. */
export type DeliveryStatus = StoredStatus | 'HELD';

export type EndpointView = {
  readonly id: EndpointId;
  readonly organizationId: OrganizationId;
  /** Secrets and header values are encrypted. */
  readonly configuration: EndpointConfiguration;
  readonly createdAt: string;
  readonly updatedAt: string;
  readonly deletedAt: string | null;
  readonly revision: number;
};
export type EventTypeView = {
  readonly name: string;
  readonly group: string;
  readonly description: string | null;
  readonly sample: Json | null;
  readonly retired: boolean;
};
export type OrganizationView = { readonly id: OrganizationId; readonly name: string; readonly createdAt: string };
export type ApiKeyView = {
  readonly id: ApiKeyId;
  readonly name: string;
  readonly role: ApiKeyRole;
  readonly issuedAt: string;
  readonly revokedAt: string | null;
};
/** Its data is in the log, in the stream of the message. */
export type MessageView = {
  readonly id: MessageId;
  readonly clientId: string | null;
  readonly eventType: string;
  readonly timestamp: string;
  readonly acceptedAt: string;
  readonly position: Position;
  readonly destinations: number;
  readonly skipped: readonly EndpointId[];
  readonly test: boolean;
};
/** What a delivery goes in: several messages in one request. */
export type BatchView = { readonly id: BatchId; readonly size: number };
export type DeliveryView = {
  readonly id: DeliveryId;
  readonly messageId: MessageId;
  readonly endpointId: EndpointId;
  readonly eventType: string;
  /** Null: it goes alone, or in a batch that is not closed yet. */
  readonly batch: BatchView | null;
  /** The replay that sent it last. */
  readonly replayId: ReplayId | null;
  readonly status: DeliveryStatus;
  readonly test: boolean;
  readonly attemptCount: number;
  readonly nextAttemptAt: string | null;
  readonly lastResponseCode: number | null;
  readonly createdAt: string;
  readonly endedAt: string | null;
};
export type AttemptView = AttemptRecord & {
  /** Of the event that recorded it. */
  readonly position: Position;
  readonly failure: FailureReason | null;
  readonly error: string | null;
};
export type ConservationView = {
  /** The counts are those of the log up to here; null while nothing is applied. */
  readonly position: Position | null;
  readonly routed: number;
  readonly succeeded: number;
  readonly failed: number;
  readonly cancelled: number;
  readonly open: number;
};
/** `batch`: what it is sent in, and so what a command on it is on. */
export type DeliverySubjectView = { readonly id: DeliveryId; readonly subject: DeliverySubject; readonly batch: BatchView | null };

// ── From rows ──

export const openStatuses: readonly StoredStatus[] = ['PENDING', 'RETRYING'];

export const iso = (milliseconds: number) => new Date(milliseconds).toISOString();
export const isoOrNull = (milliseconds: number | null) => (milliseconds === null ? null : iso(milliseconds));

type Rows = { [T in keyof ViewsSchema]: ViewsSchema[T] };
type BatchColumns = { batch_id: BatchId | null; batch_size: number | null };
export type DeliveryRow = Rows['deliveries'] &
  BatchColumns & { endpoint_status: EndpointStatus | null; endpoint_deleted_at: number | null };

const batchView = ({ batch_id, batch_size }: BatchColumns): BatchView | null =>
  batch_id === null ? null : { id: batch_id, size: batch_size ?? 0 };

export const subjectView = (
  row: Pick<Rows['deliveries'], 'id' | 'organization_id' | 'message_id' | 'endpoint_id' | 'test'> & BatchColumns,
): DeliverySubjectView => ({
  id: row.id,
  subject: {
    organizationId: row.organization_id,
    messageId: row.message_id,
    endpointId: row.endpoint_id,
    ...(row.test === 1 ? { test: true as const } : {}),
  },
  batch: batchView(row),
});

export const endpointView = (row: Rows['endpoints']): EndpointView => ({
  id: row.id,
  organizationId: row.organization_id,
  configuration: JSON.parse(row.configuration) as EndpointConfiguration,
  createdAt: iso(row.created_at),
  updatedAt: iso(row.updated_at),
  deletedAt: isoOrNull(row.deleted_at),
  revision: row.revision,
});

export const messageView = (row: Rows['messages']): MessageView => ({
  id: row.id,
  clientId: row.client_id,
  eventType: row.event_type,
  timestamp: row.timestamp,
  acceptedAt: iso(row.accepted_at),
  position: row.position,
  destinations: row.destinations,
  skipped: JSON.parse(row.skipped) as EndpointId[],
  test: row.test === 1,
});

export const deliveryView = (row: DeliveryRow): DeliveryView => {
  const holdsBack = row.endpoint_deleted_at === null && (row.endpoint_status === 'PAUSED' || row.endpoint_status === 'DISABLED');
  return {
    id: row.id,
    messageId: row.message_id,
    endpointId: row.endpoint_id,
    eventType: row.event_type,
    batch: batchView(row),
    replayId: row.replay_id,
    status: holdsBack && openStatuses.includes(row.status) ? 'HELD' : row.status,
    test: row.test === 1,
    attemptCount: row.attempt_count,
    nextAttemptAt: isoOrNull(row.next_attempt_at),
    lastResponseCode: row.last_response_code,
    createdAt: iso(row.created_at),
    endedAt: isoOrNull(row.ended_at),
  };
};
