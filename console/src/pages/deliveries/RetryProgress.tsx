// How far a retry of all that match is. It runs on the server: leaving the page does not end it.
import { Button, CloseButton, Group, Progress, Stack, Text } from '@mantine/core';
import { useEffect } from 'react';
import { useAsk } from '../../api/use-ask.ts';
import { sayRefusal, useChange } from '../../components/use-change.ts';
import { bulkRetryQuery, cancelBulkRetry } from './deliveries.query.ts';

const everyMs = 1_000;

export const RetryProgress = ({ id, onClose }: { readonly id: string; readonly onClose: () => void }) => {
  const { data, askAgain } = useAsk(bulkRetryQuery, { id });
  const [cancel, isCancelling] = useChange(cancelBulkRetry, ['BulkRetry']);
  const job = data?.bulkRetry;
  const isRunning = job?.status === 'RUNNING';
  useEffect(() => {
    if (!isRunning) return undefined;
    const timer = setInterval(() => document.hidden || askAgain(), everyMs);
    return () => clearInterval(timer);
  }, [isRunning, askAgain]);
  if (job === undefined || job === null) return null;
  const numbers = `${job.retried.toLocaleString('en-US')} of ${job.matched.toLocaleString('en-US')}`;
  const sentence = { RUNNING: `Retrying: ${numbers}`, DONE: `Retried ${numbers}`, CANCELLED: `Cancelled after ${numbers}` }[job.status];
  const stop = async () => {
    const { error } = await cancel({ id });
    if (error) sayRefusal(error);
  };
  return (
    <Stack className="surface" p="sm" gap="xs" role="region" aria-label="Retry">
      <Group justify="space-between" wrap="nowrap">
        <Text size="sm" fw={500} className="numbers" role="status">
          {sentence}
        </Text>
        {isRunning ? (
          <Button size="compact-sm" variant="default" loading={isCancelling} onClick={() => void stop()}>
            Cancel
          </Button>
        ) : (
          <CloseButton aria-label="Close" onClick={onClose} />
        )}
      </Group>
      <Progress
        value={job.matched === 0 ? 100 : (job.retried / job.matched) * 100}
        size="sm"
        color={job.status === 'CANCELLED' ? 'gray' : 'indigo'}
        animated={isRunning}
        aria-label="Retried"
      />
    </Stack>
  );
};
