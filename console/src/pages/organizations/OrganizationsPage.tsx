// Organizations: every customer of the installation, what each uses and may use, for keys that span the installation.
import { Button, Group, Select, Table, Text, TextInput } from '@mantine/core';
import { useDebouncedCallback, useDisclosure } from '@mantine/hooks';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { useState } from 'react';
import type { VariablesOf } from '../../api/graphql.ts';
import { useAsk } from '../../api/use-ask.ts';
import { useCaller } from '../../api/use-caller.ts';
import { PlusIcon } from '../../components/icons.tsx';
import { LoadMoreRow } from '../../components/LoadMoreRow.tsx';
import { Page } from '../../components/Page.tsx';
import { Failure, NoMatch, SkeletonRows } from '../../components/states.tsx';
import { usePages } from '../../components/use-pages.ts';
import { countText } from '../deliveries/filters.ts';
import { CreateDialog } from './CreateDialog.tsx';
import { OrganizationRow } from './OrganizationRow.tsx';
import { organizationsCount, organizationsQuery } from './organizations.query.ts';

const statuses = [
  { value: 'ACTIVE', label: 'Active' },
  { value: 'SUSPENDED', label: 'Suspended' },
] as const;

type Filter = NonNullable<VariablesOf<typeof organizationsQuery>['filter']>;

export const OrganizationsPage = () => {
  const search = useSearch({ from: '/shell/organizations' });
  const navigate = useNavigate({ from: '/organizations' });
  const mayAdminister = useCaller()?.role === 'ADMIN';
  const [isCreating, creating] = useDisclosure(false);
  const status = statuses.find(({ value }) => value === search.status)?.value;
  const filter: Filter = { ...(status && { status }), ...(search.search !== undefined && { search: search.search }) };
  const { cursors, loadMore } = usePages(filter);
  const first = useAsk(organizationsQuery, { filter }, { typenames: ['Organization'], isLive: true });
  const count = useAsk(organizationsCount, { filter }, { typenames: ['Organization'] });
  const set = (change: typeof search) => void navigate({ search: (before) => ({ ...before, ...change }), replace: true });
  const clear = () => void navigate({ search: {}, replace: true });

  const body = () => {
    if (first.error && !first.data) return <Failure error={first.error} onRetry={first.askAgain} />;
    if (!first.data) return <SkeletonRows />;
    if (first.data.organizations.nodes.length === 0) return <NoMatch onClear={clear} />;
    return (
      <Table aria-label="Organizations">
        <Table.Thead>
          <Table.Tr>
            <Table.Th>Name</Table.Th>
            <Table.Th>Status</Table.Th>
            <Table.Th visibleFrom="sm" ta="right">
              Endpoints
            </Table.Th>
            <Table.Th visibleFrom="sm" ta="right">
              Waiting
            </Table.Th>
            <Table.Th visibleFrom="md" ta="right">
              Messages, 24 h
            </Table.Th>
            <Table.Th visibleFrom="md" ta="right">
              Refused, 24 h
            </Table.Th>
            <Table.Th visibleFrom="lg">Limits</Table.Th>
            <Table.Th>Actions</Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {cursors.map((after, index) => (
            <Rows key={after ?? ''} after={after} filter={filter} isLast={index === cursors.length - 1} onMore={loadMore} />
          ))}
        </Table.Tbody>
      </Table>
    );
  };

  const total = count.data?.organizations.count;
  return (
    <Page
      title="Organizations"
      beside={
        total !== undefined && (
          <Text c="dimmed" className="numbers" role="status">
            {countText(total)}
          </Text>
        )
      }
      description="One for each customer. What belongs to one does not exist for the others."
      actions={
        mayAdminister && (
          <Button leftSection={<PlusIcon />} onClick={creating.open}>
            New organization
          </Button>
        )
      }
      shown={{ query: organizationsQuery, variables: { filter } }}
    >
      <Group gap="xs">
        <SearchField value={search.search ?? ''} onChange={(text) => set({ search: text })} />
        <Select
          aria-label="Status"
          placeholder="Any status"
          clearable
          data={[...statuses]}
          value={status ?? null}
          onChange={(value) => set({ status: value ?? '' })}
          w={150}
          clearButtonProps={{ 'aria-label': 'Clear status' }}
        />
      </Group>
      <div className="surface table-frame">{body()}</div>
      {isCreating && <CreateDialog onClose={creating.close} />}
    </Page>
  );
};

/** Asks once the typing rests. */
const SearchField = ({ value, onChange }: { readonly value: string; readonly onChange: (value: string) => void }) => {
  const [text, setText] = useState(value);
  const ask = useDebouncedCallback(onChange, 300);
  return (
    <TextInput
      type="search"
      aria-label="Search organizations by id or name"
      placeholder="Part of an id or name"
      value={text}
      onChange={({ currentTarget }) => {
        setText(currentTarget.value);
        ask(currentTarget.value);
      }}
      w={220}
    />
  );
};

type RowsProps = {
  readonly after: string | undefined;
  readonly filter: Filter;
  readonly isLast: boolean;
  readonly onMore: (after: string) => void;
};

const Rows = ({ after, filter, isLast, onMore }: RowsProps) => {
  const { data, error, isLoading, askAgain } = useAsk(
    organizationsQuery,
    { filter, ...(after !== undefined && { after }) },
    { typenames: ['Organization'] },
  );
  const page = data?.organizations.pageInfo;
  const next = page?.hasNextPage === true ? page.endCursor : null;
  return (
    <>
      {data?.organizations.nodes.map((organization) => (
        <OrganizationRow key={organization.id} organization={organization} />
      ))}
      <LoadMoreRow
        columns={8}
        isLoading={isLoading}
        failure={data ? undefined : error}
        onRetry={askAgain}
        next={isLast ? next : null}
        onMore={onMore}
      />
    </>
  );
};
