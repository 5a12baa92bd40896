// The events of a source that became no message, each with its reason.
import { Modal, Table, Text } from '@mantine/core';
import { useAsk } from '../../api/use-ask.ts';
import { LoadMoreRow } from '../../components/LoadMoreRow.tsx';
import { Moment } from '../../components/Moment.tsx';
import { usePages } from '../../components/use-pages.ts';
import { skippedEventsQuery } from './sources.query.ts';

type Props = { readonly source: { readonly id: string; readonly name: string }; readonly onClose: () => void };

export const SkippedEvents = ({ source: { id, name }, onClose }: Props) => {
  const { cursors, loadMore } = usePages({ id });
  return (
    <Modal opened onClose={onClose} title={`Events that ${name} skipped`} size="xl" closeButtonProps={{ 'aria-label': 'Close' }}>
      <div className="table-frame">
        <Table aria-label="Skipped events">
          <Table.Thead>
            <Table.Tr>
              <Table.Th w="30%">Event</Table.Th>
              <Table.Th>Why it became no message</Table.Th>
              <Table.Th visibleFrom="sm">Skipped</Table.Th>
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {cursors.map((after, index) => (
              <Rows key={after ?? ''} sourceId={id} after={after} isLast={index === cursors.length - 1} onMore={loadMore} />
            ))}
          </Table.Tbody>
        </Table>
      </div>
    </Modal>
  );
};

type RowsProps = {
  readonly sourceId: string;
  readonly after: string | undefined;
  readonly isLast: boolean;
  readonly onMore: (after: string) => void;
};

const Rows = ({ sourceId, after, isLast, onMore }: RowsProps) => {
  const { data, error, isLoading, askAgain } = useAsk(skippedEventsQuery, { sourceId, ...(after !== undefined && { after }) });
  const page = data?.skippedEvents.pageInfo;
  return (
    <>
      {data?.skippedEvents.nodes.map((event) => (
        <Table.Tr key={event.id}>
          <Table.Td maw={240}>
            <Text size="sm" className="mono wrap">
              {event.type}
            </Text>
            <Text size="xs" c="dimmed" className="wrap">
              {event.stream} · {event.revision}
            </Text>
          </Table.Td>
          <Table.Td>
            <Text size="sm" className="wrap">
              {event.reason}
            </Text>
          </Table.Td>
          <Table.Td visibleFrom="sm">
            <Moment at={event.skippedAt} />
          </Table.Td>
        </Table.Tr>
      ))}
      {data?.skippedEvents.nodes.length === 0 && after === undefined && (
        <Table.Tr>
          <Table.Td colSpan={3}>
            <Text size="sm" c="dimmed">
              None.
            </Text>
          </Table.Td>
        </Table.Tr>
      )}
      <LoadMoreRow
        columns={3}
        isLoading={isLoading}
        failure={data ? undefined : error}
        onRetry={askAgain}
        next={isLast && page?.hasNextPage === true ? page.endCursor : null}
        onMore={onMore}
      />
    </>
  );
};
