// Queries on endpoints: single ones, pages, success rates. The first argument is the caller's organization: no query shows another one's data.
import type { Kysely } from 'kysely';
import type { EndpointConfiguration } from '../../domain/endpoint.ts';
import type { EndpointId, OrganizationId, Position } from '../../domain/ids.ts';
import type { ViewsSchema } from '../views/schema.ts';
import { iso, isoOrNull, withoutIndex } from './columns.ts';
import type { Count } from './counting.ts';
import { healthOf, type EndpointHealthView } from './endpoint-health.ts';
import { endpointsInNeed, type EndpointAttention } from './endpoint-attention.ts';
import { lastAttemptsOf, workOf, type EndpointWork } from './endpoint-work.ts';
import { countEndpoints, endpointPage, type EndpointFilter, type EndpointOrder } from './endpoint-pages.ts';
import { isGiven } from './optional.ts';
import { pageOf, positionKeyOf, type Page, type PageRequest } from './page.ts';
import { firstHourOf, successRate, type SuccessRate, type Window } from './success-rate.ts';
import { endpointConfigurationIn } from '../views/tables/endpoints.ts';

/** Times are ISO 8601 in UTC with milliseconds. */
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

/** When a message was accepted: a position, and ISO 8601. `only` and `except` narrow the endpoints. */
type MessageMoment = {
  readonly position: Position;
  readonly acceptedAt: string;
  readonly only?: readonly EndpointId[] | undefined;
  readonly except?: readonly EndpointId[] | undefined;
};

export class EndpointQueries {
  /**
   * @param read the current views; called for each query, since a rebuilt version may replace them at any time
   * @param now when the windows of success rates end
   */
  constructor(
    private readonly read: () => Kysely<ViewsSchema>,
    private readonly now: () => Date = () => new Date(),
  ) {}

  async find(organization: OrganizationId, id: EndpointId): Promise<EndpointView | undefined> {
    const [found] = await this.byIds(organization, [id]);
    return found?.deletedAt === null ? found : undefined;
  }

  /** Includes deleted endpoints, which deliveries still name. In no particular order. */
  async byIds(organization: OrganizationId, ids: readonly EndpointId[]): Promise<EndpointView[]> {
    if (ids.length === 0) return [];
    const rows = await this.read()
      .selectFrom('endpoints')
      .selectAll()
      .where(withoutIndex('organization_id'), '=', organization)
      .where('id', 'in', ids)
      .execute();
    return rows.map(endpointView);
  }

  async page(
    organization: OrganizationId,
    page: PageRequest,
    filter: EndpointFilter = {},
    order: EndpointOrder = 'NEWEST',
  ): Promise<Page<EndpointView>> {
    const { edges, ...rest } = await endpointPage(this.read(), organization, page, filter, order);
    return { ...rest, edges: edges.map(({ cursor, node }) => ({ cursor, node: endpointView(node) })) };
  }

  /** All that match, not only those after a cursor. */
  count(organization: OrganizationId, filter: EndpointFilter, max: number): Promise<Count> {
    return countEndpoints(this.read(), organization, filter, max);
  }

  /** Those that there were when a message was accepted, also deleted ones, newest first. */
  async pageAt(organization: OrganizationId, { first, after }: PageRequest, at: MessageMoment): Promise<Page<EndpointView>> {
    const before = positionKeyOf(after);
    if (at.only?.length === 0) return { edges: [], hasNextPage: false, hasPreviousPage: isGiven(after), endCursor: null };
    let query = this.read()
      .selectFrom('endpoints')
      .selectAll()
      .where('organization_id', '=', organization)
      .where('created_position', '<=', at.position)
      .where((is) => is.or([is('deleted_at', 'is', null), is('deleted_at', '>=', Date.parse(at.acceptedAt))]));
    if (before !== undefined) query = query.where('created_position', '<', before);
    if (at.only) query = query.where('id', 'in', at.only);
    if (at.except && at.except.length > 0) query = query.where('id', 'not in', at.except);
    const rows = await query
      .orderBy('created_position', 'desc')
      .limit(first + 1)
      .execute();
    return pageOf(rows, { first, after }, (row) => row.created_position, endpointView);
  }

  /** Of those to which there was an attempt. */
  health(organization: OrganizationId, ids: readonly EndpointId[]): Promise<ReadonlyMap<EndpointId, EndpointHealthView>> {
    return healthOf(this.read(), organization, ids);
  }

  /** Of those to which anything was routed. */
  work(organization: OrganizationId, ids: readonly EndpointId[]): Promise<ReadonlyMap<EndpointId, EndpointWork>> {
    return workOf(this.read(), organization, ids);
  }

  lastAttempts(organization: OrganizationId, ids: readonly EndpointId[]): ReturnType<typeof lastAttemptsOf> {
    return lastAttemptsOf(this.read(), organization, ids);
  }

  /** Those that need a person, the worst first. */
  inNeed(organization: OrganizationId, first: number): Promise<EndpointAttention[]> {
    return endpointsInNeed(this.read(), organization, first);
  }

  /** One rate for each of the ids, also for endpoints that had nothing to deliver. */
  async successRates(
    organization: OrganizationId,
    ids: readonly EndpointId[],
    window: Window,
  ): Promise<ReadonlyMap<EndpointId, SuccessRate>> {
    const rates = new Map(ids.map((id) => [id, successRate(0, 0)]));
    if (ids.length === 0) return rates;
    const totals = this.read()
      .selectFrom('endpoint_totals')
      .where('endpoint_totals.organization_id', '=', organization)
      .where('endpoint_totals.endpoint_id', 'in', ids);
    const rows =
      window === 'ALL'
        ? await totals.select(['endpoint_id', 'rated_succeeded as succeeded', 'rated_failed as failed']).execute()
        : await totals
            .innerJoin('success_buckets', 'success_buckets.endpoint_id', 'endpoint_totals.endpoint_id')
            .where('hour', '>=', firstHourOf(window, this.now()))
            .groupBy('endpoint_totals.endpoint_id')
            .select(({ fn }) => [
              'endpoint_totals.endpoint_id',
              fn.sum<number>('success_buckets.succeeded').as('succeeded'),
              fn.sum<number>('success_buckets.failed').as('failed'),
            ])
            .execute();
    for (const { endpoint_id, succeeded, failed } of rows) rates.set(endpoint_id, successRate(succeeded, succeeded + failed));
    return rates;
  }
}

const endpointView = (row: ViewsSchema['endpoints']): EndpointView => ({
  id: row.id,
  organizationId: row.organization_id,
  configuration: endpointConfigurationIn(row),
  createdAt: iso(row.created_at),
  updatedAt: iso(row.updated_at),
  deletedAt: isoOrNull(row.deleted_at),
  revision: row.revision,
});
