// What a bulk retry goes through: the deliveries that match a filter, endpoint by endpoint, oldest first. Deleted endpoints have none, as nothing
// can be sent to them.
import { sql, type Kysely, type SelectQueryBuilder } from 'kysely';
import type { DeliveryId, EndpointId, OrganizationId } from '../../domain/ids.ts';
import type { ViewsSchema } from '../views/schema.ts';
import type { StoredStatus } from '../views/tables/deliveries-table.ts';
import { idKey } from '../views/tables/id-key.ts';
import { endpointHolds, isHoldingEndpoint, numberWithoutIndex, sequencesIn, timeIn, withoutIndex } from './columns.ts';
import { conditionsOf, type DeliveryConditions, type DeliveryFilter } from './delivery-filter.ts';
import { messageSequences, sequencesFromReplays } from './delivery-pages.ts';
import { openStatuses, ownStatuses, type DeliveryStatus } from './delivery-view.ts';

type Db = Kysely<ViewsSchema>;
type Matching<O> = SelectQueryBuilder<ViewsSchema, 'deliveries', O>;

/** The filter of a job: its statuses are always named. */
export type JobFilter = DeliveryFilter & { readonly status: readonly DeliveryStatus[] };
/** The part of an endpoint's deliveries after `after`, up to and including `upTo`. */
export type DeliverySpan = { readonly after: DeliveryId | undefined; readonly upTo?: DeliveryId };

export type MatchingCount = { readonly endpointId: EndpointId; readonly count: number };

/** How many deliveries of each endpoint match; endpoints without any are left out. */
export const countMatching = async (db: Db, organization: OrganizationId, filter: JobFilter): Promise<MatchingCount[]> => {
  const conditions = conditionsOf(organization, filter);
  const range = conditions && (await rangeOf(db, organization, conditions));
  if (!range) return [];
  const counts: MatchingCount[] = [];
  for (const held of [false, true]) {
    const statuses = storedStatuses(filter.status, held);
    if (statuses.length === 0) continue;
    const endpoints = db
      .selectFrom('endpoints')
      .select('endpoints.id')
      .where('endpoints.organization_id', '=', organization)
      .where('endpoints.deleted_at', 'is', null)
      .where(held ? isHoldingEndpoint : sql<boolean>`not ${isHoldingEndpoint}`);
    const named = conditions.endpoints ? endpoints.where('endpoints.id', 'in', conditions.endpoints) : endpoints;
    const query = narrowed(db.selectFrom('deliveries'), conditions, range)
      .where('endpoint_id', 'in', named)
      .where('status', 'in', statuses)
      .select(({ fn }) => ['endpoint_id', fn.countAll<number>().as('count')] as const)
      .groupBy('endpoint_id');
    for (const { endpoint_id, count } of await query.execute()) counts.push({ endpointId: endpoint_id, count });
  }
  return counts;
};

/** The sequences of an endpoint's oldest deliveries that match, in this part of them. */
export const oldestSequences = async (
  db: Db,
  organization: OrganizationId,
  endpointId: EndpointId,
  filter: JobFilter,
  { after, upTo }: DeliverySpan,
  limit: number,
): Promise<number[]> => {
  const conditions = conditionsOf(organization, filter);
  if (!conditions || conditions.endpoints?.includes(endpointId) === false) return [];
  const range = await rangeOf(db, organization, conditions);
  const endpoint = await db
    .selectFrom('endpoints')
    .select(['deleted_at', endpointHolds.as('holds')])
    .where('id', '=', endpointId)
    .executeTakeFirst();
  if (!range || endpoint?.deleted_at !== null) return [];
  const [from, to] = [await sequenceOf(db, after), await sequenceOf(db, upTo)];
  const runs = storedStatuses(filter.status, endpoint.holds === 1).map((status) => {
    let query = narrowed(db.selectFrom('deliveries'), conditions, range)
      .select('sequence')
      .where(withoutIndex('organization_id'), '=', organization)
      .where('endpoint_id', '=', endpointId)
      .where('status', '=', status);
    if (from !== undefined) query = query.where('sequence', '>', from);
    if (to !== undefined) query = query.where('sequence', '<=', to);
    return db.selectFrom(query.orderBy('sequence').limit(limit).as('run')).select('run.sequence');
  });
  const [first, ...others] = runs;
  if (!first) return [];
  let all = first;
  for (const other of others) all = all.unionAll(other);
  const rows = await all.orderBy('sequence').limit(limit).execute();
  return rows.map(({ sequence }) => sequence);
};

type Range = { readonly from: number; readonly to: number };

/** Undefined: there is no such message. */
const rangeOf = async (
  db: Db,
  organization: OrganizationId,
  { messageId, since, until }: DeliveryConditions,
): Promise<Range | undefined> => {
  if (messageId === undefined) return sequencesIn(since, until);
  const [message] = await messageSequences(db, organization, [messageId]);
  if (!message) return undefined;
  const { sequence, destinations } = message;
  const own = new Set(Array.from({ length: destinations }, (_, i) => sequence + i));
  const added = await sequencesFromReplays(db, organization, [messageId], own);
  return { from: sequence, to: added.length > 0 ? Number.MAX_SAFE_INTEGER : sequence + destinations };
};

const narrowed = <O>(query: Matching<O>, conditions: DeliveryConditions, { from, to }: Range): Matching<O> => {
  const { messageId, types, since, until, codes, failures, test } = conditions;
  let narrow = query;
  if (from > 0) narrow = narrow.where('sequence', '>=', from);
  if (to < Number.MAX_SAFE_INTEGER) narrow = narrow.where('sequence', '<', to);
  for (const condition of timeIn('created_at', since, until)) narrow = narrow.where(condition);
  if (messageId !== undefined) narrow = narrow.where(withoutIndex('message_id'), '=', messageId);
  if (types)
    narrow =
      types[0] !== undefined && types.length === 1
        ? narrow.where('event_type', '=', types[0])
        : narrow.where(withoutIndex('event_type'), 'in', types);
  if (codes) narrow = narrow.where('last_response_code', '>=', codes.from).where('last_response_code', '<=', codes.to);
  if (failures) narrow = narrow.where('last_failure', 'in', failures);
  if (test !== undefined) narrow = narrow.where(numberWithoutIndex('test'), '=', test ? 1 : 0);
  return narrow;
};

/** The statuses in the table that show as one of these at an endpoint that holds its deliveries, or does not. */
const storedStatuses = (wanted: readonly DeliveryStatus[], held: boolean): StoredStatus[] => {
  const closed: StoredStatus[] = (['SUCCEEDED', 'FAILED', 'CANCELLED'] as const).filter((each) => wanted.includes(each));
  if (held) return wanted.includes('HELD') ? [...closed, ...openStatuses] : closed;
  const waiting: StoredStatus[] = wanted.includes('HELD') ? ['WAITING'] : [];
  return [...closed, ...ownStatuses.filter((each) => wanted.includes(each)), ...waiting];
};

const sequenceOf = async (db: Db, id: DeliveryId | undefined): Promise<number | undefined> => {
  if (id === undefined) return undefined;
  const query = db.selectFrom('deliveries').select('sequence').where('id_key', '=', idKey(id)).where('id', '=', id);
  return (await query.executeTakeFirst())?.sequence;
};
