// The table of deliveries, live: the first page is asked for and watched, what changes anywhere in the table is kept by its id.
import { useThrottledCallback } from '@mantine/hooks';
import { useEffect, useEffectEvent, useRef, useState } from 'react';
import type { ResultOf } from '../../api/graphql.ts';
import { useAsk } from '../../api/use-ask.ts';
import { useWatch } from '../../api/use-watch.ts';
import { usePages } from '../../components/use-pages.ts';
import { deliveriesChanged, deliveriesQuery, type deliveryRow } from './deliveries.query.ts';
import { lastingPartOf, matchesOutcome, type Filter } from './filters.ts';
import { asOfNow, noRows, released, withAnswer, withChanges, withNews, type Changes, type LiveRows } from './live-rows.ts';

export type Delivery = ResultOf<typeof deliveryRow>;
type List = {
  readonly live: LiveRows<Delivery>;
  /** The cursor of the page below the rows. */
  readonly next: string | null;
  /** Of rows in the pages below. */
  readonly changed: ReadonlyMap<string, Delivery>;
};

const askAtMostEveryMs = 2_000;
/** More rows above the first page than this are not kept on the screen: the list begins again. */
const mostRows = 150;
/** Of a list without pages below: what is pushed off its end is behind `Load more` again, once the list was asked. */
const pageSize = 50;
const topPx = 60;

const isAtTop = () => globalThis.scrollY < topPx && document.activeElement?.closest('.table-frame a') == null;

/** @param isHeld something is selected, so rows stay where they are. @param onChanges called when any delivery of the list changed */
export const useDeliveryList = (filter: Filter, isHeld: boolean, onChanges: () => void) => {
  const { cursors, loadMore, forget } = usePages(filter);
  const { data, error, isAsking, askAgain } = useAsk(deliveriesQuery, { filter }, { typenames: ['Delivery'], isLive: true });
  const [list, setList] = useState<List>();
  const askSoon = useThrottledCallback(askAgain, askAtMostEveryMs);
  const hasPagesBelow = cursors.length > 1;
  const changes = useRef<Changes<Delivery>>(new Map());
  const askedAt = useRef(0);
  useEffect(() => {
    if (isAsking) askedAt.current = performance.now();
  }, [isAsking]);

  const takeAnswer = useEffectEvent((answer: NonNullable<typeof data>['deliveries']) => {
    const { pageInfo } = answer;
    const nodes = asOfNow(answer.nodes, changes.current, askedAt.current);
    const before = list?.live ?? noRows;
    const live = withAnswer(before, nodes, !isHeld && isAtTop(), hasPagesBelow && before.rows.length <= mostRows);
    const isAnswer = live.rows === nodes;
    if (isAnswer && list !== undefined && hasPagesBelow) forget();
    setList({
      live,
      next: isAnswer || list === undefined ? (pageInfo.hasNextPage ? pageInfo.endCursor : null) : list.next,
      changed: isAnswer || list === undefined ? new Map() : list.changed,
    });
  });
  useEffect(() => {
    if (data !== undefined) takeAnswer(data.deliveries);
  }, [data]);

  useWatch(deliveriesChanged, { filter: lastingPartOf(filter) }, ({ deliveriesChanged: { changed, more } }) => {
    const isFlowing = !isHeld && isAtTop();
    changes.current = withNews(changes.current, changed, performance.now());
    setList((before) => {
      if (before === undefined) return before;
      const next = withChanges(before.live, changed, { isFlowing, isMore: more, matches: (row) => matchesOutcome(filter, row) });
      const isTooLong = isFlowing && !hasPagesBelow && next.rows.length > pageSize;
      const live = isTooLong ? { ...next, rows: next.rows.slice(0, pageSize) } : next;
      const below = hasPagesBelow ? new Map([...before.changed, ...changed.map((row) => [row.id, row] as const)]) : before.changed;
      return { live, next: isTooLong ? null : before.next, changed: below };
    });
    if (more || (isFlowing && (list?.live.rows.length ?? 0) + changed.length > (hasPagesBelow ? mostRows : pageSize))) askSoon();
    onChanges();
  });

  const show = () => {
    if (list === undefined) return;
    globalThis.scrollTo({ top: 0 });
    setList({ ...list, live: released(list.live) });
    if (list.live.isMore) askAgain();
  };
  const showAtTop = useEffectEvent(() => {
    if (!isHeld && isAtTop() && list !== undefined && list.live.waiting.length > 0) show();
  });
  useEffect(() => {
    const look = () => showAtTop();
    globalThis.addEventListener('scroll', look, { passive: true });
    return () => globalThis.removeEventListener('scroll', look);
  }, []);
  useEffect(() => showAtTop(), [isHeld]);

  return { list, error, askAgain, show, pagesBelow: cursors.flatMap((cursor) => cursor ?? []), loadMore };
};
