// The filters above the table of deliveries.
import { Select, TextInput } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { useState } from 'react';
import { useAsk } from '../../api/use-ask.ts';
import { deliveryStatusNames } from '../../components/delivery-words.ts';
import { TimeFilter } from '../../components/TimeFilter.tsx';
import { codesIn } from './codes.ts';
import { endpointChoices, eventTypeChoices } from './deliveries.query.ts';
import { failureOptions } from './failure-words.ts';
import { testOptions, type DeliverySearch } from './filters.ts';

type Props = { readonly search: DeliverySearch; readonly set: (change: DeliverySearch) => void };

const typingMs = 250;

export const Filters = ({ search, set }: Props) => {
  const { data } = useAsk(eventTypeChoices, {});
  return (
    <div className="filters" role="group" aria-label="Filters">
      <Choice label="Status" any="Any status" options={deliveryStatusNames} value={search.status} onChange={(status) => set({ status })} />
      <EndpointChoice value={search.endpoint} onChange={(endpoint) => set({ endpoint })} />
      <Choice
        label="Event type"
        any="Any event type"
        options={data?.eventTypes.map(({ name }) => ({ value: name, label: name })) ?? []}
        value={search.eventType}
        onChange={(eventType) => set({ eventType })}
      />
      <TimeFilter since={search.since} until={search.until} onChange={set} />
      <Choice label="Reason" any="Any reason" options={failureOptions} value={search.reason} onChange={(reason) => set({ reason })} />
      <Written
        key={`code ${search.code}`}
        label="Code"
        placeholder="Any code, such as 5xx"
        value={search.code}
        problemOf={(text) => (codesIn(text) ? undefined : 'Such as 500, 5xx or 400-499')}
        onChange={(code) => set({ code })}
      />
      <Choice label="Test" any="With tests" options={testOptions} value={search.test} onChange={(test) => set({ test })} />
      <Written
        key={`client ${search.clientId}`}
        label="Publisher’s id"
        placeholder="Publisher’s id"
        value={search.clientId}
        onChange={(clientId) => set({ clientId })}
      />
    </div>
  );
};

type Option = { readonly value: string; readonly label: string };
type ChoiceProps = {
  readonly label: string;
  readonly any: string;
  readonly options: readonly Option[];
  readonly value: string | undefined;
  readonly onChange: (value: string | undefined) => void;
  readonly onSearch?: (text: string) => void;
};

const Choice = ({ label, any, options, value, onChange, onSearch }: ChoiceProps) => (
  <Select
    aria-label={label}
    placeholder={any}
    clearable
    searchable
    data={[...options]}
    value={value ?? null}
    onChange={(next) => onChange(next ?? undefined)}
    {...(onSearch && { onSearchChange: onSearch, filter: ({ options: all }) => all })}
    nothingFoundMessage="None has this name"
    clearButtonProps={{ 'aria-label': `Clear ${label.toLowerCase()}` }}
  />
);

/** There may be thousands: the server finds them. */
const EndpointChoice = ({ value, onChange }: Pick<ChoiceProps, 'value' | 'onChange'>) => {
  const [text, setText] = useState('');
  const [search] = useDebouncedValue(text, typingMs);
  const { data } = useAsk(endpointChoices, { search: search === '' ? null : search, chosen: value ?? '', isChosen: value !== undefined });
  const chosen = data?.endpoint ?? undefined;
  const found = data?.endpoints.nodes ?? [];
  const all = chosen === undefined || found.some(({ id }) => id === chosen.id) ? found : [chosen, ...found];
  return (
    <Choice
      label="Endpoint"
      any="Any endpoint"
      options={all.map(({ id, name }) => ({ value: id, label: name }))}
      value={value}
      onChange={onChange}
      // The field shows the name of the chosen one: that is no search.
      onSearch={(next) => setText(next === chosen?.name ? '' : next)}
    />
  );
};

type WrittenProps = {
  readonly label: string;
  readonly placeholder: string;
  readonly value: string | undefined;
  readonly problemOf?: (text: string) => string | undefined;
  readonly onChange: (value: string | undefined) => void;
};

/** Taken when the field is left, or at Enter. */
const Written = ({ label, placeholder, value, problemOf, onChange }: WrittenProps) => {
  const [text, setText] = useState(value ?? '');
  const [problem, setProblem] = useState<string>();
  const take = () => {
    const next = text.trim();
    const found = next === '' ? undefined : problemOf?.(next);
    setProblem(found);
    if (found === undefined && next !== (value ?? '')) onChange(next === '' ? undefined : next);
  };
  return (
    <TextInput
      aria-label={label}
      placeholder={placeholder}
      value={text}
      error={problem}
      onChange={({ currentTarget }) => setText(currentTarget.value)}
      onBlur={take}
      onKeyDown={({ key }) => key === 'Enter' && take()}
    />
  );
};
