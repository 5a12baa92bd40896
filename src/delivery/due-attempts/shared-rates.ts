// Rates that replicas share: a row for each endpoint with a rate limit says when its next request may go. A replica reserves the times of its next
// requests by moving that time on. These rows don't follow from the log: without them, each endpoint begins with a full bucket.
import { sql } from 'kysely';
import type { RateLimit } from '../../domain/endpoint-pace.ts';
import type { EndpointId } from '../../domain/ids.ts';
import type { Tables } from '../../read-models/engine/database/database.ts';
import type { DueAttemptsSchema } from './due-attempts-table.ts';
import type { SharedClock } from './shared-clock.ts';

export class SharedRates {
  constructor(
    private readonly tables: () => Tables<DueAttemptsSchema>,
    private readonly clock: SharedClock,
  ) {}

  /** @returns how long to wait before the first of `count` requests; each other may go an interval later. Negative: it may have gone already */
  async reserve(id: EndpointId, count: number, { perSecond, burst }: RateLimit): Promise<number> {
    const { group } = this.tables();
    if (!group) throw new Error('Rates need a database that replicas share.');
    await this.clock.whenSet;
    const now = this.clock.now();
    const interval = 1_000 / perSecond;
    const { rows } = await sql<{ full_at: number }>`
      INSERT INTO sending_rates (endpoint_id, interval_ms, full_at) VALUES (${id}, ${interval}, ${now + count * interval})
      ON CONFLICT (endpoint_id) DO UPDATE SET interval_ms = excluded.interval_ms,
        full_at = ${count * interval}::double precision +
          CASE WHEN sending_rates.interval_ms = excluded.interval_ms THEN GREATEST(sending_rates.full_at, ${now}) ELSE ${now} END
      RETURNING full_at`.execute(group.sideWriter);
    const fullAt = rows[0]?.full_at ?? now;
    return fullAt - count * interval - (burst - 1) * interval - this.clock.now();
  }
}
