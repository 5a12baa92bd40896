// Which time a list is of: since a while ago, or between two moments.
import { Button, Group, Popover, Stack, TextInput } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { fieldTimeOf, timeInField } from './field-time.ts';
import { ClockIcon } from './icons.tsx';
import { exactTime } from './time.ts';
import { useTimeZone } from './time-zone.tsx';

type Span = { readonly since: string | undefined; readonly until: string | undefined };

const agoMs = [
  ['Last hour', 3_600_000],
  ['Last 24 h', 86_400_000],
  ['Last 7 days', 604_800_000],
  ['Last 30 days', 2_592_000_000],
] as const;

export const TimeFilter = ({ since, until, onChange }: Span & { readonly onChange: (span: Span) => void }) => {
  const { zone } = useTimeZone();
  const [isOpen, { toggle, close }] = useDisclosure(false);
  const short = (at: string) => exactTime(at, zone).slice(0, 16);
  const text =
    since !== undefined && until !== undefined
      ? `${short(since)} to ${short(until)}`
      : since !== undefined
        ? `Since ${short(since)}`
        : until === undefined
          ? 'Any time'
          : `Until ${short(until)}`;
  const isSet = since !== undefined || until !== undefined;
  const choose = (span: Span) => {
    onChange(span);
    close();
  };
  return (
    <Popover opened={isOpen} onChange={(opened) => !opened && close()} position="bottom-start" trapFocus withinPortal>
      <Popover.Target>
        <Button
          variant="default"
          className="filter-button"
          data-set={isSet || undefined}
          rightSection={<ClockIcon size={14} />}
          justify="space-between"
          aria-label={`Time: ${text}`}
          title={text}
          onClick={toggle}
        >
          {text}
        </Button>
      </Popover.Target>
      <Popover.Dropdown aria-label="Time">
        <Stack gap="sm">
          <Group gap="xs" maw={260}>
            {agoMs.map(([label, ms]) => (
              <Button
                key={label}
                size="compact-sm"
                variant="default"
                onClick={() => choose({ since: new Date(Date.now() - ms).toISOString(), until: undefined })}
              >
                {label}
              </Button>
            ))}
          </Group>
          <TextInput
            type="datetime-local"
            label={`From (${zone === 'UTC' ? 'UTC' : 'local time'})`}
            value={fieldTimeOf(since, zone)}
            onChange={({ currentTarget }) => onChange({ since: timeInField(currentTarget.value, zone), until })}
          />
          <TextInput
            type="datetime-local"
            label="Until"
            value={fieldTimeOf(until, zone)}
            onChange={({ currentTarget }) => onChange({ since, until: timeInField(currentTarget.value, zone) })}
          />
          {isSet && (
            <Button variant="subtle" size="compact-sm" onClick={() => choose({ since: undefined, until: undefined })}>
              Any time
            </Button>
          )}
        </Stack>
      </Popover.Dropdown>
    </Popover>
  );
};
