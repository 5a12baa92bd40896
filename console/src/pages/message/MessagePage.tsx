// One message: what it says, what became of it at each endpoint, and why it went there or did not.
import { Button, SimpleGrid, Text } from '@mantine/core';
import { useThrottledCallback } from '@mantine/hooks';
import { useNavigate, useParams, useSearch } from '@tanstack/react-router';
import { useState } from 'react';
import type { ResultOf } from '../../api/graphql.ts';
import { useRights } from '../../api/rights.ts';
import { useRole } from '../../api/role.ts';
import { useAsk } from '../../api/use-ask.ts';
import { useDeliverySignal } from '../../api/use-signal.ts';
import { Fact } from '../../components/Fact.tsx';
import { RetryIcon } from '../../components/icons.tsx';
import { marksOf, noMarks } from '../../components/json-marks.ts';
import { LinkTo } from '../../components/LinkTo.tsx';
import { Moment } from '../../components/Moment.tsx';
import { Page } from '../../components/Page.tsx';
import { Payload } from '../../components/Payload.tsx';
import { Empty, Failure, SkeletonRows } from '../../components/states.tsx';
import { Tabs } from '../../components/Tabs.tsx';
import { say, sayRefusal, useChange } from '../../components/use-change.ts';
import { retryDeliveries } from '../deliveries/deliveries.query.ts';
import { Outcome } from '../messages/Outcome.tsx';
import { messageQuery, timelineQuery } from './message.query.ts';
import { Routing, type Marking, type Went } from './Routing.tsx';
import { SendToEndpoint } from './SendToEndpoint.tsx';
import { Timeline } from './Timeline.tsx';
import './message.css';

type Message = NonNullable<ResultOf<typeof messageQuery>['message']>;
const signalEveryMs = 1_000;

export const MessagePage = () => {
  const { messageId } = useParams({ from: '/shell/messages/$messageId' });
  const variables = { id: messageId };
  const { mayOperate } = useRole();
  const { isPortal, may } = useRights();
  const mayRetry = isPortal ? may('RETRY') : mayOperate;
  const { data, error, askAgain } = useAsk(messageQuery, variables);
  const fate = useAsk(timelineQuery, variables, { typenames: ['Delivery', 'Replay'], isLive: true });
  const askSoon = useThrottledCallback(fate.askAgain, signalEveryMs);
  useDeliverySignal({ messageId }, askSoon, signalEveryMs);
  const message = data?.message;
  const outcome = fate.data?.message?.outcome;
  const body = () => {
    if (error && !data) return <Failure error={error} onRetry={askAgain} />;
    if (message === undefined) return <SkeletonRows />;
    if (message === null)
      return <Empty title="There is no such message">It may have been removed by retention, or belong to another organization.</Empty>;
    return <MessageBody message={message} fate={fate} mayRetry={mayRetry} />;
  };
  return (
    <Page
      title={message?.eventType ?? 'Message'}
      above={
        <LinkTo to="/messages" size="sm">
          Messages
        </LinkTo>
      }
      beside={outcome && <Outcome outcome={outcome} />}
      actions={
        message &&
        mayRetry && (
          <>
            {outcome !== undefined && outcome.failed > 0 && <RetryFailed messageId={messageId} failed={outcome.failed} />}
            {mayOperate && <SendToEndpoint messageId={messageId} />}
          </>
        )
      }
      shown={{ query: messageQuery, variables }}
    >
      {body()}
    </Page>
  );
};

const RetryFailed = ({ messageId, failed }: { readonly messageId: string; readonly failed: number }) => {
  const [retry, isRetrying] = useChange(retryDeliveries, ['Delivery', 'BulkRetry', 'Message']);
  const run = async () => {
    const { data, error } = await retry({ filter: { messageId } });
    if (error) return sayRefusal(error);
    return say(`Retrying ${data.retryDeliveries.matched.toLocaleString('en-US')} in the background.`);
  };
  return (
    <Button variant="default" leftSection={<RetryIcon />} loading={isRetrying} onClick={() => void run()}>
      Retry {failed} failed
    </Button>
  );
};

type BodyProps = {
  readonly message: Message;
  readonly fate: ReturnType<typeof useAsk<ResultOf<typeof timelineQuery>, { id: string }>>;
  readonly mayRetry: boolean;
};

const MessageBody = ({ message, fate, mayRetry }: BodyProps) => {
  const search = useSearch({ from: '/shell/messages/$messageId' });
  const navigate = useNavigate({ from: '/messages/$messageId' });
  const [marked, setMarked] = useState<Marking['marked']>();
  const tab = search.tab === 'routing' ? 'routing' : 'timeline';
  const went: Went = search.routed === 'went' || search.routed === 'not' ? search.routed : 'all';
  const set = (change: { readonly tab?: string; readonly routed?: string }) =>
    void navigate({ search: (before) => ({ ...before, ...change }), replace: true });
  const marks = marked === undefined ? noMarks : marksOf(message.data, marked.conditions);
  const shown = fate.data?.message;
  return (
    <>
      <Facts message={message} />
      <div className="message-columns">
        <Tabs value={tab} onChange={(value) => set({ tab: value === 'routing' ? 'routing' : undefined })} keepMounted={false}>
          <Tabs.List mb="md">
            <Tabs.Tab value="timeline">Timeline</Tabs.Tab>
            <Tabs.Tab value="routing">Routing</Tabs.Tab>
          </Tabs.List>
          <Tabs.Panel value="timeline">
            {shown ? (
              <Timeline message={shown} mayRetry={mayRetry} />
            ) : fate.error ? (
              <Failure error={fate.error} onRetry={fate.askAgain} />
            ) : (
              <SkeletonRows rows={4} />
            )}
          </Tabs.Panel>
          <Tabs.Panel value="routing">
            <Routing
              id={message.id}
              went={went}
              onWent={(routed) => set({ routed: routed === 'all' ? undefined : routed })}
              marked={marked}
              onMark={setMarked}
            />
          </Tabs.Panel>
        </Tabs>
        <div className="message-data">
          {message.dataHidden ? (
            <Text size="sm" c="dimmed">
              The data is not shown: contents are switched off in this session.
            </Text>
          ) : (
            <Payload title="Data" value={message.data} marks={marks} />
          )}
        </div>
      </div>
    </>
  );
};

const Facts = ({ message }: { readonly message: Message }) => (
  <SimpleGrid cols={{ base: 1, xs: 2, md: 3 }} className="surface" p="md">
    <Fact label="Message">
      <span className="mono">{message.id}</span>
    </Fact>
    <Fact label="Publisher’s id">{message.clientId === null ? 'None' : <span className="mono">{message.clientId}</span>}</Fact>
    <Fact label="Ordering key">{message.orderingKey === null ? 'None' : <span className="mono">{message.orderingKey}</span>}</Fact>
    <Fact label="Timestamp">
      <span className="mono">{message.timestamp}</span>
    </Fact>
    <Fact label="Accepted">
      <Moment at={message.acceptedAt} />
    </Fact>
    <Fact label="Position">
      <span className="mono">{message.position}</span>
    </Fact>
  </SimpleGrid>
);
