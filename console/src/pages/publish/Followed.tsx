// A message that was just published, followed as it arrives.
import { Alert, Stack, Text, Title } from '@mantine/core';
import { useThrottledCallback } from '@mantine/hooks';
import { useRole } from '../../api/role.ts';
import { useAsk } from '../../api/use-ask.ts';
import { useDeliverySignal } from '../../api/use-signal.ts';
import { LinkTo } from '../../components/LinkTo.tsx';
import { Failure, SkeletonRows } from '../../components/states.tsx';
import { timelineQuery } from '../message/message.query.ts';
import { Timeline } from '../message/Timeline.tsx';
import { Outcome } from '../messages/Outcome.tsx';

export type Published = { readonly id: string; readonly duplicate: boolean; readonly destinations: number };

const signalEveryMs = 500;

export const Followed = ({ published: { id, duplicate, destinations } }: { readonly published: Published }) => {
  const { mayOperate } = useRole();
  const { data, error, askAgain } = useAsk(timelineQuery, { id }, { typenames: ['Delivery'], isLive: true });
  const askSoon = useThrottledCallback(askAgain, signalEveryMs);
  useDeliverySignal({ messageId: id }, askSoon, signalEveryMs);
  const title = duplicate
    ? 'It was published before, so nothing was sent again'
    : destinations === 0
      ? 'It was accepted, and goes nowhere'
      : `It was accepted, and goes to ${destinations.toLocaleString('en-US')} ${destinations === 1 ? 'endpoint' : 'endpoints'}`;
  return (
    <Stack component="section" aria-label="The published message" gap="md">
      <Alert color={duplicate || destinations === 0 ? 'yellow' : 'teal'} variant="light" title={title} role="status">
        <Text size="sm">
          <LinkTo to="/messages/$messageId" params={{ messageId: id }} size="sm" underline="always">
            Open the message
          </LinkTo>{' '}
          <span className="mono wrap">{id}</span>
        </Text>
      </Alert>
      <Title order={2}>What becomes of it</Title>
      {data?.message ? (
        <>
          <Outcome outcome={data.message.outcome} />
          <Timeline message={data.message} mayRetry={mayOperate} />
        </>
      ) : error ? (
        <Failure error={error} onRetry={askAgain} />
      ) : (
        <SkeletonRows rows={3} />
      )}
    </Stack>
  );
};
