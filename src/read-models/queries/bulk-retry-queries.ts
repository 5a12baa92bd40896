// Queries on bulk retries: for the API, whose first argument is the caller's organization, and for the bulk retrier.
import type { Kysely } from 'kysely';
import type { BulkRetryFilter } from '../../domain/bulk-retry.ts';
import type { BulkRetryId, OrganizationId } from '../../domain/ids.ts';
import type { ViewsSchema } from '../views/schema.ts';
import type { BulkRetryRow, JobStatus } from '../views/tables/bulk-retries.ts';
import { iso, isoOrNull } from './columns.ts';
import { pageOf, positionKeyOf, type Page, type PageRequest } from './page.ts';

/** Times are ISO 8601 in UTC with milliseconds. */
export type BulkRetryView = {
  readonly id: BulkRetryId;
  readonly matched: number;
  readonly retried: number;
  readonly status: JobStatus;
  readonly filter: BulkRetryFilter;
  readonly actor: string;
  readonly requestedAt: string;
  readonly endedAt: string | null;
};

export class BulkRetryQueries {
  /** @param read the current views; called for each query, since a rebuilt version may replace them at any time */
  constructor(private readonly read: () => Kysely<ViewsSchema>) {}

  async find(organization: OrganizationId, id: BulkRetryId): Promise<BulkRetryView | undefined> {
    const [found] = await this.byIds(organization, [id]);
    return found;
  }

  /** In no particular order. */
  async byIds(organization: OrganizationId, ids: readonly BulkRetryId[]): Promise<BulkRetryView[]> {
    if (ids.length === 0) return [];
    const query = this.read().selectFrom('bulk_retries').selectAll().where('organization_id', '=', organization);
    return (await query.where('id', 'in', ids).execute()).map(bulkRetryView);
  }

  /** Newest first. */
  async page(organization: OrganizationId, { first, after }: PageRequest): Promise<Page<BulkRetryView>> {
    const before = positionKeyOf(after);
    let query = this.read().selectFrom('bulk_retries').selectAll().where('organization_id', '=', organization);
    if (before !== undefined) query = query.where('requested_position', '<', before);
    const rows = await query
      .orderBy('requested_position', 'desc')
      .limit(first + 1)
      .execute();
    return pageOf(rows, { first, after }, (row) => row.requested_position, bulkRetryView);
  }

  /** The running bulk retries of all organizations. */
  async running(): Promise<BulkRetryId[]> {
    const rows = await this.read().selectFrom('bulk_retries').select('id').where('status', '=', 'RUNNING').execute();
    return rows.map(({ id }) => id);
  }
}

const bulkRetryView = (row: BulkRetryRow): BulkRetryView => ({
  id: row.id,
  matched: row.matched,
  retried: row.retried,
  status: row.status,
  filter: JSON.parse(row.filter) as BulkRetryFilter,
  actor: row.actor,
  requestedAt: iso(row.requested_at),
  endedAt: isoOrNull(row.ended_at),
});
