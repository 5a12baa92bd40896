// Held endpoints: those whose receivers want no requests for a while, in a table beside the due attempts. A restart reads them, and so do replicas.
// What a receiver asked for ends when the endpoint's URL is changed.
import type { Kysely } from 'kysely';
import type { EndpointId } from '../../domain/ids.ts';
import type { Transaction } from '../../read-models/engine/database/database.ts';
import { ChangeReceiver, HoldEndpoint } from '../saga/saga-commands.ts';
import type { DueAttemptsSchema } from './due-attempts-table.ts';

type Row = DueAttemptsSchema['held_endpoints'];
const holdOf = (row: Row) => new HoldEndpoint(row.endpoint_id, row.held_until, row.hold_ms, row.url_revision);

/** By the clock of the due attempts. */
export const heldEndpointsIn = async (db: Kysely<DueAttemptsSchema>, now: number): Promise<readonly HoldEndpoint[]> =>
  (await db.selectFrom('held_endpoints').selectAll().where('held_until', '>', now).execute()).map(holdOf);

/**
 * A hold does not shorten one that lasts longer.
 * @param changes in the order of the log
 * @returns the holds of these endpoints now, one for each
 */
export const holdEndpoints = async (
  changes: readonly (HoldEndpoint | ChangeReceiver)[],
  tx: Transaction<DueAttemptsSchema>,
): Promise<readonly HoldEndpoint[]> => {
  const ids = [...new Set(changes.map(({ endpointId }) => endpointId))];
  const earlier = await tx.kysely.selectFrom('held_endpoints').selectAll().where('endpoint_id', 'in', ids).execute();
  const rows = new Map<EndpointId, Row>(earlier.map((row) => [row.endpoint_id, row]));
  for (const change of changes) rows.set(change.endpointId, after(change, rows.get(change.endpointId)));
  const changed = [...rows.values()];
  await tx.upsert('held_endpoints', ['endpoint_id'], changed);
  return changed.map(holdOf);
};

const after = (change: HoldEndpoint | ChangeReceiver, before: Row | undefined): Row => {
  const { endpointId: endpoint_id, revision } = change;
  if (change instanceof ChangeReceiver) return { endpoint_id, held_until: 0, hold_ms: 0, url_revision: revision };
  const row = before ?? { endpoint_id, held_until: 0, hold_ms: 0, url_revision: 0 };
  if (revision < row.url_revision || change.until <= row.held_until) return row;
  return { ...row, held_until: change.until, hold_ms: change.holdMs };
};
