// The filters of the table of deliveries, as they are in the URL and as the API takes them. Pure.
import type { ResultOf, VariablesOf } from '../../api/graphql.ts';
import { deliveryStatusNames } from '../../components/Status.tsx';
import type { deliveriesQuery, deliveryRow } from './deliveries.query.ts';
import { failureOptions } from './failure-words.ts';

export type DeliverySearch = {
  readonly status?: string;
  readonly endpoint?: string;
  readonly eventType?: string;
  readonly reason?: string;
  readonly message?: string;
  readonly clientId?: string;
};
export const deliverySearchNames = ['status', 'endpoint', 'eventType', 'reason', 'message', 'clientId'] as const;

export type Filter = NonNullable<VariablesOf<typeof deliveriesQuery>['filter']>;

/** What the URL says that is no status and no reason is left out. */
export const filterOf = (search: DeliverySearch): Filter => {
  const status = deliveryStatusNames.find(({ value }) => value === search.status)?.value;
  const reason = failureOptions.find(({ value }) => value === search.reason)?.value;
  return {
    ...(status !== undefined && { status: [status] as Filter['status'] }),
    ...(reason !== undefined && { failure: [reason] as Filter['failure'] }),
    ...(search.endpoint !== undefined && { endpointId: search.endpoint }),
    ...(search.eventType !== undefined && { eventType: search.eventType }),
    ...(search.message !== undefined && { messageId: search.message }),
    ...(search.clientId !== undefined && { clientId: search.clientId }),
  };
};

/** What a delivery keeps as long as it lives. Changes are watched by these alone, as one that no longer matches the rest has changed as well. */
export const lastingPartOf = (filter: Filter): Filter => Object.fromEntries(Object.entries(filter).filter(([name]) => !changing.has(name)));

const changing = new Set(['status', 'failure']);

/** Whether a delivery that matches the lasting part matches the rest too. */
export const matchesOutcome = (
  { status, failure }: Filter,
  delivery: Pick<ResultOf<typeof deliveryRow>, 'status' | 'lastFailure' | 'lastResponseCode'>,
): boolean =>
  (status?.includes(delivery.status) ?? true) && (failure === undefined || failure === null || isOneOf(failure, delivery.lastFailure));

const isOneOf = <Value>(values: readonly Value[], value: Value | null): boolean => value !== null && values.includes(value);

/** "2,314", or "10,000+" where not all were counted. */
export const countText = ({ value, exact }: { readonly value: number; readonly exact: boolean }): string =>
  `${value.toLocaleString('en-US')}${exact ? '' : '+'}`;
