// Figures over time: what became of deliveries, and how long attempts took, by endpoint and event type. By the minute for a day, by the hour for three
// months, and nothing after that, so there are few rows however long the log is. Without tests.
// Rows of an endpoint, and rows with '' as the endpoint for all of an organization: nobody sums up a thousand endpoints to draw one chart.
import { sql } from 'kysely';
import type { EndpointId, OrganizationId } from '../../../domain/ids.ts';
import { idIn } from '../../../domain/streams.ts';
import type { Transaction } from '../../engine/database/database.ts';
import type { ViewsSchema } from '../schema.ts';
import type { AttemptedViewEvent } from '../view-event.ts';
import type { MembersOf } from './deliveries.ts';
import type { Reducer } from './reducer.ts';
import { momentOf, type Table } from './table.ts';

type Place = {
  organization_id: OrganizationId;
  endpoint_id: EndpointId | '';
  event_type: string;
  /** Minutes since 1970: when it begins. */
  start: number;
  /** How long it is: 1 or 60. */
  minutes: number;
};
type StatsRow = Place & {
  /** Deliveries that began. */
  accepted: number;
  succeeded: number;
  failed: number;
  /** Attempts that ended. */
  attempts: number;
  failed_attempts: number;
};
/** Attempts that took so long; see `latencyStep`. */
type LatencyRow = Place & { step: number; attempts: number };

const place = { organization_id: 'text', endpoint_id: 'text', event_type: 'text', start: 'integer', minutes: 'integer' } as const;
const placeKey = ['organization_id', 'endpoint_id', 'event_type', 'minutes', 'start'] as const;
const indexes = [{ columns: ['organization_id', 'endpoint_id', 'start'], queriesOnly: true }, { columns: ['minutes', 'start'] }] as const;

export const deliveryStats: Table<StatsRow> = {
  columns: { ...place, accepted: 'int64', succeeded: 'int64', failed: 'int64', attempts: 'int64', failed_attempts: 'int64' },
  primaryKey: placeKey,
  indexes,
};
export const attemptLatencies: Table<LatencyRow> = {
  columns: { ...place, step: 'integer', attempts: 'int64' },
  primaryKey: [...placeKey, 'step'],
  indexes,
};

const minuteMs = 60_000;
export const minuteOf = (milliseconds: number) => Math.floor(milliseconds / minuteMs);
/** Minutes are kept so long, and then hours. */
const minutesKept = 26 * 60;
const hoursKept = 92 * 24;

/** Steps on a log scale, each 19 % wide: what took less than a millisecond is in the first. */
const stepsPerDoubling = 4;
export const latencyStep = (ms: number): number => Math.floor(Math.log2(Math.max(ms, 1)) * stepsPerDoubling);
/** Where a step begins. */
export const latencyAt = (step: number): number => 2 ** (step / stepsPerDoubling);

type Counts = Partial<Record<'accepted' | 'succeeded' | 'failed' | 'attempts' | 'failed_attempts', number>>;
type Counted = { readonly organizationId: OrganizationId; readonly endpointId: EndpointId };

/** Long, as both tables count the same events. */
export const reduceDeliveryStats = (membersOf: MembersOf): Reducer => {
  const accepted: (Counted & { readonly type: string; readonly at: number })[] = [];
  const others: (Counted & { readonly id: string; readonly at: number; readonly counts: Counts; readonly ms?: number })[] = [];

  const attempted = ({ type, stream, data }: AttemptedViewEvent): void => {
    const { organizationId, endpointId, test, startedAt, durationMs } = data;
    if (test) return;
    const isSuccess = type.endsWith('succeeded');
    const counts = { attempts: 1, ...(isSuccess ? { succeeded: 1 } : { failed_attempts: 1 }) };
    others.push({
      organizationId,
      endpointId,
      id: idIn(stream),
      at: Date.parse(startedAt) + Math.round(durationMs),
      counts,
      ms: durationMs,
    });
  };
  const exhausted = (event: {
    readonly stream: string;
    readonly data: Counted & { readonly at: string; readonly test?: true | undefined };
  }): void => {
    const { organizationId, endpointId, at, test } = event.data;
    if (!test) others.push({ organizationId, endpointId, id: idIn(event.stream), at: Date.parse(at), counts: { failed: 1 } });
  };

  return {
    on: {
      'message.accepted': ({ data, recordedAt }) => {
        if (data.test) return;
        const at = momentOf(recordedAt);
        for (const { endpointId } of data.destinations)
          accepted.push({ organizationId: data.organizationId, endpointId, type: data.type, at });
      },
      'delivery.replay-requested': ({ data, recordedAt }) => {
        const { organizationId, endpointId, messageType } = data;
        if (messageType !== undefined) accepted.push({ organizationId, endpointId, type: messageType, at: momentOf(recordedAt) });
      },
      'delivery.attempt-succeeded': attempted,
      'delivery.attempt-failed': attempted,
      'batch.attempt-succeeded': attempted,
      'batch.attempt-failed': attempted,
      'delivery.exhausted': exhausted,
      'batch.exhausted': exhausted,
    },
    async write(tx) {
      if (accepted.length === 0 && others.length === 0) return;
      const rows = new StatsRows();
      for (const { type, at, ...of } of accepted) rows.add(of, type, at, { accepted: 1 });
      const members = await membersOf(tx, Array.from(new Set(others.map(({ id }) => id))));
      for (const { id, at, counts, ms, ...of } of others) for (const { type } of members.get(id) ?? []) rows.add(of, type, at, counts, ms);
      await rows.write(tx);
    },
  };
};

class StatsRows {
  private readonly stats = new Map<string, StatsRow>();
  private readonly latencies = new Map<string, LatencyRow>();
  private newest = 0;

  add({ organizationId, endpointId }: Counted, event_type: string, at: number, counts: Counts, ms?: number): void {
    const start = minuteOf(at);
    this.newest = Math.max(this.newest, start);
    for (const endpoint_id of [endpointId, '' as const]) {
      const key = `${organizationId} ${endpoint_id} ${start} ${event_type}`;
      const here: Place = { organization_id: organizationId, endpoint_id, event_type, start, minutes: 1 };
      let row = this.stats.get(key);
      if (!row) this.stats.set(key, (row = { ...here, accepted: 0, succeeded: 0, failed: 0, attempts: 0, failed_attempts: 0 }));
      row.accepted += counts.accepted ?? 0;
      row.succeeded += counts.succeeded ?? 0;
      row.failed += counts.failed ?? 0;
      row.attempts += counts.attempts ?? 0;
      row.failed_attempts += counts.failed_attempts ?? 0;
      if (ms === undefined) continue;
      const step = latencyStep(ms);
      const latency = this.latencies.get(`${key} ${step}`);
      if (latency) latency.attempts++;
      else this.latencies.set(`${key} ${step}`, { ...here, step, attempts: 1 });
    }
  }

  /** Afterwards, rows by the minute reach back a day from the newest, and rows by the hour three months, however the batches are cut. */
  async write(tx: Transaction<ViewsSchema>): Promise<void> {
    const before = await tx.kysely
      .selectFrom('delivery_stats')
      .select('start')
      .where('minutes', '=', 1)
      .orderBy('start', 'desc')
      .limit(1)
      .executeTakeFirst();
    await tx.add('delivery_stats', [...placeKey], [...this.stats.values()]);
    await tx.add('attempt_latencies', [...placeKey, 'step'], [...this.latencies.values()]);
    const newest = Math.max(before?.start ?? 0, this.newest);
    const oldest = Math.min(...Array.from(this.stats.values(), ({ start }) => start));
    if (before && newest === before.start && oldest >= newest - minutesKept) return;
    await foldMinutes(tx, newest - minutesKept);
    for (const table of ['delivery_stats', 'attempt_latencies'] as const)
      await tx.kysely
        .deleteFrom(table)
        .where('minutes', '=', 60)
        .where('start', '<', newest - hoursKept * 60)
        .execute();
  }
}

/** The minutes before this one become hours. */
const foldMinutes = async ({ kysely }: Transaction<ViewsSchema>, before: number): Promise<void> => {
  const key = sql.raw(placeKey.join(', '));
  await sql`insert into delivery_stats (organization_id, endpoint_id, event_type, start, minutes, accepted, succeeded, failed, attempts, failed_attempts)
    select organization_id, endpoint_id, event_type, start / 60 * 60, 60, sum(accepted), sum(succeeded), sum(failed), sum(attempts), sum(failed_attempts)
    from delivery_stats where minutes = 1 and start < ${before} group by organization_id, endpoint_id, event_type, start / 60 * 60
    on conflict (${key}) do update set accepted = delivery_stats.accepted + excluded.accepted, succeeded = delivery_stats.succeeded + excluded.succeeded,
      failed = delivery_stats.failed + excluded.failed, attempts = delivery_stats.attempts + excluded.attempts,
      failed_attempts = delivery_stats.failed_attempts + excluded.failed_attempts`.execute(kysely);
  await sql`insert into attempt_latencies (organization_id, endpoint_id, event_type, start, minutes, step, attempts)
    select organization_id, endpoint_id, event_type, start / 60 * 60, 60, step, sum(attempts)
    from attempt_latencies where minutes = 1 and start < ${before} group by organization_id, endpoint_id, event_type, start / 60 * 60, step
    on conflict (${key}, step) do update set attempts = attempt_latencies.attempts + excluded.attempts`.execute(kysely);
  for (const table of ['delivery_stats', 'attempt_latencies'] as const)
    await kysely.deleteFrom(table).where('minutes', '=', 1).where('start', '<', before).execute();
};
