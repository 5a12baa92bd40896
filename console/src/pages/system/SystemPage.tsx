// System: what runs here, how far its parts are, and how much work waits.
import { Anchor, Group, SimpleGrid, Table, Text, Title } from '@mantine/core';
import type { ReactNode } from 'react';
import { graphql, type ResultOf } from '../../api/graphql.ts';
import { useAsk } from '../../api/use-ask.ts';
import { Fact } from '../../components/Fact.tsx';
import { Page } from '../../components/Page.tsx';
import { ConsumerState } from '../../components/Status.tsx';
import { Failure, Notice, SkeletonRows } from '../../components/states.tsx';
import { durationInWords } from '../../components/time.ts';

const systemQuery = graphql(`
  query System {
    system {
      version
      httpAllowed
      privateNetworksAllowed
      log
      database
      inFlight
      waiting
      oldestDueSeconds
      consumers {
        name
        state
        lagEvents
        lagSeconds
        error
      }
    }
  }
`);
type System = ResultOf<typeof systemQuery>['system'];

const links = [
  { href: '/health/ready', label: 'Ready for requests?' },
  { href: '/health/live', label: 'Does it run?' },
  { href: '/metrics', label: 'Metrics' },
  { href: '/docs', label: 'Documentation of this version' },
  { href: '/graphql', label: 'GraphQL playground' },
] as const;

export const SystemPage = () => {
  const { data, error, askAgain } = useAsk(systemQuery, {}, { isLive: true });
  const body = () => {
    if (error && !data) return <Failure error={error} onRetry={askAgain} />;
    if (!data) return <SkeletonRows />;
    return <SystemBody system={data.system} />;
  };
  return (
    <Page title="System" description="What runs here, and how far it is." shown={{ query: systemQuery }}>
      {body()}
      <section aria-labelledby="links">
        <Title order={2} id="links" mb="xs">
          Look further
        </Title>
        <Group gap="lg">
          {links.map(({ href, label }) => (
            <Anchor key={href} href={href} target="_blank" rel="noreferrer" size="sm">
              {label}
            </Anchor>
          ))}
        </Group>
      </section>
    </Page>
  );
};

const number = (value: number | null): ReactNode => (value === null ? '–' : value.toLocaleString('en-US'));

const SystemBody = ({ system }: { readonly system: System }) => {
  const { version, httpAllowed, privateNetworksAllowed, log, database, inFlight, waiting, oldestDueSeconds, consumers } = system;
  return (
    <>
      <SimpleGrid cols={{ base: 1, xs: 2, md: 4 }} className="surface" p="md">
        <Fact label="Version">{version}</Fact>
        {consumers !== null && (
          <>
            <Fact label="Log">{log}</Fact>
            <Fact label="Database">{database}</Fact>
            <Fact label="In flight now">{number(inFlight)}</Fact>
            <Fact label="Attempts that wait">{number(waiting)}</Fact>
            <Fact label="Oldest due">
              {oldestDueSeconds === null || oldestDueSeconds < 1 ? 'Nothing is late' : durationInWords(Math.round(oldestDueSeconds))}
            </Fact>
          </>
        )}
        <Fact label="Plain http to receivers">{httpAllowed ? 'Allowed' : 'Refused: https only'}</Fact>
        <Fact label="Receivers in private networks">{privateNetworksAllowed ? 'Allowed' : 'Refused'}</Fact>
      </SimpleGrid>
      {consumers === null ? (
        <div className="surface">
          <Notice title="You have no right to see the rest">
            The log, the database and the consumers serve every organization, so they are for API keys that span the installation.
          </Notice>
        </div>
      ) : (
        <Consumers consumers={consumers} />
      )}
    </>
  );
};

const Consumers = ({ consumers }: { readonly consumers: NonNullable<System['consumers']> }) => (
  <section aria-labelledby="consumers">
    <Title order={2} id="consumers" mb={4}>
      Consumers
    </Title>
    <Text size="sm" c="dimmed" mb="sm">
      Parts that follow the log. A lag is how far each is behind it.
    </Text>
    <div className="surface table-frame">
      <Table aria-labelledby="consumers">
        <Table.Thead>
          <Table.Tr>
            <Table.Th>Name</Table.Th>
            <Table.Th>State</Table.Th>
            <Table.Th ta="right">Lag</Table.Th>
            <Table.Th ta="right" visibleFrom="sm">
              Events behind
            </Table.Th>
            <Table.Th visibleFrom="sm">Problem</Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {consumers.map(({ name, state, lagEvents, lagSeconds, error }) => (
            <Table.Tr key={name}>
              <Table.Td className="mono">
                {name}
                {error !== null && (
                  <Text size="xs" hiddenFrom="sm" className="wrap" c="var(--mantine-color-error)">
                    {error}
                  </Text>
                )}
              </Table.Td>
              <Table.Td>
                <ConsumerState state={state} hasProblem={error !== null} />
              </Table.Td>
              <Table.Td ta="right" className="numbers">
                {durationInWords(lagSeconds < 60 ? Number(lagSeconds.toFixed(1)) : Math.round(lagSeconds))}
              </Table.Td>
              <Table.Td ta="right" className="numbers" visibleFrom="sm">
                {number(lagEvents)}
              </Table.Td>
              <Table.Td visibleFrom="sm" className="wrap">
                {error ?? '–'}
              </Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </div>
  </section>
);
