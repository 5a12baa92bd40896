// A time: how long ago it was or how soon it comes, with the exact time on hover and focus.
import { Tooltip } from '@mantine/core';
import { useSyncExternalStore } from 'react';
import { exactTime, relativeTime } from './time.ts';
import { useTimeZone } from './time-zone.tsx';

/** One timer for all times on the page. */
const listeners = new Set<() => void>();
let now = Date.now();
setInterval(() => {
  if (document.hidden) return;
  now = Date.now();
  for (const listener of listeners) listener();
}, 1_000);
const subscribe = (listener: () => void) => {
  listeners.add(listener);
  return () => listeners.delete(listener);
};

export const useNow = (): number => useSyncExternalStore(subscribe, () => now);

/** What follows from the time. Draws again only when that changes, not every second: a page has hundreds of times. */
export const useFromNow = <Read extends string | boolean>(read: (now: number) => Read): Read =>
  useSyncExternalStore(subscribe, () => read(now));

export const Moment = ({ at }: { readonly at: string | null | undefined }) => {
  const { zone } = useTimeZone();
  const text = useFromNow((current) => (at === null || at === undefined ? '' : relativeTime(at, current)));
  if (at === null || at === undefined) return <span aria-label="none">–</span>;
  return (
    <Tooltip label={exactTime(at, zone)}>
      <time dateTime={at} tabIndex={0} className="numbers" style={{ whiteSpace: 'nowrap' }}>
        {text}
      </time>
    </Tooltip>
  );
};
