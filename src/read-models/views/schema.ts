// The tables of the views. Each is defined beside its reducer, in tables/; a new view is a new file there and a line in each list below.
import type { Kysely } from 'kysely';
import type { CheckpointSchema, Int64Type } from '../engine/database/database.ts';
import { apiKeys, reduceApiKeys } from './tables/api-keys.ts';
import { attempts, reduceAttempts } from './tables/attempts.ts';
import { batches, reduceBatches } from './tables/batches.ts';
import { bulkRetries, reduceBulkRetries } from './tables/bulk-retries.ts';
import { DeliveryReducer } from './tables/deliveries.ts';
import { deliveries } from './tables/deliveries-table.ts';
import { attemptLatencies, deliveryStats, reduceDeliveryStats } from './tables/delivery-stats.ts';
import { endpointTotals, reduceDeliveryCounts, successBuckets } from './tables/delivery-counts.ts';
import { endpointHealth, reduceEndpointHealth } from './tables/endpoint-health.ts';
import { endpointSkips, reduceEndpointSkips } from './tables/endpoint-skips.ts';
import { endpoints, endpointSubscriptions, reduceEndpoints } from './tables/endpoints.ts';
import { eventTypes, reduceEventTypes } from './tables/event-types.ts';
import { failedAttempts, reduceFailedAttempts } from './tables/failed-attempts.ts';
import { logClock, logEvents, logKinds } from './tables/history.ts';
import { messages, reduceMessages } from './tables/messages.ts';
import type { OpenDeliveries } from './tables/open-deliveries.ts';
import type { MayHaveRows } from '../ordering/ordered-deliveries.ts';
import { orderedDeliveries, reduceOrder } from './tables/ordered-deliveries.ts';
import { organizations, reduceOrganizations } from './tables/organizations.ts';
import { organizationHours, organizationTotals, reduceOrganizationUsage } from './tables/organization-usage.ts';
import { readings, reduceReadings, skippedEvents } from './tables/readings.ts';
import type { Reducer } from './tables/reducer.ts';
import { reduceReplays, replays } from './tables/replays.ts';
import { Sequences } from './tables/sequences.ts';
import { reduceSources, sources } from './tables/sources.ts';
import { createTable, queryIndexesOf, type AnyTable, type RowOf } from './tables/table.ts';

const tables = {
  organizations,
  organization_hours: organizationHours,
  organization_totals: organizationTotals,
  event_types: eventTypes,
  api_keys: apiKeys,
  endpoints,
  endpoint_subscriptions: endpointSubscriptions,
  endpoint_health: endpointHealth,
  endpoint_skips: endpointSkips,
  messages,
  deliveries,
  ordered_deliveries: orderedDeliveries,
  batches,
  attempts,
  failed_attempts: failedAttempts,
  replays,
  bulk_retries: bulkRetries,
  success_buckets: successBuckets,
  endpoint_totals: endpointTotals,
  delivery_stats: deliveryStats,
  attempt_latencies: attemptLatencies,
  log_kinds: logKinds,
  log_events: logEvents,
  log_clock: logClock,
  sources,
  readings,
  skipped_events: skippedEvents,
};
type Tables = typeof tables;

export type ViewsSchema = CheckpointSchema & { [T in keyof Tables]: RowOf<Tables[T]> };

/** What the reducers of one batch share. */
type Shared = { readonly sequences: Sequences; readonly deliveries: DeliveryReducer; readonly mayHaveOrdered: MayHaveRows };

/** In the order in which they write. `HistoryIndex` writes the tables of the history. */
const makers: readonly ((of: Shared) => Reducer)[] = [
  reduceOrganizations,
  reduceEventTypes,
  reduceApiKeys,
  reduceEndpoints,
  reduceEndpointSkips,
  reduceReplays,
  reduceBulkRetries,
  ({ sequences }) => reduceMessages(sequences),
  ({ deliveries, mayHaveOrdered }) => reduceOrder(deliveries, mayHaveOrdered),
  ({ deliveries }) => deliveries,
  ({ sequences }) => reduceBatches(sequences),
  ({ deliveries }) => reduceAttempts((id) => deliveries.sequenceOf(id)),
  ({ deliveries }) => reduceEndpointHealth((id) => deliveries.sequenceOf(id)),
  reduceDeliveryCounts,
  ({ deliveries }) => reduceDeliveryStats(deliveries.membersOf),
  ({ deliveries }) => reduceFailedAttempts(deliveries.membersOf),
  reduceOrganizationUsage,
  reduceSources,
  reduceReadings,
];

const shared = (sequences: Sequences, open: OpenDeliveries | undefined, mayHaveOrdered: MayHaveRows): Shared => ({
  sequences,
  deliveries: new DeliveryReducer(sequences, open),
  mayHaveOrdered,
});

const forTypes = shared(new Sequences(0), undefined, { current: undefined });
/** The events that the reducers of each maker take. */
const typesOf = makers.map((make) => new Set(Object.keys(make(forTypes).on)));

/** For one batch: those that take any of its events. The others would write nothing. */
export const reducersOf = (
  batch: readonly { readonly type: string }[],
  sequences: Sequences,
  open: OpenDeliveries | undefined,
  mayHaveOrdered: MayHaveRows,
): readonly Reducer[] => {
  const types = new Set(batch.map(({ type }) => type));
  const of = shared(sequences, open, mayHaveOrdered);
  return makers.filter((_, i) => typesOf[i]?.isDisjointFrom(types) === false).map((make) => make(of));
};

const named: readonly (readonly [string, AnyTable])[] = Object.entries(tables);

type PrimaryKeys = { readonly [T in keyof Tables]: Tables[T]['primaryKey'] };
export const primaryKeys = Object.fromEntries(named.map(([name, { primaryKey }]) => [name, primaryKey])) as PrimaryKeys;

export const queryIndexes = named.flatMap(([name, table]) => queryIndexesOf(name, table));

export const createTables = async (db: Pick<Kysely<ViewsSchema>, 'schema'>, int64: Int64Type): Promise<void> => {
  for (const [name, table] of named) await createTable(db, name, table, int64);
};
