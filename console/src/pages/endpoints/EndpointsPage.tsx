// Endpoints: the table of all endpoints of the organization, with what each does and how well it goes.
import { Button, Group, Select, Table } from '@mantine/core';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { useAsk } from '../../api/use-ask.ts';
import { Page } from '../../components/Page.tsx';
import { Empty, Failure, NoMatch, SkeletonRows } from '../../components/states.tsx';
import { usePages } from '../../components/use-pages.ts';
import { EndpointRow } from './EndpointRow.tsx';
import { endpointsQuery } from './endpoints.query.ts';

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

/** Text of the URL, where it is one of these values. */
const oneOf = <Value extends string>(options: readonly { readonly value: Value }[], text: string | undefined): Value | undefined =>
  options.find(({ value }) => value === text)?.value;

export const EndpointsPage = () => {
  const search = useSearch({ from: '/shell/endpoints' });
  const navigate = useNavigate({ from: '/endpoints' });
  const filters = { status: oneOf(statuses, search.status), health: oneOf(healths, search.health) };
  const { cursors, loadMore } = usePages(filters);
  const first = useAsk(endpointsQuery, filters, { typenames: ['Endpoint'] });
  const isFiltered = Object.values(filters).some((value) => value !== undefined);
  const set = (name: 'status' | 'health', value: string | null) =>
    void navigate({ search: (before) => ({ ...before, [name]: value ?? undefined }), replace: true });
  const clear = () => void navigate({ search: {}, replace: true });

  const body = () => {
    if (first.error && !first.data) return <Failure error={first.error} onRetry={first.askAgain} />;
    if (!first.data) return <SkeletonRows />;
    if (first.data.endpoints.nodes.length === 0)
      return isFiltered ? (
        <NoMatch onClear={clear} />
      ) : (
        <Empty title="No endpoints yet">
          An endpoint is a URL that gets your messages. Add one, test it, and publish a message: it shows here how well the receiver
          answers.
        </Empty>
      );
    return (
      <Table aria-label="Endpoints">
        <Table.Thead>
          <Table.Tr>
            <Table.Th>Name</Table.Th>
            <Table.Th visibleFrom="md">URL</Table.Th>
            <Table.Th visibleFrom="lg">Events</Table.Th>
            <Table.Th>Success Rate</Table.Th>
            <Table.Th>Status</Table.Th>
            <Table.Th>Actions</Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {cursors.map((after, index) => (
            <EndpointRows key={after ?? ''} after={after} filters={filters} isLast={index === cursors.length - 1} onMore={loadMore} />
          ))}
        </Table.Tbody>
      </Table>
    );
  };

  return (
    <Page
      title="Endpoints"
      description="The URLs that get this organization’s messages."
      shown={{ query: endpointsQuery, variables: filters }}
    >
      <Group gap="xs">
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
      </Group>
      <div className="surface table-frame">{body()}</div>
    </Page>
  );
};

type RowsProps = {
  readonly after: string | undefined;
  readonly filters: {
    readonly status: 'ENABLED' | 'PAUSED' | 'DISABLED' | undefined;
    readonly health: 'HEALTHY' | 'FAILING' | 'OPEN' | undefined;
  };
  readonly isLast: boolean;
  readonly onMore: (after: string) => void;
};

const EndpointRows = ({ after, filters, isLast, onMore }: RowsProps) => {
  const { data, error, isLoading, askAgain } = useAsk(
    endpointsQuery,
    { ...filters, ...(after !== undefined && { after }) },
    { typenames: ['Endpoint'] },
  );
  const page = data?.endpoints.pageInfo;
  const next = page?.hasNextPage === true ? page.endCursor : null;
  return (
    <>
      {data?.endpoints.nodes.map((endpoint) => (
        <EndpointRow key={endpoint.id} endpoint={endpoint} />
      ))}
      {(isLoading || (error && !data) || (isLast && next !== null)) && (
        <Table.Tr>
          <Table.Td colSpan={8} ta="center">
            {error && !data ? (
              <Failure error={error} onRetry={askAgain} />
            ) : isLoading ? (
              <SkeletonRows rows={2} />
            ) : (
              <Button variant="subtle" onClick={() => next !== null && onMore(next)}>
                Load more
              </Button>
            )}
          </Table.Td>
        </Table.Tr>
      )}
    </>
  );
};
