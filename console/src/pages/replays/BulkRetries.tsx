// The table of bulk retries.
import { Box, Button, Table, Text } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import type { ResultOf } from '../../api/graphql.ts';
import { useAsk } from '../../api/use-ask.ts';
import { usePoll } from '../../api/use-poll.ts';
import { Confirm } from '../../components/Confirm.tsx';
import { ButtonTo } from '../../components/LinkTo.tsx';
import { LoadMoreRow } from '../../components/LoadMoreRow.tsx';
import { Moment } from '../../components/Moment.tsx';
import { Empty, Failure, SkeletonRows } from '../../components/states.tsx';
import { say, sayRefusal, useChange } from '../../components/use-change.ts';
import { usePages } from '../../components/use-pages.ts';
import { actorParts } from '../history/history-filters.ts';
import { JobProgress, JobStatus } from './JobStatus.tsx';
import { retryWords } from './job-words.ts';
import { bulkRetriesQuery, cancelBulkRetry } from './replays.query.ts';

type BulkRetry = ResultOf<typeof bulkRetriesQuery>['bulkRetries']['nodes'][number];
const columns = 5;
const runningMs = 1_500;
const quietMs = 10_000;

export const BulkRetries = ({ mayOperate }: { readonly mayOperate: boolean }) => {
  const { cursors, loadMore } = usePages({});
  const { data, error, askAgain } = useAsk(bulkRetriesQuery, {}, { typenames: ['BulkRetry'], isLive: true });
  const nodes = data?.bulkRetries.nodes;
  usePoll(askAgain, nodes?.some(({ status }) => status === 'RUNNING') ? runningMs : quietMs);
  if (nodes === undefined || nodes.length === 0)
    return (
      <div className="surface">
        {error && !data ? (
          <Failure error={error} onRetry={askAgain} />
        ) : nodes === undefined ? (
          <SkeletonRows />
        ) : (
          <Empty title="No bulk retries yet" action={<ButtonTo to="/deliveries">Go to the deliveries</ButtonTo>}>
            “Retry all that match” on the deliveries starts one: every failed delivery that matches the filters gets a fresh series of
            attempts.
          </Empty>
        )}
      </div>
    );
  return (
    <div className="surface table-frame">
      <Table aria-label="Bulk retries">
        <Table.Thead>
          <Table.Tr>
            <Table.Th>Deliveries</Table.Th>
            <Table.Th visibleFrom="xs">State</Table.Th>
            <Table.Th visibleFrom="xs">Progress</Table.Th>
            <Table.Th visibleFrom="sm">Requested</Table.Th>
            <Table.Th>Actions</Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {cursors.map((after, index) => (
            <BulkRetryRows
              key={after ?? ''}
              after={after}
              mayOperate={mayOperate}
              isLast={index === cursors.length - 1}
              onMore={loadMore}
            />
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

const BulkRetryRows = ({ after, mayOperate, isLast, onMore }: RowsProps) => {
  const { data, error, isLoading, askAgain } = useAsk(bulkRetriesQuery, after === undefined ? {} : { after }, { typenames: ['BulkRetry'] });
  const page = data?.bulkRetries.pageInfo;
  return (
    <>
      {data?.bulkRetries.nodes.map((job) => (
        <BulkRetryRow key={job.id} job={job} mayOperate={mayOperate} />
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

const BulkRetryRow = ({ job, mayOperate }: { readonly job: BulkRetry; readonly mayOperate: boolean }) => {
  const { filter, status, matched, retried, actor, requestedAt, endedAt } = job;
  const isRunning = status === 'RUNNING';
  const progress = `${retried.toLocaleString('en-US')} of ${matched.toLocaleString('en-US')} retried`;
  return (
    <Table.Tr>
      <Table.Td maw={420}>
        <Text size="sm" className="wrap">
          {retryWords(filter)}
        </Text>
        <Box hiddenFrom="xs" mt={4}>
          <JobStatus status={status} />
        </Box>
        <Text size="xs" c="dimmed" hiddenFrom="xs">
          {progress}
        </Text>
      </Table.Td>
      <Table.Td visibleFrom="xs">
        <JobStatus status={status} />
      </Table.Td>
      <Table.Td visibleFrom="xs">
        <JobProgress
          text={progress}
          label="Progress of the bulk retry"
          percent={matched === 0 ? undefined : (retried / matched) * 100}
          isRunning={isRunning}
        />
      </Table.Td>
      <Table.Td visibleFrom="sm">
        <Text size="sm">
          <Moment at={requestedAt} />
        </Text>
        <Text size="xs" c="dimmed" className="wrap">
          by {actorParts(actor).name}
          {endedAt !== null && (
            <>
              , ended <Moment at={endedAt} />
            </>
          )}
        </Text>
      </Table.Td>
      <Table.Td w={100}>{isRunning && mayOperate && <CancelBulkRetry job={job} />}</Table.Td>
    </Table.Tr>
  );
};

const CancelBulkRetry = ({ job: { id, matched, retried } }: { readonly job: BulkRetry }) => {
  const [isOpen, { open, close }] = useDisclosure(false);
  const [cancel, isBusy] = useChange(cancelBulkRetry, ['BulkRetry']);
  const confirm = async () => {
    const { error } = await cancel({ id });
    close();
    if (error) sayRefusal(error);
    else say('The bulk retry is cancelled.');
  };
  return (
    <>
      <Button size="compact-sm" variant="default" onClick={open} aria-label="Cancel the bulk retry">
        Cancel
      </Button>
      <Confirm
        isOpen={isOpen}
        title="Cancel this bulk retry?"
        verb="Cancel bulk retry"
        isDangerous
        isBusy={isBusy}
        onConfirm={() => void confirm()}
        onClose={close}
      >
        The {(matched - retried).toLocaleString('en-US')} deliveries that it has not come to stay as they are.
      </Confirm>
    </>
  );
};
