// Attempts at an endpoint over time, with a mark where somebody changed it: a change may be why it fails.
import { Button, Group, Skeleton, Text, Title } from '@mantine/core';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { useMemo } from 'react';
import { graphql } from '../../api/graphql.ts';
import { useRole } from '../../api/role.ts';
import { useAsk } from '../../api/use-ask.ts';
import { useEndpointSignal } from '../../api/use-signal.ts';
import { AttemptsChart } from '../../components/chart/AttemptsChart.tsx';
import { spanOf } from '../../components/chart/spans.ts';
import { useOfSpan } from '../../components/chart/use-of-span.ts';
import { LinkTo } from '../../components/LinkTo.tsx';
import { Moment, useNow } from '../../components/Moment.tsx';
import { Failure } from '../../components/states.tsx';
import { fieldLabel } from './configuration.ts';
import { changesQuery } from './endpoint.query.ts';
import { marksOf, type MarkedChange } from './change-marks.ts';

const chartQuery = graphql(`
  query EndpointChart($id: ID!, $since: DateTime!, $until: DateTime!, $buckets: Int!) {
    endpoint(id: $id) {
      id
      deliveryStats(since: $since, until: $until, buckets: $buckets) {
        start
        accepted
        succeeded
        failed
        failedAttempts
        p95Ms
      }
    }
  }
`);

const minuteMs = 60_000;
const windowNames: Readonly<Record<string, string>> = { LAST_HOUR: '1h', LAST_DAY: '24h', LAST_WEEK: '7d', LAST_MONTH: '30d' };

export const EndpointChart = ({ id }: { readonly id: string }) => {
  const { window = 'LAST_DAY', from, until: chosenUntil } = useSearch({ from: '/shell/endpoints/$endpointId' });
  const navigate = useNavigate({ from: '/endpoints/$endpointId' });
  const now = Math.floor(useNow() / minuteMs) * minuteMs;
  const name = windowNames[window];
  const span = spanOf(
    {
      ...(name !== undefined && { window: name }),
      ...(from !== undefined && { from }),
      ...(chosenUntil !== undefined && { until: chosenUntil }),
    },
    now,
  );
  const { since, until, buckets } = span;
  const { data, error, askAgain } = useAsk(chartQuery, { id, since, until, buckets }, { isLive: true, typenames: ['Delivery'] });
  const shown = useOfSpan(data, ({ endpoint }) => endpoint?.deliveryStats ?? [], span);
  const marks = useMarks(id);
  const choose = (chosen: { readonly from: number; readonly until: number } | undefined) =>
    void navigate({
      search: (before) => ({
        ...before,
        from: chosen && new Date(chosen.from).toISOString(),
        until: chosen && new Date(chosen.until).toISOString(),
      }),
      resetScroll: false,
    });
  const drawn = useMemo(() => marks.map(({ at, fields }) => ({ at, label: fields.map(fieldLabel).join(', ') })), [marks]);
  return (
    <section aria-labelledby="attempts" className="surface" style={{ padding: 'var(--mantine-spacing-md)' }}>
      <Title order={2} id="attempts" mb="xs">
        Attempts
      </Title>
      {shown ? (
        <>
          <AttemptsChart
            buckets={shown.data.endpoint?.deliveryStats ?? []}
            bucketMs={shown.span.bucketMs}
            window={shown.span.words}
            marks={drawn}
            onZoom={(start, end) => choose({ from: start, until: end })}
          >
            {shown.span.isZoomed && (
              <Button variant="light" size="compact-sm" onClick={() => choose(undefined)}>
                Leave the chosen time
              </Button>
            )}
          </AttemptsChart>
          <MarksIn marks={marks} since={shown.span.since} until={shown.span.until} />
        </>
      ) : error ? (
        <Failure error={error} onRetry={askAgain} />
      ) : (
        <Skeleton height={240} />
      )}
    </section>
  );
};

const none: readonly MarkedChange[] = [];

/** Empty for callers who may not read the endpoint's history. */
const useMarks = (id: string): readonly MarkedChange[] => {
  const { mayReadHistory } = useRole();
  const { data, askAgain } = useAsk(changesQuery, { id }, { typenames: ['Endpoint'], pause: !mayReadHistory });
  useEndpointSignal(mayReadHistory ? id : undefined, askAgain);
  return useMemo(() => (data === undefined ? none : marksOf(data.endpointChanges)), [data]);
};

const SeeChange = ({ change, children }: { readonly change: MarkedChange; readonly children: string }) => (
  <LinkTo from="/endpoints/$endpointId" to="." search={{ tab: 'history', at: change.position }} size="xs" underline="always">
    {children}
  </LinkTo>
);

const mostMarks = 5;

/** The marks that the chart shows, the newest first, each leading to what was changed. */
const MarksIn = ({ marks, since, until }: { readonly marks: readonly MarkedChange[]; readonly since: string; readonly until: string }) => {
  const inside = marks.filter(({ at }) => at >= Date.parse(since) && at < Date.parse(until)).toReversed();
  if (inside.length === 0) return null;
  return (
    <Group gap="md" mt="xs" component="ul" className="plain-list" aria-label="Changes in this time">
      {inside.slice(0, mostMarks).map((change) => (
        <Text component="li" key={change.position} size="xs" c="dimmed">
          <span aria-hidden="true">┆ </span>
          <SeeChange change={change}>{`${change.fields.map(fieldLabel).join(', ')} changed`}</SeeChange>{' '}
          <Moment at={new Date(change.at).toISOString()} />
        </Text>
      ))}
      {inside.length > mostMarks && (
        <Text component="li" size="xs" c="dimmed">
          and {inside.length - mostMarks} more
        </Text>
      )}
    </Group>
  );
};
