// Pages of deliveries: the newest that match a filter, found along the index that narrows most.
// Every index on deliveries ends with status and sequence. So a page is the newest of a few runs, and each run stands in order in one index.
import { sql, type Kysely, type SelectQueryBuilder } from 'kysely';
import type { EndpointId, MessageId, OrganizationId } from '../../domain/ids.ts';
import type { ViewsSchema } from '../views/schema.ts';
import type { StoredStatus } from '../views/tables/deliveries-table.ts';
import { idKey } from '../views/tables/id-key.ts';
import { sequenceAt } from '../views/tables/sequences.ts';
import { isHoldingEndpoint, sequenceBefore, withoutIndex } from './columns.ts';
import { ownStatuses, type DeliveryStatus } from './delivery-view.ts';
import { isGiven, type Optional } from './optional.ts';

/** All that is given must hold. */
export type DeliveryFilter = {
  readonly endpointId?: Optional<EndpointId>;
  readonly messageId?: Optional<MessageId>;
  /** An empty list matches nothing. */
  readonly status?: Optional<readonly DeliveryStatus[]>;
  readonly eventType?: Optional<string>;
  /** The message was accepted then or later. */
  readonly since?: Optional<Date>;
  /** The message was accepted before then. */
  readonly until?: Optional<Date>;
  /** Of the last attempt. */
  readonly responseCode?: Optional<number>;
};

type Db = Kysely<ViewsSchema>;
type Deliveries = SelectQueryBuilder<ViewsSchema, 'deliveries', { sequence: number }>;
/** Deliveries that stand in order in an index: those of one status, of an organization or of an endpoint. */
type Run = { readonly status: StoredStatus; readonly endpointId?: EndpointId | undefined; readonly endpoints?: 'held' | 'not-held' };

const endedStatuses = ['SUCCEEDED', 'FAILED', 'CANCELLED'] as const satisfies readonly StoredStatus[];

/** With up to this many endpoints that have open deliveries, each endpoint's runs are read. With more, the organization's runs are filtered. */
const maxEndpointRuns = 40;

/** The sequences of the newest deliveries that match and come before `before`: the newest of each run's newest. */
export const newestSequences = async (
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
  const indexes = await chooseIndexes(db, organization, filter, runs, { from, to });
  const runQuery = ({ status, endpointId, endpoints }: Run, index: Index | undefined): Deliveries => {
    const byEndpoint = index === 'endpoint';
    let query: Deliveries = db
      .selectFrom('deliveries')
      .select('sequence')
      .where(byEndpoint ? withoutIndex('organization_id') : 'organization_id', '=', organization)
      .where('status', '=', status)
      .orderBy('sequence', 'desc')
      .limit(limit);
    if (endpointId !== undefined) query = query.where(byEndpoint ? 'endpoint_id' : withoutIndex('endpoint_id'), '=', endpointId);
    if (endpoints !== undefined)
      query = query.where(withoutIndex('endpoint_id'), endpoints === 'held' ? 'in' : 'not in', heldEndpoints(db, organization));
    if (isGiven(since)) query = query.where('created_at', '>=', +since);
    if (isGiven(until)) query = query.where('created_at', '<', +until);
    if (isGiven(eventType)) query = query.where(index === 'code' ? withoutIndex('event_type') : 'event_type', '=', eventType);
    if (isGiven(responseCode))
      query = query.where(index === 'code' ? 'last_response_code' : sql<number>`last_response_code + 0`, '=', responseCode);
    return query;
  };
  const queries = runs.map((run, i) => runQuery(run, indexes[i]).where('sequence', '>=', from).where('sequence', '<', to));
  const fromReplays = range.fromReplays?.filter((sequence) => before === undefined || sequence < before) ?? [];
  if (fromReplays.length > 0) queries.push(...runs.map((run, i) => runQuery(run, indexes[i]).where('sequence', 'in', fromReplays)));
  const [first, ...others] = queries.map((query) => db.selectFrom(query.as('run')).select('run.sequence'));
  if (!first) return [];
  let all = first;
  for (const other of others) all = all.unionAll(other);
  const rows = await all.orderBy('sequence', 'desc').limit(limit).execute();
  return rows.map(({ sequence }) => sequence);
};

/** How many rows to look at to learn which condition narrows most, and for how many runs. */
const probeRows = 2_000;
const maxProbedRuns = 20;

type Index = 'organization' | 'endpoint' | 'type' | 'code';

/** The index to walk along, for each run: where several conditions are given, that of the one which the fewest deliveries meet. */
const chooseIndexes = async (
  db: Db,
  organization: OrganizationId,
  { eventType, responseCode }: DeliveryFilter,
  runs: readonly Run[],
  { from, to }: { readonly from: number; readonly to: number },
): Promise<Index[]> => {
  const candidates = runs.map(({ endpointId }) => {
    const usable: Index[] = endpointId === undefined ? [] : ['endpoint'];
    if (isGiven(eventType) && endpointId === undefined) usable.push('type');
    if (isGiven(responseCode)) usable.push('code');
    return usable;
  });
  const choices = candidates.map(([first]): Index => first ?? 'organization');
  if (!candidates.some((usable) => usable.length > 1) || runs.length > maxProbedRuns) return choices;

  const probe = ({ status, endpointId }: Run, index: Index) => {
    let query = db
      .selectFrom('deliveries')
      .select('sequence')
      .where('status', '=', status)
      .where('sequence', '>=', from)
      .where('sequence', '<', to)
      .limit(probeRows);
    if (index === 'endpoint' && endpointId !== undefined) query = query.where('endpoint_id', '=', endpointId);
    else query = query.where('organization_id', '=', organization);
    if (index === 'code' && isGiven(responseCode)) query = query.where('last_response_code', '=', responseCode);
    else if (isGiven(eventType)) query = query.where('event_type', '=', eventType);
    return db.selectFrom(query.as('probe')).select(({ fn }) => fn.countAll<number>().as('count'));
  };
  const probes = runs.flatMap((run, i) => (candidates[i] ?? []).map((index) => probe(run, index).as(`${index}${i}`)));
  const counts: Record<string, number | null> = await db.selectNoFrom(probes).executeTakeFirstOrThrow();
  const count = (index: Index, i: number) => counts[`${index}${i}`] ?? 0;
  return candidates.map((usable, i) => usable.toSorted((a, b) => count(a, i) - count(b, i))[0] ?? 'organization');
};

/** The sequences that can match: a range (`to` is exclusive), and those that replays added outside of it. Undefined: none can. */
const rangeOf = async (
  db: Db,
  organization: OrganizationId,
  { messageId, since, until }: DeliveryFilter,
): Promise<{ from?: number | undefined; to?: number | undefined; fromReplays?: readonly number[] } | undefined> => {
  const from = isGiven(since) ? sequenceAt(+since) : undefined;
  const to = isGiven(until) ? sequenceBefore(+until) : undefined;
  if (!isGiven(messageId)) return { from, to };
  const [message] = await messageSequences(db, organization, [messageId]);
  if (!message) return undefined;
  const [begin, end] = [message.sequence, message.sequence + message.destinations];
  const fromReplays = await sequencesFromReplays(
    db,
    organization,
    [messageId],
    new Set(Array.from({ length: end - begin }, (_, i) => begin + i)),
  );
  return { from: begin, to: end, fromReplays };
};

export const messageSequences = async (db: Db, organization: OrganizationId, ids: readonly MessageId[]) =>
  ids.length === 0
    ? []
    : db
        .selectFrom('messages')
        .select(['sequence', 'destinations'])
        .where(withoutIndex('organization_id'), '=', organization)
        .where('id_key', 'in', ids.map(idKey))
        .where('id', 'in', ids)
        .orderBy('sequence', 'desc')
        .execute();

/** The sequences of deliveries that replays added, to endpoints the messages were not routed to. @param routed the sequences of all other deliveries */
export const sequencesFromReplays = async (
  db: Db,
  organization: OrganizationId,
  ids: readonly MessageId[],
  routed: ReadonlySet<number>,
) => {
  if (ids.length === 0) return [];
  const replayed = db.selectFrom('deliveries').select('sequence').where('message_id', 'in', ids).where('replay_id', 'is not', null);
  const rows = await replayed.where(withoutIndex('organization_id'), '=', organization).orderBy('sequence').execute();
  return rows.flatMap(({ sequence }) => (routed.has(sequence) ? [] : [sequence]));
};

const runsOf = async (db: Db, organization: OrganizationId, { endpointId, status, messageId }: DeliveryFilter): Promise<Run[]> => {
  const wanted = new Set(isGiven(status) ? status : [...ownStatuses, ...endedStatuses, 'HELD' as const]);
  const scope = isGiven(endpointId) ? endpointId : undefined;
  const runs: Run[] = endedStatuses.filter((each) => wanted.has(each)).map((each) => ({ status: each, endpointId: scope }));
  const includesHeld = wanted.has('HELD');
  if (includesHeld) runs.push({ status: 'WAITING', endpointId: scope });
  const whole = ownStatuses.filter((each) => includesHeld && wanted.has(each));
  runs.push(...whole.map((each) => ({ status: each, endpointId: scope })));
  // An open status may be wanted only where the endpoint holds deliveries, or only where it does not.
  const partial = ownStatuses.filter((each) => includesHeld !== wanted.has(each));
  if (partial.length === 0) return runs;
  const endpoints = includesHeld ? 'held' : 'not-held';
  const few = scope === undefined && !isGiven(messageId) ? await endpointsWithOpen(db, organization, endpoints) : undefined;
  for (const each of partial)
    if (few) runs.push(...few.map((id) => ({ status: each, endpointId: id })));
    else runs.push({ status: each, endpointId: scope, endpoints });
  return runs;
};

const heldEndpoints = (db: Db, organization: OrganizationId) =>
  db
    .selectFrom('endpoints')
    .select('endpoints.id')
    .where('endpoints.organization_id', '=', organization)
    .where(isHoldingEndpoint)
    .where('endpoints.deleted_at', 'is', null);

/** The endpoints that have open deliveries and hold them (or do not). Undefined: more than `maxEndpointRuns`. */
const endpointsWithOpen = async (db: Db, organization: OrganizationId, which: 'held' | 'not-held'): Promise<EndpointId[] | undefined> => {
  const open = (status: StoredStatus) =>
    sql<boolean>`exists (select 1 from deliveries where deliveries.endpoint_id = endpoints.id and deliveries.status = ${status})`;
  const rows = await db
    .selectFrom('endpoints')
    .select('endpoints.id')
    .where('endpoints.organization_id', '=', organization)
    .where('endpoints.id', which === 'held' ? 'in' : 'not in', heldEndpoints(db, organization))
    .where((is) => is.or(ownStatuses.map(open)))
    .limit(maxEndpointRuns + 1)
    .execute();
  return rows.length > maxEndpointRuns ? undefined : rows.map(({ id }) => id);
};
