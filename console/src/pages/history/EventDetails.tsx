// One event, opened: its data, what it changed field by field, what caused it, and what it led to.
import { Button, Group, SimpleGrid, Stack, Table, Text, Title } from '@mantine/core';
import { useRouter } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import type { ResultOf } from '../../api/graphql.ts';
import { useAsk } from '../../api/use-ask.ts';
import { Fact } from '../../components/Fact.tsx';
import { LinkIcon } from '../../components/icons.tsx';
import { isObject } from '../../components/json-marks.ts';
import { LinkTo } from '../../components/LinkTo.tsx';
import { Payload } from '../../components/Payload.tsx';
import { Failure } from '../../components/states.tsx';
import { useCopy } from '../../components/use-copy.ts';
import { endpointOf, idIn, messageOf, sentenceOfEvent, type EndpointName } from './event-sentences.ts';
import { aroundFiltersOf, justAfter, searchFor } from './history-filters.ts';
import { aroundQuery, fieldChangesQuery, type logEvent } from './history.query.ts';
import { differencesOf, shownValue, type Difference } from './json-diff.ts';

type LogEvent = ResultOf<typeof logEvent>;
type Props = { readonly event: LogEvent; readonly nameOf: EndpointName };

export const EventDetails = ({ event, nameOf }: Props) => {
  const router = useRouter();
  const copy = useCopy();
  const { data, error, askAgain } = useAsk(aroundQuery, aroundFiltersOf(event));
  const before = data?.before.nodes ?? [];
  const cause = before.find(({ id }) => id === event.causationId);
  const effects = data?.after.nodes.filter(({ causationId }) => causationId === event.id) ?? [];
  const link = () => location.origin + router.buildLocation({ to: '/history', search: searchFor(event) }).href;
  return (
    <Stack gap="md" p="md" className="event-details">
      <SimpleGrid cols={{ base: 1, sm: 2, lg: 4 }} spacing="sm">
        <Fact label="Event">
          <span className="mono">{event.id}</span>
        </Fact>
        <Fact label="Type">
          <span className="mono">{event.type}</span>
        </Fact>
        <Fact label="Stream and revision">
          <span className="mono">
            {event.stream} · {event.revision}
          </span>
        </Fact>
        <Fact label="Correlation">{event.correlationId === null ? 'None' : <span className="mono">{event.correlationId}</span>}</Fact>
      </SimpleGrid>
      <Group gap="md">
        <Button
          size="compact-sm"
          variant="default"
          leftSection={<LinkIcon size={14} />}
          onClick={() => copy(link(), 'The link to this event')}
        >
          Copy link to this event
        </Button>
        <Subjects event={event} />
      </Group>
      <Changes event={event} before={before} />
      <SimpleGrid cols={{ base: 1, md: 2 }} spacing="lg">
        <Payload title="Event data" value={event.data} />
        <Stack gap="md">
          <Related title="Cause">
            {event.causationId === null ? (
              <Text size="sm">Nothing before it: it came from outside.</Text>
            ) : cause ? (
              <EventLink event={cause} nameOf={nameOf} />
            ) : (
              <Text size="sm" className="wrap">
                {data ? 'A request or command: ' : ''}
                <span className="mono">{event.causationId}</span>
              </Text>
            )}
          </Related>
          <Related title="Effects">
            {error && !data ? (
              <Failure error={error} onRetry={askAgain} />
            ) : effects.length > 0 ? (
              <ul className="plain-list">
                {effects.map((effect) => (
                  <li key={effect.id}>
                    <EventLink event={effect} nameOf={nameOf} />
                  </li>
                ))}
              </ul>
            ) : (
              <Text size="sm" c="dimmed">
                {data ? 'None of the 100 events that followed.' : ''}
              </Text>
            )}
          </Related>
        </Stack>
      </SimpleGrid>
    </Stack>
  );
};

const Related = ({ title, children }: { readonly title: string; readonly children: ReactNode }) => (
  <section aria-label={title}>
    <Title order={2} size="h3" mb={4}>
      {title}
    </Title>
    {children}
  </section>
);

const EventLink = ({ event, nameOf }: Props) => (
  <LinkTo to="/history" search={searchFor(event)} size="sm" className="wrap">
    {sentenceOfEvent(event, nameOf)}
  </LinkTo>
);

/** Where to look at what the event is about. */
const Subjects = ({ event }: { readonly event: LogEvent }) => {
  const [endpointId, messageId] = [endpointOf(event), messageOf(event)];
  return (
    <>
      {messageId !== undefined && (
        <LinkTo to="/messages/$messageId" params={{ messageId }} size="sm">
          The message
        </LinkTo>
      )}
      {event.stream.startsWith('delivery-') && (
        <LinkTo to="/deliveries/$deliveryId" params={{ deliveryId: idIn(event.stream) }} size="sm">
          The delivery
        </LinkTo>
      )}
      {endpointId !== undefined && (
        <LinkTo to="/endpoints/$endpointId" params={{ endpointId }} size="sm">
          The endpoint
        </LinkTo>
      )}
    </>
  );
};

/** Of an endpoint by its configuration before and after; of others, beside the event before that says the same of the same. */
const Changes = ({ event, before }: { readonly event: LogEvent; readonly before: readonly LogEvent[] }) => {
  const isOfEndpoint = event.stream.startsWith('endpoint-');
  const variables = { id: idIn(event.stream), since: event.recordedAt, until: justAfter(event.recordedAt) };
  const { data } = useAsk(fieldChangesQuery, variables, { pause: !isOfEndpoint });
  if (isOfEndpoint) {
    const changes = data?.endpointChanges.filter((change) => change.event.id === event.id) ?? [];
    return <DifferenceTable differences={changes} />;
  }
  if (!event.stream.startsWith('organization-') && !event.stream.startsWith('source-')) return null;
  const previous = before.find(
    ({ id, stream, type, position, data }) =>
      id !== event.id && stream === event.stream && type === event.type && position < event.position && isOfSameName(data, event.data),
  );
  return previous === undefined ? null : <DifferenceTable differences={differencesOf(previous.data, event.data)} />;
};

/** An organization has many event types, each of which is defined by its name. */
const isOfSameName = (a: LogEvent['data'], b: LogEvent['data']): boolean => {
  const isDefinition = isObject(a) && isObject(b) && 'group' in a && 'group' in b;
  return !isDefinition || a['name'] === b['name'];
};

const DifferenceTable = ({ differences }: { readonly differences: readonly Difference[] }) =>
  differences.length === 0 ? null : (
    <section aria-label="Changes">
      <Title order={2} size="h3" mb={4}>
        Changes
      </Title>
      <div className="surface table-frame">
        <Table aria-label="Changes" verticalSpacing={6}>
          <Table.Thead>
            <Table.Tr>
              <Table.Th w="20%">Field</Table.Th>
              <Table.Th w="40%">Before</Table.Th>
              <Table.Th w="40%">After</Table.Th>
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {differences.map(({ field, from, to }) => (
              <Table.Tr key={field}>
                <Table.Td className="mono">{field}</Table.Td>
                <Table.Td>
                  <span className="diff-from">{shownValue(from)}</span>
                </Table.Td>
                <Table.Td>
                  <span className="diff-to">{shownValue(to)}</span>
                </Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      </div>
    </section>
  );
