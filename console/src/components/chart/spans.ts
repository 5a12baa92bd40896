// The time that a chart is about, as the URL says it. Pure.

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
