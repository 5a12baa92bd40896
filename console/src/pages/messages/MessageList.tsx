// The table of messages, the newest first. While their content is searched, it says how far back, and goes on when asked.
import { Button, Stack, Table, Text } from '@mantine/core';
import { useThrottledCallback } from '@mantine/hooks';
import { useState, type ReactNode } from 'react';
import type { ResultOf, VariablesOf } from '../../api/graphql.ts';
import { useAsk } from '../../api/use-ask.ts';
import { useDeliverySignal } from '../../api/use-signal.ts';
import { LinkTo } from '../../components/LinkTo.tsx';
import { Moment } from '../../components/Moment.tsx';
import { Failure, SkeletonRows } from '../../components/states.tsx';
import { usePages } from '../../components/use-pages.ts';
import { messagesQuery, type messageRow } from './messages.query.ts';
import { Outcome } from './Outcome.tsx';

type Filter = NonNullable<VariablesOf<typeof messagesQuery>['filter']>;
type Props = { readonly filter: Filter; readonly nothing: ReactNode };

const signalEveryMs = 2_000;
const topPx = 60;
const columns = 5;

export const MessageList = ({ filter, nothing }: Props) => {
  const { cursors, loadMore } = usePages(filter);
  const isSearch = filter.data !== undefined;
  const first = useAsk(messagesQuery, { filter }, { typenames: ['Message', 'Delivery'], isLive: !isSearch });
  const [isBehind, setBehind] = useState(false);
  const update = () => {
    setBehind(false);
    first.askAgain();
  };
  const updateSoon = useThrottledCallback(() => {
    if (globalThis.scrollY < topPx && cursors.length === 1) update();
    else setBehind(true);
  }, signalEveryMs);
  useDeliverySignal(isSearch ? undefined : {}, updateSoon, signalEveryMs);

  if (first.error && !first.data) return <Frame failure={<Failure error={first.error} onRetry={first.askAgain} />} />;
  if (!first.data) return <Frame failure={<SkeletonRows />} />;
  const { nodes, pageInfo } = first.data.messages;
  if (nodes.length === 0 && !pageInfo.hasNextPage) return <Frame failure={nothing} />;
  const show = () => {
    globalThis.scrollTo({ top: 0 });
    update();
  };
  return (
    <>
      <div className="new-rows" aria-live="polite">
        {isBehind && (
          <Button size="compact-sm" radius="xl" onClick={show}>
            Show what is new
          </Button>
        )}
      </div>
      <div className="surface table-frame">
        <Table aria-label="Messages">
          <Table.Thead>
            <Table.Tr>
              <Table.Th>Event type</Table.Th>
              <Table.Th>Destinations</Table.Th>
              <Table.Th visibleFrom="md">Ordering key</Table.Th>
              <Table.Th visibleFrom="sm">Publisher’s id</Table.Th>
              <Table.Th visibleFrom="xs">Accepted</Table.Th>
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {cursors.map((after, index) => (
              <MessageRows key={after ?? ''} after={after} filter={filter} isLast={index === cursors.length - 1} onMore={loadMore} />
            ))}
          </Table.Tbody>
        </Table>
      </div>
    </>
  );
};

const Frame = ({ failure }: { readonly failure: ReactNode }) => <div className="surface">{failure}</div>;

type RowsProps = {
  readonly after: string | undefined;
  readonly filter: Filter;
  readonly isLast: boolean;
  readonly onMore: (after: string) => void;
};

const MessageRows = ({ after, filter, isLast, onMore }: RowsProps) => {
  const { data, error, isLoading, askAgain } = useAsk(
    messagesQuery,
    { filter, ...(after !== undefined && { after }) },
    { typenames: ['Message', 'Delivery'] },
  );
  const { nodes = [], searchedUntil = null, pageInfo } = data?.messages ?? {};
  const next = isLast && pageInfo?.hasNextPage === true ? pageInfo.endCursor : null;
  const failure = data ? undefined : error;
  const isFooterShown = isLoading || failure !== undefined || next !== null || (isLast && searchedUntil !== null);
  return (
    <>
      {nodes.map((message) => (
        <MessageRow key={message.id} message={message} />
      ))}
      {isFooterShown && (
        <Table.Tr>
          <Table.Td colSpan={columns} ta="center">
            {failure ? (
              <Failure error={failure} onRetry={askAgain} />
            ) : isLoading ? (
              <SkeletonRows rows={2} />
            ) : (
              <Stack gap={4} align="center" py="xs">
                {searchedUntil !== null && (
                  <Text size="sm" c="dimmed" role="status">
                    Searched the content of messages back to <Moment at={searchedUntil} />.
                  </Text>
                )}
                {next !== null && (
                  <Button variant="subtle" onClick={() => onMore(next)}>
                    {searchedUntil === null ? 'Load more' : 'Search further'}
                  </Button>
                )}
              </Stack>
            )}
          </Table.Td>
        </Table.Tr>
      )}
    </>
  );
};

const MessageRow = ({ message }: { readonly message: ResultOf<typeof messageRow> }) => (
  <Table.Tr>
    <Table.Td maw={{ base: 140, sm: 260 }}>
      <LinkTo
        to="/messages/$messageId"
        params={{ messageId: message.id }}
        size="sm"
        fw={500}
        className="cut mono"
        title={message.eventType}
      >
        {message.eventType}
      </LinkTo>
      <Text size="xs" c="dimmed" hiddenFrom="xs">
        <Moment at={message.acceptedAt} />
      </Text>
    </Table.Td>
    <Table.Td>
      <Outcome outcome={message.outcome} />
    </Table.Td>
    <Table.Td visibleFrom="md" maw={160}>
      <Id text={message.orderingKey} />
    </Table.Td>
    <Table.Td visibleFrom="sm" maw={200}>
      <Id text={message.clientId} />
    </Table.Td>
    <Table.Td visibleFrom="xs">
      <Moment at={message.acceptedAt} />
    </Table.Td>
  </Table.Tr>
);

const Id = ({ text }: { readonly text: string | null }) =>
  text === null ? (
    <span aria-label="none">–</span>
  ) : (
    <span className="cut mono" title={text}>
      {text}
    </span>
  );
