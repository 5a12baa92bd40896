// Queries on many organizations, for callers that span the installation: pages, what was said of each, and what each uses.
import { sql, type Kysely } from 'kysely';
import { parseJson } from '../../domain/exact-number.ts';
import type { OrganizationId } from '../../domain/ids.ts';
import type { Json } from '../../domain/json.ts';
import type { OrganizationLimits } from '../../domain/organization-events.ts';
import type { ViewsSchema } from '../views/schema.ts';
import { hourOf } from '../views/tables/delivery-counts.ts';
import { metadataIn } from '../views/tables/organizations.ts';
import { iso } from './columns.ts';
import { isGiven, type Optional } from './optional.ts';
import { pageOf, positionKeyOf, type Page, type PageRequest } from './page.ts';

export type OrganizationStatus = 'ACTIVE' | 'SUSPENDED';

/** All that is given must hold. `search`: part of the id or the name, any case. */
export type OrganizationFilter = { readonly search?: Optional<string>; readonly status?: Optional<OrganizationStatus> };

export type OrganizationView = {
  readonly id: OrganizationId;
  readonly name: string;
  readonly status: OrganizationStatus;
  readonly suspendedReason: string | null;
  readonly metadata: Json;
  /** Its own; the others are the installation's defaults. */
  readonly limits: OrganizationLimits;
  /** ISO 8601 in UTC with milliseconds. */
  readonly createdAt: string;
};

export type OrganizationUse = { readonly messagesLastDay: number; readonly waitingDeliveries: number };

const hoursOfDay = 24;

export class OrganizationList {
  constructor(
    /** The current views; called for each query, since a rebuilt version may replace them at any time. */
    private readonly read: () => Kysely<ViewsSchema>,
    private readonly now: () => Date = () => new Date(),
  ) {}

  /** Newest first. */
  async page({ first, after }: PageRequest, filter: OrganizationFilter): Promise<Page<OrganizationView>> {
    const before = positionKeyOf(after);
    let query = this.matching(filter).selectAll();
    if (before !== undefined) query = query.where('created_position', '<', before);
    const rows = await query
      .orderBy('created_position', 'desc')
      .limit(first + 1)
      .execute();
    return pageOf(rows, { first, after }, (row) => row.created_position, organizationView);
  }

  /** How many match, up to `max`, and whether that was all. */
  async count(filter: OrganizationFilter, max: number): Promise<{ readonly value: number; readonly exact: boolean }> {
    const some = this.matching(filter)
      .select(sql<number>`1`.as('one'))
      .limit(max + 1);
    const counted = this.read()
      .selectFrom(some.as('some'))
      .select(({ fn }) => fn.countAll<number>().as('count'));
    const { count } = await counted.executeTakeFirstOrThrow();
    return { value: Math.min(count, max), exact: count <= max };
  }

  /** In no particular order; without deleted ones. */
  async byIds(ids: readonly OrganizationId[]): Promise<OrganizationView[]> {
    if (ids.length === 0) return [];
    const rows = await this.matching({}).selectAll().where('id', 'in', ids).execute();
    return rows.map(organizationView);
  }

  /** Those that use nothing are left out. */
  async usage(ids: readonly OrganizationId[]): Promise<ReadonlyMap<OrganizationId, OrganizationUse>> {
    if (ids.length === 0) return new Map();
    const db = this.read();
    const since = hourOf(this.now().getTime()) - hoursOfDay;
    const [hours, totals] = await Promise.all([
      db
        .selectFrom('organization_hours')
        .select(({ fn }) => ['organization_id', fn.sum<number | string>('messages').as('messages')] as const)
        .where('organization_id', 'in', ids)
        .where('hour', '>', since)
        .groupBy('organization_id')
        .execute(),
      db.selectFrom('organization_totals').selectAll().where('organization_id', 'in', ids).execute(),
    ]);
    const messages = new Map(hours.map((row) => [row.organization_id, Number(row.messages)]));
    const waiting = new Map(totals.map((row) => [row.organization_id, row.waiting]));
    return new Map(ids.map((id) => [id, { messagesLastDay: messages.get(id) ?? 0, waitingDeliveries: waiting.get(id) ?? 0 }]));
  }

  /** The organizations in which at least so many deliveries have not ended. */
  async withWaiting(least: number): Promise<readonly { readonly id: OrganizationId; readonly waiting: number }[]> {
    const rows = await this.read().selectFrom('organization_totals').selectAll().where('waiting', '>=', least).execute();
    return rows.map(({ organization_id, waiting }) => ({ id: organization_id, waiting }));
  }

  private matching({ search, status }: OrganizationFilter) {
    let query = this.read().selectFrom('organizations').where('deleted_at', 'is', null);
    if (status === 'ACTIVE') query = query.where('suspended_at', 'is', null);
    if (status === 'SUSPENDED') query = query.where('suspended_at', 'is not', null);
    if (!isGiven(search)) return query;
    const pattern = `%${search.toLowerCase().replace(/[\\%_]/g, String.raw`\$&`)}%`;
    return query.where(sql<boolean>`search_key like ${pattern} escape ${'\\'}`);
  }
}

const organizationView = (row: ViewsSchema['organizations']): OrganizationView => ({
  id: row.id,
  name: row.name,
  status: row.suspended_at === null ? 'ACTIVE' : 'SUSPENDED',
  suspendedReason: row.suspended_reason,
  metadata: metadataIn(row),
  limits: parseJson(row.limits) as OrganizationLimits, // as `reduceOrganizations` wrote it
  createdAt: iso(row.created_at),
});
