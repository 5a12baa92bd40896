// Times as a browser's field for date and time takes them, in UTC or in the browser's zone. Pure.

const pad = (value: number) => String(value).padStart(2, '0');

/** "2024-12-04T10:30" */
export const fieldTimeOf = (at: string | undefined, zone: 'UTC' | 'local'): string => {
  if (at === undefined) return '';
  const date = new Date(at);
  if (zone === 'UTC') return date.toISOString().slice(0, 16);
  return `${date.getFullYear()}-${pad(date.getMonth() + 1)}-${pad(date.getDate())}T${pad(date.getHours())}:${pad(date.getMinutes())}`;
};

/** ISO 8601 in UTC; undefined while the field is empty or not filled in whole. */
export const timeInField = (text: string, zone: 'UTC' | 'local'): string | undefined => {
  const date = new Date(zone === 'UTC' ? `${text}Z` : text);
  return text === '' || Number.isNaN(date.getTime()) ? undefined : date.toISOString();
};
