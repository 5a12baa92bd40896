// The last deliveries of an endpoint.
import { Table, Text, Title } from '@mantine/core';
import { useAsk } from '../../api/use-ask.ts';
import { useDeliverySignal } from '../../api/use-signal.ts';
import { LinkTo } from '../../components/LinkTo.tsx';
import { Moment } from '../../components/Moment.tsx';
import { DeliveryStatus } from '../../components/Status.tsx';
import { Failure, SkeletonRows } from '../../components/states.tsx';
import { lastDeliveries } from './endpoint.query.ts';

const signalsEveryMs = 2_000;

export const LastDeliveries = ({ id }: { readonly id: string }) => {
  const { data, error, askAgain } = useAsk(lastDeliveries, { id }, { typenames: ['Delivery'], isLive: true });
  useDeliverySignal({ endpointId: id }, askAgain, signalsEveryMs);
  const rows = data?.deliveries.nodes;
  return (
    <section aria-labelledby="last">
      <Title order={2} id="last" mb="sm">
        Last deliveries
      </Title>
      <div className="surface table-frame">
        {error && !data ? (
          <Failure error={error} onRetry={askAgain} />
        ) : rows === undefined ? (
          <SkeletonRows rows={3} />
        ) : rows.length === 0 ? (
          <Text size="sm" c="dimmed" p="md">
            None yet.
          </Text>
        ) : (
          <Table aria-labelledby="last">
            <Table.Thead>
              <Table.Tr>
                <Table.Th>Event type</Table.Th>
                <Table.Th>Status</Table.Th>
                <Table.Th visibleFrom="md">Last reason</Table.Th>
                <Table.Th visibleFrom="xs">Created</Table.Th>
              </Table.Tr>
            </Table.Thead>
            <Table.Tbody>
              {rows.map((delivery) => (
                <Table.Tr key={delivery.id}>
                  <Table.Td maw={{ base: 130, sm: 240 }}>
                    <LinkTo
                      to="/deliveries/$deliveryId"
                      params={{ deliveryId: delivery.id }}
                      size="sm"
                      className="cut mono"
                      title={delivery.message.eventType}
                    >
                      {delivery.message.eventType}
                    </LinkTo>
                    <Text size="xs" c="dimmed" component="div" hiddenFrom="xs">
                      <Moment at={delivery.createdAt} />
                    </Text>
                  </Table.Td>
                  <Table.Td>
                    <DeliveryStatus status={delivery.status} />
                  </Table.Td>
                  <Table.Td visibleFrom="md" maw={360}>
                    <span className="cut" title={delivery.lastError ?? undefined}>
                      {delivery.lastError ?? '–'}
                    </span>
                  </Table.Td>
                  <Table.Td visibleFrom="xs">
                    <Moment at={delivery.createdAt} />
                  </Table.Td>
                </Table.Tr>
              ))}
            </Table.Tbody>
          </Table>
        )}
      </div>
    </section>
  );
};
