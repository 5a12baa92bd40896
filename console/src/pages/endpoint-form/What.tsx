// What it gets: events as a tree of groups, or by pattern; and a filter over their data.
import { ActionIcon, Button, Checkbox, Group, Select, Stack, Switch, TagsInput, Text, TextInput, Textarea } from '@mantine/core';
import { PlusIcon, TrashIcon } from '../../components/icons.tsx';
import { parseJson } from '../../../../src/domain/exact-number.ts';
import { markOfGroup, markOfType, othersIn, toggleGroup, toggleType, type Group as EventGroup } from './event-tree.ts';
import { comparisons, filterOf, rowsOf, type FilterRow } from './filter-rows.ts';
import type { FormValues } from './form-values.ts';
import { Problem } from './Problem.tsx';
import { Section, type SectionProps } from './Section.tsx';

type Props = SectionProps<FormValues> & { readonly groups: readonly EventGroup[] };

export const What = ({ groups, ...props }: Props) => {
  const { values, set, problems } = props;
  const { eventTypes } = values;
  const isAll = eventTypes.includes('*');
  const others = othersIn(eventTypes, groups);
  return (
    <Section title="What" about="The events that it gets, and which of them.">
      <Switch
        label="All events"
        description="Also types that are defined later."
        checked={isAll}
        onChange={({ currentTarget }) => set({ eventTypes: currentTarget.checked ? ['*'] : groups.map(({ name }) => name) })}
      />
      {groups.length > 0 && (
        <Stack gap="sm" role="group" aria-label="Events">
          {groups.map((group) => (
            <Stack key={group.name} gap={6}>
              <Checkbox
                label={group.name}
                fw={500}
                checked={markOfGroup(eventTypes, group) === 'all'}
                indeterminate={markOfGroup(eventTypes, group) === 'some'}
                onChange={() => set({ eventTypes: toggleGroup(eventTypes, groups, group) })}
              />
              <Stack gap={6} pl="xl">
                {group.types.map((type) => (
                  <Checkbox
                    key={type}
                    size="xs"
                    label={<span className="mono">{type}</span>}
                    checked={markOfType(eventTypes, group, type)}
                    onChange={() => set({ eventTypes: toggleType(eventTypes, groups, group, type) })}
                  />
                ))}
              </Stack>
            </Stack>
          ))}
        </Stack>
      )}
      {!isAll && (
        <TagsInput
          label="Patterns"
          description="Types that are not in the list, or patterns such as meeting.*"
          placeholder={others.length === 0 ? 'meeting.*' : ''}
          value={[...others]}
          error={problems['eventTypes']}
          onChange={(next) => set({ eventTypes: [...eventTypes.filter((each) => !others.includes(each)), ...next] })}
        />
      )}
      <Filter {...props} />
    </Section>
  );
};

const Filter = ({ values: { filterRows, filterText }, set, problems }: SectionProps<FormValues>) => {
  const asRows = filterText === undefined ? filterRows : rowsIn(filterText);
  const change = (at: number, part: Partial<FilterRow>) =>
    set({ filterRows: filterRows.map((row, index) => (index === at ? { ...row, ...part } : row)) });
  return (
    <Stack gap="xs">
      <Group justify="space-between">
        <Text size="sm" fw={500}>
          Filter
        </Text>
        {filterText === undefined ? (
          <Button
            variant="subtle"
            size="compact-xs"
            onClick={() => set({ filterText: JSON.stringify(filterOf(filterRows) ?? {}, null, 2) })}
          >
            Edit as JSON
          </Button>
        ) : (
          asRows !== undefined && (
            <Button variant="subtle" size="compact-xs" onClick={() => set({ filterText: undefined, filterRows: asRows })}>
              Edit as rows
            </Button>
          )
        )}
      </Group>
      {filterText === undefined ? (
        <>
          {filterRows.length === 0 && (
            <Text size="sm" c="dimmed">
              None: it gets every one of these events.
            </Text>
          )}
          {filterRows.map((row, index) => (
            <Group key={index} gap="xs" align="flex-start">
              <TextInput
                aria-label={`Field ${index + 1}`}
                placeholder="severity"
                value={row.field}
                onChange={({ currentTarget }) => change(index, { field: currentTarget.value })}
                style={{ flex: '1 1 8rem' }}
              />
              <Select
                aria-label={`Comparison ${index + 1}`}
                data={[...comparisons]}
                allowDeselect={false}
                value={row.comparison}
                onChange={(value) => value !== null && change(index, { comparison: value })}
                w={150}
              />
              <TextInput
                aria-label={`Value ${index + 1}`}
                placeholder={row.comparison === '$exists' ? 'true' : 'critical, warning'}
                value={row.value}
                onChange={({ currentTarget }) => change(index, { value: currentTarget.value })}
                style={{ flex: '1 1 8rem' }}
              />
              <ActionIcon
                variant="subtle"
                color="gray"
                size={36}
                aria-label={`Remove condition ${index + 1}`}
                onClick={() => set({ filterRows: filterRows.filter((_, at) => at !== index) })}
              >
                <TrashIcon />
              </ActionIcon>
            </Group>
          ))}
          <Problem text={problems['filter']} />
          <Group>
            <Button
              variant="default"
              size="xs"
              leftSection={<PlusIcon />}
              onClick={() => set({ filterRows: [...filterRows, { field: '', comparison: 'is', value: '' }] })}
            >
              Add condition
            </Button>
          </Group>
        </>
      ) : (
        <Textarea
          aria-label="Filter as JSON"
          classNames={{ input: 'mono' }}
          autosize
          minRows={4}
          maxRows={16}
          spellCheck={false}
          value={filterText}
          error={problems['filter']}
          onChange={({ currentTarget }) => set({ filterText: currentTarget.value })}
        />
      )}
    </Stack>
  );
};

const rowsIn = (text: string): readonly FilterRow[] | undefined => {
  try {
    return rowsOf(parseJson(text));
  } catch {
    return undefined;
  }
};
