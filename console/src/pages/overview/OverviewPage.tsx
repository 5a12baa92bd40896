// Overview: how the organization's deliveries do now, over a time that one chooses, which endpoints need a person, and whether everything adds up.
import { Button, Stack, Title } from '@mantine/core';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { useState } from 'react';
import { useAsk } from '../../api/use-ask.ts';
import { useDeliverySignal, useEndpointSignal } from '../../api/use-signal.ts';
import { AttemptsChart } from '../../components/chart/AttemptsChart.tsx';
import { spanOf, windows } from '../../components/chart/spans.ts';
import { useOfSpan } from '../../components/chart/use-of-span.ts';
import { PlusIcon } from '../../components/icons.tsx';
import { ButtonTo } from '../../components/LinkTo.tsx';
import { Page } from '../../components/Page.tsx';
import { Segments } from '../../components/Segments.tsx';
import { Empty, Failure, SkeletonRows } from '../../components/states.tsx';
import type { ResultOf } from '../../api/graphql.ts';
import { Attention } from './Attention.tsx';
import { Balance } from './Balance.tsx';
import { Figures } from './Figures.tsx';
import { attentionQuery, overviewQuery } from './overview.query.ts';
import { sentenceOfStanding } from './sentence.ts';

const freshEveryMs = 5_000;
const typenames = ['Endpoint', 'Delivery'];

type Answer = ResultOf<typeof overviewQuery>;

export const OverviewPage = () => {
  const search = useSearch({ from: '/shell/' });
  const navigate = useNavigate({ from: '/' });
  const [now, setNow] = useState(Date.now);
  const span = spanOf(search, now);
  const { since, until, buckets } = span;
  const asked = useAsk(overviewQuery, { since, until, buckets }, { typenames, isLive: true });
  const attention = useAsk(attentionQuery, {}, { typenames, isLive: true });
  const refresh = () => {
    setNow(Date.now());
    asked.askAgain();
    attention.askAgain();
  };
  useDeliverySignal({}, refresh, freshEveryMs);
  useEndpointSignal(null, refresh);
  const shown = useOfSpan(asked.data, ({ chart }) => chart, span);
  const zoom = (from: number, to: number) =>
    void navigate({ search: (before) => ({ ...before, from: new Date(from).toISOString(), until: new Date(to).toISOString() }) });
  const choose = (window: string) => void navigate({ search: window === '24h' ? {} : { window } });

  const body = () => {
    if (!shown) return asked.error ? <Failure error={asked.error} onRetry={asked.askAgain} /> : <SkeletonRows />;
    const { data } = shown;
    if (data.all.count.value === 0) return <NoEndpoints />;
    return (
      <Stack gap="lg">
        <Figures total={data.total[0]} open={data.organization.usage.waitingDeliveries} words={shown.span.words} />
        <section className="surface" aria-labelledby="chart" style={{ padding: 'var(--mantine-spacing-md)' }}>
          <Title order={2} id="chart" mb="xs">
            Attempts
          </Title>
          <AttemptsChart buckets={data.chart} bucketMs={shown.span.bucketMs} window={shown.span.words} onZoom={zoom}>
            {shown.span.isZoomed && (
              <Button variant="light" size="compact-sm" onClick={() => choose(shown.span.window)}>
                Leave the chosen time
              </Button>
            )}
          </AttemptsChart>
        </section>
        <Attention asked={attention} />
        <Balance />
      </Stack>
    );
  };

  return (
    <Page
      title="Overview"
      description={shown && shown.data.all.count.value > 0 && <Sentence data={shown.data} />}
      actions={
        <Segments
          aria-label="Window"
          size="xs"
          data={windows.map(({ value, label }) => ({ value, label }))}
          value={span.isZoomed ? '' : span.window}
          onChange={choose}
        />
      }
      shown={{ query: overviewQuery, variables: { since, until, buckets } }}
    >
      {body()}
    </Page>
  );
};

const Sentence = ({ data }: { readonly data: Answer }) => (
  <span role="status" className="numbers">
    {sentenceOfStanding({
      endpoints: data.all.count.value,
      failing: data.failing.count.value + data.stopped.count.value,
      waiting: data.organization.usage.waitingDeliveries,
      oldestDueSeconds: data.system.oldestDueSeconds,
    })}
  </span>
);

const NoEndpoints = () => (
  <div className="surface">
    <Empty
      title="No endpoints yet"
      action={
        <ButtonTo to="/endpoints/new" leftSection={<PlusIcon />}>
          New endpoint
        </ButtonTo>
      }
    >
      Add the first endpoint, and publish a message. From then on this page shows how deliveries do, and which endpoints need you.
    </Empty>
  </div>
);
