// The fields above tables that narrow what they show: one of several, an endpoint, an event type, or what is written.
import { Select, TextInput } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { useState } from 'react';
import { graphql } from '../api/graphql.ts';
import { useAsk } from '../api/use-ask.ts';

const typingMs = 250;

/** Those whose name or URL has the text; and the one that is chosen, which may be none of them. */
const endpointChoices = graphql(`
  query EndpointChoices($search: String, $chosen: ID!, $isChosen: Boolean!) {
    endpoints(first: 50, search: $search, orderBy: NAME) {
      nodes {
        id
        name
      }
    }
    endpoint(id: $chosen) @include(if: $isChosen) {
      id
      name
    }
  }
`);

const eventTypeChoices = graphql(`
  query EventTypeChoices {
    eventTypes {
      name
    }
  }
`);

type Option = { readonly value: string; readonly label: string };
type ChoiceProps = {
  readonly label: string;
  readonly any: string;
  readonly options: readonly Option[];
  readonly value: string | undefined;
  readonly onChange: (value: string | undefined) => void;
  readonly onSearch?: (text: string) => void;
};

export const Choice = ({ label, any, options, value, onChange, onSearch }: ChoiceProps) => (
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
export const EndpointChoice = ({ value, onChange }: Pick<ChoiceProps, 'value' | 'onChange'>) => {
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
export const Written = ({ label, placeholder, value, problemOf, onChange }: WrittenProps) => {
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

/** Messages may have types that are not defined. */
export const EventTypeChoice = ({ value, onChange }: Pick<ChoiceProps, 'value' | 'onChange'>) => {
  const { data } = useAsk(eventTypeChoices, {});
  const names = data?.eventTypes.map(({ name }) => name) ?? [];
  const all = value === undefined || names.includes(value) ? names : [value, ...names];
  return (
    <Choice
      label="Event type"
      any="Any event type"
      options={all.map((name) => ({ value: name, label: name }))}
      value={value}
      onChange={onChange}
    />
  );
};
