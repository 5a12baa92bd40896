// The filters of the table of deliveries, as they are in the URL and as the API takes them. Pure.
import type { VariablesOf } from '../../api/graphql.ts';
import { deliveryStatusNames, type DeliveryStatusName } from '../../components/delivery-words.ts';
import { codesIn } from './codes.ts';
import type { deliveriesQuery } from './deliveries.query.ts';
import { failureOptions } from './failure-words.ts';

export type DeliverySearch = {
  readonly status?: string;
  readonly endpoint?: string;
  readonly eventType?: string;
  readonly reason?: string;
  readonly code?: string;
  readonly test?: string;
  readonly since?: string;
  readonly until?: string;
  readonly message?: string;
  readonly clientId?: string;
};

export type Filter = NonNullable<VariablesOf<typeof deliveriesQuery>['filter']>;

export const testOptions = [
  { value: 'no', label: 'No tests' },
  { value: 'only', label: 'Only tests' },
] as const;

const openStatuses: readonly DeliveryStatusName[] = ['PENDING', 'RETRYING', 'HELD'];
export const statusOptions = [{ value: 'OPEN', label: 'Open' }, ...deliveryStatusNames] as const;

const statusesIn = (text: string | undefined): DeliveryStatusName[] | undefined => {
  if (text === 'OPEN') return [...openStatuses];
  const status = deliveryStatusNames.find(({ value }) => value === text)?.value;
  return status && [status];
};

const isTime = (text: string | undefined): text is string => text !== undefined && !Number.isNaN(Date.parse(text));

/** What the URL says that is no status, reason, code or time is left out. */
export const filterOf = (search: DeliverySearch): Filter => {
  const status = statusesIn(search.status);
  const reason = failureOptions.find(({ value }) => value === search.reason)?.value;
  const codes = search.code === undefined ? undefined : codesIn(search.code);
  return {
    ...(status !== undefined && { status }),
    ...(reason !== undefined && { failure: [reason] }),
    ...(codes !== undefined && { responseCodeFrom: codes.from, responseCodeUntil: codes.until }),
    ...(search.test === 'only' && { test: true }),
    ...(search.test === 'no' && { test: false }),
    ...(isTime(search.since) && { since: search.since }),
    ...(isTime(search.until) && { until: search.until }),
    ...(search.endpoint !== undefined && { endpointId: search.endpoint }),
    ...(search.eventType !== undefined && { eventType: search.eventType }),
    ...(search.message !== undefined && { messageId: search.message }),
    ...(search.clientId !== undefined && { clientId: search.clientId }),
  };
};

const chipLabels: { readonly [Name in keyof Required<DeliverySearch>]: string } = {
  status: 'Status',
  endpoint: 'Endpoint',
  eventType: 'Event type',
  reason: 'Reason',
  code: 'Code',
  test: 'Test',
  since: 'Since',
  until: 'Until',
  message: 'Message',
  clientId: 'Publisher’s id',
};

/** What narrows the list, for chips. Ids of ours tell nobody anything. */
export const chipsOf = (search: DeliverySearch): readonly { readonly name: keyof DeliverySearch; readonly label: string }[] =>
  (Object.keys(chipLabels) as (keyof DeliverySearch)[]).flatMap((name) => {
    const value = search[name];
    if (value === undefined) return [];
    const isId = name === 'endpoint' || name === 'message';
    const option = [...statusOptions, ...failureOptions, ...testOptions].find((each) => each.value === value);
    return [{ name, label: isId ? chipLabels[name] : `${chipLabels[name]}: ${option?.label ?? value}` }];
  });

const changing = new Set(['status', 'failure', 'responseCodeFrom', 'responseCodeUntil']);

/** What a delivery keeps as long as it lives. Changes are watched by these alone, as one that no longer matches the rest has changed as well. */
export const lastingPartOf = (filter: Filter): Filter => Object.fromEntries(Object.entries(filter).filter(([name]) => !changing.has(name)));

type Outcome = { readonly status: string; readonly lastFailure: string | null; readonly lastResponseCode: number | null };

/** Whether a delivery that matches the lasting part matches the rest too. */
export const matchesOutcome = (
  { status, failure, responseCodeFrom, responseCodeUntil }: Filter,
  { status: current, lastFailure, lastResponseCode }: Outcome,
): boolean => {
  const isOneOf = (wanted: readonly string[] | null | undefined, value: string | null) =>
    wanted === null || wanted === undefined || (value !== null && wanted.includes(value));
  const isInRange =
    (responseCodeFrom ?? responseCodeUntil ?? null) === null ||
    (lastResponseCode !== null && lastResponseCode >= (responseCodeFrom ?? 0) && lastResponseCode <= (responseCodeUntil ?? Infinity));
  return isOneOf(status, current) && isOneOf(failure, lastFailure) && isInRange;
};

/** What a retry of all that match retries: failed ones, unless the filter names a status. */
export const retriedBy = (filter: Filter): Filter => (filter.status ? filter : { ...filter, status: ['FAILED'] });

/** "2,314", or "10,000+" where not all were counted. */
export const countText = ({ value, exact }: { readonly value: number; readonly exact: boolean }): string =>
  `${value.toLocaleString('en-US')}${exact ? '' : '+'}`;
