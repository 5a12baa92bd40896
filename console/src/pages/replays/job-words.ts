// What a job is about, and how far it is, in words. Pure.
import type { Json } from '../../api/graphql.ts';
import { isObject } from '../../components/json-marks.ts';
import { exactTime } from '../../components/time.ts';

type Zone = 'UTC' | 'local';
type Scope = 'FAILED' | 'SKIPPED' | 'NEVER_SENT';
export type ReplaySelection = {
  readonly eventType: string | null;
  readonly messageId: string | null;
  readonly since: string | null;
  readonly until: string | null;
  readonly only: readonly Scope[] | null;
  readonly matching: boolean;
};

export const scopes: readonly { readonly value: Scope; readonly label: string }[] = [
  { value: 'FAILED', label: 'failed there' },
  { value: 'SKIPPED', label: 'were skipped there' },
  { value: 'NEVER_SENT', label: 'were never sent there' },
];

const minute = (at: string, zone: Zone): string => exactTime(at, zone).slice(0, 16);
const listed = (parts: readonly string[]): string =>
  parts.length < 2 ? parts.join('') : `${parts.slice(0, -1).join(', ')} or ${parts.at(-1) ?? ''}`;

/** "Messages of order.paid, accepted since 2026-01-01 10:00, that failed there" */
export const replayWords = ({ eventType, messageId, since, until, only, matching }: ReplaySelection, zone: Zone): string => {
  if (messageId !== null) return `One message of ${eventType ?? 'any type'}`;
  const type = eventType === null ? 'All messages' : `Messages of ${eventType}`;
  const time = [since !== null && `since ${minute(since, zone)}`, until !== null && `before ${minute(until, zone)}`].filter(
    (part) => part !== false,
  );
  const accepted = time.length === 0 ? '' : `, accepted ${time.join(' and ')}`;
  const which = only === null ? '' : ` that ${listed(scopes.filter(({ value }) => only.includes(value)).map(({ label }) => label))}`;
  return `${type}${accepted}${which}${matching ? '' : ', whatever the endpoint subscribes to'}`;
};

/** From 0 to 100, by the time that was gone through; undefined where no beginning is known. */
export const replayProgress = (
  { since, until }: Pick<ReplaySelection, 'since' | 'until'>,
  cameTo: string | null,
  requestedAt: string,
): number | undefined => {
  if (since === null || cameTo === null) return undefined;
  const [from, to] = [Date.parse(since), Date.parse(until ?? requestedAt)];
  return to <= from ? undefined : Math.min(100, Math.max(0, ((Date.parse(cameTo) - from) / (to - from)) * 100));
};

const filterNames: Readonly<Record<string, string>> = {
  status: 'status',
  endpointId: 'endpoint',
  endpointIds: 'endpoints',
  messageId: 'message',
  eventType: 'event type',
  eventTypes: 'event types',
  clientId: 'publisher’s id',
  failure: 'reason',
  responseCode: 'code',
  responseCodeFrom: 'code from',
  responseCodeUntil: 'code until',
  since: 'since',
  until: 'before',
  test: 'test',
};

/** "status FAILED, event type order.paid" */
export const retryWords = (filter: Json): string => {
  const parts = Object.entries(isObject(filter) ? filter : {}).map(([name, value]) => {
    const values = Array.isArray(value) ? value.join(', ') : typeof value === 'string' ? value : JSON.stringify(value);
    return `${filterNames[name] ?? name} ${values}`;
  });
  return parts.length === 0 ? 'All deliveries' : `Deliveries with ${parts.join(', ')}`;
};
