// One endpoint: a tab for how it does, its deliveries, its configuration, how that came to be, a test, and how receivers verify it. The tab is in the URL.
import '../../more-library.css';
import './library.css';
import { Tabs } from '@mantine/core';
import { useNavigate, useParams, useSearch } from '@tanstack/react-router';
import { lazy, Suspense } from 'react';
import type { ResultOf } from '../../api/graphql.ts';
import { useRights } from '../../api/rights.ts';
import { useAsk } from '../../api/use-ask.ts';
import { useDeliverySignal, useEndpointSignal } from '../../api/use-signal.ts';
import { IfMay } from '../../components/IfMay.tsx';
import { ButtonTo, LinkTo } from '../../components/LinkTo.tsx';
import { Page } from '../../components/Page.tsx';
import { EndpointStatus, Health } from '../../components/Status.tsx';
import { Empty, Failure, SkeletonRows } from '../../components/states.tsx';
import { EndpointActions } from '../endpoints/EndpointActions.tsx';
import { ConfigurationTab } from './ConfigurationTab.tsx';
import { endpointQuery } from './endpoint.query.ts';
import { OverviewTab } from './OverviewTab.tsx';

const DeliveriesTab = lazy(() => import('./DeliveriesTab.tsx').then(({ DeliveriesTab: tab }) => ({ default: tab })));
const HistoryTab = lazy(() => import('./HistoryTab.tsx').then(({ HistoryTab: tab }) => ({ default: tab })));
const TestTab = lazy(() => import('./TestTab.tsx').then(({ TestTab: tab }) => ({ default: tab })));
const VerifyTab = lazy(() => import('./VerifyTab.tsx').then(({ VerifyTab: tab }) => ({ default: tab })));

export type Endpoint = NonNullable<ResultOf<typeof endpointQuery>['endpoint']>;

const tabs = [
  { value: 'overview', label: 'Overview', tab: OverviewTab },
  { value: 'deliveries', label: 'Deliveries', tab: DeliveriesTab },
  { value: 'configuration', label: 'Configuration', tab: ConfigurationTab },
  { value: 'history', label: 'History', tab: HistoryTab },
  { value: 'test', label: 'Test', tab: TestTab },
  { value: 'verify', label: 'Verify', tab: VerifyTab },
] as const;

const signalsEveryMs = 2_000;

export const EndpointPage = () => {
  const { endpointId } = useParams({ from: '/shell/endpoints/$endpointId' });
  const variables = { id: endpointId };
  const { data, error, askAgain } = useAsk(endpointQuery, variables, { typenames: ['Delivery', 'Endpoint'], isLive: true });
  useDeliverySignal({ endpointId }, askAgain, signalsEveryMs);
  useEndpointSignal(endpointId, askAgain);
  const endpoint = data?.endpoint;
  const body = () => {
    if (error && !data) return <Failure error={error} onRetry={askAgain} />;
    if (endpoint === undefined) return <SkeletonRows />;
    if (endpoint === null)
      return <Empty title="There is no such endpoint">It may have been deleted, or belong to another organization.</Empty>;
    return <EndpointTabs endpoint={endpoint} />;
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
            <IfMay capability="MANAGE_ENDPOINTS">
              <ButtonTo to="/endpoints/$endpointId/edit" params={{ endpointId }} variant="default">
                Edit
              </ButtonTo>
            </IfMay>
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

const EndpointTabs = ({ endpoint }: { readonly endpoint: Endpoint }) => {
  const { tab } = useSearch({ from: '/shell/endpoints/$endpointId' });
  const navigate = useNavigate({ from: '/endpoints/$endpointId' });
  const { isPortal, may } = useRights();
  // Customers read no history: it says what others did.
  const shown = tabs.filter(({ value }) => (value !== 'history' || !isPortal) && (value !== 'test' || may('SEND_TESTS')));
  const current = shown.find(({ value }) => value === tab) ?? tabs[0];
  const open = (value: string | null) =>
    void navigate({ search: value === null || value === tabs[0].value ? {} : { tab: value }, replace: true, resetScroll: false });
  return (
    <Tabs value={current.value} onChange={open} keepMounted={false}>
      <Tabs.List mb="lg" className="tabs">
        {shown.map(({ value, label }) => (
          <Tabs.Tab key={value} value={value}>
            {label}
          </Tabs.Tab>
        ))}
      </Tabs.List>
      {shown.map(({ value, tab: Content }) => (
        <Tabs.Panel key={value} value={value}>
          <Suspense fallback={<SkeletonRows />}>
            <Content endpoint={endpoint} />
          </Suspense>
        </Tabs.Panel>
      ))}
    </Tabs>
  );
};
