// Deliveries: each message on its way to each endpoint, the newest first, with filters that live in the URL.
import { Text } from '@mantine/core';
import { useThrottledCallback } from '@mantine/hooks';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { useAsk } from '../../api/use-ask.ts';
import { IfMay } from '../../components/IfMay.tsx';
import { Page } from '../../components/Page.tsx';
import { deliveriesCount, deliveriesQuery } from './deliveries.query.ts';
import { DeliveryList } from './DeliveryList.tsx';
import { Filters } from './Filters.tsx';
import { chipsOf, countText, filterOf, type DeliverySearch } from './filters.ts';
import { RetryAll } from './RetryAll.tsx';
import { RetryProgress } from './RetryProgress.tsx';

const countAtMostEveryMs = 10_000;

export const DeliveriesPage = () => {
  const { job, ...search } = useSearch({ from: '/shell/deliveries' });
  const navigate = useNavigate({ from: '/deliveries' });
  const filter = filterOf(search);
  const count = useAsk(deliveriesCount, { filter }, { typenames: ['Delivery'], isLive: true });
  const countSoon = useThrottledCallback(count.askAgain, countAtMostEveryMs);
  const set = (change: DeliverySearch & { readonly job?: string | undefined }) =>
    void navigate({ search: (before) => ({ ...before, ...change }), replace: true });
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
      actions={
        <IfMay capability="RETRY">
          <RetryAll filter={filter} onStarted={(id) => set({ job: id })} />
        </IfMay>
      }
      shown={{ query: deliveriesQuery, variables: { filter } }}
    >
      {job !== undefined && <RetryProgress id={job} onClose={() => set({ job: undefined })} />}
      <Filters search={search} set={set} />
      <DeliveryList
        key={JSON.stringify(filter)}
        filter={filter}
        isFiltered={Object.keys(filter).length > 0}
        chips={chipsOf(search).map(({ name, label }) => ({ label, onRemove: () => set({ [name]: undefined }) }))}
        onClear={clear}
        onChanges={countSoon}
      />
    </Page>
  );
};
