// The table of the slots that replicas share, as one replica reads and writes it. Each call is one statement, except `notify`.
// Guarantee: a slot is one replica's until its lease ends by the clock that replicas share, whatever other replicas do.
import { sql, type Kysely } from 'kysely';
import type { EndpointId } from '../../domain/ids.ts';
import type { Tables } from '../../read-models/engine/database/database.ts';
import type { DueAttemptsSchema } from './due-attempts-table.ts';
import { noticeParts, sendNotice } from './replica-notices.ts';
import type { SharedClock } from './shared-clock.ts';

/** One of an endpoint's, numbered from 1 to the limit. */
export type Slot = { readonly id: EndpointId; readonly number: number };

/** `limit`: slots of the endpoint. */
type SlotRequest = { readonly id: EndpointId; readonly count: number; readonly limit: number; readonly leaseMs: number };

export class SlotsTable {
  constructor(
    /** Different for each process. */
    private readonly replica: string,
    private readonly tables: () => Tables<DueAttemptsSchema>,
    private readonly clock: SharedClock,
  ) {}

  /** @returns those that were free, and whether this replica got them: another may have been faster */
  async takeFree(requests: readonly SlotRequest[]): Promise<(Slot & { readonly taken: boolean })[]> {
    await this.clock.whenSet;
    const now = this.clock.now();
    const [ids, counts] = [requests.map(({ id }) => id), requests.map(({ count }) => count)];
    const [limits, leases] = [requests.map(({ limit }) => limit), requests.map(({ leaseMs }) => leaseMs)];
    const { rows } = await sql<Slot & { taken: boolean }>`
      WITH free AS MATERIALIZED (
        SELECT its, n, lease
        FROM unnest(${ids}::text[], ${counts}::int[], ${limits}::int[], ${leases}::bigint[]) AS wanted (its, lack, most, lease)
        CROSS JOIN LATERAL (
          SELECT n FROM generate_series(1, most) AS n
          WHERE NOT EXISTS (SELECT FROM slots WHERE endpoint_id = its AND number = n AND held_until > ${now})
          ORDER BY random() LIMIT lack) AS numbers),
      taken AS (
        INSERT INTO slots (endpoint_id, number, replica, held_until)
        SELECT its, n, ${this.replica}, ${now} + lease FROM free ORDER BY its, n
        ON CONFLICT (endpoint_id, number) DO UPDATE SET replica = excluded.replica, held_until = excluded.held_until
          WHERE slots.held_until <= ${now}
        RETURNING endpoint_id, number)
      SELECT its AS id, n AS number, taken.number IS NOT NULL AS taken
      FROM free LEFT JOIN taken ON endpoint_id = its AND taken.number = n`.execute(this.db);
    return rows;
  }

  /** @param leases in milliseconds from now, by endpoint. @returns those that are still this replica's */
  async renew(slots: readonly Slot[], leases: ReadonlyMap<EndpointId, number>): Promise<Slot[]> {
    const { rows } = await sql<Slot>`
      WITH mine AS (${this.mine(slots)})
      UPDATE slots SET held_until = ${this.clock.now()} + lease
      FROM mine JOIN unnest(${[...leases.keys()]}::text[], ${[...leases.values()]}::bigint[]) AS leases (id, lease) ON id = its
      WHERE endpoint_id = its AND number = n RETURNING endpoint_id AS id, number`.execute(this.db);
    return rows;
  }

  async release(slots: readonly Slot[]): Promise<void> {
    await sql`
      WITH mine AS (${this.mine(slots)})
      DELETE FROM slots USING mine WHERE endpoint_id = its AND number = n`.execute(this.db);
  }

  /** Tells other replicas that slots are free, or that this one has none. Never rejects. */
  async notify(what: 'free' | 'lacking', ids: readonly EndpointId[]): Promise<void> {
    try {
      for (const part of noticeParts(ids)) await sendNotice(this.tables(), { [what]: part });
    } catch {
      // A replica that lacks slots asks again.
    }
  }

  private get db(): Kysely<DueAttemptsSchema> {
    const { group } = this.tables();
    if (!group) throw new Error('Slots need a database that replicas share.');
    return group.sideWriter;
  }

  /** Locks them in one order: replicas don't deadlock. */
  private mine(slots: readonly Slot[]) {
    return sql`
      SELECT endpoint_id AS its, number AS n FROM slots
      JOIN unnest(${slots.map(({ id }) => id)}::text[], ${slots.map(({ number }) => number)}::int[]) AS given (id, given_number)
        ON endpoint_id = id AND number = given_number
      WHERE replica = ${this.replica} ORDER BY endpoint_id, number FOR UPDATE OF slots`;
  }
}
