// What an endpoint missed while it was disabled, and the way back: a replay of what was skipped, at a chosen pace.
import { Alert, Button, Group, NumberInput, Text } from '@mantine/core';
import { useState } from 'react';
import { useRights } from '../../api/rights.ts';
import { useAsk } from '../../api/use-ask.ts';
import { Moment } from '../../components/Moment.tsx';
import { say, sayRefusal, useChange } from '../../components/use-change.ts';
import { disabledAt } from './changes.ts';
import { changesQuery, replaysOfSkipped, sendSkipped } from './endpoint.query.ts';

type Props = {
  readonly endpoint: { readonly id: string; readonly skippedSinceDisabled: number; readonly status: string };
  /** In a dialog, which has a title of its own. */
  readonly onSent?: () => void;
};

const usualPace = 50;

export const skippedSentence = (count: number): string => `${count.toLocaleString('en-US')} were skipped while disabled`;

export const Skipped = ({ endpoint }: Props) => {
  const { isPortal } = useRights(); // customers start no replays
  return (
    <Alert color="gray" variant="light" title={skippedSentence(endpoint.skippedSinceDisabled)}>
      {!isPortal && <SendSkipped endpoint={endpoint} />}
    </Alert>
  );
};

export const SendSkipped = ({ endpoint: { id, status }, onSent }: Props) => {
  const { data: history } = useAsk(changesQuery, { id }, { typenames: ['Endpoint'] });
  const { data } = useAsk(replaysOfSkipped, {}, { typenames: ['Replay'], isLive: true });
  const [send, isSending] = useChange(sendSkipped, ['Replay', 'Delivery']);
  const [pace, setPace] = useState<number>(usualPace);
  const since = disabledAt(history?.endpointChanges ?? []);
  const replay = data?.replays.nodes.find(
    (each) =>
      each.endpoint.id === id &&
      each.filter.only?.includes('SKIPPED') === true &&
      since !== undefined &&
      each.requestedAt > since &&
      each.status !== 'CANCELLED',
  );
  const run = async () => {
    const { error } = await send({ id, filter: { only: ['SKIPPED'], ...(since !== undefined && { since }) }, ratePerSecond: pace });
    if (error) return sayRefusal(error);
    say(`They are sent, ${pace} a second.`);
    return onSent?.();
  };
  if (replay !== undefined)
    return (
      <Text size="sm">
        {replay.status === 'RUNNING' ? 'They are being sent' : 'They were sent'}: {replay.sent.toLocaleString('en-US')} of them, since{' '}
        <Moment at={replay.requestedAt} />.
      </Text>
    );
  if (status === 'DISABLED') return <Text size="sm">They can be sent once it is enabled again.</Text>;
  return (
    <Group gap="sm" align="flex-end" mt="xs">
      <NumberInput
        label="Messages per second"
        min={0.1}
        max={1_000}
        value={pace}
        onChange={(value) => setPace(Number(value))}
        w={180}
        size="sm"
      />
      <Button loading={isSending} disabled={!(pace > 0)} onClick={() => void run()}>
        Send them now
      </Button>
    </Group>
  );
};
