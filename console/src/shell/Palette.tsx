// `Search`: finds anything by id, name or part of a URL, and the pages by their names. The focus stays in the field; the arrows choose.
import { Center, Kbd, Loader, Modal, Text, TextInput } from '@mantine/core';
import { useDebouncedValue, useId } from '@mantine/hooks';
import { useNavigate, type LinkProps } from '@tanstack/react-router';
import { useEffect, useState, type KeyboardEvent, type ReactNode } from 'react';
import { sentenceOf } from '../api/client.ts';
import type { ResultOf } from '../api/graphql.ts';
import { useAsk } from '../api/use-ask.ts';
import { SearchIcon } from '../components/icons.tsx';
import { deliveryStatusLabel } from '../components/delivery-words.ts';
import { pages } from './Navigation.tsx';
import { searchQuery } from './search.query.ts';

type Place = {
  readonly key: string;
  readonly kind: string;
  readonly name: string;
  readonly detail: string | null;
  readonly icon?: ReactNode;
  readonly link: Pick<LinkProps, 'to' | 'params' | 'search'>;
};
type Hit = ResultOf<typeof searchQuery>['search'][number];

const waitMs = 200;

const placeOf = (hit: Hit): Place => {
  switch (hit.kind) {
    case 'Message':
      return {
        key: hit.id,
        kind: 'Message',
        name: hit.eventType,
        detail: hit.clientId ?? hit.id,
        link: { to: '/messages/$messageId', params: { messageId: hit.id } },
      };
    case 'Delivery':
      return {
        key: hit.id,
        kind: 'Delivery',
        name: `${hit.message.eventType} to ${hit.endpoint.name}`,
        detail: deliveryStatusLabel(hit.deliveryStatus),
        link: { to: '/deliveries/$deliveryId', params: { deliveryId: hit.id } },
      };
    case 'Endpoint':
      return {
        key: hit.id,
        kind: 'Endpoint',
        name: hit.name,
        detail: hit.url,
        link: { to: '/endpoints/$endpointId', params: { endpointId: hit.id } },
      };
    case 'EventType':
      return { key: `type ${hit.name}`, kind: 'Event type', name: hit.name, detail: hit.description, link: { to: '/event-types' } };
    case 'Organization':
      return { key: `organization ${hit.id}`, kind: 'Organization', name: hit.name, detail: hit.id, link: { to: '/settings' } };
    case 'ApiKey':
      return { key: hit.id, kind: 'API key', name: hit.name, detail: hit.role.toLowerCase(), link: { to: '/settings' } };
  }
};

const pagesWith = (text: string): readonly Place[] =>
  pages
    .filter(({ label }) => label.toLowerCase().includes(text.toLowerCase()))
    .map(({ to, label, icon }) => ({ key: to, kind: 'Page', name: label, detail: null, icon, link: { to } }));

export const Palette = ({ onClose }: { readonly onClose: () => void }) => {
  const navigate = useNavigate();
  const id = useId();
  const [text, setText] = useState('');
  const [chosen, setChosen] = useState(0);
  const [asked] = useDebouncedValue(text.trim(), waitMs);
  const { data, error } = useAsk(searchQuery, { text: asked }, { pause: asked === '' });
  const isSearching = text.trim() !== '' && (asked !== text.trim() || (data === undefined && error === undefined));
  const hits = asked === '' || isSearching ? [] : (data?.search ?? []).map(placeOf);
  const places = [...hits, ...pagesWith(text.trim())];
  const current = Math.min(chosen, places.length - 1);
  const open = (place: Place | undefined) => {
    if (place === undefined) return;
    onClose();
    void navigate(place.link);
  };
  const press = (event: KeyboardEvent) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (event.key === 'Enter' && !isSearching) open(places[current]);
    else if (step !== undefined && places.length > 0) setChosen((current + step + places.length) % places.length);
    else return;
    event.preventDefault();
  };
  useEffect(() => {
    document.getElementById(`${id}-${current}`)?.scrollIntoView({ block: 'nearest' });
  }, [id, current]);
  return (
    <Modal.Root opened onClose={onClose} size="lg" yOffset="12vh">
      <Modal.Overlay backgroundOpacity={0.4} />
      <Modal.Content aria-label="Search" radius="lg">
        <TextInput
          size="lg"
          variant="unstyled"
          className="palette-field"
          aria-label="Search"
          role="combobox"
          aria-expanded={places.length > 0}
          aria-controls={`${id}-list`}
          aria-autocomplete="list"
          aria-activedescendant={places.length > 0 ? `${id}-${current}` : undefined}
          placeholder="An id, a name, or part of a URL"
          leftSection={<SearchIcon size={18} />}
          rightSection={isSearching && <Loader size="xs" />}
          autoComplete="off"
          spellCheck={false}
          value={text}
          onChange={({ currentTarget }) => {
            setText(currentTarget.value);
            setChosen(0);
          }}
          onKeyDown={press}
          data-autofocus
        />
        {error !== undefined && asked !== '' && (
          <Text role="alert" size="sm" p="md" c="var(--mantine-color-error)">
            {sentenceOf(error)}
          </Text>
        )}
        {places.length > 0 ? (
          <ul role="listbox" id={`${id}-list`} aria-label="Found" className="palette-list">
            {places.map((place, at) => (
              <li
                key={place.key}
                id={`${id}-${at}`}
                role="option"
                aria-selected={at === current}
                onMouseMove={() => setChosen(at)}
                onClick={() => open(place)}
              >
                {place.icon}
                <span className="cut">
                  {place.name}
                  {place.detail !== null && <span className="palette-detail">{place.detail}</span>}
                </span>
                <span className="palette-kind">{place.kind}</span>
              </li>
            ))}
          </ul>
        ) : (
          !isSearching &&
          error === undefined && (
            <Center p="lg">
              <Text size="sm" c="dimmed" ta="center" role="status" className="wrap">
                Nothing has this id, name or URL.
              </Text>
            </Center>
          )
        )}
        <div className="palette-foot" aria-hidden="true">
          <Kbd size="xs">↑</Kbd> <Kbd size="xs">↓</Kbd> choose <Kbd size="xs">Enter</Kbd> opens <Kbd size="xs">Esc</Kbd> closes
        </div>
      </Modal.Content>
    </Modal.Root>
  );
};
