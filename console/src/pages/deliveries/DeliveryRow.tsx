// One delivery in the table. Its first link opens it.
import { ActionIcon, Badge, Checkbox, Group, Stack, Table, Text, Tooltip } from '@mantine/core';
import { memo } from 'react';
import type { ResultOf } from '../../api/graphql.ts';
import { IfMay } from '../../components/IfMay.tsx';
import { Moment, useFromNow } from '../../components/Moment.tsx';
import { DeliveryStatus } from '../../components/Status.tsx';
import { LinkTo } from '../../components/LinkTo.tsx';
import { RetryIcon } from '../../components/icons.tsx';
import type { deliveryRow } from './deliveries.query.ts';
import { failureWords } from './failure-words.ts';

type Delivery = ResultOf<typeof deliveryRow>;
type Props = {
  readonly delivery: Delivery;
  readonly isChosen: boolean;
  /** The same function each time, as is the next: a row is drawn again only when it changes. */
  readonly onChoose: (delivery: Delivery, isChosen: boolean) => void;
  readonly onRetry: (id: string) => void;
};

export const DeliveryRow = memo(({ delivery, isChosen, onChoose, onRetry }: Props) => (
  <Table.Tr>
    <IfMay capability="RETRY">
      <Table.Td>
        <Checkbox
          size="xs"
          aria-label={`Select the delivery of ${delivery.message.eventType} to ${delivery.endpoint.name}`}
          checked={isChosen}
          onChange={({ currentTarget }) => onChoose(delivery, currentTarget.checked)}
        />
      </Table.Td>
    </IfMay>
    <Table.Td>
      <Group gap={6} wrap="nowrap">
        <DeliveryStatus status={delivery.status} />
        {delivery.test && (
          <Badge variant="default" radius="sm" tt="none" fw={400}>
            Test
          </Badge>
        )}
      </Group>
    </Table.Td>
    <Table.Td maw={{ base: 130, sm: 240 }}>
      <LinkTo
        to="/deliveries/$deliveryId"
        params={{ deliveryId: delivery.id }}
        size="sm"
        fw={500}
        className="cut mono"
        title={delivery.message.eventType}
      >
        {delivery.message.eventType}
      </LinkTo>
      <Text size="xs" c="dimmed" hiddenFrom="sm" className="cut">
        {delivery.endpoint.name}
      </Text>
    </Table.Td>
    <Table.Td visibleFrom="xl" maw={150}>
      <LinkTo
        to="/messages/$messageId"
        params={{ messageId: delivery.message.id }}
        size="sm"
        className="cut mono"
        title={delivery.message.clientId ?? delivery.message.id}
      >
        {delivery.message.clientId ?? delivery.message.id}
      </LinkTo>
    </Table.Td>
    <Table.Td visibleFrom="sm" maw={180}>
      <LinkTo
        to="/endpoints/$endpointId"
        params={{ endpointId: delivery.endpoint.id }}
        size="sm"
        className="cut"
        title={delivery.endpoint.name}
      >
        {delivery.endpoint.name}
      </LinkTo>
    </Table.Td>
    <Table.Td visibleFrom="sm" className="numbers">
      {delivery.attemptCount}/{delivery.attemptsPlanned}
    </Table.Td>
    <Table.Td visibleFrom="md">
      <LastOutcome {...delivery} />
    </Table.Td>
    <Table.Td visibleFrom="lg">
      <NextAttempt {...delivery} />
    </Table.Td>
    <Table.Td visibleFrom="sm">
      <Moment at={delivery.createdAt} />
    </Table.Td>
    <Table.Td visibleFrom="xl">
      <Moment at={delivery.endedAt} />
    </Table.Td>
    <IfMay capability="RETRY">
      <Table.Td>
        <RetryButton delivery={delivery} onRetry={onRetry} />
      </Table.Td>
    </IfMay>
  </Table.Tr>
));

/** One that is due waits for its turn: for its endpoint's rate, its circuit, or its ordering key. */
const NextAttempt = ({ status, nextAttemptAt }: Pick<Delivery, 'status' | 'nextAttemptAt'>) => {
  const isDue = useFromNow((now) => nextAttemptAt !== null && Date.parse(nextAttemptAt) < now - lateMs);
  if (status === 'HELD' || nextAttemptAt === null) return <Moment at={null} />;
  return (
    <>
      {isDue && 'due '}
      <Moment at={nextAttemptAt} />
    </>
  );
};
const lateMs = 2_000;

const RetryButton = ({ delivery, onRetry }: Pick<Props, 'delivery' | 'onRetry'>) => (
  <ActionIcon
    variant="subtle"
    color="gray"
    title="Retry"
    aria-label={`Retry the delivery of ${delivery.message.eventType} to ${delivery.endpoint.name}`}
    data-key="r"
    onClick={() => onRetry(delivery.id)}
  >
    <RetryIcon />
  </ActionIcon>
);

const LastOutcome = ({ lastResponseCode, lastFailure, lastError }: Pick<Delivery, 'lastResponseCode' | 'lastFailure' | 'lastError'>) => {
  const words = lastFailure === null || lastFailure === 'HTTP_STATUS' ? undefined : failureWords[lastFailure];
  const text = [lastResponseCode, words].filter((part) => part !== null && part !== undefined).join(' ');
  if (text === '') return <span aria-label="none">–</span>;
  if (lastError === null) return <span className="numbers">{text}</span>;
  return (
    <Stack gap={0} align="flex-start">
      <Tooltip label={lastError} multiline maw={400}>
        <span tabIndex={0} className="numbers">
          {text}
        </span>
      </Tooltip>
    </Stack>
  );
};
