// Sources: streams of other services whose events become messages, how far each was read, and what was skipped.
import { Anchor, Badge, Box, Button, Group, Table, Text } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { useNavigate, useSearch } from '@tanstack/react-router';
import type { ResultOf } from '../../api/graphql.ts';
import { useRole } from '../../api/role.ts';
import { useAsk } from '../../api/use-ask.ts';
import { usePoll } from '../../api/use-poll.ts';
import { Confirm } from '../../components/Confirm.tsx';
import { AlertIcon, CheckIcon, PauseIcon, PlusIcon } from '../../components/icons.tsx';
import { Page } from '../../components/Page.tsx';
import { Empty, Failure, SkeletonRows } from '../../components/states.tsx';
import { durationInWords } from '../../components/time.ts';
import { say, sayRefusal, useChange } from '../../components/use-change.ts';
import { NewSource } from './NewSource.tsx';
import { SkippedEvents } from './SkippedEvents.tsx';
import { readWords } from './source-words.ts';
import { deleteSource, pauseSource, resumeSource, sourcesQuery } from './sources.query.ts';

type Source = ResultOf<typeof sourcesQuery>['sources'][number];
/** Sources are read without telling. */
const pollMs = 5_000;

export const SourcesPage = () => {
  const search = useSearch({ from: '/shell/sources' });
  const navigate = useNavigate({ from: '/sources' });
  const { mayOperate } = useRole();
  const { data, error, askAgain } = useAsk(sourcesQuery, {}, { typenames: ['Source'], isLive: true });
  usePoll(askAgain, pollMs);
  const close = () => void navigate({ search: {}, replace: true });
  const create = mayOperate && (
    <Button leftSection={<PlusIcon />} onClick={() => void navigate({ search: { new: 'yes' } })}>
      New source
    </Button>
  );
  const opened = data?.sources.find(({ id }) => id === search.source);
  const body = () => {
    if (error && !data) return <Failure error={error} onRetry={askAgain} />;
    if (!data) return <SkeletonRows rows={4} />;
    if (data.sources.length === 0)
      return (
        <Empty title="No sources yet" action={create}>
          A source reads streams of another service on the log’s server. Each of their events becomes one message. It needs a log on
          EventStoreDB or KurrentDB.
        </Empty>
      );
    return (
      <Table aria-label="Sources">
        <Table.Thead>
          <Table.Tr>
            <Table.Th>Name</Table.Th>
            <Table.Th visibleFrom="xs">State</Table.Th>
            <Table.Th visibleFrom="md">Position</Table.Th>
            <Table.Th visibleFrom="sm">Lag</Table.Th>
            <Table.Th visibleFrom="sm">Published</Table.Th>
            <Table.Th>Skipped</Table.Th>
            {mayOperate && <Table.Th>Actions</Table.Th>}
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {data.sources.map((source) => (
            <SourceRow
              key={source.id}
              source={source}
              mayOperate={mayOperate}
              onSkipped={() => void navigate({ search: { source: source.id } })}
            />
          ))}
        </Table.Tbody>
      </Table>
    );
  };
  return (
    <Page
      title="Sources"
      description="Streams of other services whose events become messages."
      actions={create}
      shown={{ query: sourcesQuery }}
    >
      <div className="surface table-frame">{body()}</div>
      {search.new === 'yes' && mayOperate && <NewSource onClose={close} />}
      {opened !== undefined && <SkippedEvents source={opened} onClose={close} />}
    </Page>
  );
};

type RowProps = { readonly source: Source; readonly mayOperate: boolean; readonly onSkipped: () => void };

const SourceRow = ({ source, mayOperate, onSkipped }: RowProps) => {
  const { name, error, position, lagSeconds, published, skipped } = source;
  return (
    <Table.Tr>
      <Table.Td maw={320}>
        <Text size="sm" fw={500} className="wrap">
          {name}
        </Text>
        <Text size="xs" c="dimmed" className="wrap">
          {readWords(source)}
        </Text>
        <Box hiddenFrom="xs" mt={4}>
          <State source={source} />
        </Box>
        {error !== null && (
          <Text size="xs" mt={4} className="wrap">
            {error}
          </Text>
        )}
      </Table.Td>
      <Table.Td visibleFrom="xs">
        <State source={source} />
      </Table.Td>
      <Table.Td visibleFrom="md" className="mono wrap" maw={160}>
        {position ?? 'None yet'}
      </Table.Td>
      <Table.Td visibleFrom="sm" className="numbers">
        {lagSeconds === null ? <span aria-label="not known">–</span> : durationInWords(lagSeconds)}
      </Table.Td>
      <Table.Td visibleFrom="sm" className="numbers">
        {published.toLocaleString('en-US')}
      </Table.Td>
      <Table.Td>
        <Anchor
          component="button"
          type="button"
          size="sm"
          className="numbers"
          onClick={onSkipped}
          aria-label={`${skipped} skipped by ${name}`}
        >
          {skipped.toLocaleString('en-US')}
        </Anchor>
      </Table.Td>
      {mayOperate && (
        <Table.Td>
          <Actions source={source} />
        </Table.Td>
      )}
    </Table.Tr>
  );
};

const looks = {
  stuck: { label: 'Stuck', color: 'red', icon: <AlertIcon size={14} /> },
  ENABLED: { label: 'Active', color: 'teal', icon: <CheckIcon size={14} /> },
  PAUSED: { label: 'Paused', color: 'yellow', icon: <PauseIcon size={14} /> },
} as const;

const State = ({ source: { status, error } }: { readonly source: Source }) => {
  const { label, color, icon } = looks[error === null ? status : 'stuck'];
  return (
    <Badge variant="light" color={color} leftSection={icon} className={`mark mark-${color}`} tt="none" fw={500} size="lg" radius="sm">
      {label}
    </Badge>
  );
};

const Actions = ({ source: { id, name, status } }: { readonly source: Source }) => {
  const [isAsking, { open, close }] = useDisclosure(false);
  const [pause, isPausing] = useChange(pauseSource, ['Source']);
  const [resume, isResuming] = useChange(resumeSource, ['Source']);
  const [remove, isDeleting] = useChange(deleteSource, ['Source']);
  const toggle = async () => {
    const { error } = await (status === 'PAUSED' ? resume({ id }) : pause({ id }));
    if (error) sayRefusal(error);
    else say(status === 'PAUSED' ? `${name} is read again.` : `${name} is paused. Its events stay where they are.`);
  };
  const confirm = async () => {
    const { error } = await remove({ id });
    close();
    if (error) sayRefusal(error);
    else say(`${name} is deleted.`);
  };
  const verb = status === 'PAUSED' ? 'Resume' : 'Pause';
  return (
    <Group gap={6}>
      <Button
        size="compact-sm"
        variant="default"
        loading={isPausing || isResuming}
        aria-label={`${verb} ${name}`}
        onClick={() => void toggle()}
      >
        {verb}
      </Button>
      <Button size="compact-sm" variant="subtle" color="red" aria-label={`Delete ${name}`} onClick={open}>
        Delete
      </Button>
      <Confirm
        isOpen={isAsking}
        title={`Delete ${name}?`}
        verb="Delete source"
        isDangerous
        isBusy={isDeleting}
        onConfirm={() => void confirm()}
        onClose={close}
      >
        Its events become no messages any more, and where it was is forgotten. The messages that it published stay.
      </Confirm>
    </Group>
  );
};
