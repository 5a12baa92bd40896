// Endpoints: the table of all endpoints of the organization, with what each does and how well it goes.
import { Checkbox, Group, Select, Table, TextInput } from '@mantine/core';
import { useDebouncedCallback, useThrottledCallback } from '@mantine/hooks';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { lazy, Suspense, useState } from 'react';
import type { VariablesOf } from '../../api/graphql.ts';
import { useRights } from '../../api/rights.ts';
import { useAsk } from '../../api/use-ask.ts';
import { useDeliverySignal, useEndpointSignal } from '../../api/use-signal.ts';
import { PlusIcon } from '../../components/icons.tsx';
import { ButtonTo } from '../../components/LinkTo.tsx';
import { LoadMoreRow } from '../../components/LoadMoreRow.tsx';
import { Page } from '../../components/Page.tsx';
import { Empty, Failure, NoMatch, SkeletonRows } from '../../components/states.tsx';
import { usePages } from '../../components/use-pages.ts';
import { useHasActions } from './EndpointActions.tsx';
import { EndpointRow, type Endpoint } from './EndpointRow.tsx';
import { endpointsQuery } from './endpoints.query.ts';

const EndpointSelection = lazy(() => import('./EndpointSelection.tsx').then(({ EndpointSelection: bar }) => ({ default: bar })));

const statuses = [
  { value: 'ENABLED', label: 'Active' },
  { value: 'PAUSED', label: 'Paused' },
  { value: 'DISABLED', label: 'Disabled' },
] as const;
const healths = [
  { value: 'HEALTHY', label: 'Healthy' },
  { value: 'FAILING', label: 'Failing' },
  { value: 'OPEN', label: 'Circuit open' },
] as const;

const orders = [
  { value: 'NEWEST', label: 'Newest first' },
  { value: 'NAME', label: 'By name' },
  { value: 'FAILING_FIRST', label: 'Failing first' },
] as const;

/** Text of the URL, where it is one of these values. */
const oneOf = <Value extends string>(options: readonly { readonly value: Value }[], text: string | undefined): Value | undefined =>
  options.find(({ value }) => value === text)?.value;

export const EndpointsPage = () => {
  const search = useSearch({ from: '/shell/endpoints' });
  const navigate = useNavigate({ from: '/endpoints' });
  const filters = {
    status: oneOf(statuses, search.status),
    health: oneOf(healths, search.health),
    search: search.search,
    eventType: search.eventType,
    orderBy: oneOf(orders, search.order),
  };
  const [chosen, setChosen] = useState<ReadonlyMap<string, Endpoint>>(new Map());
  const choose = (endpoint: Endpoint, isChosen: boolean) =>
    setChosen(
      (before) => new Map([...[...before].filter(([id]) => id !== endpoint.id), ...(isChosen ? [[endpoint.id, endpoint] as const] : [])]),
    );
  const { cursors, loadMore } = usePages(filters);
  const first = useAsk(endpointsQuery, filters, { typenames: ['Endpoint'], isLive: true });
  useListSignals(first.askAgain);
  const hasActions = useHasActions();
  const { orderBy: _, ...narrowing } = filters;
  const isFiltered = Object.values(narrowing).some((value) => value !== undefined);
  const set = (name: 'status' | 'health' | 'search' | 'eventType' | 'order', value: string | null) =>
    void navigate({ search: (before) => ({ ...before, [name]: value === null || value === '' ? undefined : value }), replace: true });
  const clear = () => void navigate({ search: {}, replace: true });

  const rows = first.data?.endpoints.nodes ?? [];

  const body = () => {
    if (first.error && !first.data) return <Failure error={first.error} onRetry={first.askAgain} />;
    if (!first.data) return <SkeletonRows />;
    if (first.data.endpoints.nodes.length === 0)
      return isFiltered ? (
        <NoMatch onClear={clear} />
      ) : (
        <Empty title="No endpoints yet" action={<NewEndpoint />}>
          An endpoint is a URL that gets your messages. Add one, test it, and publish a message: it shows here how well the receiver
          answers.
        </Empty>
      );
    return (
      <Table aria-label="Endpoints">
        <Table.Thead>
          <Table.Tr>
            {hasActions && (
              <Table.Th w={40}>
                <Checkbox
                  size="xs"
                  aria-label="Select all on this page"
                  checked={rows.every(({ id }) => chosen.has(id))}
                  indeterminate={chosen.size > 0 && !rows.every(({ id }) => chosen.has(id))}
                  onChange={({ currentTarget }) => setChosen(new Map(currentTarget.checked ? rows.map((row) => [row.id, row]) : []))}
                />
              </Table.Th>
            )}
            <Table.Th>Name</Table.Th>
            <Table.Th visibleFrom="md">URL</Table.Th>
            <Table.Th visibleFrom="lg">Events</Table.Th>
            <Table.Th>Success Rate</Table.Th>
            <Table.Th>Status</Table.Th>
            <Table.Th visibleFrom="md">Waiting</Table.Th>
            <Table.Th visibleFrom="lg">Last attempt</Table.Th>
            {hasActions && <Table.Th>Actions</Table.Th>}
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {cursors.map((after, index) => (
            <EndpointRows
              key={after ?? ''}
              after={after}
              filters={filters}
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
      title="Endpoints"
      description="The URLs that get this organization’s messages."
      actions={<NewEndpoint />}
      shown={{ query: endpointsQuery, variables: filters }}
    >
      <Group gap="xs">
        <SearchField value={search.search ?? ''} onChange={(value) => set('search', value)} />
        <Select
          aria-label="Status"
          placeholder="Any status"
          clearable
          data={[...statuses]}
          value={filters.status ?? null}
          onChange={(value) => set('status', value)}
          w={150}
          clearButtonProps={{ 'aria-label': 'Clear status' }}
        />
        <Select
          aria-label="Health"
          placeholder="Any health"
          clearable
          data={[...healths]}
          value={filters.health ?? null}
          onChange={(value) => set('health', value)}
          w={150}
          clearButtonProps={{ 'aria-label': 'Clear health' }}
        />
        <Select
          aria-label="Order"
          allowDeselect={false}
          data={[...orders]}
          value={filters.orderBy ?? 'NEWEST'}
          onChange={(value) => set('order', value === 'NEWEST' ? null : value)}
          w={150}
        />
      </Group>
      <Suspense>{chosen.size > 0 && <EndpointSelection chosen={[...chosen.values()]} onDone={() => setChosen(new Map())} />}</Suspense>
      <div className="surface table-frame">{body()}</div>
    </Page>
  );
};

const NewEndpoint = () => {
  const { mayMakeEndpoints } = useRights();
  if (!mayMakeEndpoints) return null;
  return (
    <ButtonTo to="/endpoints/new" leftSection={<PlusIcon />}>
      New endpoint
    </ButtonTo>
  );
};

/** Asks once the typing rests. */
const SearchField = ({ value, onChange }: { readonly value: string; readonly onChange: (value: string) => void }) => {
  const [text, setText] = useState(value);
  const ask = useDebouncedCallback(onChange, 300);
  return (
    <TextInput
      type="search"
      aria-label="Search endpoints"
      placeholder="Part of a name or URL"
      value={text}
      onChange={({ currentTarget }) => {
        setText(currentTarget.value);
        ask(currentTarget.value);
      }}
      w={220}
    />
  );
};

/** Deliveries move success rates, health and what waits. */
const deliverySignalsEveryMs = 3_000;

const useListSignals = (askAgain: () => void, isWanted = true) => {
  const askSoon = useThrottledCallback(askAgain, deliverySignalsEveryMs);
  useDeliverySignal(isWanted ? {} : undefined, askSoon, deliverySignalsEveryMs);
  useEndpointSignal(isWanted ? null : undefined, askSoon);
};

type RowsProps = {
  readonly after: string | undefined;
  readonly filters: VariablesOf<typeof endpointsQuery>;
  readonly chosen: ReadonlyMap<string, Endpoint>;
  readonly onChoose: (endpoint: Endpoint, isChosen: boolean) => void;
  readonly isLast: boolean;
  readonly onMore: (after: string) => void;
};

const EndpointRows = ({ after, filters, chosen, onChoose, isLast, onMore }: RowsProps) => {
  const { data, error, isLoading, askAgain } = useAsk(
    endpointsQuery,
    { ...filters, ...(after !== undefined && { after }) },
    { typenames: ['Endpoint'] },
  );
  useListSignals(askAgain, after !== undefined);
  const page = data?.endpoints.pageInfo;
  const next = page?.hasNextPage === true ? page.endCursor : null;
  return (
    <>
      {data?.endpoints.nodes.map((endpoint) => (
        <EndpointRow key={endpoint.id} endpoint={endpoint} isChosen={chosen.has(endpoint.id)} onChoose={onChoose} />
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
