// Messages: what was accepted, and where each one went, with filters that live in the URL.
import { Text } from '@mantine/core';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { useRights } from '../../api/rights.ts';
import { useAsk } from '../../api/use-ask.ts';
import { IfMay } from '../../components/IfMay.tsx';
import { Choice, EventTypeChoice, Written } from '../../components/FilterFields.tsx';
import { ButtonTo } from '../../components/LinkTo.tsx';
import { Page } from '../../components/Page.tsx';
import { Empty, NoMatch } from '../../components/states.tsx';
import { TimeFilter } from '../../components/TimeFilter.tsx';
import { countText } from '../deliveries/filters.ts';
import { chipsOf, messageFilterOf, patternIn, type MessageSearch } from './message-filters.ts';
import { MessageList } from './MessageList.tsx';
import { messagesCount, messagesQuery } from './messages.query.ts';

export const MessagesPage = () => {
  const { isPortal } = useRights();
  const search: MessageSearch = useSearch({ from: '/shell/messages' });
  const navigate = useNavigate({ from: '/messages' });
  const filter = messageFilterOf(search);
  const count = useAsk(messagesCount, { filter }, { typenames: ['Message'], isLive: true, pause: filter.data !== undefined });
  const total = filter.data === undefined ? count.data?.messages.count : undefined;
  const isFiltered = Object.keys(filter).length > 0;
  const set = (change: MessageSearch) => void navigate({ search: (before) => ({ ...before, ...change }), replace: true });
  const clear = () => void navigate({ search: {}, replace: true });
  const nothing = isFiltered ? (
    <NoMatch onClear={clear} chips={chipsOf(search).map(({ name, label }) => ({ label, onRemove: () => set({ [name]: undefined }) }))} />
  ) : (
    <Empty title="No messages yet" action={<ButtonTo to="/endpoints">Go to the endpoints</ButtonTo>}>
      A message is one thing that happened in a service.{' '}
      {isPortal
        ? 'Once there is one, it shows here with where it went.'
        : 'Publish one by POST /v1/messages, and it shows here with where it went.'}
    </Empty>
  );
  return (
    <Page
      title="Messages"
      beside={
        total !== undefined && (
          <Text c="dimmed" className="numbers" role="status">
            {countText(total)}
          </Text>
        )
      }
      description={`What ${isPortal ? 'happened' : 'your services published'}, and where each message went, the newest first.`}
      shown={{ query: messagesQuery, variables: { filter } }}
    >
      <Filters search={search} set={set} />
      <MessageList key={JSON.stringify(filter)} filter={filter} nothing={nothing} />
    </Page>
  );
};

type FiltersProps = { readonly search: MessageSearch; readonly set: (change: MessageSearch) => void };

const Filters = ({ search, set }: FiltersProps) => (
  <div className="filters" role="group" aria-label="Filters">
    <EventTypeChoice value={search.eventType} onChange={(eventType) => set({ eventType })} />
    <TimeFilter since={search.since} until={search.until} onChange={set} />
    <Written
      key={`client ${search.clientId}`}
      label="Publisher’s id"
      placeholder="Publisher’s id"
      value={search.clientId}
      onChange={(clientId) => set({ clientId })}
    />
    <Written
      key={`key ${search.key}`}
      label="Ordering key"
      placeholder="Ordering key"
      value={search.key}
      onChange={(key) => set({ key })}
    />
    <IfMay capability="VIEW_PAYLOADS">
      <Written
        key={`content ${search.content}`}
        label="Content"
        placeholder="Content: field = value"
        value={search.content}
        problemOf={(text) => (patternIn(text) === undefined ? 'Such as severity = critical, or a pattern as JSON' : undefined)}
        onChange={(content) => set({ content })}
      />
    </IfMay>
    <Choice
      label="Destinations"
      any="Any destination"
      options={[{ value: 'yes', label: 'Went nowhere' }]}
      value={search.unrouted}
      onChange={(unrouted) => set({ unrouted })}
    />
  </div>
);
