// Counts of a list, bounded: up to a number, or until rows or time are spent. It walks along the index that the list's pages are found by, in steps, so
// each statement is short however few rows match.
import type { AliasableExpression, Kysely } from 'kysely';
import type { ViewsSchema } from '../views/schema.ts';

/** `exact`: that was all. */
export type Count = { readonly value: number; readonly exact: boolean };

/** A row's key in the order of the walk, and 1 if it counts. */
type Step = { readonly key: number | string; readonly hit: number };
/** The next rows of an index in descending order of their keys, at most `limit`: those with keys below `before`. */
export type Walk = (before: number | string | undefined, limit: number) => AliasableExpression<Step>;

/** What one count may cost. */
const defaultBudget = { rows: 100_000, ms: 50 };
/** Rows of the first statement, over all walks, and the most of a later one. */
const firstRows = 4_000;
const mostRows = 16_000;
/** A statement has a cost of its own. */
const fewestRows = 500;
/** Walks in one statement. SQLite joins at most 500 selects. */
const maxWalks = 250;

type Progress = { readonly walk: Walk; before: number | string | undefined; isDone: boolean };
type Answer = { readonly walk: number; readonly looked: number; readonly found: number | null; readonly last: number | string | null };

/**
 * Counts the rows of walks that have none in common. The first rows of each are counted whatever the time, so a short list is counted exactly on the
 * slowest machine.
 * @param max 1 or more
 */
export const countUpTo = async (
  db: Kysely<ViewsSchema>,
  walks: readonly Walk[],
  max: number,
  budget: { readonly rows: number; readonly ms: number } = defaultBudget,
): Promise<Count> => {
  const endsAt = performance.now() + budget.ms;
  const open: Progress[] = walks.map((walk) => ({ walk, before: undefined, isDone: false }));
  let rows = budget.rows;
  let found = 0;
  const take = async (some: readonly Progress[], limit: number) => {
    for (const answer of await step(db, some, limit)) {
      const progress = some[answer.walk];
      if (!progress) continue;
      found += answer.found ?? 0;
      rows -= answer.looked;
      progress.before = answer.last ?? undefined;
      progress.isDone = answer.looked < limit;
    }
  };

  const needsMore = () => found <= max;
  const mayGoOn = () => needsMore() && rows > 0 && performance.now() < endsAt;

  const firstLimit = Math.min(Math.max(Math.floor(firstRows / Math.max(walks.length, 1)), 50), budget.rows);
  for (let i = 0; i < open.length && needsMore(); i += maxWalks) await take(open.slice(i, i + maxWalks), firstLimit);
  let size = firstRows;
  for (const progress of open)
    while (!progress.isDone && mayGoOn()) {
      const before = { rows, at: performance.now() };
      await take([progress], Math.min(size, rows));
      const now = performance.now();
      // No more than what the time that is left is enough for.
      const perMs = (before.rows - rows) / Math.max(now - before.at, 0.1);
      size = Math.max(Math.min(size * 2, mostRows, Math.floor(perMs * (endsAt - now))), fewestRows);
    }
  return { value: Math.min(found, max), exact: found <= max && open.every(({ isDone }) => isDone) };
};

const step = async (db: Kysely<ViewsSchema>, some: readonly Progress[], limit: number): Promise<Answer[]> => {
  const [first, ...others] = some.map(({ walk, before }, i) =>
    db
      .selectFrom(walk(before, limit).as('step'))
      .select((is) => [
        is.lit(i).as('walk'),
        is.fn.countAll<number>().as('looked'),
        is.fn.sum<number | null>('step.hit').as('found'),
        is.fn.min('step.key').as('last'),
      ]),
  );
  if (!first) return [];
  let all = first;
  for (const other of others) all = all.unionAll(other);
  return all.execute();
};
