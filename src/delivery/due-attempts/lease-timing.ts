// The timing that leases of due attempts and of slots share.
import { sql } from 'kysely';

/** The database's clock, in milliseconds since 1970. Replicas' own clocks do not count. */
export const databaseClock = sql<number>`(extract(epoch FROM statement_timestamp()) * 1000)::bigint`;

/** A lease lasts this much longer than its attempt's timeout: enough to record the outcome. */
export const leaseMarginMs = 3_000;
