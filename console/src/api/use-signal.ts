// Signals that something changed, without what: for pages that ask again as a whole.
import { graphql, type VariablesOf } from './graphql.ts';
import { useWatch } from './use-watch.ts';

const someDeliveryChanged = graphql(`
  subscription SomeDeliveryChanged($filter: DeliveryFilter, $everyMs: Int) {
    deliveriesChanged(filter: $filter, everyMs: $everyMs, atMost: 1) {
      more
    }
  }
`);

const someEndpointChanged = graphql(`
  subscription SomeEndpointChanged($id: ID) {
    endpointChanged(id: $id) {
      id
      revision
    }
  }
`);

type Filter = NonNullable<VariablesOf<typeof someDeliveryChanged>['filter']>;

/** @param filter undefined: not yet. @param everyMs the least time between two signals */
export const useDeliverySignal = (filter: Filter | undefined, onChange: () => void, everyMs = 1_000): void =>
  useWatch(someDeliveryChanged, filter === undefined ? undefined : { filter, everyMs }, onChange);

/** Of configuration and status. @param id undefined: not yet; null: any of the organization */
export const useEndpointSignal = (id: string | null | undefined, onChange: () => void): void =>
  useWatch(someEndpointChanged, id === undefined ? undefined : { id }, onChange);
