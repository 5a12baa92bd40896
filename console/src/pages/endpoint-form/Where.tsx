// Where it goes: name, URL with its test, description and headers.
import { ActionIcon, Button, Group, Stack, Text, TextInput, Textarea } from '@mantine/core';
import type { ReactNode } from 'react';
import { PlusIcon, TrashIcon } from '../../components/icons.tsx';
import type { FormValues } from './form-values.ts';
import { Problem } from './Problem.tsx';
import { Section, type SectionProps } from './Section.tsx';

type Props = SectionProps<FormValues> & { readonly httpAllowed: boolean; readonly test: ReactNode };

export const Where = ({ values, set, problems, httpAllowed, test }: Props) => (
  <Section title="Where" about="The receiver, and what it needs to let us in.">
    <TextInput
      label="Name"
      placeholder="Order desk"
      value={values.name}
      error={problems['name']}
      onChange={({ currentTarget }) => set({ name: currentTarget.value })}
      data-autofocus
    />
    <TextInput
      label="URL"
      type="url"
      placeholder="https://example.com/webhooks"
      description={httpAllowed ? undefined : 'https only: this installation calls no http URLs.'}
      value={values.url}
      error={problems['url']}
      onChange={({ currentTarget }) => set({ url: currentTarget.value })}
    />
    {test}
    <Textarea
      label="Description"
      autosize
      minRows={1}
      value={values.description}
      error={problems['description']}
      onChange={({ currentTarget }) => set({ description: currentTarget.value })}
    />
    <Headers values={values} set={set} problems={problems} />
  </Section>
);

const Headers = ({ values: { headers }, set, problems }: SectionProps<FormValues>) => {
  const change = (at: number, part: Partial<{ name: string; value: string | null }>) =>
    set({ headers: headers.map((header, index) => (index === at ? { ...header, ...part } : header)) });
  return (
    <Stack gap="xs">
      <Text size="sm" fw={500}>
        Headers
      </Text>
      {headers.map((header, index) => (
        <Group key={index} gap="xs" wrap="nowrap" align="flex-start">
          <TextInput
            aria-label={`Name of header ${index + 1}`}
            placeholder="Authorization"
            value={header.name}
            error={problems[`headers.${index}.name`]}
            onChange={({ currentTarget }) => change(index, { name: currentTarget.value })}
            style={{ flex: 1 }}
          />
          <TextInput
            aria-label={`Value of header ${index + 1}`}
            placeholder={header.value === null ? 'Unchanged' : 'Token …'}
            value={header.value ?? ''}
            error={problems[`headers.${index}.value`]}
            onChange={({ currentTarget }) => change(index, { value: currentTarget.value })}
            style={{ flex: 2 }}
          />
          <ActionIcon
            variant="subtle"
            color="gray"
            size={36}
            aria-label={`Remove header ${index + 1}`}
            onClick={() => set({ headers: headers.filter((_, at) => at !== index) })}
          >
            <TrashIcon />
          </ActionIcon>
        </Group>
      ))}
      {!headers.some((_, index) => `headers.${index}` in problems) && <Problem text={problems['headers']} />}
      <Group>
        <Button
          variant="default"
          size="xs"
          leftSection={<PlusIcon />}
          onClick={() => set({ headers: [...headers, { name: '', value: '' }] })}
        >
          Add header
        </Button>
      </Group>
    </Stack>
  );
};
