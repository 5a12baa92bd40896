// Backlogs: how many attempts of an endpoint wait, or are under way, as far as that matters. For jobs that are paced behind new work.
import { sql, type Kysely } from 'kysely';
import type { EndpointId } from '../../domain/ids.ts';
import type { DueAttemptsSchema } from './due-attempts-table.ts';

/** The attempts of each endpoint that are due, counted up to `most`. Endpoints without any may be left out. */
export const dueBacklogs = async (
  db: Kysely<DueAttemptsSchema>,
  endpoints: readonly EndpointId[],
  most: number,
  /** By the clock of the due attempts. */
  now: number,
): Promise<ReadonlyMap<EndpointId, number>> => {
  const [first, ...others] = endpoints.map((id) => {
    const due = db.selectFrom('due_attempts').select('id').where('endpoint_id', '=', id).where('ready_at', '<=', now).limit(most);
    return db
      .selectFrom(due.as('due'))
      .select(({ fn }) => [sql<EndpointId>`${id}`.as('endpoint_id'), fn.countAll<number>().as('count')] as const);
  });
  if (!first) return new Map();
  let all = first;
  for (const other of others) all = all.unionAll(other);
  return new Map((await all.execute()).map(({ endpoint_id, count }) => [endpoint_id, count]));
};

/** Attempts that wait, by endpoint, with the earliest moment at which one is due. Reads the whole table. */
export const waitingByEndpoint = (db: Kysely<DueAttemptsSchema>) =>
  db
    .selectFrom('due_attempts')
    .select(({ fn }) => [
      'endpoint_id',
      fn.countAll<number>().as('count'),
      sql<number>`sum(coalesce(size, 1))`.as('deliveries'),
      fn.min('due_at').as('due_at'),
    ])
    .groupBy('endpoint_id')
    .execute();

/** Deliveries that wait for their turn under an ordering key: all but the first of each queue, and those in a batch. Reads the whole table. */
export const waitingForTurn = async (db: Kysely<DueAttemptsSchema>): Promise<number> => {
  const { rows } = await sql<{ count: number }>`
    SELECT (SELECT count(*) FROM ordered_deliveries WHERE unit = id) - (
      SELECT count(*) FROM ordered_deliveries AS each
      JOIN (SELECT queue, min(place) AS place FROM ordered_deliveries GROUP BY queue) AS first
        ON each.queue = first.queue AND each.place = first.place
      WHERE each.unit = each.id) AS count`.execute(db);
  return rows[0]?.count ?? 0;
};
