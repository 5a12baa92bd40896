// Endpoints that need a person: those whose receiver fails, and disabled ones that skip or hold messages.
import type { Kysely } from 'kysely';
import type { EndpointId, OrganizationId } from '../../domain/ids.ts';
import type { ViewsSchema } from '../views/schema.ts';
import { endpointConfigurationIn } from '../views/tables/endpoints.ts';
import { iso } from './columns.ts';
import { workOf } from './endpoint-work.ts';

export type EndpointAttention = {
  readonly endpointId: EndpointId;
  readonly why: 'CIRCUIT_OPEN' | 'FAILING' | 'DISABLED';
  /** ISO 8601. */
  readonly since: string;
  /** Deliveries that have not ended. */
  readonly waiting: number;
  /** Messages that matched since it was disabled. */
  readonly skipped: number;
  readonly consecutiveFailures: number;
  readonly lastError: string | null;
  readonly disabledReason: string | null;
};

/** Of each kind. Where more endpoints fail than that, a person looks at the list. */
const mostLookedAt = 500;
const rank = { CIRCUIT_OPEN: 0, DISABLED: 1, FAILING: 2 } as const;

/** The worst first. */
export const endpointsInNeed = async (
  db: Kysely<ViewsSchema>,
  organization: OrganizationId,
  first: number,
): Promise<EndpointAttention[]> => {
  const [unhealthy, disabled] = await Promise.all([
    db
      .selectFrom('endpoint_health')
      .innerJoin('endpoints', 'endpoints.id', 'endpoint_health.endpoint_id')
      .select(['endpoint_id', 'state', 'since', 'consecutive_failures', 'last_error'])
      .where('endpoint_health.organization_id', '=', organization)
      .where('state', 'in', ['OPEN', 'FAILING'])
      .where('endpoints.deleted_at', 'is', null)
      .where('endpoints.status', '!=', 'DISABLED')
      .orderBy('state', 'desc')
      .limit(mostLookedAt)
      .execute(),
    db
      .selectFrom('endpoints')
      .select(['id', 'updated_at', 'configuration'])
      .where('organization_id', '=', organization)
      .where('deleted_at', 'is', null)
      .where('status', '=', 'DISABLED')
      .limit(mostLookedAt)
      .execute(),
  ]);
  const work = await workOf(db, organization, [...unhealthy.map(({ endpoint_id }) => endpoint_id), ...disabled.map(({ id }) => id)]);
  const of = (id: EndpointId) => ({ waiting: work.get(id)?.open ?? 0, skipped: work.get(id)?.skipped ?? 0 });
  const found: EndpointAttention[] = unhealthy.map(({ endpoint_id, state, since, consecutive_failures, last_error }) => ({
    endpointId: endpoint_id,
    why: state === 'OPEN' ? 'CIRCUIT_OPEN' : 'FAILING',
    since: iso(since ?? 0),
    ...of(endpoint_id),
    consecutiveFailures: consecutive_failures,
    lastError: last_error,
    disabledReason: null,
  }));
  for (const { id, updated_at, configuration } of disabled) {
    const counts = of(id);
    if (counts.waiting === 0 && counts.skipped === 0) continue;
    const { disabledReason } = endpointConfigurationIn({ configuration });
    found.push({
      endpointId: id,
      why: 'DISABLED',
      since: iso(updated_at),
      ...counts,
      consecutiveFailures: 0,
      lastError: null,
      disabledReason,
    });
  }
  return found.toSorted((a, b) => rank[a.why] - rank[b.why] || b.waiting - a.waiting || (a.since < b.since ? -1 : 1)).slice(0, first);
};
