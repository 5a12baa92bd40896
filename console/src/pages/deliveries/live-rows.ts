// The rows of a list while others arrive: what is on the screen changes in place; new rows come in at the top, or wait until somebody asks. Pure.

export type Row = { readonly id: string; readonly createdAt: string };
export type LiveRows<R extends Row> = {
  /** On the screen, the newest first. */
  readonly rows: readonly R[];
  /** Newer than these, and not on the screen yet. */
  readonly waiting: readonly R[];
  /** More wait than are known here. */
  readonly isMore: boolean;
};

export const noRows: LiveRows<never> = { rows: [], waiting: [], isMore: false };

/** More than this many are not kept; the list is asked again instead. */
const mostWaiting = 50;

const byId = <R extends Row>(rows: readonly R[]) => new Map(rows.map((row) => [row.id, row]));
const updated = <R extends Row>(rows: readonly R[], news: ReadonlyMap<string, R>): readonly R[] =>
  rows.some(({ id }) => news.has(id)) ? rows.map((row) => news.get(row.id) ?? row) : rows;

const held = <R extends Row>(before: LiveRows<R>, fresh: readonly R[], isMore: boolean): LiveRows<R> => {
  const waiting = [...fresh, ...before.waiting];
  return { rows: before.rows, waiting: waiting.slice(0, mostWaiting), isMore: isMore || before.isMore || waiting.length > mostWaiting };
};

/**
 * The list was asked again.
 * @param isFlowing nothing holds the list where it is
 * @param hasPagesBelow pages follow that began at the end of the rows as they were, so these rows must not go
 */
export const withAnswer = <R extends Row>(
  before: LiveRows<R>,
  answer: readonly R[],
  isFlowing: boolean,
  hasPagesBelow: boolean,
): LiveRows<R> => {
  const news = byId(answer);
  const isDisjoint = !before.rows.some(({ id }) => news.has(id));
  if (before.rows.length === 0 || (isFlowing && (isDisjoint || !hasPagesBelow))) return { rows: answer, waiting: [], isMore: false };
  const shown = byId(before.rows);
  const fresh = answer.filter(({ id }) => !shown.has(id));
  const rows = updated(before.rows, news);
  if (isFlowing) return { rows: [...fresh, ...rows], waiting: [], isMore: false };
  const [first] = rows;
  const newer = fresh.filter(({ createdAt }) => first === undefined || createdAt >= first.createdAt);
  return held({ ...before, rows, waiting: [] }, newer, isDisjoint);
};

/**
 * Some of the list's rows changed.
 * @param matches whether a row that is not on the screen belongs into the list
 * @param isMore others changed too
 */
export const withChanges = <R extends Row>(
  before: LiveRows<R>,
  changes: readonly R[],
  { isFlowing, isMore, matches }: { readonly isFlowing: boolean; readonly isMore: boolean; readonly matches: (row: R) => boolean },
): LiveRows<R> => {
  const news = byId(changes);
  const shown = byId(before.rows);
  const waiting = byId(before.waiting);
  const [first] = before.rows;
  const fresh = changes
    .filter(
      (row) => !shown.has(row.id) && !waiting.has(row.id) && matches(row) && (first === undefined || row.createdAt >= first.createdAt),
    )
    .toSorted((a, b) => b.createdAt.localeCompare(a.createdAt));
  const next = { rows: updated(before.rows, news), waiting: updated(before.waiting, news), isMore: before.isMore };
  return isFlowing ? released(held(next, fresh, false)) : held(next, fresh, isMore && fresh.length > 0);
};

/** What waited is shown. */
export const released = <R extends Row>({ rows, waiting }: LiveRows<R>): LiveRows<R> => ({
  rows: waiting.length === 0 ? rows : [...waiting, ...rows],
  waiting: [],
  isMore: false,
});

/** "12 new", or "50+ new". */
export const newText = ({ waiting, isMore }: LiveRows<Row>): string => `${waiting.length}${isMore ? '+' : ''} new`;

/** Changes by id, each with when it came, in milliseconds. */
export type Changes<R extends Row> = ReadonlyMap<string, { readonly row: R; readonly at: number }>;

const keptMs = 60_000;

export const withNews = <R extends Row>(before: Changes<R>, rows: readonly R[], at: number): Changes<R> =>
  new Map([...Array.from(before).filter(([, each]) => each.at > at - keptMs), ...rows.map((row) => [row.id, { row, at }] as const)]);

/** An answer is as old as its question: what changed since then is newer than what the answer says. */
export const asOfNow = <R extends Row>(answer: readonly R[], changes: Changes<R>, askedAt: number): readonly R[] =>
  answer.map((row) => {
    const change = changes.get(row.id);
    return change !== undefined && change.at >= askedAt ? change.row : row;
  });
