// What queries do with columns: times as ISO text and as bounds of sequences, and conditions that no index may serve.
import { sql } from 'kysely';
import { sequenceAt } from '../views/tables/sequences.ts';

/** ISO 8601 in UTC with milliseconds. */
export const iso = (milliseconds: number) => new Date(milliseconds).toISOString();
export const isoOrNull = (milliseconds: number | null) => (milliseconds === null ? null : iso(milliseconds));

/** How far a sequence may run ahead of its time: the log's clock may have been set back. */
const clockToleranceMs = 5_000;
/** Everything accepted before `until` has a lower sequence, unless the clock was set back further than tolerated. */
export const sequenceBefore = (until: number) => sequenceAt(until + clockToleranceMs);

/**
 * A column in a form that no index serves, for conditions on rows that another index finds. SQLite's planner takes the rows of an organization for some
 * ten; it would use that index, and walk through all of them.
 */
export const withoutIndex = (column: string) => sql<string>`${sql.ref(column)} || ''`;

/** Whether an endpoint holds its deliveries: it is paused or disabled, or its organization is suspended. */
export const isHoldingEndpoint = sql<boolean>`(endpoints.status <> 'ENABLED' or exists (select 1 from organizations where organizations.id = endpoints.organization_id and organizations.suspended_at is not null))`;
/** The same as a column: a number on both databases. */
export const endpointHolds = sql<0 | 1>`case when ${isHoldingEndpoint} then 1 else 0 end`;

/** As `withoutIndex`, of a column that holds whole numbers. */
export const numberWithoutIndex = (column: string) => sql<number>`${sql.ref(column)} + 0`;

/** Which sequences can be of this time; `to` is exclusive. */
export const sequencesIn = (since: Date | undefined, until: Date | undefined) => ({
  from: since ? sequenceAt(+since) : 0,
  to: until ? sequenceBefore(+until) : Number.MAX_SAFE_INTEGER,
});

/**
 * The condition that rows with sequences `sequencesIn` this time are of it. Most sequences say so by themselves, without a look at the time: a sequence is
 * never lower than its time, and no more than the tolerance ahead of it.
 */
export const timeIn = (time: string, since: Date | undefined, until: Date | undefined) => [
  ...(since ? [sql<boolean>`(sequence >= ${sequenceBefore(+since)} or ${sql.ref(time)} >= ${+since})`] : []),
  ...(until ? [sql<boolean>`(sequence < ${sequenceAt(+until)} or ${sql.ref(time)} < ${+until})`] : []),
];
