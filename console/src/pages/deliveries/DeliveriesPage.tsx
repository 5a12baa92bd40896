// Deliveries: each message on its way to each endpoint, the newest first, with filters that live in the URL.
import { Group, Select, Text, TextInput } from '@mantine/core';
import { useThrottledCallback } from '@mantine/hooks';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { useAsk } from '../../api/use-ask.ts';
import { Page } from '../../components/Page.tsx';
import { deliveryStatusNames } from '../../components/Status.tsx';
import { deliveriesCount, deliveriesQuery, deliveryFilterChoices } from './deliveries.query.ts';
import { DeliveryList } from './DeliveryList.tsx';
import { failureOptions } from './failure-words.ts';
import { countText, filterOf, type DeliverySearch } from './filters.ts';
import { RetryAll } from './Retrying.tsx';

const countAtMostEveryMs = 10_000;

export const DeliveriesPage = () => {
  const search = useSearch({ from: '/shell/deliveries' });
  const navigate = useNavigate({ from: '/deliveries' });
  const filter = filterOf(search);
  const count = useAsk(deliveriesCount, { filter }, { typenames: ['Delivery'], isLive: true });
  const countSoon = useThrottledCallback(count.askAgain, countAtMostEveryMs);
  const set = (change: DeliverySearch) => void navigate({ search: (before) => ({ ...before, ...change }), replace: true });
  const clear = () => void navigate({ search: {}, replace: true });
  const total = count.data?.deliveries.count;

  return (
    <Page
      title="Deliveries"
      beside={
        total !== undefined && (
          <Text c="dimmed" className="numbers" role="status">
            {countText(total)}
          </Text>
        )
      }
      description="Each message on its way to each endpoint, the newest first."
      actions={<RetryAll filter={filter} total={total} />}
      shown={{ query: deliveriesQuery, variables: { filter } }}
    >
      <Filters search={search} set={set} />
      <DeliveryList key={JSON.stringify(filter)} filter={filter} onClear={clear} onChanges={countSoon} />
    </Page>
  );
};

const Filters = ({ search, set }: { readonly search: DeliverySearch; readonly set: (change: DeliverySearch) => void }) => {
  const { data } = useAsk(deliveryFilterChoices, {});
  const select = (
    label: string,
    placeholder: string,
    name: 'status' | 'endpoint' | 'eventType' | 'reason',
    options: readonly { readonly value: string; readonly label: string }[],
  ) => (
    <Select
      aria-label={label}
      placeholder={placeholder}
      clearable
      searchable
      data={[...options]}
      value={search[name] ?? null}
      onChange={(value) => set({ [name]: value ?? undefined })}
      w={170}
      clearButtonProps={{ 'aria-label': `Clear ${label.toLowerCase()}` }}
    />
  );
  return (
    <Group gap="xs">
      {select('Status', 'Any status', 'status', deliveryStatusNames)}
      {select('Endpoint', 'Any endpoint', 'endpoint', data?.endpoints.nodes.map(({ id, name }) => ({ value: id, label: name })) ?? [])}
      {select('Event type', 'Any event type', 'eventType', data?.eventTypes.map(({ name }) => ({ value: name, label: name })) ?? [])}
      {select('Reason', 'Any reason', 'reason', failureOptions)}
      <TextInput
        aria-label="Publisher’s id"
        placeholder="Publisher’s id"
        defaultValue={search.clientId ?? ''}
        onBlur={({ currentTarget }) => set({ clientId: currentTarget.value.trim() })}
        onKeyDown={({ key, currentTarget }) => key === 'Enter' && set({ clientId: currentTarget.value.trim() })}
        w={170}
      />
    </Group>
  );
};
