// Who is signed in, and signing out.
import { Button, Menu, Text } from '@mantine/core';
import { signOut } from '../api/session.ts';
import { useCaller } from '../api/use-caller.ts';
import { Moment } from '../components/Moment.tsx';
import { PersonIcon } from '../components/icons.tsx';

export const Account = () => {
  const me = useCaller();
  const leave = async () => {
    await signOut();
    location.assign('/sign-in');
  };
  return (
    <Menu position="bottom-end" width={240} withinPortal>
      <Menu.Target>
        <Button variant="subtle" color="gray" leftSection={<PersonIcon />} maw={200} aria-label={`Account ${me?.name ?? ''}`}>
          <Text component="span" inherit className="cut" visibleFrom="xs">
            {me?.name ?? ''}
          </Text>
        </Button>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Label>
          <Text size="xs" className="wrap">
            Organization {me?.organization.name} ({me?.organization.id})
          </Text>
          <Text size="xs" className="wrap">
            API key {me?.name}, {me?.role?.toLowerCase()}
            {me?.expiresAt && (
              <>
                , expires <Moment at={me.expiresAt} />
              </>
            )}
          </Text>
        </Menu.Label>
        <Menu.Item onClick={() => void leave()}>Sign out</Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
};
