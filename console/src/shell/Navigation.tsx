// The pages of the console.
import { Stack } from '@mantine/core';
import { NavLinkTo } from '../components/LinkTo.tsx';
import {
  DeliveryIcon,
  EndpointIcon,
  EventTypeIcon,
  HistoryIcon,
  MessageIcon,
  PublishIcon,
  ReplayIcon,
  SettingsIcon,
  SourceIcon,
} from '../components/icons.tsx';

export const pages = [
  { to: '/endpoints', label: 'Endpoints', icon: <EndpointIcon /> },
  { to: '/deliveries', label: 'Deliveries', icon: <DeliveryIcon /> },
  { to: '/messages', label: 'Messages', icon: <MessageIcon /> },
  { to: '/publish', label: 'Publish', icon: <PublishIcon /> },
  { to: '/event-types', label: 'Event types', icon: <EventTypeIcon /> },
  { to: '/replays', label: 'Replays and retries', icon: <ReplayIcon /> },
  { to: '/sources', label: 'Sources', icon: <SourceIcon /> },
  { to: '/history', label: 'History', icon: <HistoryIcon /> },
  { to: '/settings', label: 'Settings', icon: <SettingsIcon /> },
] as const;

export const Navigation = () => (
  <Stack component="nav" gap={2} aria-label="Pages">
    {pages.map(({ to, label, icon }) => (
      <NavLinkTo
        key={to}
        to={to}
        label={label}
        leftSection={icon}
        activeProps={{ active: true, 'aria-current': 'page' }}
        fw={500}
        py={7}
        style={{ borderRadius: 'var(--mantine-radius-md)' }}
      />
    ))}
  </Stack>
);
