// When it is tried, how fast, in which order, and when it is given up.
import { ActionIcon, Button, Group, NumberInput, Select, SimpleGrid, Stack, Table, Text } from '@mantine/core';
import { PlusIcon, TrashIcon } from '../../components/icons.tsx';
import { durationInWords } from '../../components/time.ts';
import type { FormValues } from './form-values.ts';
import { Problem } from './Problem.tsx';
import { Section, type SectionProps } from './Section.tsx';

const orderings = [
  { value: 'NONE', label: 'None: as fast as it goes' },
  { value: 'PER_KEY', label: 'Per ordering key' },
  { value: 'STRICT', label: 'Strict: one after the other' },
] as const;
const afterLast = [
  { value: 'CONTINUE', label: 'Go on with the next' },
  { value: 'HOLD', label: 'Hold the key' },
] as const;

export const Delivery = (props: SectionProps<FormValues>) => {
  const { values, set, problems } = props;
  return (
    <Section title="Delivery" about="When it is tried again, how fast, and in which order.">
      <Schedule {...props} />
      <SimpleGrid cols={{ base: 1, xs: 2 }}>
        <NumberInput
          label="Timeout"
          suffix=" s"
          min={0.1}
          value={values.timeoutSeconds}
          error={problems['timeoutSeconds']}
          onChange={(value) => set({ timeoutSeconds: Number(value) })}
        />
        <NumberInput
          label="Jitter"
          description="Share of a delay that is random, 0 to 1."
          min={0}
          max={1}
          step={0.1}
          value={values.jitter}
          error={problems['retryPolicy.jitter']}
          onChange={(value) => set({ jitter: Number(value) })}
        />
        <NumberInput
          label="Rate"
          placeholder="Unlimited"
          suffix=" per second"
          min={0}
          value={values.perSecond}
          error={problems['rateLimit.perSecond'] ?? problems['rateLimit']}
          onChange={(value) => set({ perSecond: value === '' ? '' : Number(value) })}
        />
        <NumberInput
          label="Concurrency"
          placeholder="The installation’s default"
          min={1}
          allowDecimal={false}
          value={values.maxConcurrency}
          error={problems['maxConcurrency']}
          onChange={(value) => set({ maxConcurrency: value === '' ? '' : Number(value) })}
        />
        <Select
          label="Ordering"
          data={[...orderings]}
          allowDeselect={false}
          value={values.ordering}
          error={problems['ordering']}
          onChange={(value) => value !== null && set({ ordering: value })}
        />
        {values.ordering !== 'NONE' && (
          <Select
            label="After the last attempt"
            data={[...afterLast]}
            allowDeselect={false}
            value={values.onExhausted}
            onChange={(value) => value !== null && set({ onExhausted: value })}
          />
        )}
        <NumberInput
          label="Disable after"
          placeholder="Never"
          suffix=" s"
          min={1}
          description={
            values.disableAfterSeconds === ''
              ? 'Never, however long it fails.'
              : `${durationInWords(values.disableAfterSeconds)} of failures without one success.`
          }
          value={values.disableAfterSeconds}
          error={problems['disableAfterSeconds']}
          onChange={(value) => set({ disableAfterSeconds: value === '' ? '' : Number(value) })}
        />
      </SimpleGrid>
    </Section>
  );
};

const Schedule = ({ values: { delaysSeconds }, set, problems }: SectionProps<FormValues>) => {
  const change = (delays: readonly number[]) => set({ delaysSeconds: delays });
  return (
    <Stack gap="xs">
      <Text size="sm" fw={500} id="schedule">
        Schedule
      </Text>
      <Table aria-labelledby="schedule" verticalSpacing={4} horizontalSpacing="xs" highlightOnHover={false}>
        <Table.Thead>
          <Table.Tr>
            <Table.Th>Attempt</Table.Th>
            <Table.Th>After</Table.Th>
            <Table.Th>Elapsed</Table.Th>
            <Table.Th>
              <span className="visually-hidden">Remove</span>
            </Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {delaysSeconds.map((delay, index) => (
            <Table.Tr key={index}>
              <Table.Td>{index + 1}</Table.Td>
              <Table.Td>
                <NumberInput
                  size="xs"
                  aria-label={`Seconds before attempt ${index + 1}`}
                  suffix=" s"
                  min={0}
                  w={{ base: 84, xs: 120 }}
                  value={delay}
                  onChange={(value) => change(delaysSeconds.map((each, at) => (at === index ? Number(value) : each)))}
                />
              </Table.Td>
              <Table.Td className="numbers">
                {durationInWords(delaysSeconds.slice(0, index + 1).reduce((sum, each) => sum + each, 0))}
              </Table.Td>
              <Table.Td w={40}>
                {delaysSeconds.length > 1 && (
                  <ActionIcon
                    variant="subtle"
                    color="gray"
                    aria-label={`Remove attempt ${index + 1}`}
                    onClick={() => change(delaysSeconds.filter((_, at) => at !== index))}
                  >
                    <TrashIcon />
                  </ActionIcon>
                )}
              </Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
      <Problem text={problems['retryPolicy']} />
      <Group>
        <Button
          variant="default"
          size="xs"
          leftSection={<PlusIcon />}
          onClick={() => change([...delaysSeconds, Math.max(60, (delaysSeconds.at(-1) ?? 0) * 2)])}
        >
          Add attempt
        </Button>
      </Group>
    </Stack>
  );
};
