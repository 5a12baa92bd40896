// The table of the slots that replicas share, as one of them reads and writes it, and what they tell each other of it. Each call is one statement, but for `tell`.
// Guarantee: a slot is one replica's until its lease ends by the database's clock, whatever the others do meanwhile.
import { sql, type Kysely } from 'kysely';
import type { EndpointId } from '../../domain/ids.ts';
import type { Tables } from '../../read-models/engine/database/database.ts';
import type { DueAttemptsSchema } from './due-attempts.ts';
import { databaseClock, maxNoticeIds, type ReplicaNotice } from './leased-due-attempts.ts';

/** One of an endpoint's, from 1 to the bound. */
export type Slot = { readonly id: EndpointId; readonly number: number };

export type SlotRequest = { readonly id: EndpointId; readonly lack: number; readonly leaseMs: number };

export class SlotsTable {
  constructor(
    /** Unlike that of every other process. */
    private readonly replica: string,
    /** Slots of each endpoint. */
    private readonly bound: number,
    private readonly namespace: () => Tables<DueAttemptsSchema>,
  ) {}

  /** @returns those that were free, and whether they are this replica's now: another one may have been quicker */
  async takeFree(lacking: readonly SlotRequest[]): Promise<(Slot & { readonly taken: boolean })[]> {
    const leases = lacking.map(({ leaseMs }) => leaseMs);
    const { rows } = await sql<Slot & { taken: boolean }>`
      WITH free AS MATERIALIZED (
        SELECT its, n, lease
        FROM unnest(${lacking.map(({ id }) => id)}::text[], ${lacking.map(({ lack }) => lack)}::int[], ${leases}::bigint[])
          AS wanted (its, lack, lease)
        CROSS JOIN LATERAL (
          SELECT n FROM generate_series(1, ${this.bound}::int) AS n
          WHERE NOT EXISTS (SELECT FROM slots WHERE endpoint_id = its AND number = n AND held_until > ${databaseClock})
          ORDER BY random() LIMIT lack) AS numbers),
      taken AS (
        INSERT INTO slots (endpoint_id, number, replica, held_until)
        SELECT its, n, ${this.replica}, ${databaseClock} + lease FROM free ORDER BY its, n
        ON CONFLICT (endpoint_id, number) DO UPDATE SET replica = excluded.replica, held_until = excluded.held_until
          WHERE slots.held_until <= ${databaseClock}
        RETURNING endpoint_id, number)
      SELECT its AS id, n AS number, taken.number IS NOT NULL AS taken
      FROM free LEFT JOIN taken ON endpoint_id = its AND taken.number = n`.execute(this.beside);
    return rows;
  }

  /** @param leases in milliseconds from now, by endpoint. @returns those that are this replica's still */
  async renew(slots: readonly Slot[], leases: ReadonlyMap<EndpointId, number>): Promise<Slot[]> {
    const { rows } = await sql<Slot>`
      WITH mine AS (${this.mine(slots)})
      UPDATE slots SET held_until = ${databaseClock} + lease
      FROM mine JOIN unnest(${[...leases.keys()]}::text[], ${[...leases.values()]}::bigint[]) AS leases (id, lease) ON id = its
      WHERE endpoint_id = its AND number = n RETURNING endpoint_id AS id, number`.execute(this.beside);
    return rows;
  }

  async release(slots: readonly Slot[]): Promise<void> {
    await sql`
      WITH mine AS (${this.mine(slots)})
      DELETE FROM slots USING mine WHERE endpoint_id = its AND number = n`.execute(this.beside);
  }

  /** Does not reject: who lacks some asks again. */
  async notify(what: 'free' | 'lacking', ids: readonly EndpointId[]): Promise<void> {
    try {
      for (let i = 0; i < ids.length; i += maxNoticeIds) {
        const word: ReplicaNotice = { [what]: ids.slice(i, i + maxNoticeIds) };
        await this.namespace().group?.broadcast(JSON.stringify(word));
      }
    } catch {
      // Who lacks some asks again.
    }
  }

  private get beside(): Kysely<DueAttemptsSchema> {
    const { group } = this.namespace();
    if (!group) throw new Error('The slots are this process’s alone.');
    return group.sideWriter;
  }

  /** In one order, so that replicas do not wait for each other in a circle. */
  private mine(slots: readonly Slot[]) {
    return sql`
      SELECT endpoint_id AS its, number AS n FROM slots
      JOIN unnest(${slots.map(({ id }) => id)}::text[], ${slots.map(({ number }) => number)}::int[]) AS given (id, given_number)
        ON endpoint_id = id AND number = given_number
      WHERE replica = ${this.replica} ORDER BY endpoint_id, number FOR UPDATE OF slots`;
  }
}
