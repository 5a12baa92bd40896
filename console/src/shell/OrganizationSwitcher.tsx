// For keys that span the installation: the organization that the console acts for, and another one to go to.
import { Combobox, Text, UnstyledButton, useCombobox } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { useState } from 'react';
import { graphql } from '../api/graphql.ts';
import { addressFor } from '../api/organization.ts';
import { useAsk } from '../api/use-ask.ts';
import { useCaller } from '../api/use-caller.ts';
import { ChevronIcon } from '../components/icons.tsx';

const choicesQuery = graphql(`
  query OrganizationChoices($search: String) {
    organizations(first: 20, filter: { search: $search }) {
      nodes {
        id
        name
        status
      }
      pageInfo {
        hasNextPage
      }
    }
  }
`);

const typingMs = 200;

export const OrganizationSwitcher = () => {
  const me = useCaller();
  const [search, setSearch] = useState('');
  const combobox = useCombobox({
    onDropdownClose: () => {
      combobox.resetSelectedOption();
      setSearch('');
    },
    onDropdownOpen: () => combobox.focusSearchInput(),
  });
  if (me?.spansOrganizations !== true) return null;
  const { id, name } = me.organization;
  return (
    <Combobox
      store={combobox}
      width={280}
      position="bottom-start"
      withinPortal
      onOptionSubmit={(chosen) => location.assign(addressFor(chosen, samePageFor(location.pathname)))}
    >
      <Combobox.Target targetType="button">
        <UnstyledButton className="switcher" onClick={() => combobox.toggleDropdown()} aria-label={`Organization ${name}`}>
          <span className="cut">{name}</span>
          <span className="switcher-mark">
            <ChevronIcon size={14} />
          </span>
        </UnstyledButton>
      </Combobox.Target>
      <Combobox.Dropdown>
        <Combobox.Search
          aria-label="Search organizations"
          placeholder="Part of an id or name"
          value={search}
          onChange={({ currentTarget }) => {
            setSearch(currentTarget.value);
            combobox.resetSelectedOption();
          }}
        />
        {combobox.dropdownOpened && <Choices search={search} current={id} />}
      </Combobox.Dropdown>
    </Combobox>
  );
};

const Choices = ({ search, current }: { readonly search: string; readonly current: string }) => {
  const [wanted] = useDebouncedValue(search.trim(), typingMs);
  const { data } = useAsk(choicesQuery, { search: wanted === '' ? null : wanted }, { typenames: ['Organization'] });
  const found = data?.organizations.nodes ?? [];
  return (
    <>
      <Combobox.Options aria-label="Organizations" className="switcher-options">
        {data !== undefined && found.length === 0 && <Combobox.Empty>No organization is named so.</Combobox.Empty>}
        {found.map(({ id, name, status }) => (
          <Combobox.Option key={id} value={id} active={id === current}>
            <Text size="sm" fw={id === current ? 600 : 400} className="cut">
              {name}
            </Text>
            <Text size="xs" className="cut mono" c="dimmed">
              {id}
              {status === 'SUSPENDED' && ' · suspended'}
            </Text>
          </Combobox.Option>
        ))}
      </Combobox.Options>
      {data?.organizations.pageInfo.hasNextPage === true && (
        <Combobox.Footer>
          <Text size="xs" c="dimmed">
            There are more. Type a part of the name.
          </Text>
        </Combobox.Footer>
      )}
    </>
  );
};

/** A list stays a list; what belongs to one organization is not in another. */
const samePageFor = (path: string): string => /^\/[^/]*/.exec(path)?.[0] ?? '/';
