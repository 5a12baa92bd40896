// How a message becomes a body: the format, what is added to it, and whether several go together.
import { Group, NumberInput, PasswordInput, Select, Switch, Textarea } from '@mantine/core';
import { takesConstants, type FormValues } from './form-values.ts';
import { Section, type SectionProps } from './Section.tsx';

const formats = [
  { value: 'ENVELOPE', label: 'Envelope: event, timestamp, data' },
  { value: 'FLAT', label: 'Flat: the data alone' },
  { value: 'ARRAY', label: 'Array: a list of envelopes, as text' },
  { value: 'SLACK', label: 'Slack' },
  { value: 'DISCORD', label: 'Discord' },
  { value: 'TEAMS', label: 'Microsoft Teams' },
  { value: 'PAGERDUTY', label: 'PagerDuty' },
  { value: 'TEMPLATE', label: 'Template: a JSONata expression of your own' },
] as const;

export const How = ({ values, set, problems }: SectionProps<FormValues>) => (
  <Section title="How" about="The body that the receiver gets. The preview shows it.">
    <Select
      label="Format"
      data={[...formats]}
      allowDeselect={false}
      value={values.format}
      error={problems['format']}
      onChange={(value) => value !== null && set({ format: value })}
    />
    {takesConstants(values.format) && (
      <Textarea
        label="Constants"
        description={
          values.format === 'TEMPLATE'
            ? 'A JSON object that the template has as $constants. Values under names of secrets are encrypted.'
            : 'A JSON object whose fields are added to each message.'
        }
        placeholder='{ "instance_id": 1 }'
        classNames={{ input: 'mono' }}
        autosize
        minRows={1}
        spellCheck={false}
        value={values.constants}
        error={problems['formatOptions']}
        onChange={({ currentTarget }) => set({ constants: currentTarget.value })}
      />
    )}
    {values.format === 'TEMPLATE' && (
      <Textarea
        label="Template"
        description="JSONata over type, timestamp, id and data."
        classNames={{ input: 'mono' }}
        autosize
        minRows={4}
        spellCheck={false}
        value={values.template}
        error={problems['formatOptions']}
        onChange={({ currentTarget }) => set({ template: currentTarget.value })}
      />
    )}
    {values.format === 'PAGERDUTY' && (
      <PasswordInput
        label="Routing key"
        description="The integration key of the service’s Events API v2. It is never shown again."
        autoComplete="off"
        value={values.routingKey}
        error={problems['formatOptions']}
        onChange={({ currentTarget }) => set({ routingKey: currentTarget.value })}
        visibilityToggleButtonProps={{ 'aria-label': 'Show the routing key', tabIndex: 0 }}
      />
    )}
    <Switch
      label="Batch"
      description="Several messages in one request, sent and retried as one."
      checked={values.batches}
      onChange={({ currentTarget }) => set({ batches: currentTarget.checked })}
    />
    {values.batches && (
      <Group grow align="flex-start">
        <NumberInput
          label="At most"
          suffix=" messages"
          min={1}
          max={1_000}
          allowDecimal={false}
          value={values.batchSize}
          error={problems['batch.maxSize'] ?? problems['batch']}
          onChange={(value) => set({ batchSize: Number(value) })}
        />
        <NumberInput
          label="Wait at most"
          suffix=" ms"
          min={0}
          allowDecimal={false}
          value={values.batchWaitMs}
          error={problems['batch.maxWaitMs']}
          onChange={(value) => set({ batchWaitMs: Number(value) })}
        />
      </Group>
    )}
  </Section>
);
