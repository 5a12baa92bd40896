// How the endpoint came to be as it is: who changed what and when, and its configuration as of any of these changes.
import { Group, Slider, Stack, Text, Title, UnstyledButton } from '@mantine/core';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { useAsk } from '../../api/use-ask.ts';
import { Moment } from '../../components/Moment.tsx';
import { Failure, SkeletonRows } from '../../components/states.tsx';
import { exactTime } from '../../components/time.ts';
import { useTimeZone } from '../../components/time-zone.tsx';
import { changesOf, type Change } from './changes.ts';
import { ConfigurationTable, Value } from './ConfigurationTable.tsx';
import { differencesOf, fieldsOf } from './configuration.ts';
import type { Endpoint } from './EndpointPage.tsx';
import { changesQuery, endpointThen } from './endpoint.query.ts';

export const HistoryTab = ({ endpoint }: { readonly endpoint: Endpoint }) => {
  const { data, error, askAgain } = useAsk(changesQuery, { id: endpoint.id }, { typenames: ['Endpoint'], isLive: true });
  const { at } = useSearch({ from: '/shell/endpoints/$endpointId' });
  const navigate = useNavigate({ from: '/endpoints/$endpointId' });
  if (error && !data)
    return (
      <div className="surface">
        <Failure error={error} onRetry={askAgain} />
      </div>
    );
  if (!data) return <SkeletonRows />;
  const changes = changesOf(data.endpointChanges);
  const latest = changes[0];
  if (latest === undefined) return <Text c="dimmed">Nothing is recorded.</Text>;
  const chosen = changes.find(({ position }) => position === at) ?? latest;
  const choose = ({ position }: Change) =>
    void navigate({
      search: (before) => ({ ...before, at: position === latest.position ? undefined : position }),
      replace: true,
      resetScroll: false,
    });
  return (
    <Stack gap="lg">
      <AsOf endpoint={endpoint} changes={changes} chosen={chosen} onChoose={choose} />
      <section aria-labelledby="changes">
        <Title order={2} id="changes" mb="sm">
          Changes
        </Title>
        <ol className="rail" reversed>
          {changes.map((change) => (
            <li key={change.id}>
              <span className="rail-mark rail-dot" data-chosen={change.id === chosen.id || undefined} />
              <Group gap="xs" align="baseline">
                <UnstyledButton onClick={() => choose(change)} aria-pressed={change.id === chosen.id} className="wrap">
                  <Text size="sm" fw={500} component="span">
                    {change.sentence}
                  </Text>
                </UnstyledButton>
                <Text size="sm" c="dimmed" component="span">
                  <Moment at={change.at} />
                </Text>
              </Group>
              {change.fields.length > 0 && <Fields change={change} />}
            </li>
          ))}
        </ol>
      </section>
    </Stack>
  );
};

const Fields = ({ change }: { readonly change: Change }) => (
  <dl className="changed-fields">
    {change.fields.map(({ name, label, from, to }) => (
      <div key={name}>
        <dt>{label}</dt>
        <dd>
          <Value text={from} isOld /> <span aria-hidden="true">→</span> <Value text={to} isNew />
        </dd>
      </div>
    ))}
  </dl>
);

type AsOfProps = {
  readonly endpoint: Endpoint;
  /** The newest first. */
  readonly changes: readonly Change[];
  readonly chosen: Change;
  readonly onChoose: (change: Change) => void;
};

const AsOf = ({ endpoint, changes, chosen, onChoose }: AsOfProps) => {
  const { zone } = useTimeZone();
  const isNow = chosen.id === changes[0]?.id;
  const last = changes.length - 1;
  const at = last - changes.indexOf(chosen);
  return (
    <section aria-labelledby="as-of">
      <Title order={2} id="as-of" mb="sm">
        {isNow ? 'As it is now' : <>As it was from {exactTime(chosen.at, zone)}</>}
      </Title>
      {last > 0 && (
        <Slider
          mb="lg"
          mx="xs"
          min={0}
          max={last}
          step={1}
          value={at}
          onChange={(index) => {
            const change = changes[last - index];
            if (change !== undefined) onChoose(change);
          }}
          marks={changes.map((_, index) => ({ value: index }))}
          label={chosen.sentence}
          thumbLabel="Change"
          thumbProps={{ 'aria-valuetext': `${chosen.sentence}, ${exactTime(chosen.at, zone)}` }}
          restrictToMarks
        />
      )}
      {isNow ? (
        <ConfigurationTable label="The configuration now" rows={fieldsOf(endpoint)} />
      ) : (
        <Then key={chosen.position} endpoint={endpoint} position={chosen.position} />
      )}
    </section>
  );
};

const Then = ({ endpoint, position }: { readonly endpoint: Endpoint; readonly position: string }) => {
  const { data, error, askAgain } = useAsk(endpointThen, { id: endpoint.id, position });
  const then = data?.endpoint;
  if (error && !data)
    return (
      <div className="surface">
        <Failure error={error} onRetry={askAgain} />
      </div>
    );
  if (then === undefined) return <SkeletonRows />;
  if (then === null) return <Text c="dimmed">It did not exist.</Text>;
  const differences = new Map(differencesOf(then, endpoint).map(({ name, now }) => [name, now]));
  return (
    <ConfigurationTable
      label="The configuration then"
      rows={fieldsOf(then).map((field) => ({ ...field, now: differences.get(field.name) }))}
    />
  );
};
