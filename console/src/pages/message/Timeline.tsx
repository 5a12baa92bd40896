// What became of a message: a lane for each endpoint, with every event about it as a sentence.
import { Button, Group, SimpleGrid, Stack, Text, Title } from '@mantine/core';
import { useState } from 'react';
import type { ResultOf } from '../../api/graphql.ts';
import { CheckIcon, ClockIcon, CrossIcon, PauseIcon, RetryIcon } from '../../components/icons.tsx';
import { LinkTo } from '../../components/LinkTo.tsx';
import { Moment } from '../../components/Moment.tsx';
import { DeliveryStatus } from '../../components/Status.tsx';
import { say, sayRefusal, useChange } from '../../components/use-change.ts';
import { retryDelivery } from '../deliveries/deliveries.query.ts';
import { lanesOf, lookOf, type Entry } from './lanes.ts';
import type { lane, timelineQuery } from './message.query.ts';
import './message.css';

type Message = NonNullable<ResultOf<typeof timelineQuery>['message']>;
type Delivery = ResultOf<typeof lane>;
type Props = { readonly message: Message; readonly mayRetry: boolean };

const lanesAtOnce = 20;

export const Timeline = ({ message, mayRetry }: Props) => {
  const [shown, setShown] = useState(lanesAtOnce);
  const { common, lanes } = lanesOf(message.deliveries, message.timeline);
  return (
    <Stack gap="md">
      <Entries entries={common} />
      <SimpleGrid cols={{ base: 1, xl: lanes.length > 1 ? 2 : 1 }} spacing="md">
        {lanes.slice(0, shown).map(({ delivery, entries }) => (
          <Lane key={delivery.id} delivery={delivery} entries={entries} mayRetry={mayRetry} />
        ))}
      </SimpleGrid>
      {lanes.length > shown && (
        <Button variant="subtle" onClick={() => setShown(lanes.length)}>
          Show all {lanes.length} lanes
        </Button>
      )}
    </Stack>
  );
};

type LaneProps = { readonly delivery: Delivery; readonly entries: readonly Entry[]; readonly mayRetry: boolean };

const Lane = ({ delivery, entries, mayRetry }: LaneProps) => {
  const [retry, isRetrying] = useChange(retryDelivery, ['Delivery', 'Message']);
  const { id, status, endpoint, attemptCount, attemptsPlanned, nextAttemptAt, heldReason } = delivery;
  const retryNow = async () => {
    const { error } = await retry({ id });
    if (error) sayRefusal(error);
    else say(`It is retried now to ${endpoint.name}, with a fresh series of attempts.`);
  };
  return (
    <section className="surface lane" aria-label={`To ${endpoint.name}`}>
      <Group justify="space-between" gap="xs" wrap="nowrap" align="flex-start">
        <Title order={2} size="h3" className="wrap" style={{ minWidth: 0 }}>
          <LinkTo to="/endpoints/$endpointId" params={{ endpointId: endpoint.id }} inherit c="inherit">
            {endpoint.name}
          </LinkTo>
        </Title>
        <DeliveryStatus status={status} />
      </Group>
      <Group gap="xs" justify="space-between" mt={6} mb="sm">
        <Group gap="xs">
          <LinkTo to="/deliveries/$deliveryId" params={{ deliveryId: id }} size="xs" className="numbers">
            Attempts {attemptCount}/{attemptsPlanned}
          </LinkTo>
          {nextAttemptAt !== null && heldReason === null && (
            <Text size="xs" c="dimmed">
              Next <Moment at={nextAttemptAt} />
            </Text>
          )}
        </Group>
        {mayRetry && (
          <Button
            size="compact-xs"
            variant="default"
            leftSection={<RetryIcon size={13} />}
            loading={isRetrying}
            aria-label={`Retry now to ${endpoint.name}`}
            onClick={() => void retryNow()}
          >
            Retry now
          </Button>
        )}
      </Group>
      {heldReason !== null && (
        <Text size="sm" mb="xs">
          {heldReason}
        </Text>
      )}
      {entries.length === 0 ? (
        <Text size="sm" c="dimmed">
          No attempt was made yet.
        </Text>
      ) : (
        <Entries entries={entries} />
      )}
    </section>
  );
};

const looks = {
  good: { icon: <CheckIcon size={18} />, color: 'var(--mantine-color-teal-6)' },
  bad: { icon: <CrossIcon size={18} />, color: 'var(--mantine-color-red-6)' },
  again: { icon: <RetryIcon size={18} />, color: 'var(--mantine-color-indigo-6)' },
  held: { icon: <PauseIcon size={18} />, color: 'var(--mantine-color-yellow-7)' },
  plain: { icon: <ClockIcon size={18} />, color: 'var(--mantine-color-dimmed)' },
} as const;

const Entries = ({ entries }: { readonly entries: readonly Entry[] }) => (
  <ol className="rail">
    {entries.map(({ at, text, event }) => {
      const { icon, color } = looks[lookOf(event.type)];
      return (
        <li key={event.id}>
          <span className="rail-mark" style={{ color }}>
            {icon}
          </span>
          <Text size="sm" className="wrap">
            {text}
          </Text>
          <Text size="xs" c="dimmed">
            <Moment at={at} />
          </Text>
        </li>
      );
    })}
  </ol>
);
