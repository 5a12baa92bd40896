// A new replay: to which endpoint, which messages, how fast; after saying how many there are.
import { Alert, Autocomplete, Button, Checkbox, Group, Modal, NumberInput, Stack, Switch, Text, TextInput } from '@mantine/core';
import { useState, type FormEvent } from 'react';
import { issuesOf, sentenceOf } from '../../api/client.ts';
import { useAsk } from '../../api/use-ask.ts';
import { fieldTimeOf, timeInField } from '../../components/field-time.ts';
import { useTimeZone } from '../../components/time-zone.tsx';
import { say, useChange } from '../../components/use-change.ts';
import { countText } from '../deliveries/filters.ts';
import { EndpointSelect } from '../message/SendToEndpoint.tsx';
import { samplesQuery } from '../publish/publish.query.ts';
import { scopes } from './job-words.ts';
import { replayCounts, startReplay } from './replays.query.ts';

type Scope = (typeof scopes)[number]['value'];
type Range = { readonly since: string | undefined; readonly until: string | undefined };

const hourMs = 3_600_000;
const pastRanges = [
  { label: 'Last hour', ms: hourMs },
  { label: 'Last 24 h', ms: 24 * hourMs },
  { label: 'Last 7 days', ms: 7 * 24 * hourMs },
  { label: 'Last 30 days', ms: 30 * 24 * hourMs },
] as const;
const sinceAgo = (ms: number): Range => ({ since: new Date(Date.now() - ms).toISOString(), until: undefined });

export const NewReplay = ({ endpoint, onClose }: { readonly endpoint: string | undefined; readonly onClose: () => void }) => {
  const [endpointId, setEndpointId] = useState<string | null>(endpoint ?? null);
  const [range, setRange] = useState<Range>(() => sinceAgo(24 * hourMs));
  const [eventType, setEventType] = useState('');
  const [only, setOnly] = useState<readonly Scope[]>(['FAILED', 'SKIPPED', 'NEVER_SENT']);
  const [matching, setMatching] = useState(true);
  const [pace, setPace] = useState<number | string>(50);
  const [refusal, setRefusal] = useState<string>();
  const { data: types } = useAsk(samplesQuery, {});
  const [start, isStarting] = useChange(startReplay, ['Replay', 'Delivery']);
  const type = eventType.trim();
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    if (endpointId === null) return setRefusal('Choose the endpoint that gets the messages.');
    if (typeof pace !== 'number') return setRefusal('Say how many messages a second it may send, such as 50.');
    const filter = {
      matching,
      ...(only.length > 0 && { only: [...only] }),
      ...(type !== '' && { eventType: type }),
      ...(range.since !== undefined && { since: range.since }),
      ...(range.until !== undefined && { until: range.until }),
    };
    const { error } = await start({ endpointId, filter, ratePerSecond: pace });
    if (error) return setRefusal(issuesOf(error)[0]?.message ?? sentenceOf(error));
    say('The replay runs in the background.');
    return onClose();
  };
  return (
    <Modal opened onClose={onClose} title="New replay" size="lg" closeButtonProps={{ 'aria-label': 'Close' }}>
      <form onSubmit={(event) => void submit(event)} noValidate>
        <Stack>
          <EndpointSelect value={endpointId} onChange={setEndpointId} />
          <div>
            <Group gap={6} mb={6}>
              {pastRanges.map(({ label, ms }) => (
                <Button key={label} size="compact-xs" variant="default" onClick={() => setRange(sinceAgo(ms))}>
                  {label}
                </Button>
              ))}
            </Group>
            <Group grow>
              <MomentField label="Accepted from" value={range.since} onChange={(since) => setRange({ ...range, since })} />
              <MomentField label="Accepted until" value={range.until} onChange={(until) => setRange({ ...range, until })} />
            </Group>
          </div>
          <Autocomplete
            label="Event type"
            description="Left empty: all."
            data={types?.eventTypes.map(({ name }) => name) ?? []}
            value={eventType}
            onChange={setEventType}
          />
          <Checkbox.Group
            label="Only messages that"
            description="None chosen: all, also those that succeeded."
            value={[...only]}
            onChange={(chosen) => setOnly(scopes.map(({ value }) => value).filter((value) => chosen.includes(value)))}
          >
            <Group mt={6}>
              {scopes.map(({ value, label }) => (
                <Checkbox key={value} value={value} label={label} />
              ))}
            </Group>
          </Checkbox.Group>
          <Switch
            label="Only what the endpoint subscribes to now"
            checked={matching}
            onChange={({ currentTarget }) => setMatching(currentTarget.checked)}
          />
          <NumberInput label="Messages a second, at most" min={0.1} max={1_000} value={pace} onChange={setPace} w={260} />
          {endpointId !== null && <Counted endpointId={endpointId} range={range} eventType={type} only={only} />}
          {refusal !== undefined && (
            <Alert color="red" variant="light" role="alert" py="xs">
              {refusal}
            </Alert>
          )}
          <Group justify="flex-end">
            <Button variant="default" onClick={onClose}>
              Cancel
            </Button>
            <Button type="submit" loading={isStarting}>
              Start replay
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
};

type MomentProps = { readonly label: string; readonly value: string | undefined; readonly onChange: (at: string | undefined) => void };

const MomentField = ({ label, value, onChange }: MomentProps) => {
  const { zone } = useTimeZone();
  return (
    <TextInput
      type="datetime-local"
      label={`${label} (${zone === 'UTC' ? 'UTC' : 'local time'})`}
      value={fieldTimeOf(value, zone)}
      onChange={({ currentTarget }) => onChange(timeInField(currentTarget.value, zone))}
    />
  );
};

type CountedProps = {
  readonly endpointId: string;
  readonly range: Range;
  readonly eventType: string;
  readonly only: readonly Scope[];
};

const Counted = ({ endpointId, range: { since, until }, eventType, only }: CountedProps) => {
  const span = {
    ...(since !== undefined && { since }),
    ...(until !== undefined && { until }),
    ...(eventType !== '' && { eventTypes: [eventType] }),
  };
  const { data } = useAsk(replayCounts, {
    messages: span,
    sent: { ...span, endpointId },
    failed: { ...span, endpointId, status: ['FAILED' as const] },
  });
  if (!data) return null;
  const [accepted, sent, failed] = [data.messages.count, data.sent.count, data.failed.count];
  const isOnlyFailed = only.length === 1 && only[0] === 'FAILED';
  return (
    <Alert variant="light" color="indigo" py="xs" role="status">
      <Text size="sm">
        {isOnlyFailed
          ? `${countText(failed)} of ${countText(sent)} deliveries to this endpoint failed. They are sent again.`
          : `${countText(accepted)} ${accepted.value === 1 ? 'message was' : 'messages were'} accepted in this time; ${countText(sent)} went to this endpoint, and ${countText(failed)} failed there. The replay examines each, and sends those that you chose.`}
      </Text>
    </Alert>
  );
};
