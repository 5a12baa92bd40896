// What waits for endpoints, what they missed while disabled, and the last attempt at each.
import type { Kysely } from 'kysely';
import type { DeliveryId, EndpointId, OrganizationId } from '../../domain/ids.ts';
import type { ViewsSchema } from '../views/schema.ts';
import { attemptView, type AttemptView } from './delivery-view.ts';

export type EndpointWork = {
  /** Deliveries that have not ended. */
  readonly open: number;
  /** Those of them that wait for their endpoint to be resumed or enabled, or for others of their ordering key. */
  readonly held: number;
  /** Messages that matched since it was disabled last. */
  readonly skipped: number;
};

export const noWork: EndpointWork = { open: 0, held: 0, skipped: 0 };

type Db = Kysely<ViewsSchema>;

/** Of those to which anything was routed. */
export const workOf = async (
  db: Db,
  organization: OrganizationId,
  ids: readonly EndpointId[],
): Promise<ReadonlyMap<EndpointId, EndpointWork>> => {
  if (ids.length === 0) return new Map();
  const [totals, waiting, skips, endpoints] = await Promise.all([
    db
      .selectFrom('endpoint_totals')
      .select(['endpoint_id', 'routed', 'succeeded', 'failed', 'cancelled'])
      .where('organization_id', '=', organization)
      .where('endpoint_id', 'in', ids)
      .execute(),
    db
      .selectFrom('deliveries')
      .select(({ fn }) => ['endpoint_id', fn.countAll<number>().as('count')])
      .where('endpoint_id', 'in', ids)
      .where('status', '=', 'WAITING')
      .groupBy('endpoint_id')
      .execute(),
    db.selectFrom('endpoint_skips').select(['endpoint_id', 'skipped']).where('endpoint_id', 'in', ids).execute(),
    db.selectFrom('endpoints').select(['id', 'status', 'deleted_at']).where('id', 'in', ids).execute(),
  ]);
  const ofKeys = new Map(waiting.map(({ endpoint_id, count }) => [endpoint_id, count]));
  const skipped = new Map(skips.map((row) => [row.endpoint_id, row.skipped]));
  const holding = new Set(endpoints.filter(({ status, deleted_at }) => deleted_at === null && status !== 'ENABLED').map(({ id }) => id));
  const opens = new Map(totals.map((row) => [row.endpoint_id, row.routed - row.succeeded - row.failed - row.cancelled]));
  return new Map(
    ids.map((id) => {
      const open = opens.get(id) ?? 0;
      return [id, { open, held: holding.has(id) ? open : (ofKeys.get(id) ?? 0), skipped: skipped.get(id) ?? 0 }];
    }),
  );
};

/** The last attempt at each endpoint and the delivery that it was made for; of a batch, the first of its deliveries. */
export const lastAttemptsOf = async (
  db: Db,
  organization: OrganizationId,
  ids: readonly EndpointId[],
): Promise<ReadonlyMap<EndpointId, { readonly attempt: AttemptView; readonly deliveryId: DeliveryId }>> => {
  if (ids.length === 0) return new Map();
  const rows = await db
    .selectFrom('endpoint_health')
    .innerJoin('attempts', (join) =>
      join
        .onRef('attempts.sequence', '=', 'endpoint_health.last_attempt_sequence')
        .onRef('attempts.number', '=', 'endpoint_health.last_attempt_number'),
    )
    .select(['endpoint_health.endpoint_id', 'attempts.position', 'attempts.failure', 'attempts.detail'])
    .select((is) => [
      is.selectFrom('deliveries').select('id').whereRef('deliveries.sequence', '=', 'attempts.sequence').as('single_id'),
      is
        .selectFrom('deliveries')
        .select('id')
        .whereRef('deliveries.batch_sequence', '=', 'attempts.sequence')
        .orderBy('deliveries.sequence')
        .limit(1)
        .as('batched_id'),
    ])
    .where('endpoint_health.organization_id', '=', organization)
    .where('endpoint_health.endpoint_id', 'in', ids)
    .execute();
  return new Map(
    rows.flatMap((row) => {
      const deliveryId = row.single_id ?? row.batched_id;
      return deliveryId === null ? [] : [[row.endpoint_id, { attempt: attemptView(row), deliveryId }]];
    }),
  );
};
