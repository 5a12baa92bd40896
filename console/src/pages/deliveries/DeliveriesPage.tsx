// Deliveries: each message on its way to each endpoint, the newest first, with filters that live in the URL.
import { Checkbox, Group, Select, Table, Text, TextInput } from '@mantine/core';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { useState } from 'react';
import { useAsk } from '../../api/use-ask.ts';
import { LoadMoreRow } from '../../components/LoadMoreRow.tsx';
import { Page } from '../../components/Page.tsx';
import { deliveryStatusNames } from '../../components/Status.tsx';
import { Empty, Failure, NoMatch, SkeletonRows } from '../../components/states.tsx';
import { ButtonTo } from '../../components/LinkTo.tsx';
import { usePages } from '../../components/use-pages.ts';
import { DeliveryRow } from './DeliveryRow.tsx';
import { deliveriesCount, deliveriesQuery, deliveryFilterChoices } from './deliveries.query.ts';
import { failureOptions } from './failure-words.ts';
import { countText, filterOf, type DeliverySearch } from './filters.ts';
import { RetryAll, RetrySelected } from './Retrying.tsx';

const pollMs = 10_000;

export const DeliveriesPage = () => {
  const search = useSearch({ from: '/shell/deliveries' });
  const navigate = useNavigate({ from: '/deliveries' });
  const filter = filterOf(search);
  const { cursors, loadMore } = usePages(filter);
  const first = useAsk(deliveriesQuery, { filter }, { typenames: ['Delivery'], pollMs });
  const count = useAsk(deliveriesCount, { filter }, { typenames: ['Delivery'] });
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const isFiltered = Object.keys(filter).length > 0;
  const set = (change: DeliverySearch) => void navigate({ search: (before) => ({ ...before, ...change }), replace: true });
  const clear = () => void navigate({ search: {}, replace: true });
  const choose = (id: string, isChosen: boolean) =>
    setChosen((before) => new Set(isChosen ? [...before, id] : [...before].filter((each) => each !== id)));
  const rows = first.data?.deliveries.nodes ?? [];
  const total = count.data?.deliveries.count;

  const body = () => {
    if (first.error && !first.data) return <Failure error={first.error} onRetry={first.askAgain} />;
    if (!first.data) return <SkeletonRows />;
    if (rows.length === 0)
      return isFiltered ? (
        <NoMatch onClear={clear} />
      ) : (
        <Empty title="No deliveries yet" action={<ButtonTo to="/endpoints">Go to the endpoints</ButtonTo>}>
          A delivery is one message on its way to one endpoint. Publish a message that an endpoint subscribes to, and it shows here.
        </Empty>
      );
    return (
      <Table aria-label="Deliveries">
        <Table.Thead>
          <Table.Tr>
            <Table.Th w={40}>
              <Checkbox
                size="xs"
                aria-label="Select all on this page"
                checked={rows.every(({ id }) => chosen.has(id))}
                indeterminate={chosen.size > 0 && !rows.every(({ id }) => chosen.has(id))}
                onChange={({ currentTarget }) => setChosen(new Set(currentTarget.checked ? rows.map(({ id }) => id) : []))}
              />
            </Table.Th>
            <Table.Th>Status</Table.Th>
            <Table.Th>Event type</Table.Th>
            <Table.Th visibleFrom="sm">Endpoint</Table.Th>
            <Table.Th visibleFrom="sm">Attempts</Table.Th>
            <Table.Th visibleFrom="md">Last code or reason</Table.Th>
            <Table.Th visibleFrom="lg">Next attempt</Table.Th>
            <Table.Th visibleFrom="sm">Created</Table.Th>
            <Table.Th visibleFrom="xl">Ended</Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {cursors.map((after, index) => (
            <DeliveryRows
              key={after ?? ''}
              after={after}
              filter={filter}
              chosen={chosen}
              onChoose={choose}
              isLast={index === cursors.length - 1}
              onMore={loadMore}
            />
          ))}
        </Table.Tbody>
      </Table>
    );
  };

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
      {chosen.size > 0 && <RetrySelected ids={chosen} onDone={() => setChosen(new Set())} />}
      <div className="surface table-frame">{body()}</div>
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

type RowsProps = {
  readonly after: string | undefined;
  readonly filter: ReturnType<typeof filterOf>;
  readonly chosen: ReadonlySet<string>;
  readonly onChoose: (id: string, isChosen: boolean) => void;
  readonly isLast: boolean;
  readonly onMore: (after: string) => void;
};

const DeliveryRows = ({ after, filter, chosen, onChoose, isLast, onMore }: RowsProps) => {
  const { data, error, isLoading, askAgain } = useAsk(
    deliveriesQuery,
    { filter, ...(after !== undefined && { after }) },
    { typenames: ['Delivery'] },
  );
  const page = data?.deliveries.pageInfo;
  const next = page?.hasNextPage === true ? page.endCursor : null;
  return (
    <>
      {data?.deliveries.nodes.map((delivery) => (
        <DeliveryRow key={delivery.id} delivery={delivery} isChosen={chosen.has(delivery.id)} onChoose={onChoose} />
      ))}
      <LoadMoreRow
        columns={9}
        isLoading={isLoading}
        failure={data ? undefined : error}
        onRetry={askAgain}
        next={isLast ? next : null}
        onMore={onMore}
      />
    </>
  );
};
