// The table of replays.
import { Box, Button, Table, Text } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import type { ReactNode } from 'react';
import type { ResultOf } from '../../api/graphql.ts';
import { useAsk } from '../../api/use-ask.ts';
import { usePoll } from '../../api/use-poll.ts';
import { Confirm } from '../../components/Confirm.tsx';
import { LinkTo } from '../../components/LinkTo.tsx';
import { LoadMoreRow } from '../../components/LoadMoreRow.tsx';
import { Moment } from '../../components/Moment.tsx';
import { Empty, Failure, SkeletonRows } from '../../components/states.tsx';
import { useTimeZone } from '../../components/time-zone.tsx';
import { say, sayRefusal, useChange } from '../../components/use-change.ts';
import { usePages } from '../../components/use-pages.ts';
import { actorParts } from '../history/history-filters.ts';
import { JobProgress, JobStatus } from './JobStatus.tsx';
import { replayProgress, replayWords } from './job-words.ts';
import { cancelReplay, replaysQuery } from './replays.query.ts';

type Replay = ResultOf<typeof replaysQuery>['replays']['nodes'][number];
const columns = 6;
/** Jobs move on without telling. */
const runningMs = 1_500;
const quietMs = 10_000;

export const Replays = ({ mayOperate, create }: { readonly mayOperate: boolean; readonly create: ReactNode }) => {
  const { cursors, loadMore } = usePages({});
  const { data, error, askAgain } = useAsk(replaysQuery, {}, { typenames: ['Replay'], isLive: true });
  const nodes = data?.replays.nodes;
  usePoll(askAgain, nodes?.some(({ status }) => status === 'RUNNING') ? runningMs : quietMs);
  if (nodes === undefined || nodes.length === 0)
    return (
      <div className="surface">
        {error && !data ? (
          <Failure error={error} onRetry={askAgain} />
        ) : nodes === undefined ? (
          <SkeletonRows />
        ) : (
          <Empty title="No replays yet" action={create}>
            A replay sends past messages to one endpoint: what failed, what was skipped while it was disabled, or what was published before
            it was made.
          </Empty>
        )}
      </div>
    );
  return (
    <div className="surface table-frame">
      <Table aria-label="Replays">
        <Table.Thead>
          <Table.Tr>
            <Table.Th>To</Table.Th>
            <Table.Th visibleFrom="md">Messages</Table.Th>
            <Table.Th visibleFrom="xs">State</Table.Th>
            <Table.Th visibleFrom="xs">Progress</Table.Th>
            <Table.Th visibleFrom="sm">Requested</Table.Th>
            <Table.Th>Actions</Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {cursors.map((after, index) => (
            <ReplayRows key={after ?? ''} after={after} mayOperate={mayOperate} isLast={index === cursors.length - 1} onMore={loadMore} />
          ))}
        </Table.Tbody>
      </Table>
    </div>
  );
};

type RowsProps = {
  readonly after: string | undefined;
  readonly mayOperate: boolean;
  readonly isLast: boolean;
  readonly onMore: (after: string) => void;
};

const ReplayRows = ({ after, mayOperate, isLast, onMore }: RowsProps) => {
  const { data, error, isLoading, askAgain } = useAsk(replaysQuery, after === undefined ? {} : { after }, { typenames: ['Replay'] });
  const page = data?.replays.pageInfo;
  return (
    <>
      {data?.replays.nodes.map((replay) => (
        <ReplayRow key={replay.id} replay={replay} mayOperate={mayOperate} />
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

const ReplayRow = ({ replay, mayOperate }: { readonly replay: Replay; readonly mayOperate: boolean }) => {
  const { zone } = useTimeZone();
  const { endpoint, filter, status, looked, sent, cameTo, requestedAt, requestedBy, endedAt, reason, ratePerSecond } = replay;
  const isRunning = status === 'RUNNING';
  const progress = `${looked.toLocaleString('en-US')} examined, ${sent.toLocaleString('en-US')} sent`;
  const words = replayWords(filter, zone);
  return (
    <Table.Tr>
      <Table.Td maw={200}>
        <LinkTo to="/endpoints/$endpointId" params={{ endpointId: endpoint.id }} size="sm" fw={500} className="wrap">
          {endpoint.name}
        </LinkTo>
        <Text size="xs" c="dimmed" hiddenFrom="md" className="wrap">
          {words}
        </Text>
        <Box hiddenFrom="xs" mt={4}>
          <JobStatus status={status} />
        </Box>
        <Text size="xs" c="dimmed" hiddenFrom="xs">
          {progress}
        </Text>
      </Table.Td>
      <Table.Td visibleFrom="md" maw={360}>
        {filter.messageId === null ? (
          <Text size="sm" className="wrap">
            {words}
          </Text>
        ) : (
          <LinkTo to="/messages/$messageId" params={{ messageId: filter.messageId }} size="sm" className="wrap">
            {words}
          </LinkTo>
        )}
        <Text size="xs" c="dimmed">
          At most {ratePerSecond} a second
        </Text>
      </Table.Td>
      <Table.Td visibleFrom="xs">
        <JobStatus status={status} />
        {reason !== null && (
          <Text size="xs" c="dimmed" className="wrap">
            {reason}
          </Text>
        )}
      </Table.Td>
      <Table.Td visibleFrom="xs">
        <JobProgress
          text={progress}
          label={`Progress of the replay to ${endpoint.name}`}
          percent={replayProgress(filter, cameTo, requestedAt)}
          isRunning={isRunning}
        />
      </Table.Td>
      <Table.Td visibleFrom="sm">
        <Text size="sm">
          <Moment at={requestedAt} />
        </Text>
        <Text size="xs" c="dimmed" className="wrap">
          by {actorParts(requestedBy).name}
          {endedAt !== null && (
            <>
              , ended <Moment at={endedAt} />
            </>
          )}
        </Text>
      </Table.Td>
      <Table.Td w={100}>{isRunning && mayOperate && <CancelReplay replay={replay} />}</Table.Td>
    </Table.Tr>
  );
};

const CancelReplay = ({ replay: { id, endpoint, sent } }: { readonly replay: Replay }) => {
  const [isOpen, { open, close }] = useDisclosure(false);
  const [cancel, isBusy] = useChange(cancelReplay, ['Replay']);
  const confirm = async () => {
    const { error } = await cancel({ id });
    close();
    if (error) sayRefusal(error);
    else say('The replay is cancelled.');
  };
  return (
    <>
      <Button size="compact-sm" variant="default" onClick={open} aria-label={`Cancel the replay to ${endpoint.name}`}>
        Cancel
      </Button>
      <Confirm
        isOpen={isOpen}
        title="Cancel this replay?"
        verb="Cancel replay"
        isDangerous
        isBusy={isBusy}
        onConfirm={() => void confirm()}
        onClose={close}
      >
        It sends nothing more to {endpoint.name}. The {sent.toLocaleString('en-US')} that it has sent go on.
      </Confirm>
    </>
  );
};
