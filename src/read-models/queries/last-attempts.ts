// The last attempt of each delivery: what lists show, without loading the others.
import { sql, type Kysely } from 'kysely';
import type { DeliveryId, OrganizationId } from '../../domain/ids.ts';
import type { ViewsSchema } from '../views/schema.ts';
import { idKey } from '../views/tables/id-key.ts';
import { withoutIndex } from './columns.ts';
import { attemptView, type AttemptView } from './delivery-view.ts';

/** Of those with an attempt. An attempt of a batch is one of each delivery in it. */
export const lastAttemptsOfDeliveries = async (
  db: Kysely<ViewsSchema>,
  organization: OrganizationId,
  ids: readonly DeliveryId[],
): Promise<ReadonlyMap<DeliveryId, AttemptView>> => {
  if (ids.length === 0) return new Map();
  const sequence = sql<number>`coalesce(deliveries.batch_sequence, deliveries.sequence)`;
  const rows = await db
    .selectFrom('deliveries')
    .innerJoin('attempts', (join) => join.on('attempts.sequence', '=', sequence))
    .select(['deliveries.id', 'attempts.position', 'attempts.failure', 'attempts.detail'])
    .where(withoutIndex('deliveries.organization_id'), '=', organization)
    .where('deliveries.id_key', 'in', ids.map(idKey))
    .where('deliveries.id', 'in', ids)
    .where('attempts.number', '=', (is) =>
      is
        .selectFrom('attempts as each')
        .select(({ fn }) => fn.max('each.number').as('number'))
        .where('each.sequence', '=', sequence),
    )
    .execute();
  return new Map(rows.map((row) => [row.id, attemptView(row)]));
};
