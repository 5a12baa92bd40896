// Retrying several deliveries: those that are selected, or all that match the filters, after saying how many.
import { Button, Group, Text } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { Confirm } from '../../components/Confirm.tsx';
import { RetryIcon } from '../../components/icons.tsx';
import { say, sayRefusal, useChange } from '../../components/use-change.ts';
import { retryDeliveries, retryDelivery } from './deliveries.query.ts';
import { countText, type filterOf } from './filters.ts';

type RetryAllProps = {
  readonly filter: ReturnType<typeof filterOf>;
  readonly total: { readonly value: number; readonly exact: boolean } | undefined;
};

export const RetryAll = ({ filter, total }: RetryAllProps) => {
  const [isOpen, { open, close }] = useDisclosure(false);
  const [retry, isBusy] = useChange(retryDeliveries, ['Delivery', 'BulkRetry']);
  const isOfFailed = filter.status === undefined || filter.status === null;
  const number = total === undefined || isOfFailed ? 'all' : countText(total);
  const confirm = async () => {
    const { data, error } = await retry({ filter });
    close();
    if (error) return sayRefusal(error);
    return say(`Retrying ${data.retryDeliveries.matched.toLocaleString('en-US')} in the background, paced behind new messages.`);
  };
  return (
    <>
      <Button variant="default" leftSection={<RetryIcon />} onClick={open} disabled={total?.value === 0}>
        Retry all that match
      </Button>
      <Confirm
        isOpen={isOpen}
        title="Retry all that match?"
        verb={`Retry ${number}`}
        isBusy={isBusy}
        onConfirm={() => void confirm()}
        onClose={close}
      >
        {isOfFailed ? 'Every failed delivery that matches the filters' : `${number} deliveries that match the filters`} get a fresh series
        of attempts. They go out in the background, behind new messages.
      </Confirm>
    </>
  );
};

export const RetrySelected = ({ ids, onDone }: { readonly ids: ReadonlySet<string>; readonly onDone: () => void }) => {
  const [retry, isBusy] = useChange(retryDelivery, ['Delivery']);
  const run = async () => {
    const refused: string[] = [];
    for (const id of ids) {
      const { error } = await retry({ id });
      if (error) {
        sayRefusal(error);
        refused.push(id);
      }
    }
    say(`${ids.size - refused.length} of ${ids.size} are retried.`);
    onDone();
  };
  return (
    <Group gap="sm" role="region" aria-label="Selection">
      <Text size="sm">{ids.size} selected</Text>
      <Button size="xs" loading={isBusy} onClick={() => void run()} data-key="r">
        Retry {ids.size}
      </Button>
      <Button size="xs" variant="subtle" onClick={onDone} data-key="Escape">
        Clear selection
      </Button>
    </Group>
  );
};
