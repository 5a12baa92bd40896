// Endpoints that need a person, the worst first, with why and since when, and what can be done at once.
import { Box, Button, Group, Table, Text, Title } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { useNavigate } from '@tanstack/react-router';
import { lazy, Suspense } from 'react';
import type { ResultOf } from '../../api/graphql.ts';
import type { Asked } from '../../api/use-ask.ts';
import { useRole } from '../../api/role.ts';
import { CheckIcon } from '../../components/icons.tsx';
import { LinkTo } from '../../components/LinkTo.tsx';
import { Moment } from '../../components/Moment.tsx';
import { EndpointStatus, Health } from '../../components/Status.tsx';
import { Failure, SkeletonRows } from '../../components/states.tsx';
import { say, sayRefusal, useChange } from '../../components/use-change.ts';
import { pauseEndpoint, resumeEndpoint } from '../endpoints/endpoint-changes.ts';
import type { attentionQuery } from './overview.query.ts';

const RetryAllDialog = lazy(() => import('../deliveries/RetryAll.tsx').then((file) => ({ default: file.RetryAllDialog })));

type Answer = ResultOf<typeof attentionQuery>;
type Endpoint = Answer['attention'][number]['endpoint'];

export const Attention = ({ asked: { data, error, askAgain } }: { readonly asked: Asked<Answer> }) => (
  <section aria-labelledby="attention">
    <Title order={2} id="attention" mb="sm">
      Needs attention
    </Title>
    <div className="surface table-frame">
      {error && !data ? (
        <Failure error={error} onRetry={askAgain} />
      ) : data === undefined ? (
        <SkeletonRows rows={3} />
      ) : data.attention.length === 0 ? (
        <Group gap="xs" p="md">
          <CheckIcon />
          <Text size="sm">Nothing. Every receiver that was asked last answered.</Text>
        </Group>
      ) : (
        <AttentionTable found={data.attention} />
      )}
    </div>
  </section>
);

const AttentionTable = ({ found }: { readonly found: Answer['attention'] }) => {
  const mayOperate = useRole().mayOperate;
  return (
    <Table aria-labelledby="attention">
      <Table.Thead>
        <Table.Tr>
          <Table.Th>Endpoint</Table.Th>
          <Table.Th visibleFrom="sm">What is wrong</Table.Th>
          <Table.Th visibleFrom="sm">Since</Table.Th>
          <Table.Th ta="right">Waiting</Table.Th>
          {mayOperate && <Table.Th visibleFrom="sm">Actions</Table.Th>}
        </Table.Tr>
      </Table.Thead>
      <Table.Tbody>
        {found.map(({ endpoint, sentence, since, waiting }) => (
          <Table.Tr key={endpoint.id}>
            <Table.Td maw={{ base: 240, sm: 220 }}>
              <LinkTo
                to="/endpoints/$endpointId"
                params={{ endpointId: endpoint.id }}
                size="sm"
                fw={500}
                className="cut"
                title={endpoint.name}
              >
                {endpoint.name}
              </LinkTo>
              <Group gap={4} mt={4}>
                {endpoint.status !== 'ENABLED' && <EndpointStatus status={endpoint.status} />}
                <Health state={endpoint.health.state} />
              </Group>
              <Text size="xs" c="dimmed" hiddenFrom="sm" mt={4} className="wrap">
                {sentence}
              </Text>
              {mayOperate && (
                <Box hiddenFrom="sm">
                  <Actions endpoint={endpoint} />
                </Box>
              )}
            </Table.Td>
            <Table.Td visibleFrom="sm" className="wrap" miw={240}>
              <Text size="sm" lineClamp={3} title={sentence}>
                {sentence}
              </Text>
            </Table.Td>
            <Table.Td visibleFrom="sm">
              <Moment at={since} />
            </Table.Td>
            <Table.Td ta="right" className="numbers">
              <LinkTo to="/deliveries" search={{ endpoint: endpoint.id, status: 'OPEN' }} size="sm">
                {waiting.toLocaleString('en-US')}
              </LinkTo>
            </Table.Td>
            {mayOperate && (
              <Table.Td w={1} visibleFrom="sm">
                <Actions endpoint={endpoint} />
              </Table.Td>
            )}
          </Table.Tr>
        ))}
      </Table.Tbody>
    </Table>
  );
};

const Actions = ({ endpoint: { id, name, status } }: { readonly endpoint: Endpoint }) => {
  const [pause, isPausing] = useChange(pauseEndpoint, ['Endpoint']);
  const [resume, isResuming] = useChange(resumeEndpoint, ['Endpoint']);
  const [isOpen, { open, close }] = useDisclosure(false);
  const navigate = useNavigate();
  const follow = (job: string) => void navigate({ to: '/deliveries', search: { endpoint: id, job } });
  const isPaused = status === 'PAUSED';
  const hold = async () => {
    const { error } = await (isPaused ? resume : pause)({ id });
    if (error) sayRefusal(error);
    else say(isPaused ? `${name} is active. What waited goes out.` : `${name} is paused. Its deliveries wait.`);
  };
  return (
    <Group gap={4} wrap="nowrap">
      {status !== 'DISABLED' && (
        <Button
          size="compact-sm"
          variant="subtle"
          loading={isPausing || isResuming}
          onClick={() => void hold()}
          aria-label={`${isPaused ? 'Resume' : 'Pause'} ${name}`}
        >
          {isPaused ? 'Resume' : 'Pause'}
        </Button>
      )}
      <Button size="compact-sm" variant="subtle" onClick={open} aria-label={`Retry what failed at ${name}`}>
        Retry failed
      </Button>
      <Suspense>{isOpen && <RetryAllDialog filter={{ endpointId: id, status: ['FAILED'] }} onStarted={follow} onClose={close} />}</Suspense>
    </Group>
  );
};
