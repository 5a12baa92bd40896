// The filters of the table of deliveries, as they are in the URL and as the API takes them. Pure.
import type { VariablesOf } from '../../api/graphql.ts';
import { deliveryStatusNames } from '../../components/Status.tsx';
import type { deliveriesQuery } from './deliveries.query.ts';
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

type Filter = NonNullable<VariablesOf<typeof deliveriesQuery>['filter']>;

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

/** "2,314", or "10,000+" where not all were counted. */
export const countText = ({ value, exact }: { readonly value: number; readonly exact: boolean }): string =>
  `${value.toLocaleString('en-US')}${exact ? '' : '+'}`;
