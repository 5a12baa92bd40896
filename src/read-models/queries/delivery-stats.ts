// Figures over time: equal buckets from one moment to another, added up from the rows by the minute and by the hour.
import { sql, type Kysely } from 'kysely';
import type { EndpointId, OrganizationId } from '../../domain/ids.ts';
import type { ViewsSchema } from '../views/schema.ts';
import { latencyAt, minuteOf } from '../views/tables/delivery-stats.ts';
import { iso } from './columns.ts';
import { failureStats, type FailureFilter, type FailureGrouping, type FailureSpan, type FailureStatsView } from './failure-stats.ts';

export type StatsFilter = {
  readonly endpointId?: EndpointId | undefined;
  readonly eventType?: string | undefined;
  /** Left out of the sums. */
  readonly exceptTypes?: readonly string[] | undefined;
};
export type StatsSpan = { readonly since: Date; readonly until: Date; readonly buckets: number };

/** `start`: ISO 8601. The latencies are null where no attempt ended. */
export type DeliveryStatsView = {
  readonly start: string;
  readonly accepted: number;
  readonly succeeded: number;
  readonly failed: number;
  readonly attempts: number;
  readonly failedAttempts: number;
  readonly p50Ms: number | null;
  readonly p95Ms: number | null;
};

type Table = 'delivery_stats' | 'attempt_latencies';
const minuteMs = 60_000;

export class DeliveryStatsQueries {
  /** @param read the current views; called for each query, since a rebuilt version may replace them at any time */
  constructor(private readonly read: () => Kysely<ViewsSchema>) {}

  /** What the newest failed attempts of this time have in common, most failures first. */
  failures(
    organization: OrganizationId,
    filter: FailureFilter,
    span: FailureSpan,
    by: FailureGrouping,
    top: number,
  ): Promise<FailureStatsView[]> {
    return failureStats(this.read(), organization, filter, span, by, top);
  }

  /** Oldest first, also empty ones. A row counts in the bucket in which its minute, or its hour, begins; the first also has what began before it. */
  async stats(organization: OrganizationId, filter: StatsFilter, { since, until, buckets }: StatsSpan): Promise<DeliveryStatsView[]> {
    const width = (until.getTime() - since.getTime()) / buckets;
    const wide = Math.max(Math.ceil(width), 1);
    const at = sql`cast(start as bigint) * ${sql.lit(minuteMs)}`;
    const began = sql`cast(${since.getTime()} as bigint)`;
    const bucket = sql<number>`case when ${at} <= ${began} then 0 else (${at} - ${began}) / cast(${wide} as bigint) end`;
    const rows = (table: Table) => {
      let query = this.read()
        .selectFrom(table)
        .where('organization_id', '=', organization)
        .where('endpoint_id', '=', filter.endpointId ?? '')
        .where('start', '>=', minuteOf(since.getTime()))
        .where('start', '<', Math.ceil(until.getTime() / minuteMs));
      if (filter.eventType !== undefined) query = query.where(sql<string>`event_type || ''`, '=', filter.eventType);
      if (filter.exceptTypes && filter.exceptTypes.length > 0)
        query = query.where(sql<string>`event_type || ''`, 'not in', filter.exceptTypes);
      return query;
    };
    const sums = await rows('delivery_stats')
      .select((is) => [
        bucket.as('bucket'),
        is.fn.sum<number | string>('accepted').as('accepted'),
        is.fn.sum<number | string>('succeeded').as('succeeded'),
        is.fn.sum<number | string>('failed').as('failed'),
        is.fn.sum<number | string>('attempts').as('attempts'),
        is.fn.sum<number | string>('failed_attempts').as('failed_attempts'),
      ])
      .groupBy('bucket')
      .execute();
    const latencies = await rows('attempt_latencies')
      .select((is) => [bucket.as('bucket'), 'step', is.fn.sum<number | string>('attempts').as('attempts')])
      .groupBy(['bucket', 'step'])
      .orderBy('step')
      .execute();
    const place = (n: number | string) => Math.min(Math.floor(Number(n)), buckets - 1);
    const counts = Map.groupBy(sums, (row) => place(row.bucket));
    const steps = Map.groupBy(latencies, (row) => place(row.bucket));
    return Array.from({ length: buckets }, (_, n) => {
      const here = counts.get(n) ?? [];
      const took = (steps.get(n) ?? []).map(({ step, attempts }) => ({ step, attempts: Number(attempts) })).sort((a, b) => a.step - b.step);
      const total = (name: 'accepted' | 'succeeded' | 'failed' | 'attempts' | 'failed_attempts') =>
        here.reduce((sum, row) => sum + Number(row[name]), 0);
      return {
        start: iso(Math.round(since.getTime() + n * width)),
        accepted: total('accepted'),
        succeeded: total('succeeded'),
        failed: total('failed'),
        attempts: total('attempts'),
        failedAttempts: total('failed_attempts'),
        p50Ms: percentile(took, 0.5),
        p95Ms: percentile(took, 0.95),
      };
    });
  }
}

/** Interpolates within a step, as if its attempts were spread evenly. Null: there are none. */
export const percentile = (steps: readonly { readonly step: number; readonly attempts: number }[], share: number): number | null => {
  const wanted = steps.reduce((sum, { attempts }) => sum + attempts, 0) * share;
  let before = 0;
  for (const { step, attempts } of steps) {
    if (before + attempts >= wanted && attempts > 0) return Math.round(latencyAt(step + (wanted - before) / attempts) * 10) / 10;
    before += attempts;
  }
  return null;
};
