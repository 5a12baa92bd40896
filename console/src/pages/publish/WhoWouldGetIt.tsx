// Who would get a message such as the form says, and why. Nothing is published. Asked half a second after the last change.
import { Alert, Group, Stack, Table, Text, Title } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { useState } from 'react';
import { parseJson } from '../../../../src/domain/exact-number.ts';
import { sentenceOf } from '../../api/client.ts';
import { useAsk } from '../../api/use-ask.ts';
import type { Json } from '../../api/graphql.ts';
import { JsonTree } from '../../components/JsonTree.tsx';
import { marksOf } from '../../components/json-marks.ts';
import { LoadMoreRow } from '../../components/LoadMoreRow.tsx';
import { SkeletonRows } from '../../components/states.tsx';
import { usePages } from '../../components/use-pages.ts';
import { routedOf, RoutingRow, RoutingTable, WentFilter, type Marking, type Went } from '../message/Routing.tsx';
import { wouldReceiveQuery } from './publish.query.ts';

export type Draft = { readonly type: string; readonly data: Json; readonly orderingKey?: string; readonly id?: string };

const waitMs = 500;

/** @param draft undefined: the form says no message yet */
export const WhoWouldGetIt = ({ draft }: { readonly draft: Draft | undefined }) => {
  const [asked] = useDebouncedValue(draft === undefined ? undefined : JSON.stringify(draft), waitMs);
  const [went, setWent] = useState<Went>('all');
  return (
    <Stack component="section" aria-label="Who would get it" gap="sm">
      <Group justify="space-between">
        <Title order={2}>Who would get it</Title>
        <WentFilter value={went} onChange={setWent} />
      </Group>
      {asked === undefined || draft === undefined ? (
        <Text size="sm" c="dimmed">
          With an event type and data, this shows each endpoint, and why it would get the message or not.
        </Text>
      ) : (
        <Answer key={`${went}${asked}`} message={parseJson(asked) as unknown as Draft} went={went} />
      )}
    </Stack>
  );
};

const Answer = ({ message, went }: { readonly message: Draft; readonly went: Went }) => {
  const [marked, setMarked] = useState<Marking['marked']>();
  const { cursors, loadMore } = usePages({ message, went });
  const { data, error } = useAsk(wouldReceiveQuery, { message, ...routedOf(went) }, { typenames: ['Endpoint'] });
  if (error && !data)
    return (
      <Alert color="yellow" variant="light" py="xs">
        {sentenceOf(error)}
      </Alert>
    );
  if (!data) return <SkeletonRows rows={3} />;
  return (
    <>
      {marked !== undefined && <JsonTree value={message.data} label="The data, marked" marks={marksOf(message.data, marked.conditions)} />}
      <RoutingTable>
        {cursors.map((after, index) => (
          <Rows
            key={after ?? ''}
            message={message}
            went={went}
            after={after}
            isLast={index === cursors.length - 1}
            onMore={loadMore}
            marked={marked}
            onMark={setMarked}
          />
        ))}
      </RoutingTable>
    </>
  );
};

type RowsProps = Marking & {
  readonly message: Draft;
  readonly went: Went;
  readonly after: string | undefined;
  readonly isLast: boolean;
  readonly onMore: (after: string) => void;
};

const Rows = ({ message, went, after, isLast, onMore, ...marking }: RowsProps) => {
  const { data, error, isLoading, askAgain } = useAsk(wouldReceiveQuery, {
    message,
    ...routedOf(went),
    ...(after !== undefined && { after }),
  });
  const page = data?.wouldReceive.pageInfo;
  return (
    <>
      {data?.wouldReceive.nodes.length === 0 && after === undefined && (
        <Table.Tr>
          <Table.Td colSpan={3}>
            <Text size="sm" c="dimmed">
              No endpoint.
            </Text>
          </Table.Td>
        </Table.Tr>
      )}
      {data?.wouldReceive.nodes.map((reason) => (
        <RoutingRow key={reason.endpoint.id} reason={reason} isSkipped={false} {...marking} />
      ))}
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
