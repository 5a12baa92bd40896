// Pages of messages: the newest that match a filter, found along the index that narrows most.
import { expressionBuilder, sql, type Expression, type Kysely, type SqlBool } from 'kysely';
import type { MessageId, OrganizationId } from '../../domain/ids.ts';
import { messageIdOf } from '../../event-store/id-generation.ts';
import type { ViewsSchema } from '../views/schema.ts';
import { idKey } from '../views/tables/id-key.ts';
import { numberWithoutIndex, sequencesIn, timeIn, withoutIndex } from './columns.ts';
import { countUpTo, type Count, type Walk } from './counting.ts';
import { both } from './delivery-filter.ts';
import { isGiven, type Optional } from './optional.ts';

type Db = Kysely<ViewsSchema>;

/** All that is given must hold. An empty list matches nothing. */
export type MessageFilter = {
  readonly clientId?: Optional<string>;
  readonly eventType?: Optional<string>;
  readonly eventTypes?: Optional<readonly string[]>;
  /** None of these. */
  readonly exceptTypes?: Optional<readonly string[]>;
  readonly orderingKey?: Optional<string>;
  /** Accepted then or later. */
  readonly since?: Optional<Date>;
  /** Accepted before then. */
  readonly until?: Optional<Date>;
  /** Those that were routed to no endpoint, or those that were. */
  readonly unrouted?: Optional<boolean>;
};

/** The messages that stand in order in one index; `others` are conditions that it does not answer. */
type Run = { readonly indexed: readonly Expression<SqlBool>[]; readonly others: readonly Expression<SqlBool>[] };

/** With more types than this, the organization's messages are filtered. */
const maxTypes = 50;
/** How many rows to look at to learn which condition narrows most. */
const probeRows = 1_000;

/** The sequences of the newest messages that match and come before `before`. */
export const newestMessages = async (
  db: Db,
  organization: OrganizationId,
  filter: MessageFilter,
  before: number | undefined,
  limit: number,
): Promise<number[]> => {
  const [first, ...others] = (await runsOf(db, organization, filter)).map((run) => {
    let query = db
      .selectFrom('messages')
      .select('sequence')
      .where((is) => is.and([...run.indexed, ...run.others]));
    if (before !== undefined) query = query.where('sequence', '<', before);
    return db.selectFrom(query.orderBy('sequence', 'desc').limit(limit).as('run')).select('run.sequence');
  });
  if (!first) return [];
  let all = first;
  for (const other of others) all = all.unionAll(other);
  const rows = await all.orderBy('sequence', 'desc').limit(limit).execute();
  return rows.map(({ sequence }) => sequence);
};

/** Counted along the same indexes. */
export const countMessages = async (db: Db, organization: OrganizationId, filter: MessageFilter, max: number): Promise<Count> =>
  countUpTo(
    db,
    (await runsOf(db, organization, filter)).map((run) => walkAlong(db, run)),
    max,
  );

const walkAlong =
  (db: Db, { indexed, others }: Run): Walk =>
  (before, limit) => {
    const rows = db
      .selectFrom('messages')
      .select('sequence as key')
      .select((is) => (others.length === 0 ? is.lit(1) : is.case().when(is.and(others)).then(1).else(0).end()).as('hit'))
      .where((is) => is.and(indexed))
      .orderBy('sequence', 'desc')
      .limit(limit);
    return before === undefined ? rows : rows.where('sequence', '<', Number(before));
  };

const runsOf = async (db: Db, organization: OrganizationId, filter: MessageFilter): Promise<readonly Run[]> => {
  const { clientId, eventType, orderingKey, unrouted } = filter;
  const types = both(isGiven(eventType) ? [eventType] : undefined, filter.eventTypes);
  if (types?.length === 0) return [];
  const time = { since: filter.since ?? undefined, until: filter.until ?? undefined };
  const is = expressionBuilder<ViewsSchema, 'messages'>();
  const { from, to } = sequencesIn(time.since, time.until);
  const range = [...(from > 0 ? [is('sequence', '>=', from)] : []), ...(to < Number.MAX_SAFE_INTEGER ? [is('sequence', '<', to)] : [])];
  const own = is('organization_id', '=', organization);
  const except = filter.exceptTypes ?? [];
  const always = [
    ...timeIn('accepted_at', time.since, time.until),
    ...(except.length > 0 ? [is(withoutIndex('event_type'), 'not in', except)] : []),
  ];
  const [ofTypes, ofKey, routed] = [
    types ? [is(withoutIndex('event_type'), 'in', types)] : [],
    isGiven(orderingKey) ? [is(withoutIndex('ordering_key'), '=', orderingKey)] : [],
    isGiven(unrouted) ? [is(numberWithoutIndex('destinations'), unrouted ? '=' : '>', 0)] : [],
  ];
  if (isGiven(clientId)) return [byId(organization, messageIdOf(organization, clientId), [...always, ...ofTypes, ...ofKey, ...routed])];

  const choices: Run[][] = [];
  if (isGiven(orderingKey))
    choices.push([{ indexed: [own, is('ordering_key', '=', orderingKey), ...range], others: [...always, ...ofTypes, ...routed] }]);
  // A partial index serves a query only if the text of the query has its condition.
  if (unrouted) choices.push([{ indexed: [own, sql<SqlBool>`destinations = 0`, ...range], others: [...always, ...ofTypes, ...ofKey] }]);
  if (types && types.length <= maxTypes)
    choices.push(
      types.map((type) => ({ indexed: [own, is('event_type', '=', type), ...range], others: [...always, ...ofKey, ...routed] })),
    );
  return choices.length > 0
    ? narrowestOf(db, choices)
    : [{ indexed: [own, ...range], others: [...always, ...ofTypes, ...ofKey, ...routed] }];
};

const byId = (organization: OrganizationId, id: MessageId, others: readonly Expression<SqlBool>[]): Run => {
  const is = expressionBuilder<ViewsSchema, 'messages'>();
  const indexed = [is('id_key', '=', idKey(id)), is('id', '=', id), is(withoutIndex('organization_id'), '=', organization)];
  return { indexed, others };
};

const narrowestOf = async (db: Db, choices: readonly (readonly Run[])[]): Promise<readonly Run[]> => {
  const [first = [], ...others] = choices;
  if (others.length === 0) return first;
  const probe = (run: Run, name: string) => {
    const rows = db
      .selectFrom('messages')
      .select('sequence')
      .where((is) => is.and(run.indexed))
      .limit(probeRows);
    return db
      .selectFrom(rows.as('probe'))
      .select(({ fn }) => fn.countAll<number>().as('count'))
      .as(name);
  };
  const probes = choices.flatMap((runs, choice) => runs.map((run, i) => probe(run, `probe${choice}_${i}`)));
  const counts: Record<string, number | null> = await db.selectNoFrom(probes).executeTakeFirstOrThrow();
  const sizes = choices.map((runs, choice) => runs.reduce((sum, _, i) => sum + (counts[`probe${choice}_${i}`] ?? 0), 0));
  return choices[sizes.indexOf(Math.min(...sizes))] ?? first;
};
