// The frame of every page: navigation at the left (behind a button on a narrow screen), who is signed in, time zone and colours at the top.
import { AppShell, Box, Burger, Group, Text } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { Outlet, useRouterState } from '@tanstack/react-router';
import { useEffect } from 'react';
import logo from '../icon.svg';
import { Account } from './Account.tsx';
import { Banners } from './Banners.tsx';
import { Keyboard } from './Keyboard.tsx';
import { KeyRights } from './KeyRights.tsx';
import { Navigation } from './Navigation.tsx';
import { OrganizationSwitcher } from './OrganizationSwitcher.tsx';
import { Preferences } from './Preferences.tsx';
import { Search } from './Search.tsx';

export const Shell = () => {
  const [isOpen, { toggle, close }] = useDisclosure(false);
  const [isSearching, searching] = useDisclosure(false);
  const path = useRouterState({ select: ({ location }) => location.pathname });
  useEffect(close, [path, close]);
  return (
    <AppShell header={{ height: 52 }} navbar={{ width: 216, breakpoint: 'sm', collapsed: { mobile: !isOpen } }}>
      <a href="#content" className="skip-link">
        Skip to the content
      </a>
      <AppShell.Header>
        <Group h="100%" px="md" justify="space-between" wrap="nowrap">
          <Group gap="sm" wrap="nowrap">
            <Burger
              opened={isOpen}
              onClick={toggle}
              hiddenFrom="sm"
              size="sm"
              aria-label={isOpen ? 'Close navigation' : 'Open navigation'}
              aria-expanded={isOpen}
            />
            <img src={logo} alt="" width={26} height={26} />
            <Text fw={600} visibleFrom="sm">
              Hookledger
            </Text>
            <Box visibleFrom="sm" miw={0}>
              <OrganizationSwitcher />
            </Box>
          </Group>
          <Group gap={4} wrap="nowrap">
            <Search isOpen={isSearching} onOpen={searching.open} onClose={searching.close} />
            <Preferences />
            <Account />
          </Group>
        </Group>
      </AppShell.Header>
      <AppShell.Navbar p="xs">
        <Box hiddenFrom="sm" mb="xs">
          <OrganizationSwitcher />
        </Box>
        <Navigation />
      </AppShell.Navbar>
      <AppShell.Main id="content" tabIndex={-1} style={{ outline: 'none' }}>
        <Banners />
        <KeyRights>
          <Outlet />
        </KeyRights>
      </AppShell.Main>
      <Keyboard onSearch={searching.open} />
    </AppShell>
  );
};
