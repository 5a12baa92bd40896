// Runs: the parts of a filter's deliveries that stand in order in an index. Every index on deliveries ends with status and sequence, so whatever is asked
// for is in a few runs, and the newest rows of all are among the newest of each.
import { expressionBuilder, sql, type Expression, type Kysely, type SqlBool } from 'kysely';
import type { FailureReason } from '../../domain/attempts.ts';
import type { EndpointId, OrganizationId } from '../../domain/ids.ts';
import type { ViewsSchema } from '../views/schema.ts';
import type { StoredStatus } from '../views/tables/deliveries-table.ts';
import { isHoldingEndpoint, numberWithoutIndex, sequencesIn, timeIn, withoutIndex } from './columns.ts';
import type { DeliveryConditions } from './delivery-filter.ts';
import { ownStatuses, type DeliveryStatus } from './delivery-view.ts';

type Db = Kysely<ViewsSchema>;

/** The columns that an index begins with, besides the organization's. */
type Start = {
  readonly endpoint?: EndpointId;
  readonly type?: string;
  readonly code?: number;
  readonly failure?: FailureReason;
  readonly test?: true;
};

/** The rows of one status that begin with `start` in an index and meet all conditions. */
export type Run = {
  readonly organization: OrganizationId;
  readonly status: StoredStatus;
  readonly start: Start;
  readonly conditions: DeliveryConditions;
  /** Whether their endpoints hold deliveries. Left out: either. */
  readonly held?: boolean;
};

const endedStatuses = ['SUCCEEDED', 'FAILED', 'CANCELLED'] as const satisfies readonly StoredStatus[];

/** With up to this many endpoints that have open deliveries, each endpoint's runs are read. With more, the organization's runs are filtered. */
const maxEndpointsWithOpen = 40;
/** The most starts for one status. More endpoints, types or codes than that are looked for in the runs of something else. */
const maxStarts = 100;
/** How many rows to look at to learn which condition narrows most, and in how many runs at once. */
const probeRows = 1_000;
const maxProbes = 120;

/** Runs without a row in common that hold all deliveries of these conditions and statuses. Not for conditions that name a message. */
export const runsOf = async (
  db: Db,
  organization: OrganizationId,
  conditions: DeliveryConditions,
  statuses: readonly DeliveryStatus[] | undefined,
): Promise<Run[]> => {
  const codes = conditions.codes && (await codesIn(db, organization, conditions.codes));
  if (codes?.length === 0) return [];
  const choices = (await partsOf(db, organization, conditions, statuses)).map((part) =>
    startsOf(part.conditions, codes).map((starts) => starts.map((start): Run => ({ ...part, organization, start }))),
  );
  return (await narrowestOf(db, choices)).flat();
};

/** What a row must meet: `indexed` conditions are on the index's own columns, as far as they end its search; the others are on what it finds. */
export const conditionsOn = (run: Run): { readonly indexed: Expression<SqlBool>[]; readonly others: Expression<SqlBool>[] } => {
  const { organization, status, start, conditions, held } = run;
  const is = expressionBuilder<ViewsSchema, 'deliveries'>();
  const indexed: Expression<SqlBool>[] = [is('status', '=', status)];
  const others: Expression<SqlBool>[] = [];
  (start.endpoint === undefined ? indexed : others).push(
    is(start.endpoint === undefined ? 'organization_id' : withoutIndex('organization_id'), '=', organization),
  );
  if (start.endpoint !== undefined) indexed.push(is('endpoint_id', '=', start.endpoint));
  if (start.type !== undefined) indexed.push(is('event_type', '=', start.type));
  if (start.code !== undefined) indexed.push(is('last_response_code', '=', start.code));
  if (start.failure !== undefined) indexed.push(is('last_failure', '=', start.failure));
  // A partial index serves a query only if the text of the query has its condition.
  if (start.test) indexed.push(sql<SqlBool>`test = 1`);
  others.push(...othersOf(conditions, start));
  if (held !== undefined) others.push(is(withoutIndex('endpoint_id'), held ? 'in' : 'not in', endpointsThatHold(organization)));
  const { from, to } = sequencesIn(conditions.since, conditions.until);
  if (from > 0) indexed.push(is('sequence', '>=', from));
  if (to < Number.MAX_SAFE_INTEGER) indexed.push(is('sequence', '<', to));
  return { indexed, others };
};

/** The conditions that an index with this start does not answer. */
export const othersOf = (conditions: DeliveryConditions, start: Start): Expression<SqlBool>[] => {
  const { endpoints, messageId, types, exceptTypes = [], codes, failures, test, since, until } = conditions;
  const is = expressionBuilder<ViewsSchema, 'deliveries'>();
  const others: Expression<SqlBool>[] = timeIn('created_at', since, until);
  if (messageId !== undefined) others.push(is(withoutIndex('message_id'), '=', messageId));
  if (endpoints && start.endpoint === undefined) others.push(is(withoutIndex('endpoint_id'), 'in', endpoints));
  if (types && start.type === undefined) others.push(is(withoutIndex('event_type'), 'in', types));
  if (exceptTypes.length > 0) others.push(is(withoutIndex('event_type'), 'not in', exceptTypes));
  if (codes && start.code === undefined)
    others.push(
      is(numberWithoutIndex('last_response_code'), '>=', codes.from),
      is(numberWithoutIndex('last_response_code'), '<=', codes.to),
    );
  if (failures && start.failure === undefined) others.push(is(withoutIndex('last_failure'), 'in', failures));
  if (test !== undefined && !start.test) others.push(is(numberWithoutIndex('test'), '=', test ? 1 : 0));
  return others;
};

// ── By status ──

/** Which stored rows show as one of these statuses. */
type Part = Pick<Run, 'status' | 'conditions' | 'held'>;

/** As `Part`, by conditions alone: for few rows, which something else has found. */
export const shownAs = (organization: OrganizationId, statuses: readonly DeliveryStatus[] | undefined): Expression<SqlBool> => {
  const is = expressionBuilder<ViewsSchema, 'deliveries'>();
  const parts = storedStatuses(statuses).map(({ status, held }) =>
    is.and([
      is(withoutIndex('status'), '=', status),
      ...(held === undefined ? [] : [is(withoutIndex('endpoint_id'), held ? 'in' : 'not in', endpointsThatHold(organization))]),
    ]),
  );
  return is.or(parts);
};

const storedStatuses = (statuses: readonly DeliveryStatus[] | undefined): { status: StoredStatus; held?: boolean }[] => {
  const wanted = new Set(statuses ?? [...ownStatuses, ...endedStatuses, 'HELD' as const]);
  const includesHeld = wanted.has('HELD');
  const stored: { status: StoredStatus; held?: boolean }[] = endedStatuses.filter((each) => wanted.has(each)).map((status) => ({ status }));
  if (includesHeld) stored.push({ status: 'WAITING' });
  for (const status of ownStatuses)
    if (includesHeld && wanted.has(status)) stored.push({ status });
    // An open status may be wanted only where the endpoint holds deliveries, or only where it does not.
    else if (includesHeld || wanted.has(status)) stored.push({ status, held: includesHeld });
  return stored;
};

const partsOf = async (
  db: Db,
  organization: OrganizationId,
  conditions: DeliveryConditions,
  statuses: readonly DeliveryStatus[] | undefined,
): Promise<Part[]> => {
  const parts = storedStatuses(statuses);
  const partial = parts.find(({ held }) => held !== undefined)?.held;
  const few = partial === undefined || conditions.endpoints ? undefined : await endpointsWithOpen(db, organization, partial);
  return parts.flatMap(({ status, held }): Part[] => {
    if (held === undefined) return [{ status, conditions }];
    if (!few) return [{ status, conditions, held }];
    return few.length === 0 ? [] : [{ status, conditions: { ...conditions, endpoints: few } }];
  });
};

const endpointsThatHold = (organization: OrganizationId) =>
  expressionBuilder<ViewsSchema>()
    .selectFrom('endpoints')
    .select('endpoints.id')
    .where('endpoints.organization_id', '=', organization)
    .where(isHoldingEndpoint)
    .where('endpoints.deleted_at', 'is', null);

/** The endpoints that have open deliveries and hold them (or do not). Undefined: there are many. */
const endpointsWithOpen = async (db: Db, organization: OrganizationId, held: boolean): Promise<EndpointId[] | undefined> => {
  const open = (status: StoredStatus) =>
    sql<boolean>`exists (select 1 from deliveries where deliveries.endpoint_id = endpoints.id and deliveries.status = ${status})`;
  const rows = await db
    .selectFrom('endpoints')
    .select('endpoints.id')
    .where('endpoints.organization_id', '=', organization)
    .where('endpoints.id', held ? 'in' : 'not in', endpointsThatHold(organization))
    .where((is) => is.or(ownStatuses.map(open)))
    .limit(maxEndpointsWithOpen + 1)
    .execute();
  return rows.length > maxEndpointsWithOpen ? undefined : rows.map(({ id }) => id);
};

// ── By index ──

/** For each index that the conditions can be found by: the starts to look at. The organization's own index only if there is no other. */
const startsOf = (conditions: DeliveryConditions, codes: readonly number[] | undefined): Start[][] => {
  const { endpoints, types, failures, test } = conditions;
  const byEndpoint = endpoints?.flatMap((endpoint) => (types ? types.map((type) => ({ endpoint, type })) : [{ endpoint }]));
  const candidates: (Start[] | undefined)[] = [
    byEndpoint && byEndpoint.length > maxStarts && types ? endpoints?.map((endpoint) => ({ endpoint })) : byEndpoint,
    test ? [{ test }] : undefined,
    failures?.map((failure) => ({ failure })),
    codes?.map((code) => ({ code })),
    endpoints ? undefined : types?.map((type) => ({ type })),
  ];
  const usable = candidates.filter((starts) => starts !== undefined).filter((starts) => starts.length <= maxStarts);
  return usable.length > 0 ? usable : [[{}]];
};

/** The codes in this range that occur in the organization, each found with one step along the index. Undefined: there are many. */
const codesIn = async (
  db: Db,
  organization: OrganizationId,
  { from, to }: { readonly from: number; readonly to: number },
): Promise<number[] | undefined> => {
  if (from === to) return [from];
  const first = sql`select min(last_response_code) from deliveries where organization_id = ${organization} and last_response_code >= ${from}`;
  const next = sql`select min(last_response_code) from deliveries where organization_id = ${organization} and last_response_code > codes.code`;
  const { rows } = await sql<{ code: number }>`
    with recursive codes (code) as (select (${first}) union all select (${next}) from codes where codes.code is not null and codes.code < ${to})
    select code from codes where code <= ${to} limit ${maxStarts + 1}`.execute(db);
  return rows.length > maxStarts ? undefined : rows.map(({ code }) => code);
};

/** Of each list of choices, the one with the fewest rows. */
const narrowestOf = async (db: Db, choices: readonly Run[][][]): Promise<Run[][]> => {
  const first = choices.map(([runs = []]) => runs);
  const open = choices.filter((each) => each.length > 1);
  const probed = open.flat(2);
  if (probed.length === 0 || probed.length > maxProbes) return first;
  const probes = probed.map((run, i) => {
    const rows = db
      .selectFrom('deliveries')
      .select('sequence')
      .where((is) => is.and(conditionsOn(run).indexed))
      .limit(probeRows);
    return db
      .selectFrom(rows.as('probe'))
      .select(({ fn }) => fn.countAll<number>().as('count'))
      .as(`probe${i}`);
  });
  const counts: Record<string, number | null> = await db.selectNoFrom(probes).executeTakeFirstOrThrow();
  const places = new Map(probed.map((run, i) => [run, counts[`probe${i}`] ?? 0]));
  const sizeOf = (runs: readonly Run[]) => runs.reduce((sum, run) => sum + (places.get(run) ?? 0), 0);
  return choices.map((each) => each.toSorted((a, b) => sizeOf(a) - sizeOf(b))[0] ?? []);
};
