// One endpoint: how it is and why, what it takes and how it is sent, and its last deliveries.
import { Alert, SimpleGrid, Stack, Table, Text, Title } from '@mantine/core';
import { useParams } from '@tanstack/react-router';
import { graphql, type ResultOf } from '../../api/graphql.ts';
import { useAsk } from '../../api/use-ask.ts';
import { useDeliverySignal, useEndpointSignal } from '../../api/use-signal.ts';
import { Fact } from '../../components/Fact.tsx';
import { ButtonTo, LinkTo } from '../../components/LinkTo.tsx';
import { Moment } from '../../components/Moment.tsx';
import { Page } from '../../components/Page.tsx';
import { DeliveryStatus, EndpointStatus, Health } from '../../components/Status.tsx';
import { Empty, Failure, SkeletonRows } from '../../components/states.tsx';
import { durationInWords } from '../../components/time.ts';
import { EndpointActions } from '../endpoints/EndpointActions.tsx';
import { EventTypes, SuccessRate } from '../endpoints/EndpointRow.tsx';

const endpointQuery = graphql(`
  query Endpoint($id: ID!) {
    endpoint(id: $id) {
      id
      name
      url
      description
      status
      disabledReason
      eventTypes
      format
      signature
      timeoutSeconds
      retryPolicy {
        delaysSeconds
      }
      successRate {
        ratio
        label
      }
      health {
        state
        since
        consecutiveFailures
        lastError
        lastSuccessAt
        nextProbeAt
      }
      openDeliveries
      heldDeliveries
      skippedSinceDisabled
      createdAt
      updatedAt
      deliveries(first: 10) {
        nodes {
          id
          status
          lastError
          createdAt
          message {
            eventType
          }
        }
      }
    }
  }
`);
type Endpoint = NonNullable<ResultOf<typeof endpointQuery>['endpoint']>;

export const EndpointPage = () => {
  const { endpointId } = useParams({ from: '/shell/endpoints/$endpointId' });
  const variables = { id: endpointId };
  const { data, error, askAgain } = useAsk(endpointQuery, variables, { typenames: ['Delivery', 'Endpoint'], isLive: true });
  useDeliverySignal({ endpointId }, askAgain, 2_000);
  useEndpointSignal(endpointId, askAgain);
  const endpoint = data?.endpoint;
  const body = () => {
    if (error && !data) return <Failure error={error} onRetry={askAgain} />;
    if (endpoint === undefined) return <SkeletonRows />;
    if (endpoint === null)
      return <Empty title="There is no such endpoint">It may have been deleted, or belong to another organization.</Empty>;
    return <EndpointBody endpoint={endpoint} />;
  };
  return (
    <Page
      title={endpoint?.name ?? 'Endpoint'}
      above={
        <LinkTo to="/endpoints" size="sm">
          Endpoints
        </LinkTo>
      }
      beside={
        endpoint && (
          <>
            <EndpointStatus status={endpoint.status} />
            <Health state={endpoint.health.state} />
          </>
        )
      }
      description={endpoint && <span className="mono">{endpoint.url}</span>}
      actions={
        endpoint && (
          <>
            <ButtonTo to="/endpoints/$endpointId/edit" params={{ endpointId }} variant="default">
              Edit
            </ButtonTo>
            <EndpointActions endpoint={endpoint} />
          </>
        )
      }
      shown={{ query: endpointQuery, variables }}
    >
      {body()}
    </Page>
  );
};

const EndpointBody = ({ endpoint }: { readonly endpoint: Endpoint }) => (
  <Stack gap="lg">
    {endpoint.status === 'DISABLED' && (
      <Alert color="gray" variant="light" title="It is disabled">
        {endpoint.disabledReason ?? 'Nobody gave a reason.'} {endpoint.skippedSinceDisabled.toLocaleString('en-US')} messages were skipped
        since.
      </Alert>
    )}
    {endpoint.health.state !== 'HEALTHY' && (
      <Alert
        color="orange"
        variant="light"
        title={endpoint.health.state === 'OPEN' ? 'The circuit is open: only probes go out' : 'It fails'}
      >
        {endpoint.health.lastError} {endpoint.health.consecutiveFailures.toLocaleString('en-US')} attempts failed one after the other.
      </Alert>
    )}
    <SimpleGrid cols={{ base: 1, xs: 2, md: 4 }} className="surface" p="md">
      <Fact label="Success Rate">
        <SuccessRate {...endpoint.successRate} />
      </Fact>
      <Fact label="Waiting">{endpoint.openDeliveries.toLocaleString('en-US')}</Fact>
      <Fact label="Held">{endpoint.heldDeliveries.toLocaleString('en-US')}</Fact>
      <Fact label="Last success">
        <Moment at={endpoint.health.lastSuccessAt} />
      </Fact>
      <Fact label="Events">
        <EventTypes names={endpoint.eventTypes} />
      </Fact>
      <Fact label="Format">{endpoint.format}</Fact>
      <Fact label="Signature">{endpoint.signature}</Fact>
      <Fact label="Schedule">{endpoint.retryPolicy.delaysSeconds.map((each) => durationInWords(each)).join(', ')}</Fact>
      <Fact label="Created">
        <Moment at={endpoint.createdAt} />
      </Fact>
      <Fact label="Changed">
        <Moment at={endpoint.updatedAt} />
      </Fact>
    </SimpleGrid>
    <section aria-labelledby="last">
      <Title order={2} id="last" mb="sm">
        Last deliveries
      </Title>
      <div className="surface table-frame">
        {endpoint.deliveries.nodes.length === 0 ? (
          <Text size="sm" c="dimmed" p="md">
            None yet.
          </Text>
        ) : (
          <Table aria-labelledby="last">
            <Table.Thead>
              <Table.Tr>
                <Table.Th>Event type</Table.Th>
                <Table.Th>Status</Table.Th>
                <Table.Th visibleFrom="sm">Last reason</Table.Th>
                <Table.Th>Created</Table.Th>
              </Table.Tr>
            </Table.Thead>
            <Table.Tbody>
              {endpoint.deliveries.nodes.map((delivery) => (
                <Table.Tr key={delivery.id}>
                  <Table.Td maw={240}>
                    <LinkTo to="/deliveries/$deliveryId" params={{ deliveryId: delivery.id }} size="sm" className="cut mono">
                      {delivery.message.eventType}
                    </LinkTo>
                  </Table.Td>
                  <Table.Td>
                    <DeliveryStatus status={delivery.status} />
                  </Table.Td>
                  <Table.Td visibleFrom="sm" maw={360}>
                    <span className="cut" title={delivery.lastError ?? undefined}>
                      {delivery.lastError ?? '–'}
                    </span>
                  </Table.Td>
                  <Table.Td>
                    <Moment at={delivery.createdAt} />
                  </Table.Td>
                </Table.Tr>
              ))}
            </Table.Tbody>
          </Table>
        )}
      </div>
      <LinkTo to="/deliveries" search={{ endpoint: endpoint.id }} size="sm" mt="sm" display="inline-block">
        All its deliveries
      </LinkTo>
    </section>
  </Stack>
);
