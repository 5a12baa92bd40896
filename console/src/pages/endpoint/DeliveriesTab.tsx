// The deliveries of one endpoint, live.
import { Group, Select } from '@mantine/core';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { deliveryStatusNames } from '../../components/delivery-words.ts';
import { LinkTo } from '../../components/LinkTo.tsx';
import { DeliveryList } from '../deliveries/DeliveryList.tsx';
import { filterOf } from '../deliveries/filters.ts';
import type { Endpoint } from './EndpointPage.tsx';

export const DeliveriesTab = ({ endpoint: { id } }: { readonly endpoint: Endpoint }) => {
  const { status } = useSearch({ from: '/shell/endpoints/$endpointId' });
  const navigate = useNavigate({ from: '/endpoints/$endpointId' });
  const search = { endpoint: id, ...(status !== undefined && { status }) };
  const choose = (next: string | undefined) =>
    void navigate({ search: (before) => ({ ...before, status: next }), replace: true, resetScroll: false });
  return (
    <>
      <Group justify="space-between" mb="md">
        <Select
          aria-label="Status"
          placeholder="Any status"
          clearable
          data={deliveryStatusNames}
          value={status ?? null}
          onChange={(value) => choose(value ?? undefined)}
          w={180}
          clearButtonProps={{ 'aria-label': 'Clear status' }}
        />
        <LinkTo to="/deliveries" search={search} size="sm">
          More filters
        </LinkTo>
      </Group>
      <DeliveryList
        key={status ?? ''}
        filter={filterOf(search)}
        isFiltered={status !== undefined}
        chips={[]}
        onClear={() => choose(undefined)}
        onChanges={() => undefined}
      />
    </>
  );
};
