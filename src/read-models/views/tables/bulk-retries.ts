// The table of bulk retries: what each was asked to retry, and how far it has come.
import { bulkRetryEvents, type BulkRetryEvent } from '../../../domain/bulk-retry.ts';
import type { BulkRetryId, OrganizationId, Position } from '../../../domain/ids.ts';
import { bulkRetryIdIn } from '../../../domain/streams.ts';
import type { RecordedEvent } from '../../../event-store/event-store.ts';
import { onEach, type Reducer } from './reducer.ts';
import type { Milliseconds, Table } from './table.ts';

/** The status of a job, as the API shows it. */
export type JobStatus = 'RUNNING' | 'DONE' | 'CANCELLED';

export type BulkRetryRow = {
  id: BulkRetryId;
  organization_id: OrganizationId;
  /** JSON of the domain's BulkRetryFilter. */
  filter: string;
  actor: string;
  requested_at: Milliseconds;
  requested_position: Position;
  status: JobStatus;
  matched: number;
  retried: number;
  ended_at: Milliseconds | null;
};

export const bulkRetries: Table<BulkRetryRow> = {
  columns: {
    id: 'text',
    organization_id: 'text',
    filter: 'text',
    actor: 'text',
    requested_at: 'int64',
    requested_position: 'text',
    status: 'text',
    matched: 'int64',
    retried: 'int64',
    ended_at: 'int64?',
  },
  primaryKey: ['id'],
  indexes: [{ columns: ['organization_id', 'requested_position'] }, { columns: ['status'] }],
};

export const reduceBulkRetries = (): Reducer => {
  const events: RecordedEvent<BulkRetryEvent>[] = [];
  return {
    on: onEach(bulkRetryEvents, (event) => events.push(event)),
    async write(tx) {
      if (events.length === 0) return;
      const ids = Array.from(new Set(events.map(({ stream }) => bulkRetryIdIn(stream))));
      const earlier = await tx.kysely.selectFrom('bulk_retries').selectAll().where('id', 'in', ids).execute();
      const rows = new Map(earlier.map((row) => [row.id, row]));
      for (const event of events) {
        const id = bulkRetryIdIn(event.stream);
        const row = evolveRow(id, rows.get(id), event);
        if (row) rows.set(id, row);
      }
      await tx.upsert('bulk_retries', ['id'], [...rows.values()]);
    },
  };
};

const evolveRow = (
  id: BulkRetryId,
  before: BulkRetryRow | undefined,
  { type, data, metadata, position }: RecordedEvent<BulkRetryEvent>,
): BulkRetryRow | undefined => {
  switch (type) {
    case 'bulkretry.requested':
      return {
        id,
        organization_id: data.organizationId,
        filter: JSON.stringify(data.filter),
        actor: metadata.actor,
        requested_at: Date.parse(data.at),
        requested_position: position,
        status: 'RUNNING',
        matched: data.matched,
        retried: 0,
        ended_at: null,
      };
    case 'bulkretry.progressed':
      return before && { ...before, retried: data.retried };
    case 'bulkretry.finished':
      return before && { ...before, status: 'DONE', ended_at: Date.parse(data.at) };
    case 'bulkretry.cancelled':
      return before && { ...before, status: 'CANCELLED', ended_at: Date.parse(data.at) };
  }
};
