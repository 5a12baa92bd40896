// One delivery: what it is, why it is where it is, what can be done, and each attempt on a rail.
import { Alert, Badge, Button, SimpleGrid, Stack, Text, Title } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { useParams } from '@tanstack/react-router';
import type { ResultOf } from '../../api/graphql.ts';
import { useAsk } from '../../api/use-ask.ts';
import { useDeliverySignal, useEndpointSignal } from '../../api/use-signal.ts';
import { IfMay } from '../../components/IfMay.tsx';
import { Confirm } from '../../components/Confirm.tsx';
import { Fact } from '../../components/Fact.tsx';
import { RetryIcon } from '../../components/icons.tsx';
import { ButtonTo, LinkTo } from '../../components/LinkTo.tsx';
import { Moment } from '../../components/Moment.tsx';
import { Page } from '../../components/Page.tsx';
import { DeliveryStatus } from '../../components/Status.tsx';
import { Empty, Failure, SkeletonRows } from '../../components/states.tsx';
import { say, sayRefusal, useChange } from '../../components/use-change.ts';
import { cancelDelivery, retryDelivery } from '../deliveries/deliveries.query.ts';
import { neighboursOf } from '../deliveries/last-list.ts';
import { AttemptItem } from './AttemptItem.tsx';
import { deliveryQuery } from './delivery.query.ts';

type Delivery = NonNullable<ResultOf<typeof deliveryQuery>['delivery']>;

export const DeliveryPage = () => {
  const { deliveryId } = useParams({ from: '/shell/deliveries/$deliveryId' });
  const variables = { id: deliveryId };
  const { data, error, askAgain } = useAsk(deliveryQuery, variables, { typenames: ['Delivery'], isLive: true });
  const delivery = data?.delivery;
  useDeliverySignal(delivery ? { messageId: delivery.message.id, endpointId: delivery.endpoint.id } : undefined, askAgain);
  useEndpointSignal(delivery?.endpoint.id, askAgain);
  const body = () => {
    if (error && !data) return <Failure error={error} onRetry={askAgain} />;
    if (delivery === undefined) return <SkeletonRows />;
    if (delivery === null)
      return <Empty title="There is no such delivery">It may have been removed with its message, or belong to another organization.</Empty>;
    return <DeliveryBody delivery={delivery} />;
  };
  return (
    <Page
      title={delivery?.message.eventType ?? 'Delivery'}
      above={
        <LinkTo to="/deliveries" size="sm">
          Deliveries
        </LinkTo>
      }
      beside={delivery && <DeliveryStatus status={delivery.status} />}
      actions={
        <>
          <Neighbours id={deliveryId} />
          {delivery && (
            <IfMay capability="RETRY">
              <Actions delivery={delivery} />
            </IfMay>
          )}
        </>
      }
      shown={{ query: deliveryQuery, variables }}
    >
      {body()}
    </Page>
  );
};

/** In the table that was shown last. */
const Neighbours = ({ id }: { readonly id: string }) => {
  const { previous, next } = neighboursOf(id);
  const to = (label: string, key: string, deliveryId: string | undefined) =>
    deliveryId === undefined ? (
      <Button variant="default" disabled>
        {label}
      </Button>
    ) : (
      <ButtonTo to="/deliveries/$deliveryId" params={{ deliveryId }} variant="default" data-key={key} aria-keyshortcuts={key}>
        {label}
      </ButtonTo>
    );
  if (previous === undefined && next === undefined) return null;
  return (
    <Button.Group>
      {to('Previous', 'k', previous)}
      {to('Next', 'j', next)}
    </Button.Group>
  );
};

const Actions = ({ delivery: { id, status, endpoint } }: { readonly delivery: Delivery }) => {
  const [retry, isRetrying] = useChange(retryDelivery, ['Delivery']);
  const [cancel, isCancelling] = useChange(cancelDelivery, ['Delivery']);
  const [isAsking, { open, close }] = useDisclosure(false);
  const isOpen = status === 'PENDING' || status === 'RETRYING' || status === 'HELD';
  const retryNow = async () => {
    const { error } = await retry({ id });
    if (error) sayRefusal(error);
    else say('It is retried now, with a fresh series of attempts.');
  };
  const confirmCancel = async () => {
    const { error } = await cancel({ id });
    close();
    if (error) sayRefusal(error);
    else say('The delivery is cancelled.');
  };
  return (
    <>
      {isOpen && (
        <Button variant="default" onClick={open}>
          Cancel
        </Button>
      )}
      <Button leftSection={<RetryIcon />} loading={isRetrying} onClick={() => void retryNow()} data-key="r">
        Retry now
      </Button>
      <Confirm
        isOpen={isAsking}
        title="Cancel this delivery?"
        verb="Cancel delivery"
        isDangerous
        isBusy={isCancelling}
        onConfirm={() => void confirmCancel()}
        onClose={close}
      >
        {endpoint.name} does not get this message, unless somebody retries it.
      </Confirm>
    </>
  );
};

const DeliveryBody = ({ delivery }: { readonly delivery: Delivery }) => {
  const attempts = delivery.attempts.toSorted((a, b) => b.number - a.number);
  const last = attempts[0];
  return (
    <Stack gap="lg">
      {delivery.heldReason !== null && (
        <Alert color="yellow" variant="light" title="It waits">
          {delivery.heldReason}
        </Alert>
      )}
      {last?.failure && delivery.status !== 'SUCCEEDED' && (
        <Alert color={delivery.status === 'FAILED' ? 'red' : 'orange'} variant="light" title={last.error ?? 'The last attempt failed'}>
          {last.hint}
        </Alert>
      )}
      <SimpleGrid cols={{ base: 1, xs: 2, md: 4 }} className="surface" p="md">
        <Fact label="Endpoint">
          <LinkTo to="/endpoints/$endpointId" params={{ endpointId: delivery.endpoint.id }} size="sm" className="wrap">
            {delivery.endpoint.name}
          </LinkTo>
        </Fact>
        <Fact label="Attempts">
          {delivery.attemptCount}/{delivery.attemptsPlanned}
        </Fact>
        <Fact label="Created">
          <Moment at={delivery.createdAt} />
        </Fact>
        <Fact label={delivery.endedAt === null ? 'Next attempt' : 'Ended'}>
          <Moment at={delivery.endedAt ?? delivery.nextAttemptAt} />
        </Fact>
        <Fact label="Message">
          <LinkTo to="/messages/$messageId" params={{ messageId: delivery.message.id }} size="sm" className="mono wrap">
            {delivery.message.id}
          </LinkTo>
        </Fact>
        {delivery.message.clientId !== null && (
          <Fact label="Publisher’s id">
            <span className="mono wrap">{delivery.message.clientId}</span>
          </Fact>
        )}
        {delivery.test && (
          <Fact label="Kind">
            <Badge variant="default" radius="sm" tt="none">
              Test
            </Badge>
          </Fact>
        )}
      </SimpleGrid>
      <section aria-labelledby="attempts">
        <Title order={2} id="attempts" mb="sm">
          Attempts
        </Title>
        {attempts.length === 0 ? (
          <Text size="sm" c="dimmed">
            None yet.
          </Text>
        ) : (
          <ol className="rail" reversed>
            {attempts.map((attempt, index) => (
              <AttemptItem
                key={attempt.number}
                deliveryId={delivery.id}
                attempt={attempt}
                isOpen={index === 0}
                currentRevision={delivery.endpoint.revision}
              />
            ))}
          </ol>
        )}
      </section>
    </Stack>
  );
};
