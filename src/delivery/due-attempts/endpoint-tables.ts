// The tables about endpoints beside the due attempts: what their receivers ask for, their circuits, what was announced, and what replicas share.
import type { Kysely } from 'kysely';
import type { BatchId, EndpointId, MessageId } from '../../domain/ids.ts';
import type { NoticeKind } from '../../domain/operational-message.ts';

type HeldEndpointRow = {
  readonly endpoint_id: EndpointId;
  /** Until when its receiver wants no requests, and for how long it said so; 0: it did not. */
  readonly held_until: number;
  readonly hold_ms: number;
  /** The revision that changed its URL last; 0: none did. Attempts by earlier ones say nothing about the receiver. */
  readonly url_revision: number;
};

/** An endpoint whose last attempt failed. */
type CircuitRow = {
  readonly endpoint_id: EndpointId;
  /** JSON of the domain's Circuit. */
  readonly circuit: string;
  /** When the next probe may go; null: the circuit is not open. */
  readonly probe_at: number | null;
  /** A replica makes a probe until then, at the latest. */
  readonly probing_until: number | null;
};

/** When an operational message of a kind was last published about an endpoint. */
type AnnouncementRow = { readonly endpoint_id: EndpointId; readonly kind: NoticeKind; readonly at: number };

/** An operational message, or a batch that holds one. */
type OperationalMessageRow = { readonly id: MessageId | BatchId; readonly at: number };

export type EndpointTables = {
  readonly announcements: AnnouncementRow;
  readonly operational_messages: OperationalMessageRow;
  readonly held_endpoints: HeldEndpointRow;
  readonly circuits: CircuitRow;
};

export const createEndpointTables = async (db: Pick<Kysely<EndpointTables>, 'schema'>): Promise<void> => {
  await db.schema
    .createTable('held_endpoints')
    .addColumn('endpoint_id', 'text', (column) => column.primaryKey())
    .addColumn('held_until', 'bigint', (column) => column.notNull())
    .addColumn('hold_ms', 'bigint', (column) => column.notNull())
    .addColumn('url_revision', 'integer', (column) => column.notNull())
    .execute();
  await db.schema
    .createTable('announcements')
    .addColumn('endpoint_id', 'text', (column) => column.notNull())
    .addColumn('kind', 'text', (column) => column.notNull())
    .addColumn('at', 'bigint', (column) => column.notNull())
    .addPrimaryKeyConstraint('announcements_key', ['endpoint_id', 'kind'])
    .execute();
  await db.schema
    .createTable('operational_messages')
    .addColumn('id', 'text', (column) => column.primaryKey())
    .addColumn('at', 'bigint', (column) => column.notNull())
    .execute();
  await db.schema
    .createTable('circuits')
    .addColumn('endpoint_id', 'text', (column) => column.primaryKey())
    .addColumn('circuit', 'text', (column) => column.notNull())
    .addColumn('probe_at', 'bigint')
    .addColumn('probing_until', 'bigint')
    .execute();
  // For replicas that share a limit of requests to one endpoint (shared-slots.ts). These rows don't follow from the log.
  await db.schema
    .createTable('slots')
    .addColumn('endpoint_id', 'text', (column) => column.notNull())
    .addColumn('number', 'integer', (column) => column.notNull())
    .addColumn('replica', 'text', (column) => column.notNull())
    .addColumn('held_until', 'bigint', (column) => column.notNull())
    .addPrimaryKeyConstraint('slots_by_endpoint', ['endpoint_id', 'number'])
    .execute();
  // For replicas that share a rate of requests to one endpoint (shared-rates.ts). These rows don't follow from the log either.
  await db.schema
    .createTable('sending_rates')
    .addColumn('endpoint_id', 'text', (column) => column.primaryKey())
    .addColumn('interval_ms', 'double precision', (column) => column.notNull())
    .addColumn('full_at', 'double precision', (column) => column.notNull())
    .execute();
};
