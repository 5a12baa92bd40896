// Event types: what services publish, by group, with a sample of each. Defining one is optional; it gives it a place in forms and a sample to test with.
import { Badge, Button, Group, Modal, Stack, Table, TextInput, Textarea, Title } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { useState, type FormEvent } from 'react';
import { parseJson } from '../../../../src/domain/exact-number.ts';
import { issuesOf, sentenceOf } from '../../api/client.ts';
import { graphql, type Json, type ResultOf } from '../../api/graphql.ts';
import { useRights } from '../../api/rights.ts';
import { useAsk } from '../../api/use-ask.ts';
import { Confirm } from '../../components/Confirm.tsx';
import { PlusIcon } from '../../components/icons.tsx';
import { Page } from '../../components/Page.tsx';
import { Empty, Failure, SkeletonRows } from '../../components/states.tsx';
import { say, sayRefusal, useChange } from '../../components/use-change.ts';
import { problemsIn } from '../endpoint-form/problems.ts';

const eventTypesQuery = graphql(`
  query EventTypes {
    eventTypes {
      name
      group
      description
      sample
      retired
    }
  }
`);
const defineEventType = graphql(`
  mutation DefineEventType($input: EventTypeInput!) {
    defineEventType(input: $input) {
      name
    }
  }
`);
const retireEventType = graphql(`
  mutation RetireEventType($name: String!) {
    retireEventType(name: $name) {
      name
      retired
    }
  }
`);
type EventType = ResultOf<typeof eventTypesQuery>['eventTypes'][number];

export const EventTypesPage = () => {
  const { data, error, askAgain } = useAsk(eventTypesQuery, {}, { typenames: ['EventType'] });
  const [isOpen, { open, close }] = useDisclosure(false);
  const { isPortal, may } = useRights();
  const define = !isPortal && may('MANAGE_ENDPOINTS') && (
    <Button leftSection={<PlusIcon />} onClick={open}>
      Define event type
    </Button>
  );
  const body = () => {
    if (error && !data) return <Failure error={error} onRetry={askAgain} />;
    if (!data) return <SkeletonRows />;
    if (data.eventTypes.length === 0)
      return (
        <Empty title="No event types yet" action={define}>
          {isPortal
            ? 'The kinds of events that endpoints can get show here, each with a sample.'
            : 'A type such as meeting.ended, with a sample. Messages may have types that are not defined; defined ones show in forms and can be tested.'}
        </Empty>
      );
    const groups = Map.groupBy(data.eventTypes, ({ group }) => group);
    return Array.from(groups, ([group, types]) => <GroupOfTypes key={group} group={group} types={types} />);
  };
  return (
    <Page
      title="Event types"
      description={isPortal ? 'What endpoints can get, by group.' : 'What your services publish, by group.'}
      actions={define}
      shown={{ query: eventTypesQuery }}
    >
      <Stack gap="lg" className={data && data.eventTypes.length > 0 ? undefined : 'surface'}>
        {body()}
      </Stack>
      {isOpen && <DefineDialog onClose={close} />}
    </Page>
  );
};

const GroupOfTypes = ({ group, types }: { readonly group: string; readonly types: readonly EventType[] }) => {
  const { isPortal, may } = useRights();
  const mayRetire = !isPortal && may('MANAGE_ENDPOINTS');
  return (
    <section aria-labelledby={`group-${group}`}>
      <Title order={2} id={`group-${group}`} mb="xs">
        {group}
      </Title>
      <div className="surface table-frame">
        <Table aria-labelledby={`group-${group}`}>
          <Table.Thead>
            <Table.Tr>
              <Table.Th w="30%">Name</Table.Th>
              <Table.Th visibleFrom="sm">Description</Table.Th>
              <Table.Th visibleFrom="md">Sample</Table.Th>
              {mayRetire && <Table.Th>Actions</Table.Th>}
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {types.map((type) => (
              <Table.Tr key={type.name}>
                <Table.Td>
                  <Group gap="xs">
                    <span className="mono wrap">{type.name}</span>
                    {type.retired && (
                      <Badge variant="default" radius="sm" tt="none">
                        Retired
                      </Badge>
                    )}
                  </Group>
                </Table.Td>
                <Table.Td visibleFrom="sm" className="wrap">
                  {type.description ?? '–'}
                </Table.Td>
                <Table.Td visibleFrom="md" maw={320}>
                  <span className="mono cut" title={JSON.stringify(type.sample)}>
                    {type.sample === null ? '–' : JSON.stringify(type.sample)}
                  </span>
                </Table.Td>
                {mayRetire && <Table.Td w={100}>{!type.retired && <Retire name={type.name} />}</Table.Td>}
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      </div>
    </section>
  );
};

const Retire = ({ name }: { readonly name: string }) => {
  const [isOpen, { open, close }] = useDisclosure(false);
  const [retire, isBusy] = useChange(retireEventType, ['EventType']);
  const confirm = async () => {
    const { error } = await retire({ name });
    close();
    if (error) sayRefusal(error);
    else say(`${name} is retired.`);
  };
  return (
    <>
      <Button variant="subtle" size="compact-sm" onClick={open} aria-label={`Retire ${name}`}>
        Retire
      </Button>
      <Confirm
        isOpen={isOpen}
        title={`Retire ${name}?`}
        verb="Retire"
        isDangerous
        isBusy={isBusy}
        onConfirm={() => void confirm()}
        onClose={close}
      >
        Forms offer it no more. Endpoints that subscribe to it go on getting messages of this type.
      </Confirm>
    </>
  );
};

const DefineDialog = ({ onClose }: { readonly onClose: () => void }) => {
  const [define, isBusy] = useChange(defineEventType, ['EventType']);
  const [values, setValues] = useState({ name: '', group: '', description: '', sample: '{\n  "example": true\n}' });
  const [problems, setProblems] = useState<Readonly<Record<string, string>>>({});
  const set = (change: Partial<typeof values>) => setValues((before) => ({ ...before, ...change }));
  const save = async (event: FormEvent) => {
    event.preventDefault();
    let sample: Json;
    try {
      sample = values.sample.trim() === '' ? null : parseJson(values.sample);
    } catch {
      return setProblems({ sample: 'This is no JSON.' });
    }
    const { name, group, description } = values;
    const { error } = await define({
      input: {
        name: name.trim(),
        sample,
        ...(group.trim() !== '' && { group: group.trim() }),
        ...(description.trim() !== '' && { description: description.trim() }),
      },
    });
    if (!error) {
      say(`${name.trim()} is defined.`);
      return onClose();
    }
    const found = problemsIn(issuesOf(error));
    return setProblems(Object.keys(found).length > 0 ? found : { name: sentenceOf(error) });
  };
  return (
    <Modal opened onClose={onClose} title="Define event type" closeButtonProps={{ 'aria-label': 'Close' }}>
      <form onSubmit={(event) => void save(event)} noValidate>
        <Stack>
          <TextInput
            label="Name"
            placeholder="meeting.ended"
            value={values.name}
            error={problems['name']}
            onChange={({ currentTarget }) => set({ name: currentTarget.value })}
            data-autofocus
          />
          <TextInput
            label="Group"
            placeholder="meetings"
            description="Left empty: the first word of the name."
            value={values.group}
            error={problems['group']}
            onChange={({ currentTarget }) => set({ group: currentTarget.value })}
          />
          <TextInput
            label="Description"
            value={values.description}
            error={problems['description']}
            onChange={({ currentTarget }) => set({ description: currentTarget.value })}
          />
          <Textarea
            label="Sample"
            classNames={{ input: 'mono' }}
            autosize
            minRows={4}
            spellCheck={false}
            value={values.sample}
            error={problems['sample']}
            onChange={({ currentTarget }) => set({ sample: currentTarget.value })}
          />
          <Group justify="flex-end">
            <Button variant="default" onClick={onClose}>
              Cancel
            </Button>
            <Button type="submit" loading={isBusy}>
              Save
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
};
