// One endpoint in the table.
import { Checkbox, Progress, Stack, Table, Text, Tooltip } from '@mantine/core';
import type { ResultOf } from '../../api/graphql.ts';
import { LinkTo } from '../../components/LinkTo.tsx';
import { Moment } from '../../components/Moment.tsx';
import { EndpointStatus, Health } from '../../components/Status.tsx';
import { EndpointActions, useHasActions } from './EndpointActions.tsx';
import type { endpointRow } from './endpoints.query.ts';

export type Endpoint = ResultOf<typeof endpointRow>;
type Props = {
  readonly endpoint: Endpoint;
  readonly isChosen: boolean;
  readonly onChoose: (endpoint: Endpoint, isChosen: boolean) => void;
};

export const EndpointRow = ({ endpoint, isChosen, onChoose }: Props) => (
  <Table.Tr>
    {useHasActions() && (
      <Table.Td>
        <Checkbox
          size="xs"
          aria-label={`Select ${endpoint.name}`}
          checked={isChosen}
          onChange={({ currentTarget }) => onChoose(endpoint, currentTarget.checked)}
        />
      </Table.Td>
    )}
    <Table.Td maw={{ base: 130, sm: 180 }}>
      <LinkTo to="/endpoints/$endpointId" params={{ endpointId: endpoint.id }} size="sm" fw={500} className="cut" title={endpoint.name}>
        {endpoint.name}
      </LinkTo>
      <Text size="xs" c="dimmed" hiddenFrom="md" className="cut" title={endpoint.url}>
        {endpoint.url}
      </Text>
    </Table.Td>
    <Table.Td visibleFrom="md" maw={130}>
      <span className="mono cut" title={endpoint.url}>
        {endpoint.url}
      </span>
    </Table.Td>
    <Table.Td visibleFrom="lg" maw={120}>
      <EventTypes names={endpoint.eventTypes} />
    </Table.Td>
    <Table.Td>
      <SuccessRate {...endpoint.successRate} />
    </Table.Td>
    <Table.Td>
      <Stack gap={4} align="flex-start">
        <EndpointStatus status={endpoint.status} />
        {endpoint.health.state !== 'HEALTHY' && (
          <Tooltip label={endpoint.health.lastError ?? 'The last attempts failed.'} multiline maw={360}>
            <span tabIndex={0}>
              <Health state={endpoint.health.state} />
            </span>
          </Tooltip>
        )}
      </Stack>
    </Table.Td>
    <Table.Td visibleFrom="md" className="numbers">
      {endpoint.openDeliveries.toLocaleString('en-US')}
    </Table.Td>
    <Table.Td visibleFrom="lg">
      <Moment at={endpoint.lastAttempt?.startedAt} />
    </Table.Td>
    <ActionsCell endpoint={endpoint} />
  </Table.Tr>
);

const ActionsCell = ({ endpoint }: { readonly endpoint: ResultOf<typeof endpointRow> }) =>
  useHasActions() && (
    <Table.Td w={60}>
      <EndpointActions endpoint={endpoint} />
    </Table.Td>
  );

export const EventTypes = ({ names }: { readonly names: readonly string[] }) => {
  const text = names.includes('*') ? 'All events' : names.join(', ');
  return (
    <Text size="sm" component="span" className="cut" title={text}>
      {text}
    </Text>
  );
};

/** Of the deliveries that ended; a dash before any did. */
export const SuccessRate = ({ ratio, label }: { readonly ratio: number | null; readonly label: string }) => (
  <Stack gap={4} miw={96}>
    <Text size="sm" className="numbers" style={{ whiteSpace: 'nowrap' }}>
      {label}
    </Text>
    {ratio !== null && (
      <Progress value={ratio * 100} size={4} color={ratio >= 0.95 ? 'teal' : ratio >= 0.5 ? 'yellow' : 'red'} aria-hidden="true" />
    )}
  </Stack>
);
