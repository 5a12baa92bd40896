// The form of a new endpoint, and of one that exists: five sections, and the request as it will be sent beside them.
import '../../more-library.css';
import { Alert, Button, Group, Stack, Switch, Text } from '@mantine/core';
import { useState, type FormEvent, type ReactNode } from 'react';
import { parseJson } from '../../../../src/domain/exact-number.ts';
import type { Json } from '../../api/graphql.ts';
import type { Issue } from '../../api/client.ts';
import { useRights } from '../../api/rights.ts';
import { useAsk } from '../../api/use-ask.ts';
import { Failure, SkeletonRows } from '../../components/states.tsx';
import { Delivery } from './Delivery.tsx';
import { firstTaken, groupsOf } from './event-tree.ts';
import { unreadableJson, type FormValues } from './form-values.ts';
import { formChoices } from './form.query.ts';
import { How } from './How.tsx';
import { Preview } from './Preview.tsx';
import { problemsIn } from './problems.ts';
import { Section } from './Section.tsx';
import { Signing } from './Signing.tsx';
import { TestPanel } from './TestPanel.tsx';
import { What } from './What.tsx';
import { WhatIf } from './WhatIf.tsx';
import { Where } from './Where.tsx';

export type Refused = { readonly sentence: string; readonly issues: readonly Issue[] };
type Props = {
  readonly initial: FormValues;
  readonly saved?: { readonly id: string; readonly values: FormValues };
  /** @returns why it was refused */
  readonly onSave: (values: FormValues) => Promise<Refused | undefined>;
  /** Beside the button. */
  readonly besideSave?: (values: FormValues) => ReactNode;
  readonly cancel: ReactNode;
};

const example = { type: 'example.event', data: { example: true } };

export const EndpointForm = ({ initial, saved, onSave, besideSave, cancel }: Props) => {
  const { may, mayMakeEndpoints } = useRights(); // what would change is asked about all endpoints
  const mayTest = may('SEND_TESTS');
  const { data, error, askAgain } = useAsk(formChoices, {});
  const [values, setValues] = useState(initial);
  const [refused, setRefused] = useState<Refused>();
  const [isSaving, setSaving] = useState(false);
  const [type, setType] = useState<string>();
  const [payload, setPayload] = useState<string>();
  if (error && !data) return <Failure error={error} onRetry={askAgain} />;
  if (!data) return <SkeletonRows rows={10} />;

  const types = data.eventTypes.filter(({ retired }) => !retired);
  const groups = groupsOf(types);
  const chosen = types.find(({ name }) => name === (type ?? firstTaken(values.eventTypes, groups))) ?? types[0];
  const sampleType = type ?? chosen?.name ?? example.type;
  const sampleText = payload ?? JSON.stringify(chosen?.sample ?? example.data, null, 2);
  const json = unreadableJson(values);
  const problems: Readonly<Record<string, string>> = {
    ...problemsIn(refused?.issues ?? []),
    ...(json.constants !== undefined && { formatOptions: json.constants }),
    ...(json.filterText !== undefined && { filter: json.filterText }),
  };
  const set = (change: Partial<FormValues>) => setValues((before) => ({ ...before, ...change }));
  const save = async (event: FormEvent) => {
    event.preventDefault();
    if (Object.keys(json).length > 0) return;
    setSaving(true);
    setRefused(await onSave(values));
    setSaving(false);
  };
  const section = { values, set, problems };
  const test = mayTest && (
    <TestPanel
      values={values}
      saved={saved}
      types={types.length === 0 ? [example.type] : types.map(({ name }) => name)}
      type={sampleType}
      onType={(next) => {
        setType(next);
        setPayload(undefined);
      }}
      payload={sampleText}
      onPayload={setPayload}
      onIssues={(issues) => setRefused(issues.length === 0 ? undefined : { sentence: '', issues })}
    />
  );
  return (
    <form onSubmit={(event) => void save(event)} noValidate>
      <div className="form-columns">
        <Stack gap="lg">
          <Where {...section} httpAllowed={data.system.httpAllowed} test={test} />
          <What {...section} groups={groups} />
          <How {...section} />
          <Signing {...section} isNew={saved === undefined} />
          <Delivery {...section} />
          {saved === undefined && (
            <Section title="Status" about="A disabled endpoint gets nothing until somebody enables it.">
              <Switch label="Active" checked={values.isActive} onChange={({ currentTarget }) => set({ isActive: currentTarget.checked })} />
            </Section>
          )}
          {refused !== undefined && refused.sentence !== '' && (
            <Alert color="red" variant="light" role="alert" title="This was not saved">
              {refused.sentence}
              {refused.issues.map(({ path, message }) => (
                <Text key={path + message} size="sm">
                  {path.replace(/^input\./, '')}: {message}
                </Text>
              ))}
            </Alert>
          )}
          <Group justify="flex-end">
            {besideSave?.(values)}
            {cancel}
            <Button type="submit" loading={isSaving}>
              Save
            </Button>
          </Group>
        </Stack>
        <Stack className="form-aside">
          <Preview values={values} sample={{ type: sampleType, data: parsed(sampleText) }} />
          {mayMakeEndpoints && <WhatIf values={values} saved={saved?.values} />}
        </Stack>
      </div>
    </form>
  );
};

const parsed = (text: string): Json => {
  try {
    return parseJson(text);
  } catch {
    return example.data;
  }
};
