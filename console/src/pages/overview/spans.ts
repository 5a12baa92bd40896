// The time that the overview is about, as the URL says it, and the sentence at its top. Pure.

import { durationInWords } from '../../components/time.ts';

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;

/** The buckets are as wide as figures are kept: by the minute for a day, and by the hour before. */
export const windows = [
  { value: '1h', label: '1 h', words: 'the last hour', lengthMs: hourMs, bucketMs: minuteMs },
  { value: '24h', label: '24 h', words: 'the last 24 h', lengthMs: 24 * hourMs, bucketMs: 15 * minuteMs },
  { value: '7d', label: '7 d', words: 'the last 7 days', lengthMs: 7 * 24 * hourMs, bucketMs: 2 * hourMs },
  { value: '30d', label: '30 d', words: 'the last 30 days', lengthMs: 30 * 24 * hourMs, bucketMs: 6 * hourMs },
] as const;

const usual = windows[1];
/** Figures by the minute are kept for a day. */
const minutesKeptMs = 24 * hourMs;
const bucketsOfZoom = 60;

export type Span = {
  /** ISO 8601. */
  readonly since: string;
  readonly until: string;
  readonly buckets: number;
  readonly bucketMs: number;
  /** "the last 24 h"; of a time that was chosen in the chart, "the chosen time". */
  readonly words: string;
  readonly isZoomed: boolean;
  /** Of the window that it is, or was chosen in. */
  readonly window: (typeof windows)[number]['value'];
};

type Search = { readonly window?: string; readonly from?: string; readonly until?: string };

/** From and until whole buckets, so that the same bucket has the same figures however often it is asked for. */
export const spanOf = (search: Search, now: number): Span => {
  const window = windows.find(({ value }) => value === search.window) ?? usual;
  const [from, until] = [Date.parse(search.from ?? ''), Date.parse(search.until ?? '')];
  if (from < until) return zoomed(from, until, now, window.value);
  const { lengthMs, bucketMs, words, value } = window;
  const end = (Math.floor(now / bucketMs) + 1) * bucketMs;
  return { ...between(end - lengthMs, end, bucketMs), words, isZoomed: false, window: value };
};

const zoomed = (from: number, until: number, now: number, window: Span['window']): Span => {
  const least = from < now - minutesKeptMs ? hourMs : minuteMs;
  const bucketMs = Math.max(Math.ceil((until - from) / bucketsOfZoom / least), 1) * least;
  const start = Math.floor(from / bucketMs) * bucketMs;
  const end = Math.max(Math.ceil(until / bucketMs) * bucketMs, start + bucketMs);
  return { ...between(start, end, bucketMs), words: 'the chosen time', isZoomed: true, window };
};

const between = (from: number, until: number, bucketMs: number) => ({
  since: new Date(from).toISOString(),
  until: new Date(until).toISOString(),
  buckets: (until - from) / bucketMs,
  bucketMs,
});

type Standing = {
  readonly endpoints: number;
  readonly failing: number;
  readonly waiting: number;
  /** Null: nothing is due, or the caller may not know. */
  readonly oldestDueSeconds: number | null;
};

const number = (value: number) => value.toLocaleString('en-US');

/** "3 of 48 endpoints fail; 1,204 wait; oldest due 4 s". */
export const sentenceOfStanding = ({ endpoints, failing, waiting, oldestDueSeconds }: Standing): string => {
  const of = endpoints === 1 ? 'endpoint' : 'endpoints';
  const fail =
    failing === 0
      ? `None of ${number(endpoints)} ${of} fails`
      : `${number(failing)} of ${number(endpoints)} ${of} ${failing === 1 ? 'fails' : 'fail'}`;
  const wait = waiting === 0 ? 'nothing waits' : `${number(waiting)} ${waiting === 1 ? 'waits' : 'wait'}`;
  const due =
    waiting === 0 || oldestDueSeconds === null || oldestDueSeconds < 1
      ? []
      : [`oldest due ${durationInWords(Math.round(oldestDueSeconds))}`];
  return [fail, wait, ...due].join('; ');
};
