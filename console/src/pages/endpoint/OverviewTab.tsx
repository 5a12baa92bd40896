// How an endpoint does, and why: its status in sentences with the way back, figures of a window of time, what fails, and its last deliveries.
import { Alert, Group, SegmentedControl, SimpleGrid, Stack, Table, Text, Title } from '@mantine/core';
import { useThrottledCallback } from '@mantine/hooks';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { useMemo } from 'react';
import { useAsk } from '../../api/use-ask.ts';
import { useDeliverySignal } from '../../api/use-signal.ts';
import { Fact } from '../../components/Fact.tsx';
import { IfMay } from '../../components/IfMay.tsx';
import { LinkTo } from '../../components/LinkTo.tsx';
import { Moment, useNow } from '../../components/Moment.tsx';
import { Failure, SkeletonRows } from '../../components/states.tsx';
import { durationInWords, milliseconds } from '../../components/time.ts';
import { failureWords } from '../deliveries/failure-words.ts';
import { StatusChange } from '../endpoints/StatusChange.tsx';
import { SuccessRate } from '../endpoints/EndpointRow.tsx';
import { EndpointChart } from './EndpointChart.tsx';
import type { Endpoint } from './EndpointPage.tsx';
import { changeBefore, changesOf } from './changes.ts';
import { changesQuery, figuresQuery } from './endpoint.query.ts';
import { LastDeliveries } from './LastDeliveries.tsx';
import { Skipped } from './Skipped.tsx';

const windows = [
  { value: 'LAST_HOUR', label: '1 h', ms: 3_600_000 },
  { value: 'LAST_DAY', label: '24 h', ms: 86_400_000 },
  { value: 'LAST_WEEK', label: '7 d', ms: 604_800_000 },
  { value: 'LAST_MONTH', label: '30 d', ms: 2_592_000_000 },
] as const;
const usual = windows[1];
const minuteMs = 60_000;
const signalsEveryMs = 5_000;

export const OverviewTab = ({ endpoint }: { readonly endpoint: Endpoint }) => (
  <Stack gap="lg">
    <State endpoint={endpoint} />
    <EndpointChart id={endpoint.id} />
    <Figures endpoint={endpoint} />
    <LastDeliveries id={endpoint.id} />
  </Stack>
);

const State = ({ endpoint }: { readonly endpoint: Endpoint }) => {
  const { status, health, heldDeliveries, disabledReason } = endpoint;
  const held = heldDeliveries.toLocaleString('en-US');
  return (
    <>
      {status === 'DISABLED' && (
        <Alert color="gray" variant="light" title="It is disabled: it gets nothing, and matching messages are skipped">
          <Text size="sm">{disabledReason ?? 'Nobody gave a reason.'}</Text>
          <Group mt="xs">
            <IfMay capability="MANAGE_ENDPOINTS">
              <StatusChange endpoint={endpoint} to="ENABLED" />
            </IfMay>
          </Group>
        </Alert>
      )}
      {status === 'PAUSED' && (
        <Alert color="yellow" variant="light" title="It is paused: its deliveries wait">
          <Group mt="xs">
            <IfMay capability="MANAGE_ENDPOINTS">
              <StatusChange endpoint={endpoint} to="RESUMED" />
            </IfMay>
          </Group>
        </Alert>
      )}
      {health.state !== 'HEALTHY' && (
        <Alert
          color={health.state === 'OPEN' ? 'red' : 'orange'}
          variant="light"
          title={health.state === 'OPEN' ? 'The circuit is open: only probes go out' : 'It fails'}
        >
          <Text size="sm" className="wrap">
            {health.lastError} {health.consecutiveFailures.toLocaleString('en-US')} attempts failed one after the other
            {health.since !== null && (
              <>
                , since <Moment at={health.since} />
              </>
            )}
            .{' '}
            {health.nextProbeAt !== null && (
              <>
                The next probe goes out <Moment at={health.nextProbeAt} />.
              </>
            )}
          </Text>
          {health.since !== null && <Cause id={endpoint.id} since={health.since} />}
        </Alert>
      )}
      {heldDeliveries > 0 && (
        <Alert color="yellow" variant="light" title={`${held} deliveries are held`}>
          <Text size="sm">
            {status === 'ENABLED' ? 'They wait for others of their ordering key.' : 'They go out once it is active again.'}
          </Text>
          <LinkTo to="/deliveries" search={{ endpoint: endpoint.id, status: 'HELD' }} size="sm">
            Show them
          </LinkTo>
        </Alert>
      )}
      {endpoint.skippedSinceDisabled > 0 && <Skipped endpoint={endpoint} />}
    </>
  );
};

/** Shows nothing to callers who may not read the history. */
const Cause = ({ id, since }: { readonly id: string; readonly since: string }) => {
  const { data } = useAsk(changesQuery, { id }, { typenames: ['Endpoint'] });
  const cause = changeBefore(changesOf(data?.endpointChanges ?? []), since);
  if (cause === undefined) return null;
  return (
    <Text size="sm" className="wrap">
      It began {durationInWords(Math.round(cause.afterMs / 1_000))} after {cause.change.sentence}.{' '}
      <LinkTo
        to="/endpoints/$endpointId"
        params={{ endpointId: id }}
        search={{ tab: 'history', at: cause.change.position }}
        size="sm"
        underline="always"
      >
        Show the change
      </LinkTo>
    </Text>
  );
};

const Figures = ({ endpoint }: { readonly endpoint: Endpoint }) => {
  const { window: wanted } = useSearch({ from: '/shell/endpoints/$endpointId' });
  const navigate = useNavigate({ from: '/endpoints/$endpointId' });
  const shown = windows.find(({ value }) => value === wanted) ?? usual;
  const minute = Math.floor(useNow() / minuteMs);
  const since = useMemo(() => new Date(minute * minuteMs - shown.ms).toISOString(), [minute, shown]);
  const { data, error, askAgain } = useAsk(figuresQuery, { id: endpoint.id, window: shown.value, since }, { isLive: true });
  const askSoon = useThrottledCallback(askAgain, signalsEveryMs);
  useDeliverySignal({ endpointId: endpoint.id }, askSoon, signalsEveryMs);
  const figures = data?.endpoint?.deliveryStats[0];
  const number = (value: number | undefined) => (value === undefined ? '–' : value.toLocaleString('en-US'));
  const latency = (ms: number | null | undefined) => (ms === null || ms === undefined ? '–' : milliseconds(ms));
  return (
    <section aria-labelledby="figures">
      <Group justify="space-between" mb="sm">
        <Title order={2} id="figures">
          Last {shown.label}
        </Title>
        <SegmentedControl
          size="xs"
          aria-label="Window"
          data={windows.map(({ value, label }) => ({ value, label }))}
          value={shown.value}
          onChange={(value) =>
            void navigate({
              search: (before) => ({ ...before, window: value === usual.value ? undefined : value }),
              replace: true,
              resetScroll: false,
            })
          }
        />
      </Group>
      {error && !data ? (
        <div className="surface">
          <Failure error={error} onRetry={askAgain} />
        </div>
      ) : (
        <>
          <SimpleGrid cols={{ base: 2, sm: 3, lg: 6 }} className="surface" p="md">
            <Fact label="Success Rate">{data?.endpoint ? <SuccessRate {...data.endpoint.successRate} /> : '–'}</Fact>
            <Fact label="Succeeded">{number(figures?.succeeded)}</Fact>
            <Fact label="Failed">{number(figures?.failed)}</Fact>
            <Fact label="Failed attempts">
              {number(figures?.failedAttempts)} of {number(figures?.attempts)}
            </Fact>
            <Fact label="Latency p50">{latency(figures?.p50Ms)}</Fact>
            <Fact label="Latency p95">{latency(figures?.p95Ms)}</Fact>
            <Fact label="Waiting now">
              {endpoint.openDeliveries === 0 ? (
                '0'
              ) : (
                <LinkTo to="/deliveries" search={{ endpoint: endpoint.id }} size="sm">
                  {number(endpoint.openDeliveries)}
                </LinkTo>
              )}
            </Fact>
            <Fact label="Last success">
              <Moment at={endpoint.health.lastSuccessAt} />
            </Fact>
          </SimpleGrid>
          {data === undefined ? (
            <SkeletonRows rows={3} />
          ) : (
            <SimpleGrid cols={{ base: 1, md: 2 }} mt="md">
              <Failures
                title="Failures by reason"
                id={endpoint.id}
                since={since}
                rows={data.reasons.map(({ key, ...rest }) => ({ ...rest, key, label: reasonLabel(key), search: { reason: key } }))}
              />
              <Failures
                title="Failures by code"
                id={endpoint.id}
                since={since}
                rows={data.codes.map(({ key, ...rest }) => ({ ...rest, key, label: key, search: { code: key } }))}
              />
            </SimpleGrid>
          )}
        </>
      )}
    </section>
  );
};

const reasonLabel = (key: string): string => Object.entries(failureWords).find(([name]) => name === key)?.[1] ?? key;

type FailureRow = {
  readonly key: string;
  readonly label: string;
  readonly attempts: number;
  readonly deliveries: number;
  readonly lastAt: string;
  readonly search: { readonly reason?: string; readonly code?: string };
};
type FailuresProps = { readonly title: string; readonly id: string; readonly since: string; readonly rows: readonly FailureRow[] };

const Failures = ({ title, id, since, rows }: FailuresProps) => (
  <div className="surface table-frame">
    <Text size="sm" fw={500} p="sm" pb={0}>
      {title}
    </Text>
    {rows.length === 0 ? (
      <Text size="sm" c="dimmed" p="sm">
        None in this time.
      </Text>
    ) : (
      <Table aria-label={title} verticalSpacing="xs">
        <Table.Thead>
          <Table.Tr>
            <Table.Th>{title.endsWith('code') ? 'Code' : 'Reason'}</Table.Th>
            <Table.Th>Attempts</Table.Th>
            <Table.Th>Deliveries</Table.Th>
            <Table.Th>Last</Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {rows.map(({ key, label, attempts, deliveries, lastAt, search }) => (
            <Table.Tr key={key}>
              <Table.Td>
                <LinkTo to="/deliveries" search={{ endpoint: id, since, ...search }} size="sm">
                  {label}
                </LinkTo>
              </Table.Td>
              <Table.Td className="numbers">{attempts.toLocaleString('en-US')}</Table.Td>
              <Table.Td className="numbers">{deliveries.toLocaleString('en-US')}</Table.Td>
              <Table.Td>
                <Moment at={lastAt} />
              </Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    )}
  </div>
);
