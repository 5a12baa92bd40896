// Replays and retries: the jobs that send past messages or retry deliveries in the background, with what they have done.
import { Button, Group } from '@mantine/core';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { useRole } from '../../api/role.ts';
import { PlusIcon } from '../../components/icons.tsx';
import { Page } from '../../components/Page.tsx';
import { Tabs } from '../../components/Tabs.tsx';
import { BulkRetries } from './BulkRetries.tsx';
import { NewReplay } from './NewReplay.tsx';
import { Replays } from './Replays.tsx';
import { bulkRetriesQuery, replaysQuery } from './replays.query.ts';

export const ReplaysPage = () => {
  const search = useSearch({ from: '/shell/replays' });
  const navigate = useNavigate({ from: '/replays' });
  const { mayOperate } = useRole();
  const tab = search.tab === 'retries' ? 'retries' : 'replays';
  const open = () => void navigate({ search: { new: 'yes' } });
  const close = () => void navigate({ search: {}, replace: true });
  const create = mayOperate && (
    <Button leftSection={<PlusIcon />} onClick={open}>
      New replay
    </Button>
  );
  return (
    <Page
      title="Replays and retries"
      description="What sends past messages again, or for the first time, in the background."
      actions={<Group>{create}</Group>}
      shown={{ query: tab === 'replays' ? replaysQuery : bulkRetriesQuery }}
    >
      <Tabs
        value={tab}
        onChange={(value) => void navigate({ search: value === 'retries' ? { tab: 'retries' } : {}, replace: true })}
        keepMounted={false}
      >
        <Tabs.List mb="md">
          <Tabs.Tab value="replays">Replays</Tabs.Tab>
          <Tabs.Tab value="retries">Bulk retries</Tabs.Tab>
        </Tabs.List>
        <Tabs.Panel value="replays">
          <Replays mayOperate={mayOperate} create={create} />
        </Tabs.Panel>
        <Tabs.Panel value="retries">
          <BulkRetries mayOperate={mayOperate} />
        </Tabs.Panel>
      </Tabs>
      {search.new === 'yes' && mayOperate && <NewReplay endpoint={search.endpoint} onClose={close} />}
    </Page>
  );
};
