// Every endpoint, whether a message went there, and why. Conditions that did not hold can be marked in the data beside.
import { Badge, Button, Group, Stack, Table, Text } from '@mantine/core';
import type { ReactNode } from 'react';
import { useAsk } from '../../api/use-ask.ts';
import type { ResultOf } from '../../api/graphql.ts';
import { CheckIcon, CrossIcon, PauseIcon } from '../../components/icons.tsx';
import type { FailedCondition } from '../../components/json-marks.ts';
import { LinkTo } from '../../components/LinkTo.tsx';
import { LoadMoreRow } from '../../components/LoadMoreRow.tsx';
import { Segments } from '../../components/Segments.tsx';
import { usePages } from '../../components/use-pages.ts';
import { routingQuery, type routingReason } from './message.query.ts';

type Marked = { readonly endpointId: string; readonly conditions: readonly FailedCondition[] } | undefined;
export type Marking = { readonly marked: Marked; readonly onMark: (marked: Marked) => void };

export type Went = 'all' | 'went' | 'not';

export const WentFilter = ({ value, onChange }: { readonly value: Went; readonly onChange: (value: Went) => void }) => (
  <Segments
    size="xs"
    aria-label="Endpoints"
    value={value}
    onChange={(next) => onChange(next === 'went' || next === 'not' ? next : 'all')}
    data={[
      { value: 'all', label: 'All' },
      { value: 'went', label: 'Where it goes' },
      { value: 'not', label: 'Where not' },
    ]}
  />
);

export const routedOf = (went: Went): { readonly routed?: boolean } => (went === 'all' ? {} : { routed: went === 'went' });

type Props = Marking & { readonly id: string; readonly went: Went; readonly onWent: (went: Went) => void };

export const Routing = ({ id, went, onWent, ...marking }: Props) => {
  const { cursors, loadMore } = usePages({ id, went });
  return (
    <Stack gap="sm">
      <Group>
        <WentFilter value={went} onChange={onWent} />
      </Group>
      <RoutingTable>
        {cursors.map((after, index) => (
          <RoutingRows
            key={after ?? ''}
            id={id}
            went={went}
            after={after}
            isLast={index === cursors.length - 1}
            onMore={loadMore}
            {...marking}
          />
        ))}
      </RoutingTable>
    </Stack>
  );
};

export const RoutingTable = ({ children }: { readonly children: ReactNode }) => (
  <div className="surface table-frame">
    <Table aria-label="Routing">
      <Table.Thead>
        <Table.Tr>
          <Table.Th visibleFrom="sm" w={160}>
            Endpoint
          </Table.Th>
          <Table.Th>Goes there</Table.Th>
          <Table.Th>Why</Table.Th>
        </Table.Tr>
      </Table.Thead>
      <Table.Tbody>{children}</Table.Tbody>
    </Table>
  </div>
);

type RowsProps = Marking & {
  readonly id: string;
  readonly went: Went;
  readonly after: string | undefined;
  readonly isLast: boolean;
  readonly onMore: (after: string) => void;
};

const RoutingRows = ({ id, went, after, isLast, onMore, ...marking }: RowsProps) => {
  const { data, error, isLoading, askAgain } = useAsk(routingQuery, { id, ...routedOf(went), ...(after !== undefined && { after }) });
  const routing = data?.message?.routing;
  const skipped = new Set(data?.message?.skipped.map((endpoint) => endpoint.id));
  const next = isLast && routing?.pageInfo.hasNextPage === true ? routing.pageInfo.endCursor : null;
  return (
    <>
      {routing?.nodes.length === 0 && after === undefined && (
        <Table.Tr>
          <Table.Td colSpan={3}>
            <Text size="sm" c="dimmed">
              No endpoint.
            </Text>
          </Table.Td>
        </Table.Tr>
      )}
      {routing?.nodes.map((reason) => (
        <RoutingRow key={reason.endpoint.id} reason={reason} isSkipped={skipped.has(reason.endpoint.id)} {...marking} />
      ))}
      <LoadMoreRow columns={3} isLoading={isLoading} failure={data ? undefined : error} onRetry={askAgain} next={next} onMore={onMore} />
    </>
  );
};

type RowProps = Marking & { readonly reason: ResultOf<typeof routingReason>; readonly isSkipped: boolean };

export const RoutingRow = ({ reason: { endpoint, routed, reason, failedConditions }, isSkipped, marked, onMark }: RowProps) => {
  const isMarked = marked?.endpointId === endpoint.id;
  return (
    <Table.Tr>
      <Table.Td visibleFrom="sm">
        <LinkTo to="/endpoints/$endpointId" params={{ endpointId: endpoint.id }} size="sm" className="wrap">
          {endpoint.name}
        </LinkTo>
      </Table.Td>
      <Table.Td>
        <GoesThere routed={routed} isSkipped={isSkipped} />
      </Table.Td>
      <Table.Td>
        <LinkTo to="/endpoints/$endpointId" params={{ endpointId: endpoint.id }} size="sm" className="wrap" fw={500} hiddenFrom="sm">
          {endpoint.name}
        </LinkTo>
        <Text size="sm" className="wrap">
          {reason}
        </Text>
        {failedConditions.length > 0 && (
          <Button
            size="compact-xs"
            variant={isMarked ? 'light' : 'default'}
            mt={4}
            aria-pressed={isMarked}
            onClick={() => onMark(isMarked ? undefined : { endpointId: endpoint.id, conditions: failedConditions })}
          >
            Mark in the data
          </Button>
        )}
      </Table.Td>
    </Table.Tr>
  );
};

const goes = {
  yes: { word: 'Yes', color: 'teal', icon: <CheckIcon size={14} /> },
  skipped: { word: 'Skipped', color: 'yellow', icon: <PauseIcon size={14} /> },
  no: { word: 'No', color: 'gray', icon: <CrossIcon size={14} /> },
} as const;

const GoesThere = ({ routed, isSkipped }: { readonly routed: boolean; readonly isSkipped: boolean }) => {
  const { word, color, icon } = goes[routed ? 'yes' : isSkipped ? 'skipped' : 'no'];
  return (
    <Badge variant="light" color={color} leftSection={icon} className={`mark mark-${color}`} tt="none" fw={500} size="lg" radius="sm">
      {word}
    </Badge>
  );
};
