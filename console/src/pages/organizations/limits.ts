// The limits of an organization, as the table and the form name them. Pure.

export const limits = [
  { name: 'messagesPerSecond', label: 'Messages a second', short: 'messages/s' },
  { name: 'endpoints', label: 'Endpoints', short: 'endpoints' },
  { name: 'waitingDeliveries', label: 'Waiting deliveries', short: 'waiting' },
  { name: 'payloadBytes', label: 'Bytes a message', short: 'bytes' },
  { name: 'portalSessionsPerHour', label: 'Portal sessions an hour', short: 'portal sessions/h' },
  { name: 'payloadDays', label: 'Days of payloads', short: 'days of payloads' },
  { name: 'messageDays', label: 'Days of messages', short: 'days of messages' },
] as const;

type Name = (typeof limits)[number]['name'];
export type Limits = Readonly<Record<Name, number | null>>;
/** What is in the fields: empty for the installation's default. */
export type LimitFields = Readonly<Record<Name, number | string>>;

/** "100 messages/s, 50 endpoints", or nothing where the installation's defaults hold. */
export const limitsText = (own: Limits): string =>
  limits.flatMap(({ name, short }) => (own[name] === null ? [] : [`${own[name].toLocaleString('en-US')} ${short}`])).join(', ');

const each = <Value>(of: (name: Name) => Value): Record<Name, Value> =>
  Object.fromEntries(limits.map(({ name }) => [name, of(name)])) as Record<Name, Value>;

export const fieldsOf = (own: Limits): LimitFields => each((name) => own[name] ?? '');

export const limitsIn = (fields: LimitFields): Limits => each((name) => (fields[name] === '' ? null : Number(fields[name])));
