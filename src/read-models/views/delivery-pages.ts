// Pages of deliveries: the newest that match a filter, whatever the filter is, along the index that serves it best.
// The indexes end with status and sequence, so that a page is the newest of a few runs, each of which one index holds in order.
import { sql, type Kysely, type SelectQueryBuilder } from 'kysely';
import type { EndpointId, MessageId, OrganizationId } from '../../domain/ids.ts';
import { idKey, sequenceAt, type StoredStatus, type ViewsSchema } from './schema.ts';
import { openStatuses, type DeliveryStatus } from './shown.ts';

export type Given<T> = T | null | undefined;
/** From `since` on, and before `until`: when the message was accepted. `responseCode`: of the last attempt. An empty list of statuses matches none. */
export type DeliveryFilter = {
  readonly endpointId?: Given<EndpointId>;
  readonly messageId?: Given<MessageId>;
  readonly status?: Given<readonly DeliveryStatus[]>;
  readonly eventType?: Given<string>;
  readonly since?: Given<Date>;
  readonly until?: Given<Date>;
  readonly responseCode?: Given<number>;
};

export type Db = Kysely<ViewsSchema>;
type Deliveries = SelectQueryBuilder<ViewsSchema, 'deliveries', { sequence: number }>;
/** A run of deliveries that an index holds in order: one status of an organization or of an endpoint. */
type Run = { readonly status: StoredStatus; readonly endpointId?: EndpointId | undefined; readonly endpoints?: 'held' | 'not-held' };

const allStatuses: readonly StoredStatus[] = ['PENDING', 'RETRYING', 'SUCCEEDED', 'FAILED', 'CANCELLED'];

/** Up to so many endpoints with open deliveries, each one's runs are looked into by themselves; above, the organization's are filtered. */
const mostEndpointRuns = 40;

/**
 * The log's clock may have been set back: then a message's sequence runs ahead of its time. So far ahead it is still found by `until`.
 */
const clockRoomMs = 5_000;

export const given = <T>(value: T): value is NonNullable<T> => value !== null && value !== undefined;
/** The sequence before which all are that were accepted before then. */
export const latest = (until: Date) => sequenceAt(+until + clockRoomMs);

/** The sequences of the newest deliveries that match, before `before`: the newest of the runs' newest. */
export const newest = async (
  db: Db,
  organization: OrganizationId,
  filter: DeliveryFilter,
  before: number | undefined,
  limit: number,
): Promise<number[]> => {
  const range = await rangeOf(db, organization, filter);
  const runs = range && (await runsOf(db, organization, filter));
  if (!range || !runs || runs.length === 0) return [];
  const from = range.from ?? 0;
  const to = Math.min(range.to ?? Infinity, before ?? Infinity, Number.MAX_SAFE_INTEGER);
  const { eventType, since, until, responseCode } = filter;
  const drivers = await driversOf(db, organization, filter, runs, { from, to });
  const arm = ({ status, endpointId, endpoints }: Run, driver: Driver | undefined): Deliveries => {
    const byEndpoint = driver === 'endpoint';
    let query: Deliveries = db
      .selectFrom('deliveries')
      .select('sequence')
      .where(byEndpoint ? unindexed('organization_id') : 'organization_id', '=', organization)
      .where('status', '=', status)
      .orderBy('sequence', 'desc')
      .limit(limit);
    if (endpointId !== undefined) query = query.where(byEndpoint ? 'endpoint_id' : unindexed('endpoint_id'), '=', endpointId);
    if (endpoints !== undefined)
      query = query.where(unindexed('endpoint_id'), endpoints === 'held' ? 'in' : 'not in', heldEndpoints(db, organization));
    if (given(since)) query = query.where('created_at', '>=', +since);
    if (given(until)) query = query.where('created_at', '<', +until);
    if (given(eventType)) query = query.where(driver === 'code' ? unindexed('event_type') : 'event_type', '=', eventType);
    if (given(responseCode))
      query = query.where(driver === 'code' ? 'last_response_code' : sql<number>`last_response_code + 0`, '=', responseCode);
    return query;
  };
  const arms = runs.map((run, i) => arm(run, drivers[i]).where('sequence', '>=', from).where('sequence', '<', to));
  const made = range.made?.filter((sequence) => before === undefined || sequence < before) ?? [];
  if (made.length > 0) arms.push(...runs.map((run, i) => arm(run, drivers[i]).where('sequence', 'in', made)));
  const [first, ...others] = arms.map((query) => db.selectFrom(query.as('run')).select('run.sequence'));
  if (!first) return [];
  let all = first;
  for (const other of others) all = all.unionAll(other);
  const rows = await all.orderBy('sequence', 'desc').limit(limit).execute();
  return rows.map(({ sequence }) => sequence);
};

/** A column as a value that no index holds: SQLite's planner takes all of an organization for some ten rows, and would walk through them. */
export const unindexed = (column: string) => sql<string>`${sql.ref(column)} || ''`;

/** Rows looked at to learn which condition narrows most, and runs that this is done for. */
const probeRows = 2_000;
const mostProbedRuns = 20;

type Driver = 'organization' | 'endpoint' | 'type' | 'code';

/** Which index to walk along, for each run: that of the condition which the fewest deliveries meet, where several are given. */
const driversOf = async (
  db: Db,
  organization: OrganizationId,
  { eventType, responseCode }: DeliveryFilter,
  runs: readonly Run[],
  { from, to }: { readonly from: number; readonly to: number },
): Promise<Driver[]> => {
  const candidates = runs.map(({ endpointId }) => {
    const drivers: Driver[] = endpointId === undefined ? [] : ['endpoint'];
    if (given(eventType) && endpointId === undefined) drivers.push('type');
    if (given(responseCode)) drivers.push('code');
    return drivers;
  });
  const choices = candidates.map((drivers): Driver => drivers[0] ?? 'organization');
  if (!candidates.some((drivers) => drivers.length > 1) || runs.length > mostProbedRuns) return choices;

  const probe = ({ status, endpointId }: Run, driver: Driver) => {
    let query = db
      .selectFrom('deliveries')
      .select('sequence')
      .where('status', '=', status)
      .where('sequence', '>=', from)
      .where('sequence', '<', to)
      .limit(probeRows);
    if (driver === 'endpoint') query = query.where('endpoint_id', '=', endpointId as EndpointId);
    else query = query.where('organization_id', '=', organization);
    if (driver === 'code') query = query.where('last_response_code', '=', responseCode as number);
    else if (given(eventType)) query = query.where('event_type', '=', eventType);
    return db.selectFrom(query.as('probe')).select(({ fn }) => fn.countAll<number>().as('count'));
  };
  const probes = runs.flatMap((run, i) => (candidates[i] ?? []).map((driver) => probe(run, driver).as(`${driver}${i}`)));
  const counts: Record<string, number | null> = await db.selectNoFrom(probes).executeTakeFirstOrThrow();
  const count = (driver: Driver, i: number) => counts[`${driver}${i}`] ?? 0;
  return candidates.map((drivers, i) => drivers.toSorted((a, b) => count(a, i) - count(b, i))[0] ?? 'organization');
};

/** The sequences that can match, from and to (exclusive), and others; undefined when none can. */
const rangeOf = async (
  db: Db,
  organization: OrganizationId,
  { messageId, since, until }: DeliveryFilter,
): Promise<{ from?: number | undefined; to?: number | undefined; made?: readonly number[] } | undefined> => {
  const from = given(since) ? sequenceAt(+since) : undefined;
  const to = given(until) ? latest(until) : undefined;
  if (!given(messageId)) return { from, to };
  const [message] = await sequencesOf(db, organization, [messageId]);
  if (!message) return undefined;
  const [begin, end] = [message.sequence, message.sequence + message.destinations];
  const made = await madeByReplays(db, organization, [messageId], new Set(Array.from({ length: end - begin }, (_, i) => begin + i)));
  return { from: begin, to: end, made };
};

export const sequencesOf = async (db: Db, organization: OrganizationId, ids: readonly MessageId[]) =>
  ids.length === 0
    ? []
    : db
        .selectFrom('messages')
        .select(['sequence', 'destinations'])
        .where(unindexed('organization_id'), '=', organization)
        .where('id_key', 'in', ids.map(idKey))
        .where('id', 'in', ids)
        .orderBy('sequence', 'desc')
        .execute();

/** The sequences of deliveries to which no message was routed when it was accepted. @param routed those of the others */
export const madeByReplays = async (db: Db, organization: OrganizationId, ids: readonly MessageId[], routed: ReadonlySet<number>) => {
  if (ids.length === 0) return [];
  const replayed = db.selectFrom('deliveries').select('sequence').where('message_id', 'in', ids).where('replay_id', 'is not', null);
  const rows = await replayed.where(unindexed('organization_id'), '=', organization).orderBy('sequence').execute();
  return rows.flatMap(({ sequence }) => (routed.has(sequence) ? [] : [sequence]));
};

const runsOf = async (db: Db, organization: OrganizationId, { endpointId, status, messageId }: DeliveryFilter): Promise<Run[]> => {
  const wanted = new Set(given(status) ? status : [...allStatuses, 'HELD' as const]);
  const scope = given(endpointId) ? endpointId : undefined;
  const runs: Run[] = allStatuses
    .filter((each) => !openStatuses.includes(each) && wanted.has(each))
    .map((each) => ({ status: each, endpointId: scope }));
  const heldToo = wanted.has('HELD');
  const whole = openStatuses.filter((each) => heldToo && wanted.has(each));
  runs.push(...whole.map((each) => ({ status: each, endpointId: scope })));
  // An open status that is wanted of some endpoints only: of those that hold back, or of those that don't.
  const parted = openStatuses.filter((each) => heldToo !== wanted.has(each));
  if (parted.length === 0) return runs;
  const endpoints = heldToo ? 'held' : 'not-held';
  const few = scope === undefined && !given(messageId) ? await endpointsWithOpen(db, organization, endpoints) : undefined;
  for (const each of parted)
    if (few) runs.push(...few.map((id) => ({ status: each, endpointId: id })));
    else runs.push({ status: each, endpointId: scope, endpoints });
  return runs;
};

const heldEndpoints = (db: Db, organization: OrganizationId) =>
  db
    .selectFrom('endpoints')
    .select('endpoints.id')
    .where('endpoints.organization_id', '=', organization)
    .where('endpoints.status', '<>', 'ENABLED')
    .where('endpoints.deleted_at', 'is', null);

/** The endpoints with open deliveries that hold them back, or that don't; undefined when there are many. */
const endpointsWithOpen = async (db: Db, organization: OrganizationId, which: 'held' | 'not-held'): Promise<EndpointId[] | undefined> => {
  const open = (status: StoredStatus) =>
    sql<boolean>`exists (select 1 from deliveries where deliveries.endpoint_id = endpoints.id and deliveries.status = ${status})`;
  const rows = await db
    .selectFrom('endpoints')
    .select('endpoints.id')
    .where('endpoints.organization_id', '=', organization)
    .where('endpoints.id', which === 'held' ? 'in' : 'not in', heldEndpoints(db, organization))
    .where((is) => is.or(openStatuses.map(open)))
    .limit(mostEndpointRuns + 1)
    .execute();
  return rows.length > mostEndpointRuns ? undefined : rows.map(({ id }) => id);
};
