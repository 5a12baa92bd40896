// What can be done to the selected deliveries. It hangs at the bottom of the window, so that selecting moves no row.
import { Button, Group, List, Paper, Stack, Text } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { useState } from 'react';
import { Confirm } from '../../components/Confirm.tsx';
import { say, sayRefusal, useChange } from '../../components/use-change.ts';
import { cancelDelivery, retryDelivery } from './deliveries.query.ts';
import type { Delivery } from './use-delivery-list.ts';

type Props = { readonly chosen: readonly Delivery[]; readonly onDone: () => void };

const mostNamed = 5;
const isOpen = ({ status }: Delivery) => status === 'PENDING' || status === 'RETRYING' || status === 'HELD';

export const Selection = ({ chosen, onDone }: Props) => {
  const [asked, setAsked] = useState<'retry' | 'cancel'>();
  const [isAsking, asking] = useDisclosure(false);
  const [retry] = useChange(retryDelivery, ['Delivery']);
  const [cancel] = useChange(cancelDelivery, ['Delivery']);
  const [isBusy, setBusy] = useState(false);
  const cancellable = chosen.filter((each) => isOpen(each));
  const touched = asked === 'cancel' ? cancellable : chosen;
  const run = async (all: readonly Delivery[], change: typeof retry | typeof cancel, done: string) => {
    setBusy(true);
    let refused = 0;
    for (const { id } of all) {
      const { error } = await change({ id });
      if (error) {
        refused++;
        sayRefusal(error);
      }
    }
    setBusy(false);
    asking.close();
    say(`${all.length - refused} of ${all.length} are ${done}.`);
    onDone();
  };
  const ask = (what: 'retry' | 'cancel') => {
    setAsked(what);
    asking.open();
  };
  return (
    <>
      <Paper withBorder shadow="md" p="xs" className="selection" role="region" aria-label="Selection">
        <Group gap="xs">
          <Text size="sm" px="xs" className="numbers">
            {chosen.length} selected
          </Text>
          <Button
            size="xs"
            loading={isBusy && !isAsking}
            data-key="r"
            onClick={() => (chosen.length === 1 ? void run(chosen, retry, 'retried') : ask('retry'))}
          >
            Retry {chosen.length}
          </Button>
          {cancellable.length > 0 && (
            <Button size="xs" variant="default" onClick={() => ask('cancel')}>
              Cancel {cancellable.length}
            </Button>
          )}
          <Button size="xs" variant="subtle" onClick={onDone} data-key="Escape">
            Clear selection
          </Button>
        </Group>
      </Paper>
      <Confirm
        isOpen={isAsking}
        title={asked === 'cancel' ? `Cancel ${touched.length} deliveries?` : `Retry ${touched.length} deliveries?`}
        verb={asked === 'cancel' ? `Cancel ${touched.length}` : `Retry ${touched.length}`}
        isDangerous={asked === 'cancel'}
        isBusy={isBusy}
        onConfirm={() => void (asked === 'cancel' ? run(touched, cancel, 'cancelled') : run(touched, retry, 'retried'))}
        onClose={asking.close}
      >
        <Stack gap="xs">
          {asked === 'cancel'
            ? 'Their endpoints do not get these messages, unless somebody retries them.'
            : 'Each gets a fresh series of attempts, now.'}
          <List size="sm" listStyleType="none">
            {touched.slice(0, mostNamed).map(({ id, message, endpoint }) => (
              <List.Item key={id}>
                <span className="mono">{message.eventType}</span> to {endpoint.name}
              </List.Item>
            ))}
            {touched.length > mostNamed && <List.Item>and {touched.length - mostNamed} more</List.Item>}
          </List>
        </Stack>
      </Confirm>
    </>
  );
};
