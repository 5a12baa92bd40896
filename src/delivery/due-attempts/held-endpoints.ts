// Held endpoints: those whose receivers want no requests for a while, in a table beside the due attempts. A restart reads them, and so do replicas.
import type { Kysely } from 'kysely';
import type { EndpointId } from '../../domain/ids.ts';
import type { Transaction } from '../../read-models/engine/database/database.ts';
import { HoldEndpoint } from '../saga/saga-commands.ts';
import type { DueAttemptsSchema } from './due-attempts-table.ts';

/** By the clock of the due attempts. */
export const heldEndpointsIn = async (db: Kysely<DueAttemptsSchema>, now: number): Promise<readonly HoldEndpoint[]> => {
  const rows = await db.selectFrom('held_endpoints').selectAll().where('held_until', '>', now).execute();
  return rows.map((row) => new HoldEndpoint(row.endpoint_id, row.held_until, row.hold_ms));
};

/** A hold does not shorten one that lasts longer. */
export const holdEndpoints = async (holds: readonly HoldEndpoint[], tx: Transaction<DueAttemptsSchema>): Promise<void> => {
  const longest = longestHolds([...(await earlierHolds(holds, tx)), ...holds]);
  await tx.upsert(
    'held_endpoints',
    ['endpoint_id'],
    longest.map(({ endpointId, until, holdMs }) => ({ endpoint_id: endpointId, held_until: until, hold_ms: holdMs })),
  );
};

const earlierHolds = async (holds: readonly HoldEndpoint[], { kysely }: Transaction<DueAttemptsSchema>) => {
  const ids = [...new Set(holds.map(({ endpointId }) => endpointId))];
  const rows = await kysely.selectFrom('held_endpoints').selectAll().where('endpoint_id', 'in', ids).execute();
  return rows.map((row) => new HoldEndpoint(row.endpoint_id, row.held_until, row.hold_ms));
};

/** One for each endpoint. */
export const longestHolds = (holds: readonly HoldEndpoint[]): readonly HoldEndpoint[] => {
  const longest = new Map<EndpointId, HoldEndpoint>();
  for (const hold of holds) if (hold.until > (longest.get(hold.endpointId)?.until ?? 0)) longest.set(hold.endpointId, hold);
  return [...longest.values()];
};
