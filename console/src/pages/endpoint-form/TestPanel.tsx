// `Test`: one request to the URL as the form says it, before anything is saved. The type and the payload stand beside it.
import { Alert, Button, Collapse, Group, Select, Stack, Textarea } from '@mantine/core';
import { useState } from 'react';
import { parseJson } from '../../../../src/domain/exact-number.ts';
import { issuesOf, sentenceOf, type Issue } from '../../api/client.ts';
import type { Json, ResultOf } from '../../api/graphql.ts';
import { useChange } from '../../components/use-change.ts';
import { inputOf, patchOf, type FormValues } from './form-values.ts';
import { testDraft } from './form.query.ts';
import { TestOutcome } from './TestOutcome.tsx';

type Attempt = ResultOf<typeof testDraft>['testDraft']['attempt'];
type Props = {
  readonly values: FormValues;
  /** Of an endpoint that exists: its id, and what it was. */
  readonly saved: { readonly id: string; readonly values: FormValues } | undefined;
  readonly types: readonly string[];
  readonly type: string;
  readonly onType: (type: string) => void;
  readonly payload: string;
  readonly onPayload: (payload: string) => void;
  readonly onIssues: (issues: readonly Issue[]) => void;
};

export const TestPanel = ({ values, saved, types, type, onType, payload, onPayload, onIssues }: Props) => {
  const [test, isTesting] = useChange(testDraft, []);
  const [attempt, setAttempt] = useState<Attempt>();
  const [refusal, setRefusal] = useState<string>();
  const [isOpen, setOpen] = useState(false);
  const run = async () => {
    setAttempt(undefined);
    setRefusal(undefined);
    let data: Json;
    try {
      data = parseJson(payload);
    } catch {
      setOpen(true);
      return setRefusal('The payload is no JSON.');
    }
    const draft = saved
      ? { id: saved.id, patch: patchOf(saved.values, values) }
      : { input: { ...inputOf(values), name: values.name.trim() || 'Test' } };
    const { data: answer, error } = await test({ ...draft, eventType: type, data });
    if (error) {
      onIssues(issuesOf(error));
      return setRefusal(sentenceOf(error));
    }
    onIssues([]);
    return setAttempt(answer.testDraft.attempt);
  };
  return (
    <Stack gap="xs">
      <Group gap="xs" align="flex-end">
        <Select
          label="Event type"
          searchable
          allowDeselect={false}
          data={[...types]}
          value={type}
          onChange={(value) => value !== null && onType(value)}
          style={{ flex: '1 1 12rem' }}
        />
        <Button variant="default" aria-expanded={isOpen} onClick={() => setOpen(!isOpen)}>
          Payload
        </Button>
        <Button variant="light" loading={isTesting} onClick={() => void run()}>
          Test
        </Button>
      </Group>
      <Collapse expanded={isOpen}>
        <Textarea
          label="Payload"
          classNames={{ input: 'mono' }}
          autosize
          minRows={3}
          maxRows={12}
          spellCheck={false}
          value={payload}
          onChange={({ currentTarget }) => onPayload(currentTarget.value)}
        />
      </Collapse>
      <div aria-live="polite">
        {refusal !== undefined && (
          <Alert color="red" variant="light" py="xs">
            {refusal}
          </Alert>
        )}
        {attempt !== undefined && <TestOutcome attempt={attempt} />}
      </div>
    </Stack>
  );
};
