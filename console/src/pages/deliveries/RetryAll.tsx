// `Retry all that match`: says how many and shows some of them, before anything is retried.
import { Button, List, Skeleton, Stack, Text } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { useAsk } from '../../api/use-ask.ts';
import { Confirm } from '../../components/Confirm.tsx';
import { RetryIcon } from '../../components/icons.tsx';
import { Failure } from '../../components/states.tsx';
import { sayRefusal, useChange } from '../../components/use-change.ts';
import { retryDeliveries, retrySample } from './deliveries.query.ts';
import { countText, retriedBy, type Filter } from './filters.ts';

type Props = { readonly filter: Filter; readonly onStarted: (id: string) => void };

export const RetryAll = (props: Props) => {
  const [isOpen, { open, close }] = useDisclosure(false);
  return (
    <>
      <Button variant="default" leftSection={<RetryIcon />} onClick={open}>
        Retry all that match
      </Button>
      {isOpen && <RetryAllDialog {...props} onClose={close} />}
    </>
  );
};

/** Of all that match `filter`. */
export const RetryAllDialog = ({ filter, onStarted, onClose }: Props & { readonly onClose: () => void }) => {
  const wanted = retriedBy(filter);
  const { data, error, askAgain } = useAsk(retrySample, { filter: wanted });
  const [retry, isBusy] = useChange(retryDeliveries, ['BulkRetry']);
  const count = data?.deliveries.count;
  const text = count === undefined ? '' : countText(count);
  const confirm = async () => {
    const { data: started, error: refusal } = await retry({ filter: wanted });
    if (refusal) return sayRefusal(refusal);
    onStarted(started.retryDeliveries.id);
    return onClose();
  };
  const isNone = count?.value === 0;
  return (
    <Confirm
      isOpen
      title={isNone ? 'Nothing to retry' : count === undefined ? 'Retry all that match?' : `Retry ${text}?`}
      verb={`Retry ${text}`.trim()}
      isBusy={isBusy}
      isDisabled={count === undefined || isNone}
      onConfirm={() => void confirm()}
      onClose={onClose}
    >
      {error && !data ? (
        <Failure error={error} onRetry={askAgain} />
      ) : count === undefined ? (
        <Skeleton height={120} />
      ) : isNone ? (
        filter.status ? (
          'No delivery matches the filters.'
        ) : (
          'No failed delivery matches the filters. To retry others, choose their status.'
        )
      ) : (
        <Stack gap="xs">
          <Text size="sm">
            {filter.status ? 'Every delivery that matches the filters' : 'Every failed delivery that matches the filters'} gets a fresh
            series of attempts. They go out in the background, behind new messages. Among them:
          </Text>
          <List size="sm" spacing={2} listStyleType="none">
            {data?.deliveries.nodes.map(({ id, message, endpoint, lastError }) => (
              <List.Item key={id}>
                <span className="mono">{message.eventType}</span> to {endpoint.name}
                {lastError !== null && (
                  <Text size="xs" c="dimmed" className="cut" title={lastError}>
                    {lastError}
                  </Text>
                )}
              </List.Item>
            ))}
          </List>
        </Stack>
      )}
    </Confirm>
  );
};
