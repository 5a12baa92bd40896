// Success rates: how many of the deliveries that ended, in a window, succeeded. Counted by the hour.

import { hourOf } from '../views/tables/delivery-counts.ts';

export const windows = ['LAST_HOUR', 'LAST_DAY', 'LAST_WEEK', 'LAST_MONTH', 'ALL'] as const;
export type Window = (typeof windows)[number];

/** `ratio` is 0..1, null before any ended. */
export type SuccessRate = { readonly ratio: number | null; readonly succeeded: number; readonly total: number; readonly label: string };

const hoursOf = { LAST_HOUR: 1, LAST_DAY: 24, LAST_WEEK: 7 * 24, LAST_MONTH: 30 * 24 };

/**
 * The hour that a window begins with. Buckets are whole hours, so a window holds all that it says and up to an hour more: at 12:40 the last
 * hour begins at 11:00. A month is 30 days.
 */
export const firstHourOf = (window: Exclude<Window, 'ALL'>, now: Date) => hourOf(now.getTime()) - hoursOf[window];

/** Rounded down, so that 100% says that all succeeded. */
export const successRate = (succeeded: number, total: number): SuccessRate => {
  if (total === 0) return { ratio: null, succeeded, total, label: '–' };
  return { ratio: succeeded / total, succeeded, total, label: `${Math.floor((succeeded * 100) / total)}% (${succeeded}/${total})` };
};
