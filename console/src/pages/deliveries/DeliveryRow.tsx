// One delivery in the table. Its first link opens it.
import { Badge, Checkbox, Group, Stack, Table, Text, Tooltip } from '@mantine/core';
import type { ResultOf } from '../../api/graphql.ts';
import { Moment } from '../../components/Moment.tsx';
import { DeliveryStatus } from '../../components/Status.tsx';
import { LinkTo } from '../../components/LinkTo.tsx';
import type { deliveryRow } from './deliveries.query.ts';
import { failureWords } from './failure-words.ts';

type Delivery = ResultOf<typeof deliveryRow>;
type Props = { readonly delivery: Delivery; readonly isChosen: boolean; readonly onChoose: (id: string, isChosen: boolean) => void };

export const DeliveryRow = ({ delivery, isChosen, onChoose }: Props) => (
  <Table.Tr>
    <Table.Td>
      <Checkbox
        size="xs"
        aria-label={`Select the delivery of ${delivery.message.eventType} to ${delivery.endpoint.name}`}
        checked={isChosen}
        onChange={({ currentTarget }) => onChoose(delivery.id, currentTarget.checked)}
      />
    </Table.Td>
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
    <Table.Td visibleFrom="sm" maw={220}>
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
      <Moment at={delivery.nextAttemptAt} />
    </Table.Td>
    <Table.Td visibleFrom="sm">
      <Moment at={delivery.createdAt} />
    </Table.Td>
    <Table.Td visibleFrom="xl">
      <Moment at={delivery.endedAt} />
    </Table.Td>
  </Table.Tr>
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
