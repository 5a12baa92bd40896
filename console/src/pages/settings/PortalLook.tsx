// How the portal looks to an organization's people: its name, logo, color and scheme, with a sample of both schemes beside.
import { Alert, Button, FileButton, Group, Input, Select, Stack, Text, TextInput, Title } from '@mantine/core';
import { useState, type FormEvent } from 'react';
import { contrastWithWhite, leastContrast } from '../../../../src/domain/contrast.ts';
import { issuesOf, sentenceOf } from '../../api/client.ts';
import type { ResultOf } from '../../api/graphql.ts';
import { useAsk } from '../../api/use-ask.ts';
import { Failure, SkeletonRows } from '../../components/states.tsx';
import { say, useChange } from '../../components/use-change.ts';
import { problemsIn } from '../endpoint-form/problems.ts';
import { PortalSample } from './PortalSample.tsx';
import { portalSettingsQuery, updatePortalSettings } from './settings.query.ts';

type Settings = ResultOf<typeof portalSettingsQuery>['portalSettings'];

const schemes = [
  { value: 'AUTO', label: 'As each person’s system has it' },
  { value: 'LIGHT', label: 'Light' },
  { value: 'DARK', label: 'Dark' },
] as const;

export const PortalLook = () => {
  const { data, error, askAgain } = useAsk(portalSettingsQuery, {});
  return (
    <Stack component="section" aria-labelledby="portal-look" className="surface" p={{ base: 'md', sm: 'lg' }} gap="md">
      <div>
        <Title order={2} id="portal-look">
          Portal
        </Title>
        <Text size="sm" c="dimmed">
          How it looks to this organization’s people.
        </Text>
      </div>
      {data ? <LookForm saved={data.portalSettings} /> : error ? <Failure error={error} onRetry={askAgain} /> : <SkeletonRows rows={4} />}
    </Stack>
  );
};

const isColor = (text: string) => /^#[0-9a-f]{6}$/i.test(text);

/** The color as far as it is one, and what is wrong with it. */
const checked = (text: string): { readonly color: string | null; readonly problem?: string; readonly note?: string } => {
  if (text === '') return { color: null };
  if (!isColor(text)) return { color: null, problem: 'Write # and six hexadecimal digits, such as #1a56db.' };
  const contrast = `${contrastWithWhite(text).toFixed(1)} : 1`;
  return contrastWithWhite(text) >= leastContrast
    ? { color: text.toLowerCase(), note: `Contrast with white ${contrast}` }
    : {
        color: null,
        problem: `Its contrast with white is ${contrast}, and ${leastContrast} : 1 are needed to read it. Choose a darker color.`,
      };
};

const LookForm = ({ saved }: { readonly saved: Settings }) => {
  const [save, isSaving] = useChange(updatePortalSettings, ['PortalSettings']);
  const [values, setValues] = useState({ ...saved, name: saved.name ?? '', primaryColor: saved.primaryColor ?? '' });
  const [refused, setRefused] = useState<{ readonly sentence: string; readonly problems: Readonly<Record<string, string>> }>();
  const set = (change: Partial<typeof values>) => setValues((before) => ({ ...before, ...change }));
  const { color, problem, note } = checked(values.primaryColor.trim());
  const name = values.name.trim() === '' ? null : values.name.trim();
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    if (problem !== undefined) return undefined;
    const { error } = await save({ input: { name, logo: values.logo, primaryColor: color, colorScheme: values.colorScheme } });
    if (error) return setRefused({ sentence: sentenceOf(error), problems: problemsIn(issuesOf(error)) });
    setRefused(undefined);
    return say('The portal’s look was saved.');
  };
  const problems = refused?.problems ?? {};
  return (
    <form onSubmit={(event) => void submit(event)} noValidate>
      <div className="form-columns">
        <Stack gap="md">
          <TextInput
            label="Portal name"
            description="Stands at its head and in the browser’s tab."
            placeholder="Acme"
            value={values.name}
            error={problems['name']}
            onChange={({ currentTarget }) => set({ name: currentTarget.value })}
          />
          <LogoField logo={values.logo} problem={problems['logo']} onChange={(logo) => set({ logo })} />
          <TextInput
            label="Primary color"
            description="Buttons and links. Lighter and darker shades are made of it where they are needed to read."
            placeholder="#1a56db"
            leftSection={
              <input
                type="color"
                className="color-swatch"
                aria-label="Pick the primary color"
                value={isColor(values.primaryColor.trim()) ? values.primaryColor.trim() : '#4263eb'}
                onChange={({ currentTarget }) => set({ primaryColor: currentTarget.value })}
              />
            }
            value={values.primaryColor}
            error={problem ?? problems['primaryColor']}
            onChange={({ currentTarget }) => set({ primaryColor: currentTarget.value })}
          />
          {note !== undefined && (
            <Text size="xs" c="dimmed" mt={-8} className="numbers">
              {note}
            </Text>
          )}
          <Select
            label="Colors"
            data={[...schemes]}
            allowDeselect={false}
            value={values.colorScheme}
            onChange={(value) => value !== null && set({ colorScheme: value })}
          />
          {refused !== undefined && Object.keys(problems).length === 0 && (
            <Alert color="red" variant="light" role="alert" py="xs">
              {refused.sentence}
            </Alert>
          )}
          <Group justify="flex-end">
            <Button type="submit" loading={isSaving} disabled={problem !== undefined}>
              Save
            </Button>
          </Group>
        </Stack>
        <PortalSample name={name} logo={values.logo} primaryColor={color} colorScheme={values.colorScheme} />
      </div>
    </form>
  );
};

type LogoProps = {
  readonly logo: string | null;
  readonly problem: string | undefined;
  readonly onChange: (logo: string | null) => void;
};

const LogoField = ({ logo, problem, onChange }: LogoProps) => {
  const [unreadable, setUnreadable] = useState<string>();
  const choose = (file: File | null) => {
    if (file === null) return;
    const reader = new FileReader();
    reader.addEventListener('load', () => {
      setUnreadable(undefined);
      if (typeof reader.result === 'string') onChange(reader.result);
    });
    reader.addEventListener('error', () => setUnreadable('The browser could not read this file.'));
    reader.readAsDataURL(file);
  };
  const wrong = unreadable ?? problem;
  return (
    <Stack gap={6} role="group" aria-labelledby="portal-logo">
      <Input.Label component="div" id="portal-logo">
        Logo
      </Input.Label>
      <Text size="xs" c="dimmed">
        A PNG or SVG, less than 48 kB. It is shown 32 px high.
      </Text>
      <Group gap="xs">
        <FileButton onChange={choose} accept="image/png,image/svg+xml">
          {(props) => (
            <Button {...props} variant="default" size="xs">
              Choose logo
            </Button>
          )}
        </FileButton>
        {logo !== null && (
          <Button variant="subtle" size="xs" onClick={() => onChange(null)}>
            Remove logo
          </Button>
        )}
      </Group>
      {wrong !== undefined && (
        <Text size="xs" c="var(--mantine-color-error)" role="alert">
          {wrong}
        </Text>
      )}
    </Stack>
  );
};
