// Asks again every so often, while the tab is seen.
import { useEffect, useEffectEvent } from 'react';

/** @param everyMs undefined: not at all */
export const usePoll = (askAgain: () => void, everyMs: number | undefined): void => {
  const ask = useEffectEvent(askAgain);
  useEffect(() => {
    if (everyMs === undefined) return undefined;
    const timer = setInterval(() => document.hidden || ask(), everyMs);
    return () => clearInterval(timer);
  }, [everyMs]);
};
