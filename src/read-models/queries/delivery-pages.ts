// Pages of deliveries: the newest that match a filter, found along the indexes that narrow most.
import type { Kysely, SelectQueryBuilder } from 'kysely';
import type { MessageId, OrganizationId } from '../../domain/ids.ts';
import type { ViewsSchema } from '../views/schema.ts';
import { idKey } from '../views/tables/id-key.ts';
import { withoutIndex } from './columns.ts';
import { countUpTo, type Count, type Walk } from './counting.ts';
import { conditionsOf, type DeliveryConditions, type DeliveryFilter } from './delivery-filter.ts';
import { conditionsOn, othersOf, runsOf, shownAs, type Run } from './delivery-runs.ts';

type Db = Kysely<ViewsSchema>;
type Sequences = SelectQueryBuilder<ViewsSchema, 'deliveries', { sequence: number }>;

/** Runs in one statement. SQLite joins at most 500 selects. */
const maxRuns = 250;

/** The sequences of the newest deliveries that match and come before `before`. */
export const newestSequences = async (
  db: Db,
  organization: OrganizationId,
  filter: DeliveryFilter,
  before: number | undefined,
  limit: number,
): Promise<number[]> => {
  const conditions = conditionsOf(organization, filter);
  if (!conditions) return [];
  const queries =
    conditions.messageId === undefined
      ? (await runsOf(db, organization, conditions, filter.status ?? undefined)).map((run) => rowsOf(db, run))
      : await ofMessage(db, organization, conditions, conditions.messageId, filter);
  const found: number[] = [];
  for (let i = 0; i < queries.length; i += maxRuns) found.push(...(await newestOf(db, queries.slice(i, i + maxRuns), before, limit)));
  return queries.length > maxRuns ? found.sort((a, b) => b - a).slice(0, limit) : found;
};

/** Counted along the same indexes. */
export const countDeliveries = async (db: Db, organization: OrganizationId, filter: DeliveryFilter, max: number): Promise<Count> => {
  const conditions = conditionsOf(organization, filter);
  if (!conditions) return { value: 0, exact: true };
  if (conditions.messageId !== undefined) {
    const queries = await ofMessage(db, organization, conditions, conditions.messageId, filter);
    const found = await newestOf(db, queries, undefined, max + 1);
    return { value: Math.min(found.length, max), exact: found.length <= max };
  }
  const runs = await runsOf(db, organization, conditions, filter.status ?? undefined);
  return countUpTo(
    db,
    runs.map((run) => walkAlong(db, run)),
    max,
  );
};

/** A run that is read from its newest row on. */
type Reading = { readonly query: Sequences; before: number | undefined };

/** Rows of a run in the first statement, where there are many runs. */
const fewestRows = 16;

/**
 * The newest rows of all runs, merged: a few of each at first, and then more of those that may hold newer ones than the last that is wanted. Many runs
 * would else give as many times the rows that a page has.
 */
const newestOf = async (db: Db, queries: readonly Sequences[], before: number | undefined, limit: number): Promise<number[]> => {
  let found: number[] = [];
  let open: Reading[] = queries.map((query) => ({ query, before }));
  for (let share = Math.min(limit, Math.max(fewestRows, Math.ceil((2 * limit) / Math.max(open.length, 1)))); open.length > 0; share *= 2) {
    const rows = await newestOfEach(db, open, Math.min(share, limit));
    const counts = new Map<number, { count: number; last: number }>();
    for (const { run, sequence } of rows) {
      const { count, last } = counts.get(run) ?? { count: 0, last: Infinity };
      counts.set(run, { count: count + 1, last: Math.min(last, sequence) });
    }
    found = [...found, ...rows.map(({ sequence }) => sequence)].sort((a, b) => b - a).slice(0, limit);
    const least = found.length < limit ? -Infinity : (found.at(-1) ?? -Infinity);
    open = open.flatMap(({ query }, run) => {
      const { count, last } = counts.get(run) ?? { count: 0, last: 0 };
      return count >= Math.min(share, limit) && last > least ? [{ query, before: last }] : [];
    });
  }
  return found;
};

const newestOfEach = async (db: Db, readings: readonly Reading[], limit: number) => {
  const [first, ...others] = readings.map(({ query, before }, run) => {
    const earlier = before === undefined ? query : query.where('sequence', '<', before);
    return db
      .selectFrom(earlier.orderBy('sequence', 'desc').limit(limit).as('rows'))
      .select((is) => ['rows.sequence' as const, is.lit(run).as('run')]);
  });
  if (!first) return [];
  let all = first;
  for (const other of others) all = all.unionAll(other);
  return all.execute();
};

const rowsOf = (db: Db, run: Run): Sequences => {
  const { indexed, others } = conditionsOn(run);
  return db
    .selectFrom('deliveries')
    .select('sequence')
    .where((is) => is.and([...indexed, ...others]));
};

const walkAlong = (db: Db, run: Run): Walk => {
  const { indexed, others } = conditionsOn(run);
  return (before, limit) => {
    const rows = db
      .selectFrom('deliveries')
      .select('sequence as key')
      .select((is) => (others.length === 0 ? is.lit(1) : is.case().when(is.and(others)).then(1).else(0).end()).as('hit'))
      .where((is) => is.and(indexed))
      .orderBy('sequence', 'desc')
      .limit(limit);
    return before === undefined ? rows : rows.where('sequence', '<', Number(before));
  };
};

/** The deliveries of a message have consecutive sequences; replays may have added others. */
const ofMessage = async (
  db: Db,
  organization: OrganizationId,
  conditions: DeliveryConditions,
  id: MessageId,
  { status }: DeliveryFilter,
): Promise<Sequences[]> => {
  const [message] = await messageSequences(db, organization, [id]);
  if (!message || status?.length === 0) return [];
  const [begin, end] = [message.sequence, message.sequence + message.destinations];
  const routed = new Set(Array.from({ length: end - begin }, (_, i) => begin + i));
  const fromReplays = await sequencesFromReplays(db, organization, [id], routed);
  const matching = db
    .selectFrom('deliveries')
    .select('sequence')
    .where(withoutIndex('organization_id'), '=', organization)
    .where((is) => is.and([...othersOf(conditions, {}), shownAs(organization, status ?? undefined)]));
  const queries = [matching.where('sequence', '>=', begin).where('sequence', '<', end)];
  if (fromReplays.length > 0) queries.push(matching.where('sequence', 'in', fromReplays));
  return queries;
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
