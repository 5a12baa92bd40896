// The pages of the console.
import { Stack } from '@mantine/core';
import { useCaller } from '../api/use-caller.ts';
import { NavLinkTo } from '../components/LinkTo.tsx';
import {
  DeliveryIcon,
  EndpointIcon,
  EventTypeIcon,
  HistoryIcon,
  MessageIcon,
  OrganizationIcon,
  OverviewIcon,
  PublishIcon,
  ReplayIcon,
  SettingsIcon,
  SourceIcon,
  SystemIcon,
} from '../components/icons.tsx';

export const pages = [
  { to: '/', label: 'Overview', icon: <OverviewIcon /> },
  { to: '/endpoints', label: 'Endpoints', icon: <EndpointIcon /> },
  { to: '/deliveries', label: 'Deliveries', icon: <DeliveryIcon /> },
  { to: '/messages', label: 'Messages', icon: <MessageIcon /> },
  { to: '/publish', label: 'Publish', icon: <PublishIcon /> },
  { to: '/event-types', label: 'Event types', icon: <EventTypeIcon /> },
  { to: '/replays', label: 'Replays and retries', icon: <ReplayIcon /> },
  { to: '/sources', label: 'Sources', icon: <SourceIcon /> },
  { to: '/history', label: 'History', icon: <HistoryIcon /> },
  { to: '/organizations', label: 'Organizations', icon: <OrganizationIcon /> },
  { to: '/settings', label: 'Settings', icon: <SettingsIcon /> },
  { to: '/system', label: 'System', icon: <SystemIcon /> },
] as const;

export const Navigation = () => {
  const spans = useCaller()?.spansOrganizations === true;
  return (
    <Stack component="nav" gap={2} aria-label="Pages">
      {pages
        .filter(({ to }) => to !== '/organizations' || spans)
        .map(({ to, label, icon }) => (
          <NavLinkTo
            key={to}
            to={to}
            label={label}
            leftSection={icon}
            activeOptions={{ exact: to === '/', includeSearch: false }}
            activeProps={{ active: true, 'aria-current': 'page' }}
            fw={500}
            py={7}
            style={{ borderRadius: 'var(--mantine-radius-md)' }}
          />
        ))}
    </Stack>
  );
};
