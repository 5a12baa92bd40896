// Times and durations in words. Pure, so that each rule has its test.

const units = [
  ['day', 86_400],
  ['hour', 3_600],
  ['minute', 60],
] as const;

const relative = new Intl.RelativeTimeFormat('en', { numeric: 'always', style: 'short' });

/** "3 min. ago", "in 2 hr." */
export const relativeTime = (at: string, now: number): string => {
  const seconds = (Date.parse(at) - now) / 1_000;
  for (const [unit, size] of units) if (Math.abs(seconds) >= size) return relative.format(Math.trunc(seconds / size), unit);
  if (Math.abs(seconds) < 1) return 'now';
  return relative.format(Math.trunc(seconds), 'second');
};

/** "2024-12-04 10:30:00.250 UTC" */
export const exactTime = (at: string, zone: 'UTC' | 'local'): string => {
  const date = new Date(at);
  if (zone === 'UTC') return `${date.toISOString().replace('T', ' ').replace('Z', '')} UTC`;
  const pad = (value: number, length = 2) => String(value).padStart(length, '0');
  const day = `${date.getFullYear()}-${pad(date.getMonth() + 1)}-${pad(date.getDate())}`;
  return `${day} ${pad(date.getHours())}:${pad(date.getMinutes())}:${pad(date.getSeconds())}.${pad(date.getMilliseconds(), 3)} ${offset(date)}`;
};

const offset = (date: Date): string => {
  const minutes = -date.getTimezoneOffset();
  const pad = (value: number) => String(Math.trunc(value)).padStart(2, '0');
  return `UTC${minutes < 0 ? '-' : '+'}${pad(Math.abs(minutes) / 60)}:${pad(Math.abs(minutes) % 60)}`;
};

/** Of a delay: "0 s", "90 s" as "1 min 30 s", "7200" as "2 h". */
export const durationInWords = (exact: number): string => {
  const short = Number(exact.toFixed(2));
  if (short < 60) return `${short} s`;
  const seconds = Math.round(exact);
  const parts = [
    [Math.floor(seconds / 86_400), 'd'],
    [Math.floor((seconds % 86_400) / 3_600), 'h'],
    [Math.floor((seconds % 3_600) / 60), 'min'],
    [seconds % 60, 's'],
  ] as const;
  return parts
    .filter(([value]) => value > 0)
    .map(([value, unit]) => `${value} ${unit}`)
    .join(' ');
};

/** Of an attempt: "12 ms", "1.25 s". */
export const milliseconds = (ms: number): string => (ms < 1_000 ? `${Math.round(ms)} ms` : `${(ms / 1_000).toFixed(2)} s`);
