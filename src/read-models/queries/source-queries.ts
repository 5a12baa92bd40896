// Queries on sources. Except for `all`, the first argument is the caller's organization: no query shows another one's data.
import type { Kysely } from 'kysely';
import type { OrganizationId, Position, SourceId } from '../../domain/ids.ts';
import type { SkippedEvent } from '../../domain/reading.ts';
import type { SourceConfiguration } from '../../domain/source.ts';
import { iso } from './columns.ts';
import { pageOf, sequenceKeyOf, type Page, type PageRequest } from './page.ts';
import type { ViewsSchema } from '../views/schema.ts';
import { sourceConfigurationIn } from '../views/tables/sources.ts';

/** `reading` is null until the first read is recorded. Times are ISO 8601 in UTC with milliseconds. */
export type SourceView = {
  readonly id: SourceId;
  readonly configuration: SourceConfiguration;
  readonly createdAt: string;
  readonly updatedAt: string;
  readonly reading: {
    readonly revision: number;
    readonly position: Position;
    readonly published: number;
    readonly skipped: number;
  } | null;
};
type SkippedEventView = SkippedEvent & { readonly skippedAt: string };

export class SourceQueries {
  /** @param read the current views; called for each query, since a rebuilt version may replace them at any time */
  constructor(private readonly read: () => Kysely<ViewsSchema>) {}

  /** The sources of all organizations that are active, oldest first. For the source readers. */
  async all(): Promise<SourceView[]> {
    const active = this.read()
      .selectFrom('organizations')
      .select('organizations.id')
      .where('organizations.deleted_at', 'is', null)
      .where('organizations.suspended_at', 'is', null);
    const rows = await this.existing().where('sources.organization_id', 'in', active).execute();
    return rows.map(sourceView);
  }

  /** Oldest first. */
  async ofOrganization(organization: OrganizationId): Promise<SourceView[]> {
    return (await this.existing().where('organization_id', '=', organization).execute()).map(sourceView);
  }

  async find(organization: OrganizationId, id: SourceId): Promise<SourceView | undefined> {
    const row = await this.existing().where('organization_id', '=', organization).where('id', '=', id).executeTakeFirst();
    return row && sourceView(row);
  }

  /** Newest first. Empty if the organization has no such source, or deleted it. */
  async skippedEvents(organization: OrganizationId, id: SourceId, { first, after }: PageRequest): Promise<Page<SkippedEventView>> {
    const before = sequenceKeyOf(after);
    let query = this.read()
      .selectFrom('skipped_events')
      .innerJoin('sources', 'sources.id', 'skipped_events.source_id')
      .selectAll('skipped_events')
      .where('source_id', '=', id)
      .where('organization_id', '=', organization)
      .where('deleted_at', 'is', null);
    if (before !== undefined) query = query.where('revision', '<', before);
    const rows = await query
      .orderBy('revision', 'desc')
      .limit(first + 1)
      .execute();
    return pageOf(
      rows,
      { first, after },
      ({ revision }) => revision,
      (row) => ({
        id: row.event_id,
        stream: row.stream,
        revision: row.stream_revision,
        position: row.position,
        type: row.event_type,
        reason: row.reason,
        skippedAt: iso(row.skipped_at),
      }),
    );
  }

  private existing() {
    return this.read()
      .selectFrom('sources')
      .leftJoin('readings', 'readings.source_id', 'sources.id')
      .selectAll('sources')
      .select(['readings.revision', 'readings.position', 'readings.published', 'readings.skipped'])
      .where('deleted_at', 'is', null)
      .orderBy('created_position');
  }
}

type SourceRow = ViewsSchema['sources'] & {
  [C in 'revision' | 'position' | 'published' | 'skipped']: ViewsSchema['readings'][C] | null;
};

const sourceView = ({ id, configuration, created_at, updated_at, revision, position, published, skipped }: SourceRow): SourceView => ({
  id,
  configuration: sourceConfigurationIn(configuration),
  createdAt: iso(created_at),
  updatedAt: iso(updated_at),
  reading: revision === null || position === null ? null : { revision, position, published: published ?? 0, skipped: skipped ?? 0 },
});
