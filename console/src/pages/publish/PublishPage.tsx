// Publishing by hand: a message as a service would publish it, who would get it before it is sent, and what becomes of it afterwards.
import { Alert, Autocomplete, Button, Group, Stack, Text, TextInput } from '@mantine/core';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { useState, type FormEvent } from 'react';
import { issuesOf, sentenceOf } from '../../api/client.ts';
import { useRole } from '../../api/role.ts';
import { useAsk } from '../../api/use-ask.ts';
import { JsonEditor } from '../../components/JsonEditor.tsx';
import { jsonObjectIn } from '../../components/json-text.ts';
import { Page } from '../../components/Page.tsx';
import { useChange } from '../../components/use-change.ts';
import { Followed, type Published } from './Followed.tsx';
import { publishMessage, samplesQuery, wouldReceiveQuery } from './publish.query.ts';
import { WhoWouldGetIt, type Draft } from './WhoWouldGetIt.tsx';
import './publish.css';

/** Fields beside each other stay on one line. */
const fieldOrder: ('label' | 'input' | 'description' | 'error')[] = ['label', 'input', 'description', 'error'];
const emptyData = '{\n  \n}';
type Problems = {
  readonly type?: string;
  readonly data?: string;
  readonly id?: string;
  readonly orderingKey?: string;
  readonly other?: string;
};

export const PublishPage = () => {
  const { type: chosenType = '' } = useSearch({ from: '/shell/publish' });
  const navigate = useNavigate({ from: '/publish' });
  const { data: choices } = useAsk(samplesQuery, {}, { typenames: ['EventType'] });
  const { name: role, mayPublish } = useRole();
  const [text, setText] = useState<string>();
  const [id, setId] = useState('');
  const [orderingKey, setOrderingKey] = useState('');
  const [problems, setProblems] = useState<Problems>({});
  const [published, setPublished] = useState<Published>();
  const [publish, isPublishing] = useChange(publishMessage, ['Message', 'Delivery']);
  const types = choices?.eventTypes.filter(({ retired }) => !retired) ?? [];
  const sample = types.find(({ name }) => name === chosenType)?.sample ?? null;
  const sampleText = sample === null ? emptyData : JSON.stringify(sample, null, 2);
  const shownText = text ?? sampleText;
  const { value: data, problem } = jsonObjectIn(shownText);
  const type = chosenType.trim();
  const draft: Draft | undefined =
    type === '' || data === undefined
      ? undefined
      : { type, data, ...(id.trim() !== '' && { id: id.trim() }), ...(orderingKey.trim() !== '' && { orderingKey: orderingKey.trim() }) };

  const submit = async (event: FormEvent) => {
    event.preventDefault();
    if (draft === undefined)
      return setProblems({ ...(type === '' && { type: 'Say what happened, such as order.paid.' }), ...(problem && { data: problem }) });
    setProblems({});
    const { data: answer, error } = await publish({ message: draft });
    if (error) return setProblems(problemsOf(issuesOf(error), sentenceOf(error)));
    return setPublished(answer.publishMessages[0]);
  };

  return (
    <Page
      title="Publish"
      description="A message by hand, as your services publish theirs. It is sent to real endpoints."
      shown={{ query: wouldReceiveQuery, variables: { message: draft } }}
    >
      <div className="publish-columns">
        <form onSubmit={(event) => void submit(event)} noValidate className="surface publish-form">
          <Stack>
            <Autocomplete
              label="Event type"
              placeholder="order.paid"
              data={types.map(({ name }) => name)}
              value={chosenType}
              error={problems.type}
              onChange={(next) => void navigate({ search: next === '' ? {} : { type: next }, replace: true })}
            />
            <JsonEditor
              label="Data"
              value={shownText}
              error={text === undefined ? problems.data : (problem ?? problems.data)}
              onChange={setText}
            />
            {sample !== null && shownText !== sampleText && (
              <Group justify="flex-end" mt={-8}>
                <Button size="compact-sm" variant="subtle" onClick={() => setText(undefined)}>
                  Use the sample
                </Button>
              </Group>
            )}
            <Group grow align="flex-start">
              <TextInput
                label="Ordering key"
                inputWrapperOrder={fieldOrder}
                description="Optional"
                value={orderingKey}
                error={problems.orderingKey}
                onChange={({ currentTarget }) => setOrderingKey(currentTarget.value)}
              />
              <TextInput
                label="Publisher’s id"
                inputWrapperOrder={fieldOrder}
                description="Optional; the same again sends nothing"
                value={id}
                error={problems.id}
                onChange={({ currentTarget }) => setId(currentTarget.value)}
              />
            </Group>
            {problems.other !== undefined && (
              <Alert color="red" variant="light" role="alert" py="xs">
                {problems.other}
              </Alert>
            )}
            {mayPublish ? (
              <Group justify="flex-end">
                <Button type="submit" loading={isPublishing}>
                  Publish
                </Button>
              </Group>
            ) : (
              role !== undefined && (
                <Text size="sm" c="dimmed">
                  Publishing takes the key of an admin or a publisher. Yours has the role {role.toLowerCase()}.
                </Text>
              )
            )}
          </Stack>
        </form>
        <Stack gap="xl">
          {published !== undefined && <Followed key={published.id} published={published} />}
          <WhoWouldGetIt draft={draft} />
        </Stack>
      </div>
    </Page>
  );
};

/** Paths of issues are such as `messages.0.type`. */
const problemsOf = (issues: readonly { readonly path: string; readonly message: string }[], sentence: string): Problems => {
  const problems: Record<string, string> = {};
  for (const { path, message } of issues) {
    const field = /\.(type|data|id|orderingKey)(?:\.|$)/.exec(path)?.[1];
    problems[field ?? 'other'] ??= message;
  }
  return issues.length === 0 ? { other: sentence } : problems;
};
