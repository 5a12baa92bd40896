// When a new API key ends: never, after some days, or on a day of one's own. Pure.

export const expiries = [
  { value: 'never', label: 'Never' },
  { value: '7', label: 'In 7 days' },
  { value: '30', label: 'In 30 days' },
  { value: '90', label: 'In 90 days' },
  { value: '365', label: 'In a year' },
  { value: 'date', label: 'On a date' },
] as const;
export type Expiry = (typeof expiries)[number]['value'];

const dayMs = 86_400_000;

/** @param date `2026-01-31`; the key works through that day in UTC. @returns null: never; undefined: the date is not one */
export const expiresAt = (expiry: Expiry, date: string, now: number): string | null | undefined => {
  if (expiry === 'never') return null;
  if (expiry !== 'date') return new Date(now + Number(expiry) * dayMs).toISOString();
  const day = /^\d{4}-\d\d-\d\d$/.test(date) ? Date.parse(`${date}T00:00:00.000Z`) : Number.NaN;
  return Number.isNaN(day) ? undefined : new Date(day + dayMs).toISOString();
};
