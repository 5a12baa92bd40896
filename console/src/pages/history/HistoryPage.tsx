// The history: every event of the log with what it says, who caused it, and what it led to. Filters and the open event are in the URL.
import { Alert, Table, Text, UnstyledButton } from '@mantine/core';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { Fragment } from 'react';
import type { ResultOf } from '../../api/graphql.ts';
import { useAsk } from '../../api/use-ask.ts';
import { Choice, EndpointChoice, Written } from '../../components/FilterFields.tsx';
import { ChevronIcon } from '../../components/icons.tsx';
import { LinkTo } from '../../components/LinkTo.tsx';
import { LoadMoreRow } from '../../components/LoadMoreRow.tsx';
import { Moment } from '../../components/Moment.tsx';
import { Page } from '../../components/Page.tsx';
import { Empty, Failure, NoMatch, SkeletonRows } from '../../components/states.tsx';
import { TimeFilter } from '../../components/TimeFilter.tsx';
import { usePages } from '../../components/use-pages.ts';
import { EventDetails } from './EventDetails.tsx';
import { eventTypes, sentenceOfEvent, type EndpointName } from './event-sentences.ts';
import { actorParts, chipsOf, historyFilterOf, type HistorySearch } from './history-filters.ts';
import { historyNames, historyQuery, type logEvent } from './history.query.ts';
import '../../components/json.css';
import './history.css';

type LogEvent = ResultOf<typeof logEvent>;
type Variables = { readonly filter: ReturnType<typeof historyFilterOf>; readonly newestFirst: boolean };
const columns = 4;

export const HistoryPage = () => {
  const search: HistorySearch = useSearch({ from: '/shell/history' });
  const navigate = useNavigate({ from: '/history' });
  const set = (change: HistorySearch) =>
    void navigate({ search: (before) => ({ ...before, ...change }), replace: true, resetScroll: false });
  const clear = () => void navigate({ search: {}, replace: true });
  const filter = historyFilterOf(search);
  const variables: Variables = { filter, newestFirst: search.order !== 'oldest' };
  return (
    <Page
      title="History"
      description="Every event of the log: what happened, when, and who caused it. Nothing in it ever changes."
      shown={{ query: historyQuery, variables }}
    >
      <Filters search={search} set={set} />
      <HistoryList key={JSON.stringify(variables)} variables={variables} search={search} set={set} onClear={clear} />
    </Page>
  );
};

type FiltersProps = { readonly search: HistorySearch; readonly set: (change: HistorySearch) => void };

const typeOptions = eventTypes.map((type) => ({ value: type, label: type }));

const Filters = ({ search, set }: FiltersProps) => {
  const written = (label: string, name: 'actor' | 'message' | 'delivery') => (
    <Written
      key={`${name} ${search[name]}`}
      label={label}
      placeholder={label}
      value={search[name]}
      onChange={(value) => set({ [name]: value })}
    />
  );
  return (
    <div className="filters" role="group" aria-label="Filters">
      <Choice label="Type" any="Any type" options={typeOptions} value={search.type} onChange={(type) => set({ type })} />
      <EndpointChoice value={search.endpoint} onChange={(endpoint) => set({ endpoint })} />
      {written('Who, such as apikey:admin', 'actor')}
      <TimeFilter since={search.since} until={search.until} onChange={set} />
      {written('Message id', 'message')}
      {written('Delivery id', 'delivery')}
      <Choice
        label="Order"
        any="Newest first"
        options={[{ value: 'oldest', label: 'Oldest first' }]}
        value={search.order}
        onChange={(order) => set({ order })}
      />
    </div>
  );
};

type ListProps = FiltersProps & { readonly variables: Variables; readonly onClear: () => void };

const HistoryList = ({ variables, search, set, onClear }: ListProps) => {
  const { cursors, loadMore } = usePages(variables);
  const { data, error, askAgain } = useAsk(historyQuery, variables, { typenames: ['LogEvent'], isLive: true });
  const { data: names } = useAsk(historyNames, {}, { typenames: ['Endpoint'] });
  const known = new Map(names?.endpoints.nodes.map(({ id, name }) => [id, name]));
  const nameOf: EndpointName = (id) => (known.has(id) ? `"${known.get(id) ?? ''}"` : `the endpoint ${id}`);
  if (error && !data)
    return (
      <div className="surface">
        <Failure error={error} onRetry={askAgain} />
      </div>
    );
  const nodes = data?.history.nodes;
  const isFiltered = Object.keys(variables.filter).length > 0;
  if (nodes === undefined || nodes.length === 0)
    return (
      <div className="surface">
        {nodes === undefined ? (
          <SkeletonRows />
        ) : isFiltered ? (
          <NoMatch
            onClear={onClear}
            chips={chipsOf(search).map(({ name, label }) => ({ label, onRemove: () => set({ [name]: undefined }) }))}
          />
        ) : (
          <Empty title="No events yet">What happens in this organization shows here from its first event on.</Empty>
        )}
      </div>
    );
  const isOpenElsewhere =
    search.position !== undefined && cursors.length === 1 && !nodes.some(({ position }) => position === search.position);
  return (
    <>
      {isOpenElsewhere && (
        <Alert variant="light" color="yellow">
          The event at position {search.position} is not among these. Load more, or clear the filters.
        </Alert>
      )}
      <div className="surface table-frame">
        <Table aria-label="Events" verticalSpacing="xs">
          <Table.Thead>
            <Table.Tr>
              <Table.Th visibleFrom="lg">Position</Table.Th>
              <Table.Th>At</Table.Th>
              <Table.Th>What</Table.Th>
              <Table.Th visibleFrom="sm">Who</Table.Th>
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {cursors.map((after, index) => (
              <HistoryRows
                key={after ?? ''}
                after={after}
                variables={variables}
                nameOf={nameOf}
                openAt={search.position}
                set={set}
                isLast={index === cursors.length - 1}
                onMore={loadMore}
              />
            ))}
          </Table.Tbody>
        </Table>
      </div>
    </>
  );
};

type RowsProps = {
  readonly after: string | undefined;
  readonly variables: Variables;
  readonly nameOf: EndpointName;
  readonly openAt: string | undefined;
  readonly set: (change: HistorySearch) => void;
  readonly isLast: boolean;
  readonly onMore: (after: string) => void;
};

const HistoryRows = ({ after, variables, nameOf, openAt, set, isLast, onMore }: RowsProps) => {
  const { data, error, isLoading, askAgain } = useAsk(historyQuery, { ...variables, ...(after !== undefined && { after }) });
  const page = data?.history.pageInfo;
  return (
    <>
      {data?.history.nodes.map((event) => (
        <Fragment key={event.id}>
          <EventRow event={event} nameOf={nameOf} isOpen={event.position === openAt} set={set} />
          {event.position === openAt && (
            <Table.Tr className="event-open">
              <Table.Td colSpan={columns} p={0}>
                <EventDetails event={event} nameOf={nameOf} />
              </Table.Td>
            </Table.Tr>
          )}
        </Fragment>
      ))}
      <LoadMoreRow
        columns={columns}
        isLoading={isLoading}
        failure={data ? undefined : error}
        onRetry={askAgain}
        next={isLast && page?.hasNextPage === true ? page.endCursor : null}
        onMore={onMore}
      />
    </>
  );
};

type RowProps = {
  readonly event: LogEvent;
  readonly nameOf: EndpointName;
  readonly isOpen: boolean;
  readonly set: (change: HistorySearch) => void;
};

const EventRow = ({ event, nameOf, isOpen, set }: RowProps) => {
  const { kind, name } = actorParts(event.actor);
  return (
    <Table.Tr>
      <Table.Td visibleFrom="lg" className="mono wrap" maw={160}>
        {event.position}
      </Table.Td>
      <Table.Td w={110}>
        <Moment at={event.recordedAt} />
      </Table.Td>
      <Table.Td>
        <LinkTo
          to="/history"
          search={(before: HistorySearch) => ({ ...before, position: isOpen ? undefined : event.position })}
          replace
          resetScroll={false}
          c="inherit"
          size="sm"
          className="event-toggle"
          aria-expanded={isOpen}
        >
          <span className="json-chevron" data-open={isOpen || undefined}>
            <ChevronIcon size={13} />
          </span>
          <span className="wrap">{sentenceOfEvent(event, nameOf)}</span>
        </LinkTo>
        <Text size="xs" c="dimmed" hiddenFrom="sm" className="wrap" pl={18}>
          {kind} {name}
        </Text>
      </Table.Td>
      <Table.Td visibleFrom="sm" maw={200}>
        <UnstyledButton
          className="event-actor"
          title={`Show only what ${event.actor} caused`}
          onClick={() => set({ actor: event.actor, position: undefined })}
        >
          <Text size="sm" component="span" className="cut">
            {name}
          </Text>
          <Text size="xs" c="dimmed" component="span">
            {kind}
          </Text>
        </UnstyledButton>
      </Table.Td>
    </Table.Tr>
  );
};
