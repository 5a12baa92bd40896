// Figures on failures: how many attempts failed, of how many deliveries, by what they have in common. Bounded: the newest of them are counted.
import { sql, type Kysely } from 'kysely';
import { asDeliveryId, type DeliveryId, type EndpointId, type OrganizationId } from '../../domain/ids.ts';
import type { ViewsSchema } from '../views/schema.ts';
import { iso, withoutIndex } from './columns.ts';

export const failureGroupings = ['REASON', 'CODE', 'ENDPOINT', 'EVENT_TYPE'] as const;
export type FailureGrouping = (typeof failureGroupings)[number];

export type FailureFilter = {
  /** Left out: all of the organization. An empty list matches nothing. */
  readonly endpointIds?: readonly EndpointId[] | undefined;
  readonly eventType?: string | undefined;
  /** Not counted. */
  readonly exceptTypes?: readonly string[] | undefined;
};
export type FailureSpan = { readonly since: Date; readonly until: Date };

export type FailureStatsView = {
  readonly key: string;
  readonly attempts: number;
  readonly deliveries: number;
  /** ISO 8601. */
  readonly lastAt: string;
  /** The newest of them. Null: the views changed meanwhile. */
  readonly example: { readonly deliveryId: DeliveryId; readonly attempt: number } | null;
};

/** Of the newest failed attempts of the time, so many are counted. */
export const mostFailuresCounted = 50_000;

/** Text on both databases. `|| ''` keeps it from an index: see `withoutIndex`. */
const keyIn = (table: 'failed' | 'failed_attempts', by: FailureGrouping) => {
  const column = { REASON: 'failure', CODE: 'response_code', ENDPOINT: 'endpoint_id', EVENT_TYPE: 'event_type' }[by];
  return sql<string>`cast(${sql.ref(`${table}.${column}`)} as text) || ''`;
};

type Group = { readonly key: string; readonly attempts: number; readonly deliveries: number; readonly last_at: number };
type Scope = { readonly endpoint?: EndpointId; readonly type?: string };

/** The parts of the filter that an index finds, each by itself. */
const scopesOf = ({ endpointIds, eventType }: FailureFilter): readonly Scope[] => {
  if (endpointIds) return endpointIds.map((endpoint) => ({ endpoint }));
  return [eventType === undefined ? {} : { type: eventType }];
};

/** The most failures first. By code: of those that were answered. */
export const failureStats = async (
  db: Kysely<ViewsSchema>,
  organization: OrganizationId,
  filter: FailureFilter,
  span: FailureSpan,
  by: FailureGrouping,
  top: number,
): Promise<FailureStatsView[]> => {
  const scopes = scopesOf(filter);
  const limit = Math.floor(mostFailuresCounted / Math.max(scopes.length, 1));
  const [first, ...others] = scopes.map((scope) =>
    db.selectFrom(newestOf(db, organization, scope, span).limit(limit).as('newest')).selectAll('newest'),
  );
  if (!first) return [];
  let all = first;
  for (const other of others) all = all.unionAll(other);
  let counted = db
    .selectFrom(all.as('failed'))
    .select(({ fn }) => [
      keyIn('failed', by).as('key'),
      fn.countAll<number>().as('attempts'),
      sql<number>`count(distinct failed.sequence)`.as('deliveries'),
      fn.max('failed.failed_at').as('last_at'),
    ]);
  if (filter.eventType !== undefined) counted = counted.where('failed.event_type', '=', filter.eventType);
  if (filter.exceptTypes && filter.exceptTypes.length > 0) counted = counted.where('failed.event_type', 'not in', filter.exceptTypes);
  if (by === 'CODE') counted = counted.where('failed.response_code', 'is not', null);
  const groups = await counted.groupBy('key').orderBy('attempts', 'desc').orderBy('last_at', 'desc').orderBy('key').limit(top).execute();
  const examples = await examplesOf(db, organization, filter, groups, by);
  return groups.map(({ key, attempts, deliveries, last_at }) => ({
    key,
    attempts,
    deliveries,
    lastAt: iso(last_at),
    example: examples.get(key) ?? null,
  }));
};

const newestOf = (db: Kysely<ViewsSchema>, organization: OrganizationId, { endpoint, type }: Scope, { since, until }: FailureSpan) => {
  const rows = db
    .selectFrom('failed_attempts')
    .select(['sequence', 'endpoint_id', 'event_type', 'failure', 'response_code', 'failed_at'])
    .where('failed_at', '>=', since.getTime())
    .where('failed_at', '<', until.getTime())
    .orderBy('failed_at', 'desc');
  if (endpoint !== undefined) return rows.where('endpoint_id', '=', endpoint).where(withoutIndex('organization_id'), '=', organization);
  const own = rows.where('organization_id', '=', organization);
  return type === undefined ? own : own.where('event_type', '=', type);
};

/** One of each group that failed last: those of one moment are few. */
const examplesOf = async (
  db: Kysely<ViewsSchema>,
  organization: OrganizationId,
  { endpointIds, eventType, exceptTypes = [] }: FailureFilter,
  groups: readonly Group[],
  by: FailureGrouping,
): Promise<ReadonlyMap<string, { readonly deliveryId: DeliveryId; readonly attempt: number }>> => {
  const [first, ...others] = groups.map(({ key, last_at }, i) => {
    let one = db
      .selectFrom('failed_attempts')
      .innerJoin('deliveries', 'deliveries.sequence', 'failed_attempts.sequence')
      .select((is) => [is.lit(i).as('group'), 'deliveries.id as delivery', 'failed_attempts.number as number'])
      .where('failed_attempts.organization_id', '=', organization)
      .where('failed_attempts.failed_at', '=', last_at)
      .where(keyIn('failed_attempts', by), '=', key);
    if (endpointIds) one = one.where(withoutIndex('failed_attempts.endpoint_id'), 'in', endpointIds);
    if (eventType !== undefined) one = one.where(withoutIndex('failed_attempts.event_type'), '=', eventType);
    if (exceptTypes.length > 0) one = one.where(withoutIndex('failed_attempts.event_type'), 'not in', exceptTypes);
    return db.selectFrom(one.limit(1).as('one')).selectAll('one');
  });
  if (!first) return new Map();
  let all = first;
  for (const other of others) all = all.unionAll(other);
  const rows = await all.execute();
  return new Map(
    rows.map(({ group, delivery, number }) => [groups[group]?.key ?? '', { deliveryId: asDeliveryId(delivery), attempt: number }]),
  );
};
