// The health of endpoints, as queries answer it.
import { expressionBuilder, type Expression, type Kysely, type SqlBool } from 'kysely';
import type { HealthState } from '../../domain/circuit.ts';
import type { EndpointId, OrganizationId } from '../../domain/ids.ts';
import type { ViewsSchema } from '../views/schema.ts';
import { isoOrNull } from './columns.ts';

/** Times are ISO 8601 in UTC with milliseconds. */
export type EndpointHealthView = {
  readonly state: HealthState;
  readonly since: string | null;
  readonly consecutiveFailures: number;
  readonly nextProbeAt: string | null;
  readonly lastError: string | null;
  readonly lastSuccessAt: string | null;
};

/** No attempt was made yet. */
export const untried: EndpointHealthView = {
  state: 'HEALTHY',
  since: null,
  consecutiveFailures: 0,
  nextProbeAt: null,
  lastError: null,
  lastSuccessAt: null,
};

export const healthOf = async (
  db: Kysely<ViewsSchema>,
  organization: OrganizationId,
  ids: readonly EndpointId[],
): Promise<ReadonlyMap<EndpointId, EndpointHealthView>> => {
  const query = db.selectFrom('endpoint_health').selectAll().where('organization_id', '=', organization).where('endpoint_id', 'in', ids);
  const rows = ids.length === 0 ? [] : await query.execute();
  return new Map(
    rows.map((row) => [
      row.endpoint_id,
      {
        state: row.state,
        since: isoOrNull(row.since),
        consecutiveFailures: row.consecutive_failures,
        nextProbeAt: isoOrNull(row.next_probe_at),
        lastError: row.last_error,
        lastSuccessAt: isoOrNull(row.last_success_at),
      },
    ]),
  );
};

/** For a query on endpoints: those of that health. */
export const hasHealth = (organization: OrganizationId, state: HealthState): Expression<SqlBool> => {
  const is = expressionBuilder<ViewsSchema, 'endpoints'>();
  const unhealthy = is.selectFrom('endpoint_health').select('endpoint_id').where('organization_id', '=', organization);
  return state === 'HEALTHY'
    ? is('endpoints.id', 'not in', unhealthy.where('state', '!=', 'HEALTHY'))
    : is('endpoints.id', 'in', unhealthy.where('state', '=', state));
};
