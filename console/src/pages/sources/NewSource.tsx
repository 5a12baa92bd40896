// A new source: which streams of the log's server become messages, and how.
import { Alert, Button, Group, Modal, Radio, Stack, Textarea, TextInput } from '@mantine/core';
import { useState, type FormEvent } from 'react';
import { issuesOf, sentenceOf } from '../../api/client.ts';
import { say, useChange } from '../../components/use-change.ts';
import { emptySource, sourceInputOf, type SourceForm } from './source-words.ts';
import { createSource } from './sources.query.ts';

type Problems = Readonly<Record<string, string>>;

export const NewSource = ({ onClose }: { readonly onClose: () => void }) => {
  const [form, setForm] = useState<SourceForm>(emptySource);
  const [problems, setProblems] = useState<Problems>({});
  const [create, isBusy] = useChange(createSource, ['Source']);
  const set = (change: Partial<SourceForm>) => setForm((before) => ({ ...before, ...change }));
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    const read = sourceInputOf(form);
    if ('problem' in read) return setProblems({ types: read.problem });
    const { error } = await create({ input: read.input });
    if (!error) {
      say(`The source ${read.input.name} is created.`);
      return onClose();
    }
    return setProblems(problemsOf(issuesOf(error), sentenceOf(error)));
  };
  return (
    <Modal opened onClose={onClose} title="New source" size="lg" closeButtonProps={{ 'aria-label': 'Close' }}>
      <form onSubmit={(event) => void submit(event)} noValidate>
        <Stack>
          <TextInput
            label="Name"
            value={form.name}
            error={problems['name']}
            onChange={({ currentTarget }) => set({ name: currentTarget.value })}
            data-autofocus
          />
          <Radio.Group label="Streams" value={form.by} onChange={(by) => set({ by: by === 'category' ? 'category' : 'streamPrefix' })}>
            <Group mt={4} mb={8}>
              <Radio value="category" label="Of a category" />
              <Radio value="streamPrefix" label="By the beginning of their names" />
            </Group>
          </Radio.Group>
          <TextInput
            label={form.by === 'category' ? 'Category' : 'Names begin with'}
            description={form.by === 'category' ? 'The part of a stream’s name before its first hyphen, such as order.' : 'Such as order-.'}
            value={form.streams}
            error={problems['streams']}
            onChange={({ currentTarget }) => set({ streams: currentTarget.value })}
          />
          <TextInput
            label="Event types"
            description="Separated by commas. Left empty: all."
            value={form.eventTypes}
            error={problems['eventTypes']}
            onChange={({ currentTarget }) => set({ eventTypes: currentTarget.value })}
          />
          <Radio.Group label="Begin" value={form.from} onChange={(from) => set({ from: from === 'BEGINNING' ? 'BEGINNING' : 'NOW' })}>
            <Group mt={4}>
              <Radio value="NOW" label="With events written from now on" />
              <Radio value="BEGINNING" label="With the oldest event on the server" />
            </Group>
          </Radio.Group>
          <Textarea
            label="Message types"
            description="JSON; event types that are not listed keep their own name."
            placeholder='{"OrderPlaced": "order.placed"}'
            classNames={{ input: 'mono' }}
            autosize
            minRows={2}
            spellCheck={false}
            value={form.types}
            error={problems['types']}
            onChange={({ currentTarget }) => set({ types: currentTarget.value })}
          />
          <Textarea
            label="Data"
            description="A JSONata expression over type, timestamp, id, stream and data. Left empty: the event’s data as it is."
            classNames={{ input: 'mono' }}
            autosize
            minRows={2}
            spellCheck={false}
            value={form.template}
            error={problems['template']}
            onChange={({ currentTarget }) => set({ template: currentTarget.value })}
          />
          {problems['other'] !== undefined && (
            <Alert color="red" variant="light" role="alert" py="xs">
              {problems['other']}
            </Alert>
          )}
          <Group justify="flex-end">
            <Button variant="default" onClick={onClose}>
              Cancel
            </Button>
            <Button type="submit" loading={isBusy}>
              Create source
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
};

const fields: readonly (readonly [RegExp, string])[] = [
  [/^input\.name/, 'name'],
  [/^input\.(category|streamPrefix|streams)/, 'streams'],
  [/^input\.eventTypes/, 'eventTypes'],
  [/^input\.mapping\.type/, 'types'],
  [/^input\.mapping\.data/, 'template'],
];

const problemsOf = (issues: readonly { readonly path: string; readonly message: string }[], sentence: string): Problems => {
  const problems: Record<string, string> = {};
  for (const { path, message } of issues) problems[fields.find(([pattern]) => pattern.test(path))?.[1] ?? 'other'] ??= message;
  return issues.length === 0 ? { other: sentence } : problems;
};
