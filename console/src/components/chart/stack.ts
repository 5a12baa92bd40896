// What a stacked chart is drawn from. Pure.

/** Each layer is drawn from zero to the sum of itself and those below, the highest first, so that the lower ones cover it. */
export const stacked = (layers: readonly (readonly number[])[]): number[][] => {
  const sums: number[][] = [];
  for (const values of layers) {
    const below = sums.at(-1);
    sums.push(values.map((value, at) => value + (below?.[at] ?? 0)));
  }
  return sums.toReversed();
};

/** A little more than the highest bar, and 1 where there are none. */
export const heightOf = (layers: readonly (readonly number[])[]): number => {
  const [highest = []] = stacked(layers);
  return Math.max(...highest, 1) * 1.08;
};

const hourMs = 3_600_000;

/** Of a moment at an axis: the time of day, or the day where a day begins or the ticks are days apart. */
export const tickText = (at: number, tickMs: number, zone: 'UTC' | 'local'): string => {
  const date = new Date(at);
  const timeZone = zone === 'UTC' ? { timeZone: 'UTC' } : {};
  const time = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', ...timeZone }).format(date);
  const isDay = tickMs >= 24 * hourMs || (time === '00:00' && tickMs >= hourMs);
  return isDay ? new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short', ...timeZone }).format(date) : time;
};

/** "10:15–10:30", "1 Dec, 10:00–11:00", "1–2 Dec". */
export const bucketText = (from: number, until: number, zone: 'UTC' | 'local'): string =>
  new Intl.DateTimeFormat('en-GB', {
    day: 'numeric',
    month: 'short',
    hour: '2-digit',
    minute: '2-digit',
    ...(zone === 'UTC' && { timeZone: 'UTC' }),
  }).formatRange(from, until);
